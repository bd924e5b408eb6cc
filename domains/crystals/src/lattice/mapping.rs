//! Cells of one lattice that look like the cell of another.

use std::cmp::Reverse;

use super::Lattice;
use crate::geometry::{Vec3, dot};

/// A cell of a lattice, as integer combinations of its vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Mapping {
    /// The cell.
    pub lattice: Lattice,
    /// Rows: its vectors in terms of the lattice's own.
    pub change: [[i32; 3]; 3],
}

/// A vector of the lattice, with its length.
struct Point {
    index: [i32; 3],
    cart: Vec3,
    length: f64,
}

impl Lattice {
    /// All cells of this lattice of `cells` times its volume whose lengths are those of `other` within the
    /// factor 1 + `ltol` and whose angles within `angle_tol` degrees, in an order that hangs on nothing but the
    /// lattice: by a, b, c, each through the octants of space and from the greatest numbers down in each.
    pub fn mappings(&self, other: &Self, cells: u32, ltol: f64, angle_tol: f64) -> Vec<Mapping> {
        let (lengths, [alpha, beta, gamma]) = (other.lengths(), other.angles());
        let longest = lengths.iter().fold(0.0, |a: f64, &b| a.max(b)) * (1.0 + ltol);
        let points = self.points(longest);
        let fits = |point: &&Point, length: f64| {
            let ratio = point.length / length;
            ratio < 1.0 + ltol && ratio > 1.0 / (1.0 + ltol)
        };
        let [of_a, of_b, of_c] =
            lengths.map(|length| points.iter().filter(|p| fits(p, length)).collect::<Vec<_>>());
        // Cosines are compared: the angle of every two points would cost more than all else.
        let cosines = |angle: f64| {
            let cosine = |angle: f64| angle.clamp(0.0, 180.0).to_radians().cos();
            (cosine(angle + angle_tol), cosine(angle - angle_tol))
        };
        let at = |p: &Point, q: &Point, (least, most): (f64, f64)| {
            let product = dot(&p.cart, &q.cart);
            let scale = p.length * q.length;
            product >= least * scale && product <= most * scale
        };
        let [alpha, beta, gamma] = [alpha, beta, gamma].map(cosines);
        let mut found = Vec::new();
        for a in &of_a {
            let of_c: Vec<_> = of_c.iter().filter(|c| at(a, c, beta)).collect();
            for b in of_b.iter().filter(|b| at(a, b, gamma)) {
                for c in of_c.iter().filter(|c| at(b, c, alpha)) {
                    let change = [a.index, b.index, c.index];
                    if determinant(&change).unsigned_abs() != cells {
                        continue;
                    }
                    let vectors = [a.cart, b.cart, c.cart];
                    if let Ok(lattice) = Self::at_least(vectors, f64::MIN_POSITIVE) {
                        found.push(Mapping { lattice, change });
                    }
                }
            }
        }
        found
    }

    /// The points of the lattice in a sphere around one, without it. Their order is that of pymatgen, which puts
    /// points into cubes of edge `radius`, and those of a cube in front of each other.
    fn points(&self, radius: f64) -> Vec<Point> {
        // Planes of a family are 2π/|a*| apart.
        let reach = self
            .reciprocal_lengths()
            .map(|star| (radius * star / std::f64::consts::TAU + 1e-9).floor() as i32);
        let mut points = Vec::new();
        for i in -reach[0]..=reach[0] {
            for j in -reach[1]..=reach[1] {
                for k in -reach[2]..=reach[2] {
                    let cart = self.cartesian(&[i, j, k].map(f64::from));
                    let length = dot(&cart, &cart).sqrt();
                    if length <= radius && length > 0.0 {
                        points.push(Point { index: [i, j, k], cart, length });
                    }
                }
            }
        }
        // A point that rounding puts just below a plane through the centre is above it.
        const ON_PLANE: f64 = 1e-8;
        let cube = |point: &Point| point.cart.map(|x| ((x + radius + ON_PLANE) / radius) as u8);
        points.sort_by_cached_key(|point| (cube(point), Reverse(point.index)));
        points
    }
}

/// Of whole numbers.
fn determinant(m: &[[i32; 3]; 3]) -> i32 {
    let minor = |i: usize, j: usize| m[1][i] * m[2][j] - m[1][j] * m[2][i];
    m[0][0] * minor(1, 2) - m[0][1] * minor(0, 2) + m[0][2] * minor(0, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cube_maps_on_itself_and_on_twice_itself_in_48_ways() {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        let found = cube.mappings(&cube.scaled(1.01), 1, 0.1, 5.0);
        assert_eq!(found.len(), 48);
        assert!(found.iter().all(|m| determinant(&m.change).abs() == 1));
        let long = Lattice::from_parameters([4.0, 4.0, 8.0], [90.0; 3]).unwrap();
        // c along 6 directions, a along the 4 across it, b along 2.
        assert_eq!(cube.mappings(&long, 2, 0.1, 5.0).len(), 48);
        assert!(cube.mappings(&long, 1, 0.1, 5.0).is_empty());
    }
}
