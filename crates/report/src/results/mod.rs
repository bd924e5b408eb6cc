//! Published numbers: `docs/results/<topic>.json`, and the Markdown tables made from them.
//!
//! A file holds what was measured, where and how, and for each number its bar as written and whether
//! it holds. A README shows these numbers only between two marks, so no number stands there that is
//! not in a file:
//!
//! ```text
//! <!-- results:points rows="W2*|C2ST*" columns="what,value,floor,bar,holds" -->
//! … this part is rewritten by `update_markdown` …
//! <!-- /results -->
//! ```
//!
//! `rows` are names with `*` for any text and `|` between alternatives (default: all); `columns` are
//! fields of a row (default: those that any row fills); `caption="no"` leaves out the line on how it
//! was measured. Marks inside fenced code are left alone.

mod bar;
mod block;
mod error;
mod file;
mod markdown;
mod marker;
mod show;
mod value;

use serde::{Deserialize, Serialize};

pub use bar::{Bar, Comparison};
pub use error::{Problem, ResultsError};
pub use file::is_day;
pub use markdown::{Mode, StaleBlock, Update, update_markdown};
pub use value::Value;

/// The published numbers of one topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// Topic; the file is named after it.
    pub topic: String,
    /// The command that measured these numbers, complete enough to be run again.
    pub command: String,
    /// Version of the code.
    pub version: String,
    /// The machine in words: processor, cores, memory.
    pub machine: String,
    /// Day of the measurement, `YYYY-MM-DD`.
    pub date: String,
    /// One row per number.
    pub rows: Vec<Row>,
}

/// One published number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What was measured; unique in its file.
    pub what: String,
    /// The value, a mean if there are several seeds.
    pub value: Value,
    /// Unit of value, spread, floor, peer and bar; empty for a pure number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Standard deviation over seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spread: Option<f64>,
    /// Number of seeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seeds: Option<u64>,
    /// What a perfect method would reach with this many samples.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor: Option<Value>,
    /// What another program or paper reaches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<Value>,
    /// The bar as written, such as `>= 82.0`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bar: Option<String>,
    /// Whether the bar holds; there if and only if there is a bar and the value was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holds: Option<bool>,
}

impl Row {
    /// A row of a value alone.
    pub fn new(what: impl Into<String>, value: impl Into<Value>) -> Self {
        Self {
            what: what.into(),
            value: value.into(),
            unit: String::new(),
            spread: None,
            seeds: None,
            floor: None,
            peer: None,
            bar: None,
            holds: None,
        }
    }

    /// Unit of all numbers of the row.
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Standard deviation over this many seeds.
    pub fn spread(mut self, sd: f64, seeds: u64) -> Self {
        (self.spread, self.seeds) = (Some(sd), Some(seeds));
        self
    }

    /// What a perfect method would reach.
    pub fn floor(mut self, floor: impl Into<Value>) -> Self {
        self.floor = Some(floor.into());
        self
    }

    /// What another program or paper reaches.
    pub fn peer(mut self, peer: impl Into<Value>) -> Self {
        self.peer = Some(peer.into());
        self
    }

    /// A bar; whether it holds follows if value and bar are numbers, else say it with
    /// [`judged`](Self::judged).
    pub fn bar(mut self, bar: impl Into<String>) -> Self {
        let bar = bar.into();
        self.holds = bar::judge(&self.value, &bar, &self.unit);
        self.bar = Some(bar);
        self
    }

    /// A bar in words, and whether it holds.
    pub fn judged(mut self, bar: impl Into<String>, holds: bool) -> Self {
        (self.bar, self.holds) = (Some(bar.into()), Some(holds));
        self
    }
}
