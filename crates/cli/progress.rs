//! Progress: a bar on a terminal, plain lines in a log, nothing when told to be quiet.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How a long run shows that it goes on.
pub enum Progress {
    /// `--quiet`.
    Quiet,
    /// On a terminal.
    Bar(ProgressBar),
    /// In a log: one line at most every ten seconds, and one at the end.
    Lines {
        /// What is being done.
        what: String,
        /// How many steps there are.
        total: u64,
        /// When it began, and at which step.
        started: (Instant, u64),
        /// When the last line was written.
        shown: Instant,
    },
}

impl Progress {
    /// Progress of `what` over `total` steps, of which `done` are done.
    pub fn new(what: &str, total: u64, done: u64, quiet: bool) -> Self {
        if quiet {
            return Self::Quiet;
        }
        if !std::io::stderr().is_terminal() {
            let now = Instant::now();
            return Self::Lines { what: what.into(), total, started: (now, done), shown: now };
        }
        let bar = ProgressBar::new(total).with_position(done);
        let template = "{prefix} {wide_bar:.cyan/dim} {pos}/{len} {msg} ETA {eta}";
        let style = ProgressStyle::with_template(template).expect("the template is well formed");
        bar.set_style(style);
        bar.set_prefix(what.to_owned());
        Self::Bar(bar)
    }

    /// Step `done` is reached; `note` says how it goes.
    pub fn at(&mut self, done: u64, note: &str) {
        match self {
            Self::Quiet => {}
            Self::Bar(bar) => {
                bar.set_position(done);
                bar.set_message(note.to_owned());
            }
            Self::Lines { what, total, started, shown } => {
                if done < *total && shown.elapsed() < Duration::from_secs(10) {
                    return;
                }
                *shown = Instant::now();
                let elapsed = started.0.elapsed().as_secs_f64();
                let rate = (done - started.1) as f64 / elapsed.max(1e-9);
                let left = (*total - done) as f64 / rate.max(1e-9);
                eprintln!("{what}: {done}/{total} {note} ({rate:.0}/s, {left:.0} s left)");
            }
        }
    }

    /// The run is over.
    pub fn finish(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// A [`Progress`] that several threads advance.
pub struct SharedProgress(std::sync::Mutex<(Progress, u64)>);

impl SharedProgress {
    /// As [`Progress::new`], from 0.
    pub fn new(what: &'static str, total: u64, quiet: bool) -> Self {
        Self(std::sync::Mutex::new((Progress::new(what, total, 0, quiet), 0)))
    }

    /// `count` more are done.
    ///
    /// # Panics
    /// Never: no holder of its lock panics.
    pub fn advance(&self, count: u64) {
        let mut inner = self.0.lock().expect("no holder of this lock panics");
        inner.1 += count;
        let done = inner.1;
        inner.0.at(done, "");
    }

    /// Takes it from the screen.
    ///
    /// # Panics
    /// As [`SharedProgress::advance`].
    pub fn finish(self) {
        self.0.into_inner().expect("no holder of this lock panics").0.finish();
    }
}
