//! A cloud from an array file.

use std::fs;
use std::path::Path;

use langevin_points::record::PointCloud;

use super::header::{Header, Type};
use super::sidecar::Sidecar;
use crate::array::{Matrix, exact, rows_columns};
use crate::{DatasetError, Place, ReadOptions};

/// The points of an array file, with what the file beside it says.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    let bytes =
        fs::read(path).map_err(|source| DatasetError::Read { path: path.into(), source })?;
    let place = Place::file(path);
    let (values, columns) = array(&place, &bytes)?;
    let matrix = match Sidecar::read(path)? {
        // An array that cannot be a cloud says where; only then do the two have to agree.
        Some(sidecar) => {
            let mut matrix = Matrix::plain(place, values, columns);
            matrix.finite()?;
            let cloud = sidecar.cloud(path, std::mem::take(&mut matrix.values), columns)?;
            Matrix::of(matrix.place, cloud)
        }
        None => Matrix::plain(place, values, columns),
    };
    matrix.cloud(options)
}

/// Numbers, row-major, and how many columns they have.
fn array(place: &Place, bytes: &[u8]) -> Result<(Vec<f64>, usize), DatasetError> {
    let header = Header::parse(place, bytes)?;
    let (rows, columns) = rows_columns(place, &header.shape)?;
    let data = &bytes[header.data..];
    let size = header.kind.size();
    let expected = (rows as u64).saturating_mul(columns as u64).saturating_mul(size as u64);
    if data.len() as u64 != expected {
        let found = data.len() as u64;
        return Err(DatasetError::Length { place: place.clone(), part: "data", found, expected });
    }
    let mut values = match header.kind {
        Type::F4 => numbers(data, header.big_endian, |b| f64::from(f32::from_le_bytes(b))),
        Type::F8 => numbers(data, header.big_endian, f64::from_le_bytes),
        Type::I4 => numbers(data, header.big_endian, |b| f64::from(i32::from_le_bytes(b))),
        Type::I8 => {
            let mut whole = numbers(data, header.big_endian, i64::from_le_bytes);
            if header.fortran_order {
                whole = row_major(&whole, rows, columns);
            }
            return Ok((exact(place, &whole, columns)?, columns));
        }
    };
    if header.fortran_order {
        values = row_major(&values, rows, columns);
    }
    Ok((values, columns))
}

/// Numbers of `N` bytes each.
fn numbers<const N: usize, T>(data: &[u8], big_endian: bool, of: fn([u8; N]) -> T) -> Vec<T> {
    let one = |bytes: &[u8]| {
        let mut bytes: [u8; N] = bytes.try_into().expect("chunks have this length");
        if big_endian {
            bytes.reverse();
        }
        of(bytes)
    };
    data.chunks_exact(N).map(one).collect()
}

