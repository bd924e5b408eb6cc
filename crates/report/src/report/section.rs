//! What a section of a report is made of.

use crate::model3d::Structure;
use crate::svg::Svg;
use crate::table::Table;

/// A drawing with its caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    pub(super) svg: Svg,
    pub(super) caption: String,
}

impl Figure {
    /// The caption says what is seen and what to conclude; its number is added.
    pub fn new(svg: Svg, caption: impl Into<String>) -> Self {
        Self { svg, caption: caption.into() }
    }
}

/// One part of a section, in reading order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Block {
    Heading(String),
    Paragraph(String),
    List(Vec<String>),
    Code(String),
    Table(Table, String),
    Figure(Figure),
    Grid(Vec<Figure>),
    Models(Vec<Structure>, String),
}

/// A titled part of the report, built in reading order. All text is plain and is escaped.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    pub(super) title: String,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    /// An empty section.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), blocks: Vec::new() }
    }

    /// A heading inside the section.
    pub fn heading(self, text: impl Into<String>) -> Self {
        self.with(Block::Heading(text.into()))
    }

    /// A paragraph.
    pub fn paragraph(self, text: impl Into<String>) -> Self {
        self.with(Block::Paragraph(text.into()))
    }

    /// A list of short points.
    pub fn list<S: Into<String>>(self, points: impl IntoIterator<Item = S>) -> Self {
        self.with(Block::List(points.into_iter().map(Into::into).collect()))
    }

    /// A command or a config, shown as it is.
    pub fn code(self, text: impl Into<String>) -> Self {
        self.with(Block::Code(text.into()))
    }

    /// A table with its caption; its number is added.
    pub fn table(self, table: Table, caption: impl Into<String>) -> Self {
        self.with(Block::Table(table, caption.into()))
    }

    /// A figure over the whole width.
    pub fn figure(self, figure: Figure) -> Self {
        self.with(Block::Figure(figure))
    }

    /// Figures side by side, as many in a row as fit.
    pub fn figures(self, figures: impl IntoIterator<Item = Figure>) -> Self {
        self.with(Block::Grid(figures.into_iter().collect()))
    }

    /// Structures side by side that can be turned, one figure together; its number is added.
    ///
    /// How they are turned is said behind the caption.
    pub fn structures(
        self,
        structures: impl IntoIterator<Item = Structure>,
        caption: impl Into<String>,
    ) -> Self {
        self.with(Block::Models(structures.into_iter().collect(), caption.into()))
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }
}
