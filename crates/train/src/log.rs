//! What is summed up between two lines of the log, and where the lines go.

use std::path::Path;

use crate::bins::LossBins;
use crate::metrics::MetricsLog;
use crate::progress::TrainLine;
use crate::tensorboard::Events;
use crate::{LogLine, WriteError};

/// Sums since the last line. Saved with the state, so that a resumed run writes the same lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Window {
    pub(crate) bins: LossBins,
    pub(crate) grad_norm: f64,
    pub(crate) steps: f64,
    /// Steps and seconds of this process: speed is not restored.
    pub(crate) timed: (u64, f64),
}

impl Window {
    /// The numbers that are saved.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        [self.bins.numbers(), vec![self.grad_norm, self.steps]].concat()
    }

    /// From the numbers that were saved; empty if there are not as many.
    pub(crate) fn from_numbers(numbers: &[f64]) -> Self {
        let Some((bins, &[grad_norm, steps])) = numbers.split_last_chunk() else {
            return Self::default();
        };
        let Some(bins) = LossBins::from_numbers(bins) else { return Self::default() };
        Self { bins, grad_norm, steps, ..Self::default() }
    }

    /// The line after `step`, at `samples` samples per step.
    pub(crate) fn line(
        &self,
        step: u64,
        learning_rate: f64,
        samples: usize,
        scalars: Vec<(String, f64)>,
    ) -> TrainLine {
        let steps_per_second = self.timed.0 as f64 / self.timed.1;
        TrainLine {
            step,
            loss: self.bins.summary(),
            grad_norm: self.grad_norm / self.steps,
            learning_rate,
            steps_per_second,
            samples_per_second: steps_per_second * samples as f64,
            scalars: scalars.into_iter().collect(),
        }
    }
}

/// The files that lines go to.
pub(crate) struct LogFiles {
    metrics: MetricsLog,
    events: Events,
}

impl LogFiles {
    /// Opens `metrics.jsonl` and a new events file in `folder` for a run that goes on after `step`.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn open(folder: &Path, step: u64) -> Result<Self, WriteError> {
        let metrics = MetricsLog::open(&folder.join("metrics.jsonl"), step)?;
        Ok(Self { metrics, events: Events::open(folder, step)? })
    }

    /// Appends a line to both.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn append(&mut self, line: &LogLine) -> Result<(), WriteError> {
        self.metrics.append(line)?;
        self.events.append(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_window_survives_saving() {
        let mut window = Window { grad_norm: 3.5, steps: 2.0, ..Window::default() };
        window.bins.add(0.31, 0.25);
        assert_eq!(Window::from_numbers(&window.numbers()), window);
        assert_eq!(Window::from_numbers(&[1.0]), Window::default());
    }
}
