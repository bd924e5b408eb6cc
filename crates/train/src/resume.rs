//! Which saved state a run goes on from.

use crate::{CheckpointError, Found, Job, RunFolder, StateFolder, TrainError};

/// The newest whole state of the run of `job`; nothing if it was killed before it saved one.
///
/// # Errors
/// [`TrainError::NoGoodState`] if all states are damaged, [`CheckpointError::OtherRun`] if the newest
/// whole one was saved under another seed, config or data or, where there is none, if the config in the
/// folder is another one.
pub(crate) fn resume(
    folder: &RunFolder,
    states: &StateFolder,
    job: &Job<'_>,
) -> Result<Option<Found>, TrainError> {
    let no_good = |rejected| TrainError::NoGoodState { folder: states.path().into(), rejected };
    let Some(found) = states.newest().map_err(no_good)? else {
        let path = folder.config();
        let config = std::fs::read_to_string(&path);
        let config =
            config.map_err(|source| CheckpointError::Read { path: path.clone(), source })?;
        same(&path, "config", &(job.restate)(&config), job.config)?;
        return Ok(None);
    };
    same(&found.path, "seed", &found.state.seed.0.to_string(), &job.seed.0.to_string())?;
    same(&found.path, "data", &found.state.data, &job.feed.fingerprint())?;
    same(&found.path, "config", &(job.restate)(&found.state.config), job.config)?;
    Ok(Some(found))
}

/// Nothing if `found`, in the file `path`, is what is `expected`.
pub(crate) fn same(
    path: &std::path::Path,
    what: &'static str,
    found: &str,
    expected: &str,
) -> Result<(), CheckpointError> {
    if found == expected {
        return Ok(());
    }
    Err(CheckpointError::OtherRun {
        path: path.into(),
        what,
        found: first_difference(found, expected),
        expected: first_difference(expected, found),
    })
}

/// The first line of `text` that differs from the same line of `other`, in quotes.
fn first_difference(text: &str, other: &str) -> String {
    let mut others = other.lines();
    let line = text.lines().find(|line| others.next() != Some(line));
    line.map_or_else(|| "nothing more".into(), |line| format!("{:?}", line.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_differs_is_shown() {
        let (a, b) = ("[train]\nsteps = 3\nbatch = 4\n", "[train]\nsteps = 5\n");
        assert_eq!(first_difference(a, b), "\"steps = 3\"");
        assert_eq!(first_difference("x", "x\ny"), "nothing more");
    }
}
