//! Replacing a file whole: temporary file beside it, fsync, rename.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::DatasetError;

/// A finished temporary file that will be `path`; removed again unless published.
pub(crate) struct Staged {
    temporary: PathBuf,
    path: PathBuf,
}

impl Staged {
    /// Have `fill` make a file at the name it is given, and put it on disk.
    ///
    /// # Errors
    /// [`DatasetError::Exists`] without `force`, [`DatasetError::Write`], and what `fill` returns.
    pub(crate) fn file(
        path: &Path,
        force: bool,
        fill: impl FnOnce(&Path) -> Result<(), DatasetError>,
    ) -> Result<Self, DatasetError> {
        if !force && fs::symlink_metadata(path).is_ok() {
            return Err(DatasetError::Exists { path: path.to_path_buf() });
        }
        let fail = |source| write_error(path, source);
        let name = path.file_name().ok_or_else(|| fail(ErrorKind::InvalidInput.into()))?;
        // Two writers of one name, in one process or in two, must not share a temporary file.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{}.{}.{count}.tmp", name.to_string_lossy(), std::process::id());
        let staged = Self { temporary: path.with_file_name(name), path: path.to_path_buf() };
        fill(&staged.temporary)?;
        File::open(&staged.temporary).and_then(|file| file.sync_all()).map_err(fail)?;
        Ok(staged)
    }

    /// As [`Staged::file`], from what `fill` writes.
    pub(crate) fn bytes(
        path: &Path,
        force: bool,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Self, DatasetError> {
        Self::file(path, force, |temporary| {
            let write = || {
                let file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
                let mut out = BufWriter::new(file);
                fill(&mut out)?;
                out.flush()
            };
            write().map_err(|source| write_error(path, source))
        })
    }

    /// Give the file its name.
    ///
    /// # Errors
    /// [`DatasetError::Exists`] if one appeared meanwhile and `force` is not set, [`DatasetError::Write`].
    pub(crate) fn publish(self, force: bool) -> Result<(), DatasetError> {
        let exists = || DatasetError::Exists { path: self.path.clone() };
        let fail = |source| write_error(&self.path, source);
        let rename = || fs::rename(&self.temporary, &self.path).map_err(fail);
        if force {
            rename()?;
        } else {
            // A link, unlike a rename, never replaces a file. Where there are no links, look first.
            match fs::hard_link(&self.temporary, &self.path) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::AlreadyExists => return Err(exists()),
                Err(_) if fs::symlink_metadata(&self.path).is_ok() => return Err(exists()),
                Err(_) => rename()?,
            }
        }
        // The name itself survives a power cut only once the folder is on disk. Some file systems
        // refuse to sync a folder; the file is complete either way.
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // After a rename it is gone; after a failure a leftover adds nothing to say.
        let _ = fs::remove_file(&self.temporary);
    }
}

fn write_error(path: &Path, source: io::Error) -> DatasetError {
    DatasetError::Write { path: path.to_path_buf(), source }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A disk with room for so many bytes.
    pub(crate) struct Disk<'a> {
        pub(crate) out: &'a mut dyn Write,
        pub(crate) room: usize,
    }

    impl Write for Disk<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = self.out.write(&bytes[..bytes.len().min(self.room)])?;
            self.room -= n;
            if n == 0 && !bytes.is_empty() { Err(ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            self.out.flush()
        }
    }

    /// Names in a folder.
    pub(crate) fn names(folder: &Path) -> Vec<String> {
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = fs::read_dir(folder).unwrap().map(name).collect();
        names.sort();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{Disk, names};
    use super::*;

    fn write(path: &Path, force: bool, contents: &[u8]) -> Result<(), DatasetError> {
        Staged::bytes(path, force, |out| out.write_all(contents))?.publish(force)
    }

    #[test]
    fn a_file_is_replaced_only_by_force() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        write(&path, false, b"old, and longer").unwrap();
        let error = write(&path, false, b"new").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} exists: choose another name, or overwrite it by force", path.display())
        );
        assert_eq!(fs::read(&path).unwrap(), b"old, and longer");
        write(&path, true, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["points.csv"]);
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        let staged = Staged::bytes(&path, false, |out| out.write_all(b"mine")).unwrap();
        fs::write(&path, b"theirs").unwrap();
        assert!(matches!(staged.publish(false), Err(DatasetError::Exists { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["points.csv"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        fs::write(&path, b"old").unwrap();
        let result = Staged::bytes(&path, true, |out| Disk { out, room: 100 }.write_all(&[7; 200]));
        let Err(DatasetError::Write { path: named, source }) = result else { panic!() };
        assert_eq!((named, source.kind()), (path.clone(), ErrorKind::StorageFull));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["points.csv"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("points.csv");
        let error = write(&path, false, b"x").unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write {}", path.display()));
    }
}
