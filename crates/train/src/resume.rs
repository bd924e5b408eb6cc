//! Which saved state a run goes on from.

use crate::{CheckpointError, Found, Job, StateFolder, TrainError};

/// The newest whole state of the run of `job`; nothing if there is none and the run starts afresh.
///
/// # Errors
/// [`TrainError::RunExists`] if states are there and resuming was not asked for,
/// [`TrainError::NoGoodState`] if all are damaged, [`CheckpointError::OtherRun`] if the newest whole one
/// was saved under another seed, config or data.
pub(crate) fn resume(states: &StateFolder, job: &Job<'_>) -> Result<Option<Found>, TrainError> {
    if !job.resume {
        return match states.list().len() {
            0 => Ok(None),
            count => {
                let folder = states.path().parent().unwrap_or(states.path()).to_path_buf();
                Err(TrainError::RunExists { folder, states: count })
            }
        };
    }
    let no_good = |rejected| TrainError::NoGoodState { folder: states.path().into(), rejected };
    let Some(found) = states.newest().map_err(no_good)? else { return Ok(None) };
    let same = |what: &'static str, found_value: &str, expected: &str| {
        if found_value == expected {
            return Ok(());
        }
        Err(CheckpointError::OtherRun {
            path: found.path.clone(),
            what,
            found: first_difference(found_value, expected),
            expected: first_difference(expected, found_value),
        })
    };
    same("seed", &found.state.seed.0.to_string(), &job.seed.0.to_string())?;
    same("data", &found.state.data, &job.feed.fingerprint())?;
    same("config", &found.state.config, job.config)?;
    Ok(Some(found))
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
