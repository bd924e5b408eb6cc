//! A name for the contents of a cloud.

use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;
use sha2::{Digest, Sha256};

/// SHA-256, in hexadecimal, of geometry, shape, coordinates and labels, bit by bit.
///
/// Column names are left out: they do not change what is learned.
pub fn fingerprint(cloud: &PointCloud) -> String {
    let mut hash = Sha256::new();
    hash.update(match cloud.geometry() {
        Geometry::Flat => b"flat  ",
        Geometry::Sphere => b"sphere",
    });
    hash.update((cloud.len() as u64).to_le_bytes());
    hash.update((cloud.dimension() as u64).to_le_bytes());
    cloud.points().iter().for_each(|x| hash.update(x.to_le_bytes()));
    // Absent labels add nothing, present ones 8 bytes per point: the two never coincide.
    cloud.labels().into_iter().flatten().for_each(|label| hash.update(label.to_le_bytes()));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every bit of what is learned counts. The value is that of an independent program, from the
    /// bytes in the order that the definition lists.
    #[test]
    fn a_fingerprint_names_the_contents() {
        let cloud = |x: f64| PointCloud::flat(vec![0.0, x], 1).unwrap();
        let base = fingerprint(&cloud(1.0));
        assert_eq!(base, "8c22798a12cb0069bb8206f8d781382faca85a32c0be4099449f2845ed382f22");
        let named = cloud(1.0).with_columns(vec!["a".into()]).unwrap();
        assert_eq!(fingerprint(&named), base);
        for other in [
            cloud(1.0 + f64::EPSILON),
            cloud(1.0).with_labels(vec![0, 0]).unwrap(),
            cloud(1.0).select(&[1, 0]),
            PointCloud::flat(vec![0.0, 1.0], 2).unwrap(),
            PointCloud::flat(vec![-0.0, 1.0], 1).unwrap(),
        ] {
            assert_ne!(fingerprint(&other), base);
        }
    }
}
