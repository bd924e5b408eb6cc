//! A cloud from an array of floating-point numbers or integers.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;

use super::header::{Header, Kind};
use super::sidecar::{self, Sidecar};
use crate::array::{cloud, exact, located, rows_columns};
use crate::{DatasetError, Place, ReadOptions};

/// The points of an NPY file, with names, labels and geometry from the file beside it, if there is one.
pub(crate) fn read(path: &Path, options: &ReadOptions) -> Result<PointCloud, DatasetError> {
    let place = Place::file(path);
    let fail = |source| DatasetError::Read { path: path.to_path_buf(), source };
    let mut input = BufReader::new(File::open(path).map_err(fail)?);
    let (values, columns) = array(&place, &mut input)?;
    let Some(sidecar) = Sidecar::read(path)? else {
        return cloud(&place, values, columns, options.geometry.unwrap_or(Geometry::Flat));
    };
    let points = cloud(&place, values, columns, options.geometry.unwrap_or(sidecar.geometry))?;
    sidecar.apply(points).map_err(|error| located(&Place::file(&sidecar::path(path)), error))
}

/// The numbers of an NPY file in row-major order, and the number of columns.
fn array(place: &Place, input: &mut dyn Read) -> Result<(Vec<f64>, usize), DatasetError> {
    let header = Header::read(place, input)?;
    let (rows, columns) = rows_columns(place, &header.shape)?;
    let mut bytes = Vec::new();
    let fail = |source| DatasetError::Read { path: place.path.clone(), source };
    input.read_to_end(&mut bytes).map_err(fail)?;
    let size = header.kind.bytes();
    // A shape that overflows asks for more bytes than there are in any file.
    let expected = rows.checked_mul(columns).and_then(|n| n.checked_mul(size));
    let (found, expected) = (bytes.len() as u64, expected.map_or(u64::MAX, |n| n as u64));
    if found != expected {
        return Err(DatasetError::Length { place: place.clone(), part: "data", found, expected });
    }
    if header.big_endian {
        bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
    }
    let four = |f: fn([u8; 4]) -> f64| bytes.as_chunks().0.iter().copied().map(f).collect();
    let transposed = header.fortran_order && columns > 1;
    let values: Vec<f64> = match header.kind {
        Kind::F4 => four(|b| f32::from_le_bytes(b).into()),
        Kind::I4 => four(|b| i32::from_le_bytes(b).into()),
        Kind::F8 => bytes.as_chunks().0.iter().map(|&b| f64::from_le_bytes(b)).collect(),
        Kind::I8 => {
            let values: Vec<i64> = bytes.as_chunks().0.iter().map(|&b| i64::from_le_bytes(b)).collect();
            // In row-major order first, so that an error names its row and column.
            let values = if transposed { transpose(&values, rows) } else { values };
            return Ok((exact(place, &values, columns)?, columns));
        }
    };
    Ok((if transposed { transpose(&values, rows) } else { values }, columns))
}

