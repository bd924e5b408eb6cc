//! HDF5 files as other programs write them, and what is wrong with some.

use std::fs;
use std::path::{Path, PathBuf};

use hdf5::types::VarLenUnicode;
use langevin_datasets::{DatasetError, ReadOptions, read_points};
use langevin_points::space::Geometry;
use ndarray::{Array1, Array2, array};

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn file(&self, fill: impl FnOnce(&hdf5::File)) -> PathBuf {
        let path = self.0.path().join("p.h5");
        fill(&hdf5::File::create(&path).unwrap());
        path
    }
}

fn named(dataset: &str) -> ReadOptions {
    ReadOptions { dataset: Some(dataset.into()), ..ReadOptions::default() }
}

/// The message after the folder.
fn message(path: &Path, options: &ReadOptions) -> String {
    let text = read_points(path, options).unwrap_err().to_string();
    text.replace(&format!("{}/", path.parent().unwrap().display()), "")
}

#[test]
fn the_only_table_is_found_and_any_can_be_named() {
    let folder = Folder::new();
    let path = folder.file(|file| {
        let group = file.create_group("run").unwrap().create_group("last").unwrap();
        let singles: Array2<f32> = array![[0.5, -1.0], [2.0, 3.5]];
        group.new_dataset_builder().with_data(&singles).create("positions").unwrap();
        group.new_dataset_builder().with_data(&array![4i16, -5]).create("labels").unwrap();
        file.new_dataset_builder()
            .with_data(&Array1::from(vec![1u8, 2, 3]))
            .create("counts")
            .unwrap();
    });
    let cloud = read_points(&path, &ReadOptions::default()).unwrap();
    assert_eq!(cloud.points(), [0.5, -1.0, 2.0, 3.5]);
    assert_eq!(cloud.labels(), Some(&[4, -5][..]));
    assert_eq!(cloud.columns(), ["x", "y"]);

    let counts = read_points(&path, &named("counts")).unwrap();
    assert_eq!(
        (counts.dimension(), counts.points(), counts.labels()),
        (1, &[1.0, 2.0, 3.0][..], None)
    );
    assert_eq!(
        message(&path, &named("run/last/nothing")),
        "p.h5: found no data set run/last/nothing, allowed: run/last/positions"
    );
}

#[test]
fn attributes_say_where_the_points_live() {
    let folder = Folder::new();
    let with = |geometry: &str| {
        folder.file(|file| {
            let data = array![[1.0, 0.0, 0.0], [0.0, 0.6, 0.9]];
            let dataset = file.new_dataset_builder().with_data(&data).create("points").unwrap();
            let text: VarLenUnicode = geometry.parse().unwrap();
            let attribute = dataset.new_attr::<VarLenUnicode>().create("geometry").unwrap();
            attribute.write_scalar(&text).unwrap();
        })
    };
    let flat = read_points(&with("flat"), &ReadOptions::default()).unwrap();
    assert_eq!(flat.geometry(), Geometry::Flat);
    let error = read_points(&with("sphere"), &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, DatasetError::NotUnit { row: 2, .. }), "{error}");
    // Somebody else's attribute of this name.
    let torus = read_points(&with("torus"), &ReadOptions::default()).unwrap();
    assert_eq!(torus.geometry(), Geometry::Flat);
}

#[test]
fn a_file_that_is_none_is_refused() {
    let folder = Folder::new();
    let path = folder.0.path().join("p.h5");
    assert_eq!(message(&path, &ReadOptions::default()), "cannot read p.h5");
    fs::write(&path, b"not HDF5").unwrap();
    assert_eq!(message(&path, &ReadOptions::default()), "p.h5: the HDF5 library failed");
    // Cut in two: the end of a file belongs to it.
    let whole = folder.file(|file| {
        file.new_dataset_builder()
            .with_data(&Array2::<f64>::ones((1000, 2)))
            .create("points")
            .unwrap();
    });
    let bytes = fs::read(&whole).unwrap();
    fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    assert_eq!(message(&path, &ReadOptions::default()), "p.h5: the HDF5 library failed");
}
