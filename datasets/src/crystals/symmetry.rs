//! Symmetry operations as files write them: `-y, x-y, z+1/3`.

use langevin_crystals::geometry::{Vec3, minus, nearest, norm, wrapped};
use langevin_crystals::lattice::Lattice;

/// Two images of a site this near, in Å, are one atom: a special position in four decimals is off by less.
const ONE_ATOM: f64 = 0.01;

/// `x' = rotation · x + translation`, in fractional coordinates.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    rotation: [Vec3; 3],
    translation: Vec3,
}

impl From<&langevin_crystals::orbits::Operation> for Operation {
    fn from(operation: &langevin_crystals::orbits::Operation) -> Self {
        let rotation = [0, 1, 2].map(|i| [0, 1, 2].map(|k| operation.turn[(i, k)]));
        Self { rotation, translation: [0, 1, 2].map(|i| operation.shift[i]) }
    }
}

impl Operation {
    /// Of a text; nothing if it is no operation.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(',').collect();
        let &[x, y, z] = parts.as_slice() else { return None };
        let rows = [row(x)?, row(y)?, row(z)?];
        Some(Self { rotation: rows.map(|row| row.0), translation: rows.map(|row| row.1) })
    }

    fn apply(&self, frac: &Vec3) -> Vec3 {
        std::array::from_fn(|i| {
            let turned: f64 = (0..3).map(|k| self.rotation[i][k] * frac[k]).sum();
            wrapped(turned + self.translation[i])
        })
    }
}

/// Coefficients of x, y, z and a number, as of `x-y+1/2`.
fn row(text: &str) -> Option<(Vec3, f64)> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.to_ascii_lowercase();
    let (mut coefficients, mut constant, mut rest) = ([0.0; 3], 0.0, text.as_str());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (sign, after) = match rest.as_bytes()[0] {
            b'-' => (-1.0, &rest[1..]),
            b'+' => (1.0, &rest[1..]),
            _ => (1.0, rest),
        };
        let end = after.find(['+', '-']).unwrap_or(after.len());
        let term = &after[..end];
        match ["x", "y", "z"].iter().position(|axis| term.ends_with(axis)) {
            Some(axis) => {
                let factor = term[..term.len() - 1].trim_end_matches('*');
                coefficients[axis] +=
                    sign * if factor.is_empty() { 1.0 } else { fraction(factor)? };
            }
            None => constant += sign * fraction(term)?,
        }
        rest = &after[end..];
    }
    Some((coefficients, constant))
}

fn fraction(text: &str) -> Option<f64> {
    let number = |text: &str| text.parse::<f64>().ok().filter(|x| x.is_finite());
    match text.split_once('/') {
        Some((above, below)) => Some(number(above)? / number(below).filter(|&x| x != 0.0)?),
        None => number(text),
    }
}

/// The different images of a site.
pub(super) fn orbit(site: &Vec3, operations: &[Operation], lattice: &Lattice) -> Vec<Vec3> {
    let mut images: Vec<Vec3> = Vec::new();
    for image in operations.iter().map(|operation| operation.apply(site)) {
        let apart = |other: &Vec3| norm(&lattice.cartesian(&minus(&image, other).map(nearest)));
        if images.iter().all(|other| apart(other) > ONE_ATOM) {
            images.push(image);
        }
    }
    images
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_read_in_all_their_spellings() {
        let read = |text: &str| Operation::parse(text).map(|o| o.apply(&[0.1, 0.25, 0.4]));
        let near = |a: Option<Vec3>, b: Vec3| (0..3).all(|k| (a.unwrap()[k] - b[k]).abs() < 1e-12);
        assert!(near(read("x, y, z"), [0.1, 0.25, 0.4]));
        assert!(near(read("-Y,X-Y,Z+1/3"), [0.75, 0.85, 0.4 + 1.0 / 3.0]));
        assert!(near(read("1/2+x, .5 - y, -z"), [0.6, 0.25, 0.6]));
        for bad in ["", "x,y", "x,y,w", "x,y,", "x,y,1/0", "x,y,z,z"] {
            assert_eq!(Operation::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_special_position_has_fewer_images() {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        let inversion = ["x,y,z", "-x,-y,-z"].map(|text| Operation::parse(text).unwrap());
        assert_eq!(orbit(&[0.5, 0.0, 0.5001], &inversion, &cube).len(), 1);
        assert_eq!(orbit(&[0.3, 0.0, 0.5], &inversion, &cube).len(), 2);
    }
}
