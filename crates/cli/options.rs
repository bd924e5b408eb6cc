//! Options that every command has.

use std::num::NonZeroUsize;

/// A number of things, of which there is one at least.
pub fn positive(text: &str) -> Result<NonZeroUsize, String> {
    text.parse().map_err(|_| format!("found {text}, allowed: a whole number above 0"))
}

/// Options of every run.
#[derive(Debug, Clone, clap::Args)]
pub struct RunOptions {
    /// Threads; by default those that the machine or the batch system gives.
    #[arg(long, value_parser = crate::options::positive)]
    pub threads: Option<NonZeroUsize>,
    /// No progress and no summary; errors only.
    #[arg(long)]
    pub quiet: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_begin_at_one() {
        assert_eq!(positive("3").map(usize::from), Ok(3));
        for text in ["0", "-2", "1.5", "many"] {
            assert_eq!(
                positive(text),
                Err(format!("found {text}, allowed: a whole number above 0"))
            );
        }
    }
}
