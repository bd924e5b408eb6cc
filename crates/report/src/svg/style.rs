//! Colours and the one style sheet of all figures.

use std::fmt::Write;

/// Series colours, told apart under the common colour-vision deficiencies.
///
/// The hues are those of Okabe and Ito (2008), "Color Universal Design"; yellow is left out, since
/// it vanishes on white. On a dark page each is lifted to the contrast it has on a light one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// First series.
    Blue,
    /// Second series.
    Vermillion,
    /// Third series.
    Green,
    /// Fourth series.
    Purple,
    /// Fifth series.
    Amber,
    /// Sixth series.
    Sky,
    /// What is not a result: references, data behind samples, guides.
    Neutral,
}

/// Class suffix, colour on a light page, colour on a dark page.
const PALETTE: [(Colour, &str, &str, &str); 7] = [
    (Colour::Blue, "b", "#0072b2", "#4ba6e8"),
    (Colour::Vermillion, "v", "#d55e00", "#f27f37"),
    (Colour::Green, "g", "#009e73", "#2fc497"),
    (Colour::Purple, "p", "#b85c94", "#e39ac2"),
    (Colour::Amber, "a", "#d68f00", "#f0b73f"),
    (Colour::Sky, "s", "#3aa0d8", "#93d3f8"),
    (Colour::Neutral, "n", "#7a838f", "#8d97a5"),
];

impl Colour {
    /// Colour of the series with this index, repeating after six.
    pub fn nth(index: usize) -> Self {
        PALETTE[index % 6].0
    }

    fn suffix(self) -> &'static str {
        PALETTE.iter().find(|row| row.0 == self).expect("the palette lists every colour").1
    }

    /// Class that fills with this colour.
    pub(crate) fn fill(self) -> String {
        format!("f{}", self.suffix())
    }

    /// Class that strokes with this colour.
    pub(crate) fn stroke(self) -> String {
        format!("k{}", self.suffix())
    }
}

/// Style of every figure, for light and dark; all rules are under the class `lv`.
///
/// Plain classes and no custom properties, so that viewers other than browsers show it too.
pub fn stylesheet() -> String {
    let mut css = String::from(concat!(
        ".lv{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,\"Helvetica Neue\",Arial,sans-serif}",
        ".lv text{font-size:12px}",
        ".lv .title{font-size:13px;font-weight:600}",
        ".lv .tick,.lv .note{font-size:11px;font-variant-numeric:tabular-nums}",
        ".lv .exponent{font-size:8.5px}",
        ".lv .note{font-style:italic}",
        ".lv path{fill:none}",
        ".lv .area path,.lv path.area{stroke:none}",
        ".lv .axis,.lv .grid{stroke-width:1}",
        ".lv .curve{stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}",
        ".lv .thin{stroke-width:.8;stroke-linejoin:round}",
        ".lv .dashed{stroke-dasharray:5 4;stroke-linecap:butt}",
        ".lv .dots{stroke-linecap:round}",
        ".lv .soft{opacity:.2}",
        ".lv .tint{opacity:.35}",
        ".lv .solid{opacity:.85}",
        ".lv .dense{stroke-width:1}",
        ".lv .halo{stroke-width:3.5;stroke-linejoin:round;paint-order:stroke}",
        ".lv .pixels{image-rendering:pixelated}",
    ));
    let light = Sheet {
        paper: "#ffffff",
        title: "#1a202a",
        text: "#3f4854",
        tick: "#626c79",
        grid: "#e8ebef",
        axis: "#b4bbc5",
        missing: "#e3e6ea",
    };
    let dark = Sheet {
        paper: "#12161c",
        title: "#eef1f5",
        text: "#c3cad4",
        tick: "#98a2b0",
        grid: "#272e38",
        axis: "#525c6a",
        missing: "#2c333d",
    };
    light.write(&mut css, |row| row.2);
    css.push_str("@media screen and (prefers-color-scheme:dark){");
    dark.write(&mut css, |row| row.3);
    css.push('}');
    css
}

struct Sheet {
    paper: &'static str,
    title: &'static str,
    text: &'static str,
    tick: &'static str,
    grid: &'static str,
    axis: &'static str,
    missing: &'static str,
}

impl Sheet {
    fn write(
        &self,
        css: &mut String,
        colour: impl Fn(&(Colour, &str, &'static str, &'static str)) -> &'static str,
    ) {
        let Self { paper, title, text, tick, grid, axis, missing } = self;
        let _ = write!(
            css,
            ".lv .paper{{fill:{paper}}}.lv text{{fill:{text}}}.lv .title{{fill:{title}}}\
             .lv .tick,.lv .note{{fill:{tick}}}.lv .grid{{stroke:{grid}}}.lv .axis{{stroke:{axis}}}\
             .lv .missing{{fill:{missing}}}.lv .halo{{stroke:{paper}}}"
        );
        for row in &PALETTE {
            let (name, value) = (row.1, colour(row));
            // `path` in the selector: it must win over `.lv path{fill:none}`.
            let _ = write!(
                css,
                ".lv .f{name},.lv .f{name} path,.lv path.f{name}{{fill:{value}}}.lv .k{name}{{stroke:{value}}}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative luminance and contrast as in WCAG 2.1, §1.4.3.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |hex: &str| {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn series_stand_out_from_light_and_from_dark_paper() {
        for (colour, _, light, dark) in PALETTE {
            // 2.5: graphical objects that also differ by position and legend; text keeps 4.5.
            assert!(contrast(light, "#ffffff") > 2.5, "{colour:?} {}", contrast(light, "#ffffff"));
            assert!(contrast(dark, "#12161c") > 2.5, "{colour:?}");
        }
        assert!(contrast("#626c79", "#ffffff") > 4.5);
        assert!(contrast("#98a2b0", "#12161c") > 4.5);
    }

    #[test]
    fn style_sheet_needs_nothing_from_outside_and_its_braces_match() {
        let css = stylesheet();
        assert!(!css.contains("url(") && !css.contains("@import") && !css.contains('<'));
        assert_eq!(css.matches('{').count(), css.matches('}').count());
    }
}