/// Row-major order of numbers that stand column by column.
fn transpose<T: Copy>(values: &[T], rows: usize) -> Vec<T> {
    let columns = values.len() / rows.max(1);
    (0..rows).flat_map(|i| (0..columns).map(move |j| values[j * rows + i])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that numpy 2.4 wrote: version, descr and order, shape, and data in hexadecimal. The
    /// text is padded with blanks to a multiple of 64, as numpy does.
    fn numpy(version: u8, descr: &str, fortran_order: &str, shape: &str, data: &str) -> Vec<u8> {
        let mut text = format!("{{'descr': '{descr}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}");
        let length_bytes = if version == 1 { 2 } else { 4 };
        while (8 + length_bytes + text.len() + 1) % 64 != 0 {
            text.push(' ');
        }
        text.push('\n');
        let mut bytes = b"\x93NUMPY".to_vec();
        bytes.extend([version, 0]);
        bytes.extend(&(text.len() as u32).to_le_bytes()[..length_bytes]);
        bytes.extend(text.as_bytes());
        let digit = |at: usize| u8::from_str_radix(&data[at..at + 2], 16).unwrap();
        bytes.extend((0..data.len()).step_by(2).map(digit));
        bytes
    }

    fn values(bytes: &[u8]) -> Result<(Vec<f64>, usize), String> {
        array(&Place::file(Path::new("points.npy")), &mut &bytes[..]).map_err(|error| error.to_string())
    }

    /// `np.save(f, np.array([[1.5, -2.0], [0.1, 1e300]]))`, byte for byte.
    #[test]
    fn a_file_as_numpy_writes_it() {
        let file: &[u8] = include_bytes!("testdata/numpy_f8.npy");
        assert_eq!(values(file).unwrap(), (vec![1.5, -2.0, 0.1, 1e300], 2));
        let file: &[u8] = include_bytes!("testdata/numpy_i4_fortran.npy");
        assert_eq!(values(file).unwrap(), (vec![1.0, -2.0, 3.0, 4.0, -5.0, 6.0], 3));
    }

    #[test]
    fn every_type_order_and_version() {
        let one_minus_two = [
            ("<f4", "0000803f000000c0"),
            (">f4", "3f800000c0000000"),
            ("<f8", "000000000000f03f00000000000000c0"),
            (">f8", "3ff0000000000000c000000000000000"),
            ("<i4", "01000000feffffff"),
            (">i4", "00000001fffffffe"),
            ("<i8", "0100000000000000feffffffffffffff"),
            (">i8", "0000000000000001fffffffffffffffe"),
        ];
        for (descr, data) in one_minus_two {
            for version in [1, 2, 3] {
                let of = |order, shape| values(&numpy(version, descr, order, shape, data)).unwrap();
                assert_eq!(of("False", "(1, 2)"), (vec![1.0, -2.0], 2), "{descr}");
                assert_eq!(of("True", "(2, 1)"), (vec![1.0, -2.0], 1), "{descr}");
                assert_eq!(of("False", "(2,)"), (vec![1.0, -2.0], 1), "{descr}");
            }
        }
        let columns = "01000000020000000300000004000000";
        assert_eq!(values(&numpy(1, "<i4", "True", "(2, 2)", columns)).unwrap().0, [1.0, 3.0, 2.0, 4.0]);
    }

    #[test]
    fn a_bad_file_says_what_and_where() {
        let data = "000000000000f03f00000000000000c0";
        let message = |bytes: Vec<u8>| values(&bytes).unwrap_err();
        let good = numpy(1, "<f8", "False", "(1, 2)", data);
        for (bytes, expected) in [
            (good[..3].to_vec(), "points.npy: found 3 bytes of start, allowed: 8, as its header says"),
            (good[..60].to_vec(), "points.npy: found 50 bytes of header, allowed: 118, as its header says"),
            (good[..140].to_vec(), "points.npy: found 12 bytes of data, allowed: 16, as its header says"),
            ([&good[..], &[0]].concat(), "points.npy: found 17 bytes of data, allowed: 16, as its header says"),
            (b"PK\x03\x04 a zip".to_vec(), "points.npy: found the first bytes PK\\x03\\x04 a, allowed: \\x93NUMPY"),
            (b"\x93NUMPY\x09\x00".to_vec(), "points.npy: found version 9, allowed: 1, 2 or 3"),
            (
                numpy(1, "<c16", "False", "(1, 1)", data),
                "points.npy: found the number type <c16, allowed: <f4, <f8, <i4, <i8, or the same with >",
            ),
            (
                numpy(1, "<f8", "False", "(2, 1, 1)", data),
                "points.npy: found the shape [2, 1, 1], allowed: [rows] or [rows, columns] with a column or more",
            ),
            (
                numpy(1, "<f8", "False", "()", data),
                "points.npy: found the shape [], allowed: [rows] or [rows, columns] with a column or more",
            ),
            (
                numpy(1, "<f8", "False", "(4611686018427387904, 4)", data),
                "points.npy: found 16 bytes of data, allowed: 18446744073709551615, as its header says",
            ),
            (
                numpy(1, "<i8", "True", "(1, 2)", "01000000000000000100000000002000"),
                "points.npy, row 1, column 2: found 9007199254740993, allowed: an integer of at most 2^53, as a double holds it",
            ),
        ] {
            assert_eq!(message(bytes), expected);
        }
    }
}
