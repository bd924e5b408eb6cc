//! How well generated crystals meet reference crystals.

use rayon::prelude::*;

use crate::matcher::{Distance, Matcher, Reduced};
use crate::record::Crystal;

/// For each reference, the best of the generated crystals that were held against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Matches {
    /// Which generated crystal, and how far it is; nothing where none matches.
    pub best: Vec<Option<(usize, Distance)>>,
    /// The distance put in for a reference that nothing matches: the matcher's `stol`.
    stol: f64,
}

impl Matches {
    /// `candidates` generated crystals for each reference, in the order of the references; where `counts` is false
    /// of either, nothing matches.
    ///
    /// # Panics
    /// If there are not as many.
    pub fn paired(
        matcher: &Matcher,
        generated: &[Crystal],
        references: &[Crystal],
        candidates: usize,
        counts: impl Fn(&Crystal) -> bool + Sync,
    ) -> Self {
        assert_eq!(generated.len(), references.len() * candidates, "candidates per reference");
        let best = generated.par_chunks(candidates.max(1)).zip(references).enumerate();
        let best = best.map(|(i, (chunk, reference))| {
            if !counts(reference) {
                return None;
            }
            let reference = matcher.reduce(reference);
            let chunk = chunk.iter().enumerate().filter(|(_, crystal)| counts(crystal));
            let reduced = chunk.map(|(j, crystal)| (j, matcher.reduce(crystal)));
            closest(matcher, reduced.map(|(j, crystal)| (i * candidates + j, crystal)), &reference)
        });
        Self { best: best.collect(), stol: matcher.stol }
    }

    /// Every generated crystal held against every reference: each finds the nearest of its polymorphs.
    ///
    /// # Source
    /// METRe and cRMSE of Martirossyan et al. (2025), arXiv:2509.12178.
    pub fn all(matcher: &Matcher, generated: &[Crystal], references: &[Crystal]) -> Self {
        let reduce = |crystals: &[Crystal]| -> Vec<Reduced> {
            crystals.par_iter().map(|crystal| matcher.reduce(crystal)).collect()
        };
        let (generated, references) = (reduce(generated), reduce(references));
        let of = |reference: &Reduced| {
            let all = generated.iter().enumerate();
            let best = all.filter_map(|(i, crystal)| {
                Some((i, matcher.distance_of_reduced(crystal, reference)?))
            });
            best.min_by(|a, b| a.1.rms.total_cmp(&b.1.rms))
        };
        Self { best: references.par_iter().map(of).collect(), stol: matcher.stol }
    }

    /// Part of the references that something matches: match rate, or METRe over all pairs.
    pub fn rate(&self) -> f64 {
        self.distances().count() as f64 / self.best.len() as f64
    }

    /// Mean distance of those that match, in (V/N)^(1/3); nothing if none does.
    pub fn rmse(&self) -> Option<f64> {
        let count = self.distances().count();
        (count > 0).then(|| self.distances().sum::<f64>() / count as f64)
    }

    /// Mean distance with `stol` for references that nothing matches: it cannot be made small by matching only
    /// what is easy.
    pub fn crmse(&self) -> f64 {
        let missed = self.best.len() - self.distances().count();
        (self.distances().sum::<f64>() + self.stol * missed as f64) / self.best.len() as f64
    }

    /// Part of the references that something matches whose space group, within `tolerance` Å, is theirs.
    pub fn space_group_agreement(
        &self,
        generated: &[Crystal],
        references: &[Crystal],
        tolerance: f64,
    ) -> f64 {
        let number = |crystal: &Crystal| crystal.symmetry(tolerance).map(|found| found.number);
        let agrees = |(best, reference): (&Option<(usize, Distance)>, &Crystal)| {
            let own = best.and_then(|(place, _)| number(&generated[place]));
            own.is_some() && own == number(reference)
        };
        let agreeing = self.best.par_iter().zip(references).filter(|pair| agrees((pair.0, pair.1)));
        agreeing.count() as f64 / self.best.len() as f64
    }

    fn distances(&self) -> impl Iterator<Item = f64> {
        self.best.iter().flatten().map(|(_, distance)| distance.rms)
    }
}

fn closest(
    matcher: &Matcher,
    candidates: impl Iterator<Item = (usize, Reduced)>,
    reference: &Reduced,
) -> Option<(usize, Distance)> {
    let found = candidates.filter_map(|(i, candidate)| {
        Some((i, matcher.distance_of_reduced(&candidate, reference)?))
    });
    found.min_by(|a, b| a.1.rms.total_cmp(&b.1.rms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;

    fn salt(off: f64) -> Crystal {
        let cube = Lattice::from_parameters([4.0; 3], [90.0; 3]).unwrap();
        let frac = vec![[0.0; 3], [0.5 + off, 0.5, 0.5]];
        Crystal::new(cube, vec![Element::C, Element::N], frac).unwrap()
    }

    /// Two atoms, one moved by δ: each is δ/2 off.
    fn rms(off: f64) -> f64 {
        off * 4.0 / 2.0 * (2f64 / 64.0).cbrt()
    }

    #[test]
    fn rates_and_mean_distances_are_those_of_the_best_candidates() {
        let matcher = Matcher { stol: 0.1, ..Matcher::default() };
        let references = [salt(0.0), salt(0.0)];
        let generated = [salt(0.05), salt(0.02), salt(0.3), salt(0.4)];
        let matches = Matches::paired(&matcher, &generated, &references, 2, |_| true);
        assert_eq!(matches.best[0].unwrap().0, 1);
        assert_eq!((matches.rate(), matches.best[1]), (0.5, None));
        assert!((matches.rmse().unwrap() - rms(0.02)).abs() < 1e-12);
        assert!((matches.crmse() - (rms(0.02) + 0.1) / 2.0).abs() < 1e-12);
        let all = Matches::all(&matcher, &generated, &references);
        assert_eq!((all.rate(), all.best[1].unwrap().0), (1.0, 1));
        assert_eq!(
            Matches::paired(&matcher, &generated[2..], &references, 1, |_| true).rmse(),
            None
        );
        // Without the nearest candidate the other one counts.
        let not_nearest = |crystal: &Crystal| *crystal != generated[1];
        let fewer = Matches::paired(&matcher, &generated, &references, 2, not_nearest);
        assert_eq!(fewer.best[0].unwrap().0, 0);
        assert_eq!(Matches::paired(&matcher, &generated, &references, 2, |_| false).rate(), 0.0);
    }
}
