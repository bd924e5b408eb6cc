//! Names of the files that a set is written to.

use std::path::{Path, PathBuf};

/// Formats that give molecules back bit for bit, with all labels.
const WHOLE: [&str; 7] = [".extxyz.gz", ".extxyz", ".xyz.gz", ".xyz", ".hdf5", ".h5md", ".h5"];

/// `out` as stem and extension, if its format keeps all of a molecule.
fn parts(out: &Path) -> Option<(String, String)> {
    let name = out.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let extension = WHOLE.iter().find(|extension| lower.ends_with(**extension))?;
    let (stem, extension) = name.split_at(name.len() - extension.len());
    (!stem.is_empty()).then(|| (stem.into(), extension.into()))
}

/// Whether molecules written to `out` come back with everything they have; SDF rounds positions.
pub fn is_whole(out: &Path) -> bool {
    parts(out).is_some()
}

/// The file of a part: `set.extxyz.gz` becomes `set.train.extxyz.gz`.
pub fn of_part(out: &Path, part: &str) -> PathBuf {
    let (stem, extension) = parts(out).unwrap_or_default();
    out.with_file_name(format!("{stem}.{part}{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_part_stands_before_the_whole_extension() {
        let of = |name| of_part(Path::new(name), "train").display().to_string();
        assert_eq!(of("a/set.extxyz.gz"), "a/set.train.extxyz.gz");
        assert_eq!(of("my.set.H5"), "my.set.train.H5");
        for name in ["set.sdf", "set", ".xyz", "set.gz", "set.csv"] {
            assert!(!is_whole(Path::new(name)), "{name}");
        }
    }
}
