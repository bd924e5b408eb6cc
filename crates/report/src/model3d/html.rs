//! A grid of structures on a page.

use maud::{Markup, PreEscaped, html};

use super::{Structure, data};

/// Pixels of a picture on the page, width and height; screens may have more pixels to each.
const SIZE: [u32; 2] = [240, 200];

/// Pictures side by side, with the data that [`script`] draws them from.
pub(crate) fn grid(structures: &[Structure]) -> Markup {
    html! {
        div.models {
            @for structure in structures {
                div.model {
                    canvas width=(SIZE[0]) height=(SIZE[1]) role="img" aria-label=(structure.title) {}
                    p { b { (structure.title) } @if !structure.notes.is_empty() { " " (structure.notes) } }
                }
            }
            script type="application/json" { (PreEscaped(data::json(structures))) }
        }
        noscript { p { "The pictures are drawn by a script of this page, and scripts are turned off." } }
    }
}

/// The program that draws every grid of a page; it stands once, behind them all.
pub(crate) fn script() -> Markup {
    html! { script { (PreEscaped(include_str!("viewer.js"))) } }
}
