use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::WriteError;

/// A finished temporary file that will be `path`; removed again unless published.
///
/// Several can be finished before the first is published, so that files that belong together appear together.
#[derive(Debug)]
pub struct Staged {
    temporary: PathBuf,
    path: PathBuf,
    replace: bool,
}

impl Staged {
    /// Has `fill` make a file at the name it is given, and puts that on disk.
    ///
    /// # Errors
    /// [`WriteError`], of kind [`ErrorKind::AlreadyExists`] if `path` exists and not `replace`; and what `fill` returns.
    pub fn file<E: From<WriteError>>(
        path: &Path,
        replace: bool,
        fill: impl FnOnce(&Path) -> Result<(), E>,
    ) -> Result<Self, E> {
        let fail = WriteError::at(path);
        if !replace && fs::symlink_metadata(path).is_ok() {
            return Err(fail(ErrorKind::AlreadyExists.into()).into());
        }
        let name = path.file_name().ok_or_else(|| fail(ErrorKind::InvalidInput.into()))?;
        // Two writers of one name, in one process or in two, must not share a temporary file.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(".{}.{}.{count}.tmp", name.to_string_lossy(), std::process::id());
        let temporary = path.with_file_name(name);
        let staged = Self { temporary, path: path.to_path_buf(), replace };
        fill(&staged.temporary)?;
        File::open(&staged.temporary).and_then(|file| file.sync_all()).map_err(fail)?;
        Ok(staged)
    }

    /// As [`Staged::file`], from what `fill` writes.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn bytes(
        path: &Path,
        replace: bool,
        fill: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<Self, WriteError> {
        Self::file(path, replace, |temporary| {
            let write = || {
                let file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
                let mut out = BufWriter::new(file);
                fill(&mut out)?;
                out.flush()
            };
            write().map_err(WriteError::at(path))
        })
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// [`WriteError`], of kind [`ErrorKind::AlreadyExists`] if a file appeared meanwhile that is not to be replaced.
    pub fn publish(self) -> Result<(), WriteError> {
        let rename = || fs::rename(&self.temporary, &self.path);
        let named = if self.replace {
            rename()
        } else {
            // A link, unlike a rename, never replaces a file. Where there are no links, look first.
            match fs::hard_link(&self.temporary, &self.path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
                Err(_) if fs::symlink_metadata(&self.path).is_ok() => {
                    Err(ErrorKind::AlreadyExists.into())
                }
                Err(_) => rename(),
                Ok(()) => Ok(()),
            }
        };
        named.map_err(WriteError::at(&self.path))?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FullDisk;

    fn write(path: &Path, replace: bool, contents: &[u8]) -> Result<(), WriteError> {
        Staged::bytes(path, replace, |out| out.write_all(contents))?.publish()
    }

    /// Names in a folder.
    fn names(folder: &Path) -> Vec<String> {
        let name =
            |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        fs::read_dir(folder).unwrap().map(name).collect()
    }

    #[test]
    fn a_file_is_replaced_only_on_demand() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        write(&path, false, b"old, and longer").unwrap();
        let error = write(&path, false, b"new").unwrap_err();
        assert_eq!((error.path, error.source.kind()), (path.clone(), ErrorKind::AlreadyExists));
        assert_eq!(fs::read(&path).unwrap(), b"old, and longer");
        let work = |_: &mut dyn Write| unreachable!("what would be refused is not written first");
        assert!(Staged::bytes(&path, false, work).is_err());
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
        assert_eq!(staged.publish().unwrap_err().source.kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"theirs");
        assert_eq!(names(folder.path()), ["points.csv"]);
    }

    #[test]
    fn a_full_disk_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.csv");
        fs::write(&path, b"old").unwrap();
        let fill = |out: &mut dyn Write| FullDisk::new(out, 100).write_all(&[7; 200]);
        let error = Staged::bytes(&path, true, fill).unwrap_err();
        assert_eq!((error.path, error.source.kind()), (path.clone(), ErrorKind::StorageFull));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["points.csv"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("points.csv");
        let error = write(&path, false, b"x").unwrap_err();
        assert_eq!((error.path, error.source.kind()), (path, ErrorKind::NotFound));
    }
}
