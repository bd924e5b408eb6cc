//! The HDF5 library on a disk that becomes full.
#![cfg(unix)]

use std::path::Path;
use std::process::Command;

use langevin_datasets::{ReadOptions, read_points, write_points};
use langevin_points::record::PointCloud;

/// Set for a process whose files may not grow beyond a limit: the file it is to replace.
const LIMITED: &str = "LANGEVIN_TEST_LIMITED";

/// The library writes by itself, so its disk is made full by a limit on the size of files, in a
/// process of its own: this test again, with a variable set.
///
/// Under every limit the outcome must be an error and the old file, or the new file, complete. The
/// library keeps small data back until the file is closed; an error there is the one to lose.
#[test]
fn a_full_disk_leaves_the_old_file_whole() {
    let cloud = |n: usize| {
        let points = (0..2 * n).map(|i| i as f64).collect();
        PointCloud::flat(points, 2).unwrap().with_labels((0..n as i64).collect()).unwrap()
    };
    let (old, new) = (cloud(3), cloud(400));
    if let Some(path) = std::env::var_os(LIMITED) {
        let written = write_points(Path::new(&path), &new, &[("seed".into(), "1".into())], true);
        std::process::exit(if written.is_ok() { 0 } else { 75 });
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.h5");
    let mut seen = Vec::new();
    // Blocks of 512 or 1024 bytes; the new file has about 16 kB.
    for blocks in 1..60 {
        write_points(&path, &old, &[], true).unwrap();
        // Beyond the limit a process is killed unless it ignores the signal.
        let script = "trap '' XFSZ; ulimit -f \"$1\"; exec \"$2\" --exact \"$3\" --nocapture";
        let child = Command::new("sh")
            .args(["-c", script, "sh", &blocks.to_string()])
            .arg(std::env::current_exe().unwrap())
            .arg("a_full_disk_leaves_the_old_file_whole")
            .env(LIMITED, &path)
            .output()
            .unwrap();
        let written = match child.status.code() {
            Some(0) => true,
            Some(75) => false,
            other => panic!("{other:?}: {}", String::from_utf8_lossy(&child.stderr)),
        };
        let found = read_points(&path, &ReadOptions::default());
        assert_eq!(&found.unwrap(), if written { &new } else { &old }, "{blocks} blocks");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "{blocks} blocks");
        seen.push(written);
    }
    assert!(!seen[0] && seen[58], "{seen:?}");
}
