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
    requests: frame.contentWindow.performance.getEntriesByType("resource").map((entry) => entry.name),
  };
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
