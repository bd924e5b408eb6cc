//! One HTML file that says what was done and what came out.
//!
//! Style, figures and the program that turns structures are inside the file; it asks nothing of the
//! network, so it can be archived beside the results and opened in ten years.

mod html;
mod section;

use std::path::Path;

pub use section::{Figure, Section};

use crate::WriteError;

/// A report: title, provenance, sections.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Report {
    title: String,
    lead: Option<String>,
    provenance: Vec<(String, String)>,
    sections: Vec<Section>,
}

impl Report {
    /// A report without sections.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// One sentence under the title: what was asked, what came out.
    pub fn lead(mut self, sentence: impl Into<String>) -> Self {
        self.lead = Some(sentence.into());
        self
    }

    /// Add a line of provenance, such as model hash, seed, sampler, evaluations, version, date.
    pub fn provenance(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.provenance.push((key.into(), value.into()));
        self
    }

    /// Add a section.
    pub fn section(mut self, section: Section) -> Self {
        self.sections.push(section);
        self
    }

    /// The whole file. Same report, same bytes.
    pub fn to_html(&self) -> String {
        html::render(self)
    }

    /// Write [`to_html`](Self::to_html) to `path`, replacing it whole.
    ///
    /// # Errors
    /// [`WriteError`] with the path if the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), WriteError> {
        langevin_files::write_whole(path, self.to_html().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model3d::testing::pair;
    use crate::svg::{Axis, Scatter};
    use crate::table::{Cell, Column, Table};

    fn example() -> Report {
        let svg = Scatter::new(Axis::linear("x"), Axis::linear("y"))
            .series("a & b", &[[0.0, 1.0], [1.0, 0.5]])
            .render()
            .unwrap();
        let mut table = Table::new([Column::text("metric"), Column::number("value")]);
        table.push([Cell::text("<b>W2</b>"), Cell::Number(0.5)]).unwrap();
        Report::new("Moons & <script>alert(1)</script>")
            .lead("Does \"it\" work?")
            .provenance("config", "a < b\nc = \"d\"")
            .section(
                Section::new("Samples <1>")
                    .paragraph("x < y & z")
                    .heading("Again")
                    .list(["one", "two"])
                    .code("langevin points sample --out <file>")
                    .figure(Figure::new(svg.clone(), "First & only")),
            )
            .section(
                Section::new("Scores")
                    .table(table, "All")
                    .figures([Figure::new(svg.clone(), "Left"), Figure::new(svg, "Right")]),
            )
    }

    #[test]
    fn nothing_is_loaded_from_outside() {
        let html = example().to_html();
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("//"));
        assert!(!html.contains("url(") && !html.contains("@import") && !html.contains("<link"));
        assert!(!html.contains("<script"));
    }

    #[test]
    fn text_is_escaped() {
        let html = example().to_html();
        for text in
            ["Moons &amp; &lt;script&gt;", "x &lt; y &amp; z", "Samples &lt;1&gt;", "&lt;b&gt;W2"]
        {
            assert!(html.contains(text), "{text}");
        }
    }

    #[test]
    fn body_is_well_formed_and_ids_are_unique_and_linked() {
        let html = example().to_html();
        let body = &html[html.find("<body>").unwrap()..html.find("</html>").unwrap()];
        let document = roxmltree::Document::parse(body).unwrap();
        let of = |name: &str| -> Vec<String> {
            document.descendants().filter_map(|n| n.attribute(name)).map(str::to_string).collect()
        };
        let mut ids = of("id");
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count);
        let links: Vec<_> = of("href").into_iter().filter(|link| link.starts_with('#')).collect();
        assert_eq!(links.len(), 2);
        assert!(links.iter().all(|link| ids.contains(&link[1..].to_string())));
    }

    #[test]
    fn figures_and_tables_are_numbered_through_the_report() {
        let html = example().to_html();
        for label in ["Figure 1.", "Figure 2.", "Figure 3.", "Table 1."] {
            assert_eq!(html.matches(label).count(), 1, "{label}");
        }
        assert_eq!(html.matches("<style>").count(), 1);
    }

    /// A title that tries to end the script in which its structure's data stand.
    #[test]
    fn structures_bring_their_program_once_and_nothing_from_outside() {
        let hostile = "</script><script>alert(1)</script>";
        let one = || [pair(hostile).notes("a < b"), pair("b")];
        let structures =
            Section::new("Models").structures(one(), "Two.").structures(one(), "More.");
        let html = Report::new("Molecules").section(structures).to_html();
        assert!(!html.contains("http:") && !html.contains("https:") && !html.contains("//"));
        assert!(!html.contains("alert(1)</script>"));
        assert!(
            html.contains("<b>&lt;/script&gt;&lt;script&gt;alert(1)") && html.contains("a &lt; b")
        );
        assert_eq!((html.matches("<script>").count(), html.matches("<canvas").count()), (1, 4));
        assert_eq!(html.matches("<noscript>").count(), 2);
        assert!(html.contains("Figure 2.</b> More."));
        let body = &html[html.find("<body>").unwrap()..html.find("</html>").unwrap()];
        let document = roxmltree::Document::parse(body).unwrap();
        let data =
            document.descendants().filter(|n| n.attribute("type") == Some("application/json"));
        for data in data {
            let read: serde_json::Value = serde_json::from_str(data.text().unwrap()).unwrap();
            assert_eq!(read["structures"].as_array().unwrap().len(), 2);
        }
    }

    #[test]
    fn file_holds_what_was_rendered() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        example().write(&path).unwrap();
        assert_eq!(std::fs::read_to_string(path).unwrap(), example().to_html());
    }
}
