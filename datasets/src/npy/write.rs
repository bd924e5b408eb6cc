//! A cloud as an array file.

use std::io::{self, Write};

use langevin_points::record::PointCloud;

use super::MAGIC;

/// Version 1.0, little-endian doubles, row by row: `[n, d]`.
pub(crate) fn write(cloud: &PointCloud, out: &mut dyn Write) -> io::Result<()> {
    let (n, d) = (cloud.len(), cloud.dimension());
    let mut header = format!("{{'descr': '<f8', 'fortran_order': False, 'shape': ({n}, {d}), }}");
    // The numbers begin at a multiple of 64 bytes, so that they can be mapped into memory.
    let before = MAGIC.len() + 4;
    let total = (before + header.len() + 1).next_multiple_of(64);
    header.extend(std::iter::repeat_n(' ', total - before - header.len() - 1));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    out.write_all(&(header.len() as u16).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    cloud.points().iter().try_for_each(|x| out.write_all(&x.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bytes as `np.save` gives for the same array.
    #[test]
    fn the_bytes_are_those_of_numpy() {
        let cloud = PointCloud::flat(vec![1.5, -2.0, 0.1, 1e300], 2).unwrap();
        let mut out = Vec::new();
        write(&cloud, &mut out).unwrap();
        assert_eq!(out, include_bytes!("testdata/numpy_f8.npy"));
    }
}
