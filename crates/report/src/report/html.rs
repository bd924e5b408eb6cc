//! A report as one HTML file.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Report;
use super::section::{Block, Figure, Section};
use crate::model3d::{self, Structure};
use crate::svg;
use crate::table::Table;

const STYLE: &str = include_str!("style.css");

pub(super) fn render(report: &Report) -> String {
    let style = format!("{}{}", STYLE.replace('\n', " ").replace("  ", ""), svg::stylesheet());
    let mut numbers = Numbers::default();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="generator" content="langevin";
                title { (report.title) }
                style { (PreEscaped(style)) }
            }
            body {
                main {
                    header {
                        h1 { (report.title) }
                        @if let Some(lead) = &report.lead { p.lead { (lead) } }
                        @if !report.provenance.is_empty() { (provenance(&report.provenance)) }
                        // A table of contents of one line tells nothing.
                        @if report.sections.len() > 1 { (contents(&report.sections)) }
                    }
                    @for (index, part) in report.sections.iter().enumerate() {
                        (section(part, index + 1, &mut numbers))
                    }
                }
                @if report.sections.iter().flat_map(|s| &s.blocks).any(|b| matches!(b, Block::Models(..))) {
                    (model3d::script())
                }
            }
        }
    }
    .into_string()
}

/// Figures and tables are numbered through the whole report.
#[derive(Default)]
struct Numbers {
    figures: usize,
    tables: usize,
}

fn provenance(lines: &[(String, String)]) -> Markup {
    html! {
        dl {
            @for (key, value) in lines { dt { (key) } dd { (value) } }
        }
    }
}

fn contents(sections: &[Section]) -> Markup {
    html! {
        nav aria-label="Contents" {
            ol {
                @for (index, section) in sections.iter().enumerate() {
                    li { a href={ "#section-" (index + 1) } { (section.title) } }
                }
            }
        }
    }
}

fn section(section: &Section, number: usize, numbers: &mut Numbers) -> Markup {
    html! {
        section id={ "section-" (number) } {
            h2 { (section.title) }
            @for block in &section.blocks {
                @match block {
                    Block::Heading(text) => h3 { (text) },
                    Block::Paragraph(text) => p { (text) },
                    Block::List(points) => ul { @for point in points { li { (point) } } },
                    Block::Code(text) => pre { code { (text) } },
                    Block::Table(table, caption) => (captioned(table, caption, numbers)),
                    Block::Figure(one) => (figure(one, numbers)),
                    Block::Models(structures, caption) => (models(structures, caption, numbers)),
                    Block::Grid(figures) => div.grid {
                        @for one in figures { (figure(one, numbers)) }
                    },
                }
            }
        }
    }
}

fn captioned(table: &Table, caption: &str, numbers: &mut Numbers) -> Markup {
    numbers.tables += 1;
    html! {
        figure {
            div.scroll { (PreEscaped(table.to_html())) }
            figcaption { b { "Table " (numbers.tables) "." } " " (caption) }
        }
    }
}

fn figure(figure: &Figure, numbers: &mut Numbers) -> Markup {
    numbers.figures += 1;
    html! {
        figure {
            (PreEscaped(figure.svg.inline()))
            figcaption { b { "Figure " (numbers.figures) "." } " " (figure.caption) }
        }
    }
}

fn models(structures: &[Structure], caption: &str, numbers: &mut Numbers) -> Markup {
    numbers.figures += 1;
    html! {
        figure {
            (model3d::grid(structures))
            figcaption {
                b { "Figure " (numbers.figures) "." } " " (caption)
                " Drag to turn; the wheel then zooms; a double click resets."
            }
        }
    }
}
