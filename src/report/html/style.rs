//! The style of the page: light and dark, on screens from 360 pixels on, and on paper.

/// The style sheet. Every colour stands in one of the two palettes, so that the tests can hold all of them against
/// WCAG 2.2 1.4.3 and 1.4.11.
pub(super) const STYLE: &str = "
:root {
  color-scheme: light dark;
  --page: #ffffff; --sheet: #f3f5f7; --text: #1b1f24; --dim: #56606b; --rule: #c6ccd4; --link: #0b57a8;
  --red: #b3261e; --amber: #855300; --green: #1c6b3a; --blue: #1a5fb4; --violet: #6a3ea1; --teal: #0b6570;
  --died: #fbe9e7; --lived: #e6f2ea;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14171b; --sheet: #1e2329; --text: #e7eaee; --dim: #a8b1bc; --rule: #47505b; --link: #8fbcff;
    --red: #ff8f85; --amber: #f2bd62; --green: #7fd69c; --blue: #8ab9ff; --violet: #cbaaff; --teal: #70d2dc;
    --died: #3a2321; --lived: #1d3226;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1rem; max-width: 72rem; background: var(--page); color: var(--text);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.1rem; font-weight: 600; color: var(--dim); margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .5rem; border-top: 1px solid var(--rule); }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; max-width: 48rem; }
ul { margin: .5rem 0; padding-left: 1.25rem; max-width: 48rem; }
a { color: var(--link); }
a:focus-visible, summary:focus-visible, [tabindex]:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
.lead { font-size: 1.25rem; line-height: 1.4; font-weight: 600; max-width: 54rem; margin: 0 0 1rem; }
.dim, caption, figcaption { color: var(--dim); }
.note { border-left: 4px solid var(--blue); padding: .25rem 0 .25rem .75rem; }
nav ul { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; }
.badge { border: 1px solid; border-radius: .3rem; padding: 0 .4rem; font-size: .8rem; font-weight: 600; }
.high { color: var(--red); } .medium { color: var(--amber); } .low { color: var(--green); }
dl.advice { margin: .5rem 0; } dl.advice dt { font-weight: 600; margin-top: .75rem; } dl.advice dd { margin: 0; }
pre, .scroll { overflow-x: auto; background: var(--sheet); border: 1px solid var(--rule); border-radius: .3rem; }
pre { padding: .6rem .75rem; margin: .5rem 0; font: .875rem/1.45 ui-monospace, monospace; user-select: all; overflow-wrap: normal; }
code { font: .875em ui-monospace, monospace; }
table { border-collapse: collapse; font-size: .875rem; min-width: 100%; overflow-wrap: normal; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--rule); }
thead th { white-space: nowrap; }
tr:last-child > * { border-bottom: 0; }
td { max-width: 22rem; overflow-wrap: break-word; }
table.flows td:nth-child(n+4) { min-width: 7rem; }
table.flows td:nth-child(5), table.flows td:nth-child(6) { min-width: 13rem; }
td.number, th.number { text-align: right; white-space: nowrap; }
td.nowrap { white-space: nowrap; max-width: none; }
caption { text-align: left; padding: .4rem .6rem; }
details { border: 1px solid var(--rule); border-radius: .3rem; margin: .75rem 0; padding: 0 .75rem; }
summary { cursor: pointer; padding: .5rem 0; }
details details { border: 0; padding: 0; margin: 0; }
figure { margin: .5rem 0 1rem; }
figure > svg { display: block; width: 100%; max-width: 46rem; overflow: visible; }
.timers, .legend { list-style: none; padding: 0; font-size: .875rem; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; max-width: none; }
.key { vertical-align: -4px; }
.shapes { position: absolute; }
svg text { font-size: 12px; fill: var(--text); }
svg text.dim { font-size: 11px; fill: var(--dim); }
svg .strong { font-weight: 700; }
svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
.solid { fill: currentColor; stroke: none; }
.hollow { fill: var(--page); stroke: currentColor; stroke-width: 2; }
.slit { fill: none; stroke: var(--page); stroke-width: 2; }
.cross { fill: none; stroke: currentColor; stroke-width: 3.5; stroke-linecap: round; }
.cross.thin { stroke-width: 2; }
.head { fill: none; stroke: currentColor; stroke-width: 1.5; }
.break { fill: none; stroke: var(--text); stroke-width: 1.5; }
.lane { stroke: var(--dim); stroke-width: 2; }
.lane.silent { stroke-dasharray: 2 5; }
.way { stroke: currentColor; stroke-width: 1.5; }
.way.probe, .way.answer, .way.window { stroke-dasharray: 6 4; }
.way.again { stroke-dasharray: 2 3; }
.plain { color: var(--dim); } .data { color: var(--blue); } .probe { color: var(--violet); } .answer { color: var(--green); }
.window { color: var(--teal); } .again { color: var(--amber); } .fin { color: var(--text); } .rst { color: var(--red); }
.timer { color: var(--amber); }
.silence { fill: var(--sheet); stroke: var(--rule); }
.silence.died { fill: var(--died); stroke: var(--red); stroke-width: 1.5; }
.silence.survived { fill: var(--lived); stroke: var(--green); stroke-dasharray: 4 3; }
.silence.open { stroke: var(--dim); stroke-dasharray: 1 3; }
.limit { stroke: var(--amber); stroke-width: 1.5; stroke-dasharray: 5 3; }
.limit.lived { stroke: var(--green); }
.beside { fill: none; stroke: var(--dim); stroke-width: 2; }
.beside.died { stroke: var(--red); }
.axis { stroke: var(--dim); stroke-width: 1.5; }
.lived { color: var(--green); } .dead { color: var(--red); }
.bound { stroke: var(--text); stroke-width: 1; stroke-dasharray: 3 3; }
.between { fill: var(--sheet); stroke: none; }
footer { margin-top: 2.5rem; border-top: 1px solid var(--rule); padding-top: .5rem; }
@media (max-width: 30rem) { .lead { font-size: 1.1rem; } h2 { margin-top: 2rem; } }
@media (min-width: 48rem) { body { padding: 1.5rem 2rem 3rem; } }
@media print {
  :root {
    color-scheme: light;
    --page: #ffffff; --sheet: #f3f5f7; --text: #1b1f24; --dim: #56606b; --rule: #c6ccd4; --link: #0b57a8;
    --red: #b3261e; --amber: #855300; --green: #1c6b3a; --blue: #1a5fb4; --violet: #6a3ea1; --teal: #0b6570;
    --died: #fbe9e7; --lived: #e6f2ea;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav, .skip { display: none; }
  details { border: 0; padding: 0; }
  details::details-content { content-visibility: visible; display: block; height: auto; }
  pre, .scroll { overflow: visible; white-space: pre-wrap; }
  .scroll { white-space: normal; border: 0; background: none; }
  table { font-size: 8pt; }
  td, th { padding: .2rem .35rem; white-space: normal; overflow-wrap: anywhere; }
  table.flows td { overflow-wrap: break-word; }
  table.flows td:nth-child(n+4), table.flows td:nth-child(5), table.flows td:nth-child(6) { min-width: 0; }
  table.flows td:nth-child(6) { overflow-wrap: anywhere; }
  h2, h3, h2 + p, summary { break-after: avoid; }
  tr, figure.chart, .timers, pre { break-inside: avoid; }
}
";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::STYLE;

    /// Colours by name, of each palette in the order of the sheet: light, dark, print.
    fn palettes() -> Vec<BTreeMap<String, [f64; 3]>> {
        let blocks = STYLE.split(":root {").skip(1).map(|rest| rest.split('}').next().unwrap());
        let colors = |block: &str| {
            let declared = block.split(';').filter_map(|part| part.trim().strip_prefix("--")?.split_once(": #"));
            declared.map(|(name, hex)| (name.to_owned(), channels(hex))).collect()
        };
        blocks.map(colors).collect()
    }

    fn channels(hex: &str) -> [f64; 3] {
        assert_eq!(hex.len(), 6, "{hex}");
        [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0)
    }

    /// WCAG 2.2, relative luminance and contrast ratio.
    fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
        let linear = |c: f64| if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) };
        let luminance = |[r, g, b]: [f64; 3]| 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn the_measure_is_wcags() {
        assert!((contrast(channels("000000"), channels("ffffff")) - 21.0).abs() < 1e-9);
        assert!((contrast(channels("777777"), channels("ffffff")) - 4.48).abs() < 0.01);
    }

    #[test]
    fn text_and_marks_stand_out_in_every_palette() {
        let palettes = palettes();
        assert_eq!(palettes.len(), 3);
        for palette in &palettes {
            assert_eq!(palette.len(), 14, "{palette:?}");
            let ratio = |front: &str, back: &str| contrast(palette[front], palette[back]);
            for front in ["text", "dim", "link", "red", "amber", "green", "blue", "violet", "teal"] {
                for back in ["page", "sheet"] {
                    assert!(ratio(front, back) >= 4.5, "{front} on {back}: {:.2}", ratio(front, back));
                }
                for back in ["died", "lived"] {
                    assert!(ratio(front, back) >= 3.0, "{front} on {back}: {:.2}", ratio(front, back));
                }
            }
        }
        assert_eq!(palettes[0], palettes[2], "print is light");
    }

    #[test]
    fn no_colour_stands_outside_of_the_palettes() {
        let outside: Vec<_> =
            STYLE.lines().filter(|line| line.contains('#') && !line.trim_start().starts_with("--")).collect();
        assert_eq!(outside, Vec::<&str>::new());
    }

    #[test]
    fn the_sheet_asks_for_nothing() {
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('<'));
    }
}
