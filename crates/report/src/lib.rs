//! Figures, tables, the self-contained HTML report, and the published results.
//!
//! Numbers go in, files for people come out; nothing here knows a domain, a method or a network.
//!
//! | module | what it makes |
//! |---|---|
//! | [`svg`] | figures: scatter, trajectories, transport maps, heat maps, lines, histograms, bars |
//! | [`model3d`] | ball-and-stick pictures that can be turned on the page |
//! | [`table`] | one typed table, shown as HTML, Markdown or text for a terminal |
//! | [`report`] | one HTML file with provenance, sections, figures and tables, and no outside resource |
//! | [`results`] | `docs/results/<topic>.json` and the tables that Markdown files draw from it |
//! | [`number`] | how a number is written: significant digits, mean ± sd |
//!
//! # Conventions
//! - Figures are SVG written directly, coordinates rounded to a tenth of a pixel. They assume no
//!   font, carry a light and a dark style, and use colours that survive the common colour-vision
//!   deficiencies.
//! - What cannot be drawn (NaN, a non-positive value on a log axis) is counted in a note under the
//!   figure, never dropped in silence: a diverged sampler must look diverged.
//! - Files are replaced whole (temporary file, fsync, rename); a reader never sees half of one.
//!
//! ```
//! use langevin_report::report::{Figure, Report, Section};
//! use langevin_report::svg::{Axis, Scatter};
//! use langevin_report::table::{Cell, Column, Table};
//!
//! let svg = Scatter::new(Axis::linear("x"), Axis::linear("y"))
//!     .series("samples", &[[0.0, 1.0], [1.0, 0.5]])
//!     .render()?;
//! let mut table = Table::new([Column::text("metric"), Column::number("value")]);
//! table.push([Cell::text("sliced Wasserstein-2"), Cell::spread(0.0123, 0.0011)])?;
//! let html = Report::new("Two moons")
//!     .provenance("seed", "7")
//!     .section(Section::new("Samples").figure(Figure::new(svg, "2 samples")).table(table, "Scores"))
//!     .to_html();
//! assert!(html.contains("0.0123 ± 0.0011"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod model3d;
pub mod number;
pub mod report;
pub mod results;
pub mod svg;
pub mod table;

pub use langevin_files::WriteError;
