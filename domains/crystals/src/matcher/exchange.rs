//! Crystals whose elements may stand for each other.

use std::ops::Range;

use super::Reduced;

/// Which atoms of two crystals may be paired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Elements {
    /// Those of one element.
    #[default]
    Same,
    /// Those of two elements that stand for each other, one for one: the same prototype. pymatgen's
    /// `get_rms_anonymous`.
    Exchanged,
    /// Any two: the same framework. pymatgen's `FrameworkComparator`.
    Any,
}

/// `a` with its elements called as those of `b`, in each of the ways in which as many atoms are called alike.
pub(super) fn renamed(a: &Reduced, b: &Reduced) -> Vec<Reduced> {
    let (own, names) = (blocks(a), blocks(b));
    if own.len() != names.len() {
        return Vec::new();
    }
    // Each way tells, for the elements of `b` in order, which block of `a` takes its name.
    let mut ways = vec![Vec::new()];
    for name in &names {
        let next = |way: &Vec<usize>| -> Vec<Vec<usize>> {
            let free = (0..own.len()).filter(|i| !way.contains(i) && own[*i].len() == name.len());
            free.map(|i| [&way[..], &[i]].concat()).collect()
        };
        ways = ways.iter().flat_map(next).collect();
    }
    let named = |way: Vec<usize>| Reduced {
        species: b.species.clone(),
        frac_coords: way.iter().flat_map(|&i| a.frac_coords[own[i].clone()].to_vec()).collect(),
        anchor: b.anchor,
        ..*a
    };
    ways.into_iter().map(named).collect()
}

/// Where the atoms of each element lie.
fn blocks(crystal: &Reduced) -> Vec<Range<usize>> {
    let mut start = 0;
    let lengths = crystal.species.chunk_by(|a, b| a == b).map(<[_]>::len);
    lengths
        .map(|length| {
            start += length;
            start - length..start
        })
        .collect()
}
