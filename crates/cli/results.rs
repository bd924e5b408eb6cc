//! `langevin results`: the tables of a Markdown file from the results files.

use std::path::PathBuf;

use langevin_report::results::{Mode, update_markdown};

use crate::{Ending, bad_input};

/// Regenerate the tables of a Markdown file from the results files.
///
/// Example: langevin results README.md
#[derive(Debug, clap::Args)]
pub struct ResultsArgs {
    /// File with `<!-- results:TOPIC -->` marks.
    markdown: PathBuf,
    /// Folder of the results files.
    #[arg(long, default_value = "docs/results")]
    from: PathBuf,
    /// Change nothing; fail if a table is out of date.
    #[arg(long)]
    check: bool,
}

impl ResultsArgs {
    /// Writes or checks the tables.
    ///
    /// # Errors
    /// If a file cannot be used, or with `--check` a table is out of date.
    pub fn run(self) -> anyhow::Result<Ending> {
        let mode = if self.check { Mode::Check } else { Mode::Write };
        let update = update_markdown(&self.markdown, &self.from, mode).map_err(bad_input)?;
        if self.check && update.changed() {
            let stale: Vec<String> =
                update.stale.iter().map(|b| format!("{} (line {})", b.topic, b.line)).collect();
            anyhow::bail!(
                "{}: out of date: {}; run `langevin results {0}`",
                self.markdown.display(),
                stale.join(", ")
            );
        }
        println!("{}: {} tables", self.markdown.display(), update.blocks);
        Ok(Ending::Done)
    }
}
