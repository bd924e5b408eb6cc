//! Degree of unsaturation: rings and bonds beyond single ones, of a composition and of a graph.

use crate::element::Element;
use crate::graph::{BondGraph, multiplicity};
use crate::valence::allowed;

/// Twice the degree of unsaturation of neutral molecules with these atoms, `2 + Σ (v − 2)` over their valences v;
/// nothing if an element has no usual valence.
///
/// An odd number says that no molecule of them has a closed shell.
pub fn twice_of_composition(atoms: &[Element]) -> Option<i64> {
    let valence = |element: &Element| allowed(*element).first().map(|&v| i64::from(v) - 2);
    Some(2 + atoms.iter().map(valence).sum::<Option<i64>>()?)
}

/// Rings and bonds beyond single ones of `graph`: `Σ (order) − atoms + fragments`. Open valences change nothing.
pub fn of_graph(graph: &BondGraph) -> i64 {
    let orders = graph.bonds().iter().filter_map(|bond| multiplicity(bond.order)).sum::<u32>();
    i64::from(orders) - graph.len() as i64 + graph.fragments().len() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formula::Formula;
    use crate::perception::perceive;
    use crate::record::Molecule;

    #[test]
    fn composition_and_graph_agree() {
        let twice = |text: &str| {
            let formula: Formula = text.parse().unwrap();
            twice_of_composition(&formula.species())
        };
        assert_eq!(twice("CH4"), Some(0));
        assert_eq!(twice("C6H6"), Some(8));
        assert_eq!(twice("C7H10O2"), Some(6));
        assert_eq!(twice("C2H5N"), Some(2));
        assert_eq!(twice("CH3"), Some(1));
        // A phenyl ring, its seventh bond open.
        let (mut species, mut positions) = (Vec::new(), Vec::new());
        for (element, radius, count) in [(Element::C, 1.396, 6), (Element::H, 2.48, 5)] {
            for i in 0..count {
                let (sin, cos) = (f64::from(i) * std::f64::consts::FRAC_PI_3).sin_cos();
                species.push(element);
                positions.push([radius * cos, radius * sin, 0.0]);
            }
        }
        let phenyl = Molecule::new(species, positions).unwrap();
        assert_eq!(of_graph(&perceive(&phenyl).graph), 4);
    }
}
