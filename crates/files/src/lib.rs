//! Files appear whole or not at all.
//!
//! A file is made under a temporary name in the folder where it belongs, put on disk, and only then
//! given its name. Any reader, also after a crash or on a full disk, sees the old file or the new one.

mod full_disk;
mod staged;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub use full_disk::FullDisk;
pub use staged::Staged;

/// A file could not be written; the old one, if there was one, is untouched.
///
/// The source has the kind [`AlreadyExists`](io::ErrorKind::AlreadyExists) exactly where a file stands that was not to be replaced.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl WriteError {
    /// Makes errors of `path`, for `map_err`.
    pub fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_path_buf(), source }
    }
}

/// Writes `contents` to `path`, replacing what stands there.
///
/// # Errors
/// [`WriteError`]; the old file is then whole and no temporary file is left.
pub fn write_whole(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    Staged::bytes(path, true, |out| out.write_all(contents))?.publish()
}

/// Removes temporary files that a killed program left in `folder`.
pub fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') && name.ends_with(".tmp") {
            // One that cannot be removed costs disk space only.
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write_whole(&path, b"old, and longer").unwrap();
        write_whole(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_program_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".step-00000001.safetensors.17.0.tmp"), b"half").unwrap();
        fs::write(folder.path().join("step-00000001.safetensors"), b"whole").unwrap();
        sweep(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