/// Column by column to row by row.
fn row_major<T: Copy>(values: &[T], rows: usize, columns: usize) -> Vec<T> {
    (0..rows).flat_map(|i| (0..columns).map(move |j| values[j * rows + i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::npy::MAGIC;

    fn file(descr: &str, fortran: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header =
            format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n");
        let length = (header.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    fn read_bytes(bytes: &[u8], options: &ReadOptions) -> Result<PointCloud, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npy");
        fs::write(&path, bytes).unwrap();
        let prefix = format!("{}/", folder.path().display());
        read(&path, options).map_err(|error| error.to_string().replace(&prefix, ""))
    }

    fn values(bytes: &[u8]) -> Vec<f64> {
        read_bytes(bytes, &ReadOptions::default()).unwrap().points().to_vec()
    }

    /// Files that `np.save` wrote: [[1.5, −2], [0.1, 1e300]], and integers column by column.
    #[test]
    fn a_file_as_numpy_writes_it() {
        assert_eq!(values(include_bytes!("testdata/numpy_f8.npy")), [1.5, -2.0, 0.1, 1e300]);
        let whole = values(include_bytes!("testdata/numpy_i4_fortran.npy"));
        assert_eq!(whole, [1.0, -2.0, 3.0, 4.0, -5.0, 6.0]);
    }

    #[test]
    fn every_type_and_order_gives_the_same_rows() {
        let (rows, by_column) = ([1, -2, 3, 4, 5, 60_000], [1, 3, 5, -2, 4, 60_000]);
        let expected = rows.map(f64::from);
        macro_rules! check {
            ($of:ty, $name:literal) => {
                for (order, numbers) in [("False", rows), ("True", by_column)] {
                    let numbers = numbers.map(|x| x as $of);
                    let little: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
                    let big: Vec<u8> = numbers.iter().flat_map(|x| x.to_be_bytes()).collect();
                    let little = file(concat!("<", $name), order, "(3, 2)", &little);
                    assert_eq!(values(&little), expected);
                    assert_eq!(values(&file(concat!(">", $name), order, "(3, 2)", &big)), expected);
                }
            };
        }
        check!(f32, "f4");
        check!(f64, "f8");
        check!(i32, "i4");
        check!(i64, "i8");
    }

    #[test]
    fn one_axis_is_one_column() {
        let data = [0.5f64, -1.5].map(f64::to_le_bytes).concat();
        let cloud = read_bytes(&file("<f8", "False", "(2,)", &data), &ReadOptions::default());
        let cloud = cloud.unwrap();
        assert_eq!((cloud.points(), cloud.dimension()), (&[0.5, -1.5][..], 1));
    }

    #[test]
    fn columns_are_chosen_by_number() {
        let data: Vec<u8> = [0.5, 3.0, 7.0, 1.5, -4.0, 8.0f64].map(f64::to_le_bytes).concat();
        let bytes = file("<f8", "False", "(2, 3)", &data);
        let options = ReadOptions {
            columns: Some(vec!["3".into(), "1".into()]),
            label: Some("2".into()),
            ..ReadOptions::default()
        };
        let cloud = read_bytes(&bytes, &options).unwrap();
        assert_eq!(
            (cloud.points(), cloud.labels()),
            (&[7.0, 0.5, 8.0, 1.5][..], Some(&[3, -4][..]))
        );
        let label = |name: &str| ReadOptions { label: Some(name.into()), ..ReadOptions::default() };
        assert_eq!(
            read_bytes(&bytes, &label("1")).unwrap_err(),
            "a.npy, row 1, column 1: found 0.5, allowed: an integer of at most 2^53"
        );
        assert_eq!(
            read_bytes(&bytes, &label("class")).unwrap_err(),
            "a.npy: found no column \"class\", allowed: 1, 2, 3"
        );
    }

    #[test]
    fn an_array_that_is_no_cloud_says_where() {
        let f8 = |x: &[f64]| x.iter().flat_map(|x| x.to_le_bytes()).collect::<Vec<u8>>();
        let nan = f8(&[0.0, 1.0, 2.0, f64::NAN]);
        let large = [1i64, 2, 1 << 53, (1 << 53) + 1].map(i64::to_le_bytes).concat();
        for (bytes, message) in [
            (
                file("<f8", "False", "(2, 2)", &nan),
                "a.npy, row 2, column 2: found NaN, allowed: a finite number",
            ),
            (
                // In Fortran order the last number but one is that of row 1, column 2.
                file("<f8", "True", "(2, 2)", &f8(&[0.0, 1.0, f64::INFINITY, 3.0])),
                "a.npy, row 1, column 2: found inf, allowed: a finite number",
            ),
            (
                file("<i8", "False", "(2, 2)", &large),
                "a.npy, row 2, column 2: found 9007199254740993, allowed: an integer of at most \
                 2^53, as a double holds it",
            ),
            (
                file("<f8", "False", "(2, 2)", &nan[..31]),
                "a.npy: found 31 bytes of data, allowed: 32, as its header says",
            ),
            (
                file("<f8", "False", "(2, 1)", &nan),
                "a.npy: found 32 bytes of data, allowed: 16, as its header says",
            ),
            (
                // 2^64 + 1 numbers: the product must not wrap around.
                file("<f8", "False", "(4294967296, 4294967297)", &nan),
                "a.npy: found 32 bytes of data, allowed: 18446744073709551615, as its header says",
            ),
            (
                file("<f8", "False", "(2, 2, 1)", &nan),
                "a.npy: found the shape [2, 2, 1], allowed: [rows] or [rows, columns] with a \
                 column or more",
            ),
            (
                file("<f8", "False", "()", &nan[..8]),
                "a.npy: found the shape [], allowed: [rows] or [rows, columns] with a column or more",
            ),
            (
                file("<f8", "False", "(0, 2)", &[]),
                "a.npy: found no row of numbers, allowed: at least one",
            ),
        ] {
            assert_eq!(read_bytes(&bytes, &ReadOptions::default()).unwrap_err(), message);
        }
    }
}
