//! Replacing a file whole: temporary file beside it, fsync, rename, fsync of the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file could not be written; the old one, if there was one, is untouched.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {path}")]
pub struct WriteError {
    /// The file that was to be written.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

impl WriteError {
    pub(crate) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self { path: path.to_path_buf(), source }
    }
}

/// Writes `contents` to `path` so that any reader sees the old file or the new one, also after a crash.
///
/// # Errors
/// [`WriteError`]; the old file is then whole and no temporary file is left.
pub fn write(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    write_through(path, contents, |file| Box::new(file))
}

/// As [`write`], with `wrap` around the file: tests put a full disk there.
pub(crate) fn write_through(path: &Path, contents: &[u8], wrap: Wrap) -> Result<(), WriteError> {
    let fail = WriteError::at(path);
    let name = path.file_name().ok_or_else(|| fail(io::ErrorKind::InvalidInput.into()))?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".{}.{}.tmp", name.to_string_lossy(), std::process::id()));
    let written = replace(&temporary, path, contents, wrap);
    if written.is_err() {
        // The write has failed already; a leftover that cannot be removed adds nothing to say.
        let _ = fs::remove_file(&temporary);
    }
    written.map_err(fail)?;
    // The rename itself survives a power cut only once the folder is on disk. Some file systems
    // refuse to sync a folder; the file is complete either way.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// What stands between the bytes and the file.
pub(crate) type Wrap = for<'f> fn(&'f File) -> Box<dyn Write + 'f>;

fn replace(temporary: &Path, path: &Path, contents: &[u8], wrap: Wrap) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(temporary)?;
    let mut writer = wrap(&file);
    writer.write_all(contents)?;
    writer.flush()?;
    drop(writer);
    file.sync_all()?;
    drop(file);
    fs::rename(temporary, path)
}

/// Removes temporary files that a killed run left in `folder`.
pub(crate) fn sweep(folder: &Path) {
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
pub(crate) mod tests {
    use super::*;

    /// A disk with room for that many bytes.
    struct FullDisk<'f>(&'f File, usize);

    /// A disk with room for eight bytes.
    pub(crate) fn full_disk<'f>(file: &'f File) -> Box<dyn Write + 'f> {
        Box::new(FullDisk(file, 8))
    }

    impl Write for FullDisk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = bytes.len().min(self.1);
            if room == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.1 -= room;
            self.0.write(&bytes[..room])
        }
        fn flush(&mut self) -> io::Result<()> {
            self.0.flush()
        }
    }

    #[test]
    fn replaces_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write(&path, b"old, and longer").unwrap();
        write(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        write(&path, b"old").unwrap();
        let error = write_through(&path, b"longer than eight", full_disk).unwrap_err();
        assert_eq!(error.source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(error.path, path);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_of_a_killed_run_are_swept() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".step-00000001.safetensors.17.tmp"), b"half").unwrap();
        fs::write(folder.path().join("step-00000001.safetensors"), b"whole").unwrap();
        sweep(folder.path());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
