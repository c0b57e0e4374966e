// Run in a page whose frames show reports at several widths: what is seen in each of them goes to the page's title.
"use strict";

const SLACK = 1.5;

function measure(frame) {
  const page = frame.contentDocument;
  const all = [...page.querySelectorAll("*")];
  const named = (id) => page.getElementById(id);
  const ids = [...page.querySelectorAll("[id]")].map((element) => element.id);
  const levels = [...page.querySelectorAll("h1, h2, h3, h4")].map((heading) => Number(heading.localName[1]));
  const pictures = [...page.querySelectorAll("svg[role=img]")];
  return {
    page: frame.dataset.page,
    width: frame.clientWidth,
    overflow: Math.max(0, page.documentElement.scrollWidth - page.documentElement.clientWidth),
    language: page.documentElement.lang,
    title: page.title,
    policy: page.querySelector("meta[http-equiv=Content-Security-Policy]")?.content ?? "",
    background: frame.contentWindow.getComputedStyle(page.body).backgroundColor,
    sentence: page.querySelector(".lead")?.textContent ?? "",
    cells: [...page.querySelectorAll("table.flows td")].map((cell) => cell.textContent),
    pictures: pictures.length,
    tables: page.querySelectorAll("table").length,
    elements: [...new Set(all.map((element) => element.localName))].sort(),
    handlers: all.flatMap((element) => element.getAttributeNames()).filter((name) => name.startsWith("on")),
    links: [...page.querySelectorAll("[href], [src], [action], [data], [srcset]")].flatMap((element) =>
      ["href", "src", "action", "data", "srcset"].map((name) => element.getAttribute(name)).filter(Boolean)),
    broken_links: [...page.querySelectorAll("a[href^='#'], use")]
      .map((element) => element.getAttribute("href").slice(1)).filter((id) => !named(id)),
    unlabelled: pictures.filter((picture) =>
      !(picture.getAttribute("aria-labelledby") ?? "").split(" ").every((id) => named(id)?.textContent)).length,
    unnamed_boxes: [...page.querySelectorAll("[tabindex]")].filter((box) =>
      !box.getAttribute("role") || !box.getAttribute("aria-label")).length,
    repeated_ids: ids.filter((id, place) => ids.indexOf(id) !== place),
    skipped_levels: levels.filter((level, place) => level > (levels[place - 1] ?? 0) + 1).length,
    overlaps: pictures.flatMap(overlaps),
    outside: pictures.flatMap((picture) => outside(picture, frame.clientWidth)),
    faint: faint(page, frame.contentWindow),
    requests: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
  };
}

// Texts below 4.5:1 and marks below 3:1 against what lies behind them (WCAG 2.2, 1.4.3 and 1.4.11).
function faint(page, view) {
  const style = (element) => view.getComputedStyle(element);
  const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const found = new Set();
  const hold = (element, colour, least) => {
    const ratio = contrast(channels(colour), behind(element, style));
    if (!(ratio >= least)) found.add(`${element.localName}.${element.getAttribute("class") ?? ""} ${ratio.toFixed(2)}`);
  };
  for (const element of page.body.querySelectorAll("*")) {
    const box = element.getBoundingClientRect();
    if (element.closest("defs, title, desc") || (box.width === 0 && box.height === 0)) continue;
    if (element.closest("svg")) {
      const { color, fill, stroke } = style(element);
      if (element.localName === "text") hold(element, fill, 4.5);
      if (element.localName === "use") hold(element, color, 3);
      if (element.localName === "line") hold(element, stroke, 3);
    } else if (own(element)) {
      hold(element, style(element).color, 4.5);
    }
  }
  return [...found];
}

// The colour behind the middle of an element: of the last box of its picture that it stands on, or of what holds it.
function behind(element, style) {
  const { left, right, top, bottom } = element.getBoundingClientRect();
  const [x, y] = [(left + right) / 2, (top + bottom) / 2];
  const covers = (box) => box.left <= x && x <= box.right && box.top <= y && y <= box.bottom;
  const boxes = [...(element.closest("svg")?.querySelectorAll("rect") ?? [])]
    .filter((rect) => rect !== element && !rect.closest("defs") && covers(rect.getBoundingClientRect()));
  if (boxes.length) return channels(style(boxes.at(-1)).fill);
  for (let holder = element; holder; holder = holder.parentElement) {
    const colour = style(holder).backgroundColor;
    if (!/, 0\)$/.test(colour)) return channels(colour);
  }
  return [255, 255, 255];
}

const channels = (colour) => (colour.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);

function contrast(one, other) {
  const linear = (c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b) + 0.05;
  const [a, b] = [light(one), light(other)];
  return Math.max(a, b) / Math.min(a, b);
}

function texts(picture) {
  const boxes = [...picture.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  return boxes.filter(([, box]) => box.width > 0);
}

// Pairs of texts in a picture that cover each other; line boxes are higher than letters.
function overlaps(picture) {
  const boxes = texts(picture);
  return boxes.flatMap(([one, a], place) => boxes.slice(place + 1)
    .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > SLACK
      && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4)
    .map(([other]) => `${one} / ${other}`));
}

// Texts of a picture that reach beyond the window.
function outside(picture, width) {
  return texts(picture).filter(([, box]) => box.left < -SLACK || box.right > width + SLACK).map(([text]) => text);
}

window.addEventListener("load", () => {
  const frames = [...document.querySelectorAll("iframe")];
  document.title = encodeURIComponent(JSON.stringify(frames.map(measure)));
});
