//! The commands of one domain.

use std::path::Path;
use std::process::{Command, Output};

/// `langevin NAME`.
pub(crate) struct Domain(pub(crate) &'static str);

impl Domain {
    /// Runs with `args` in `folder`.
    pub(crate) fn run(&self, folder: &Path, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
        command.current_dir(folder).arg(self.0).args(args);
        command.output().expect("the program starts")
    }

    /// Runs and expects success.
    #[track_caller]
    pub(crate) fn done(&self, folder: &Path, args: &[&str]) {
        self.said(folder, args);
    }

    /// Runs, expects success and gives what was said on standard output.
    #[track_caller]
    pub(crate) fn said(&self, folder: &Path, args: &[&str]) -> String {
        let output = self.run(folder, args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs and expects exit status 2 and `message` on standard error.
    #[track_caller]
    pub(crate) fn refused(&self, folder: &Path, args: &[&str], message: &str) {
        let output = self.run(folder, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(message), "{args:?} said: {said}\nexpected: {message}");
    }
}
