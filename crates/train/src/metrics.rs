//! `metrics.jsonl`: one JSON object per line, appended and flushed.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use langevin_files::{WriteError, write_whole};

/// The open log.
#[derive(Debug)]
pub(crate) struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens `path` for a run that goes on after `step`: lines of later steps, and a line that was cut
    /// off when the process was killed, are removed.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn open(path: &Path, step: u64) -> Result<Self, WriteError> {
        let fail = WriteError::at(path);
        let old = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(fail(error)),
        };
        let kept = kept(&String::from_utf8_lossy(&old), step);
        if kept.as_bytes() != old {
            write_whole(path, kept.as_bytes())?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(fail)?;
        Ok(Self { path: path.into(), file })
    }

    /// Appends a line.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn append(&mut self, line: &impl Serialize) -> Result<(), WriteError> {
        let mut text =
            serde_json::to_string(line).expect("lines have string keys and plain values");
        text.push('\n');
        // One write call per line: another process reading along sees whole lines.
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.flush());
        written.map_err(WriteError::at(&self.path))
    }
}

/// The lines of `text` up to `step`.
fn kept(text: &str, step: u64) -> String {
    #[derive(Deserialize)]
    struct Step {
        step: u64,
    }
    let keep =
        |line: &&str| serde_json::from_str::<Step>(line).is_ok_and(|found| found.step <= step);
    text.split_inclusive('\n').filter(|line| line.ends_with('\n')).filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resuming_drops_later_lines_and_a_line_that_was_cut_off() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.jsonl");
        fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n{\"st").unwrap();
        let mut log = MetricsLog::open(&path, 2).unwrap();
        log.append(&serde_json::json!({"step": 3, "loss": f64::NAN})).unwrap();
        drop(log);
        let text = "{\"step\":1}\n{\"step\":2}\n{\"step\":3,\"loss\":null}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
        drop(MetricsLog::open(&path, 0).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
    }
}
