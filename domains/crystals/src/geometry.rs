//! Fractional coordinates: wrapping them, and how far apart they are across the faces of a cell.

/// Three numbers: Cartesian in Å or fractional.
pub type Vec3 = [f64; 3];

/// `x` in [0, 1).
pub fn wrapped(x: f64) -> f64 {
    let x = x - x.floor();
    // The floor of a tiny negative number leaves exactly 1.
    if x < 1.0 { x } else { 0.0 }
}

/// `x − round(x)`: the nearest image of a fractional difference, for |x| below 2⁵¹.
pub fn nearest(x: f64) -> f64 {
    // Beside 1.5 · 2⁵² a double has no room for a fraction: two additions round, where `round_ties_even` is a
    // call of a function on the instruction set that programs are built for.
    const ROUNDS: f64 = 6_755_399_441_055_744.0;
    x - ((x + ROUNDS) - ROUNDS)
}

/// Whether two points are closer than `tolerance` along each axis of the cell, across its faces.
pub fn near(a: &Vec3, b: &Vec3, tolerance: &Vec3) -> bool {
    (0..3).all(|k| nearest(a[k] - b[k]).abs() < tolerance[k])
}

/// a − b.
pub fn minus(a: &Vec3, b: &Vec3) -> Vec3 {
    std::array::from_fn(|k| a[k] - b[k])
}

/// a + b.
pub fn plus(a: &Vec3, b: &Vec3) -> Vec3 {
    std::array::from_fn(|k| a[k] + b[k])
}

/// a · b.
pub fn dot(a: &Vec3, b: &Vec3) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// ‖a‖.
pub fn norm(a: &Vec3) -> f64 {
    dot(a, a).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_meet_across_faces() {
        assert_eq!((wrapped(-0.25), wrapped(3.5), wrapped(-1e-18)), (0.75, 0.5, 0.0));
        assert_eq!([0.5, 1.5, -0.75, 7.25].map(nearest), [0.5, -0.5, 0.25, 0.25]);
        assert!(near(&[0.99, 0.0, 0.5], &[0.01, 1.0, 0.5], &[0.021; 3]));
        assert!(!near(&[0.99, 0.0, 0.5], &[0.01, 1.0, 0.4], &[0.021; 3]));
    }
}
