//! A clean stop on SIGINT, SIGTERM and SIGUSR1.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::SigId;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};

/// Whether the run was asked to stop; looked at once per step.
#[derive(Debug, Default)]
pub struct Stop {
    asked: Arc<AtomicBool>,
    watched: Vec<SigId>,
}

impl Stop {
    /// Stops only when [`Stop::ask`] is called.
    pub fn never() -> Self {
        Self::default()
    }

    /// The first signal asks for a clean stop, the second ends the process at once with status 128
    /// plus its number. SIGUSR1 is what batch systems send before the time limit. Signals are
    /// watched until this is dropped.
    ///
    /// # Errors
    /// If the operating system refuses.
    pub fn on_signals() -> std::io::Result<Self> {
        let mut stop = Self::default();
        for signal in [SIGINT, SIGTERM, SIGUSR1] {
            // Handlers run in this order: the first signal finds the flag down and raises it.
            let exit = signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                stop.asked.clone(),
            );
            stop.watched.push(exit?);
            stop.watched.push(signal_hook::flag::register(signal, stop.asked.clone())?);
        }
        Ok(stop)
    }

    /// Asks for a stop.
    pub fn ask(&self) {
        self.asked.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was asked for.
    pub fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        for id in self.watched.drain(..) {
            signal_hook::low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use signal_hook::low_level::raise;

    use super::*;

    /// Tells this test binary that it is the process to be ended.
    const CHILD: &str = "LANGEVIN_TEST_SECOND_SIGNAL";

    /// The process that ends is this test binary again, asked for the test below only.
    #[test]
    fn the_second_signal_ends_the_process_at_once() {
        let child = "stop::tests::raises_two_signals";
        let status = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", child])
            .env(CHILD, "1")
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(128 + SIGTERM));
    }

    #[test]
    fn raises_two_signals() {
        if std::env::var_os(CHILD).is_none() {
            return;
        }
        let stop = Stop::on_signals().unwrap();
        raise(SIGUSR1).unwrap();
        assert!(stop.asked());
        raise(SIGTERM).unwrap();
        panic!("still running after the second signal");
    }
}
