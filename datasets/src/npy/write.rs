//! A cloud as an array of doubles.

use std::io::{self, Write};

use langevin_points::record::PointCloud;

use super::header::{Header, Kind};

/// The coordinates, row-major and little-endian.
pub(crate) fn write(cloud: &PointCloud, out: &mut dyn Write) -> io::Result<()> {
    let shape = vec![cloud.len(), cloud.dimension()];
    Header { kind: Kind::F8, big_endian: false, fortran_order: false, shape }.write(out)?;
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
