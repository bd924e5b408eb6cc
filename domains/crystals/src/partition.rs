//! Crystals of a stoichiometry: groups of atoms of one element each, no two groups of the same.

use candle_core::{DType, Tensor};
use langevin_core::Result;

use crate::makeup::Odds;
use crate::stoichiometry::Stoichiometry;

/// The atoms of one sample in groups, and the chance by which the elements of these fall.
///
/// As soon as an atom of a group has its element, the others of it have it too. Until then the group has one element, drawn
/// without the elements of other groups from the mean p of what is believed of its atoms, times its odds: the network
/// believes of each atom what it would of any, and the size of a group tells the rest. Drawn is the largest of
/// `ln p + ln odds + g`, or of `ln prior + g` while no element is known at all, with Gumbel numbers g of the group (Gumbel 1954). These stay the same for the whole way, so that all
/// atoms of a group take the same element in one step.
#[derive(Debug, Clone)]
pub struct Partition {
    /// The group of each atom.
    group: Vec<usize>,
    /// Gumbel numbers of each group and class with the logarithms of the prior, for the first element to be known.
    first: Vec<Vec<f64>>,
    /// The same numbers with those of the odds.
    favour: Vec<Vec<f64>>,
}

impl Partition {
    /// Groups of atoms as large as `stoichiometry` says, with the `odds` of each; `u` draws uniform numbers in (0, 1).
    ///
    /// Atoms are alike where paths begin, so that the first ones make the first group.
    pub fn new(stoichiometry: &Stoichiometry, odds: &[Odds], mut u: impl FnMut() -> f64) -> Self {
        let counts = stoichiometry.counts().iter().enumerate();
        let group = counts.flat_map(|(i, &count)| std::iter::repeat_n(i, count)).collect();
        let mut gumbel = || -(-u().ln()).ln();
        let (mut first, mut favour) = (Vec::new(), Vec::new());
        for Odds { prior, odds } in odds {
            let own: Vec<f64> = odds.iter().map(|_| gumbel()).collect();
            first.push(prior.iter().zip(&own).map(|(prior, g)| prior + g).collect());
            favour.push(odds.iter().zip(&own).map(|(odds, g)| odds + g).collect());
        }
        Self { group, first, favour }
    }

    /// The class of each group that has one: that of its first atom that is no mask, which is `classes` or above.
    fn known(&self, species: &[u32]) -> Vec<Option<usize>> {
        let mut known = vec![None; self.favour.len()];
        for (&group, &class) in self.group.iter().zip(species) {
            let class = class as usize;
            if class < self.favour[0].len() {
                known[group] = known[group].or(Some(class));
            }
        }
        known
    }

    /// `species` with the atoms that are still masks but in a group of a known element.
    pub fn filled(&self, species: &[u32]) -> Vec<u32> {
        let known = self.known(species);
        let of = |(&group, &class): (&usize, &u32)| known[group].map_or(class, |k| k as u32);
        self.group.iter().zip(species).map(of).collect()
    }

    /// The class of each atom, by log-probabilities `[n][classes]` of the atoms of `species`.
    pub fn decided(&self, species: &[u32], log_p: &[Vec<f64>]) -> Vec<usize> {
        let mut classes = self.known(species);
        let nothing = classes.iter().all(Option::is_none);
        for group in 0..classes.len() {
            if classes[group].is_none() {
                let belief = self.belief(group, log_p);
                // What a constraint forbids is as improbable as can be, and stays so.
                let possible = |class: usize| belief[class] > f64::MIN_POSITIVE.ln();
                let score = |class: usize| {
                    if nothing && possible(class) {
                        self.first[group][class]
                    } else {
                        belief[class] + self.favour[group][class]
                    }
                };
                let free = (0..belief.len()).filter(|&class| !classes.contains(&Some(class)));
                classes[group] = free.max_by(|&a, &b| score(a).total_cmp(&score(b)));
            }
        }
        let of = |&group: &usize| classes[group].expect("there are more elements than groups");
        self.group.iter().map(of).collect()
    }

    /// The logarithm of the mean probability of each class over the atoms of `group`.
    fn belief(&self, group: usize, log_p: &[Vec<f64>]) -> Vec<f64> {
        let own = self.group.iter().zip(log_p).filter(|(own, _)| **own == group);
        let (mut sum, mut count) = (vec![0.0; log_p[0].len()], 0.0);
        for (_, row) in own {
            sum.iter_mut().zip(row).for_each(|(sum, log_p)| *sum += log_p.exp());
            count += 1.0;
        }
        // What has no probability at all in f64 keeps an order: the Gumbel numbers'.
        sum.into_iter().map(|sum| (sum / count).max(f64::MIN_POSITIVE).ln()).collect()
    }
}

/// `species` `[B, n]` with masks filled in that the partitions of samples decide.
///
/// # Errors
/// [`langevin_core::Error::Tensor`] only.
pub fn fill<'a>(species: &Tensor, of: impl Fn(usize) -> Option<&'a Partition>) -> Result<Tensor> {
    let rows = species.to_vec2::<u32>()?.into_iter().enumerate();
    let filled = rows.map(|(i, row)| of(i).map_or(row.clone(), |partition| partition.filled(&row)));
    Ok(Tensor::new(filled.collect::<Vec<_>>(), species.device())?)
}

/// Log-probabilities `[B, n, classes]`, sure of the classes that the partitions of samples decide for `species` `[B, n]`;
/// of samples without partition as they are.
///
/// # Errors
/// [`langevin_core::Error::Tensor`] only.
pub fn decide<'a>(
    log_p: &Tensor,
    species: &Tensor,
    sure: f64,
    of: impl Fn(usize) -> Option<&'a Partition>,
) -> Result<Tensor> {
    let mut rows = log_p.to_dtype(DType::F64)?.to_vec3::<f64>()?;
    for ((i, row), species) in rows.iter_mut().enumerate().zip(species.to_vec2::<u32>()?) {
        let Some(partition) = of(i) else { continue };
        for (atom, class) in partition.decided(&species, row).into_iter().enumerate() {
            row[atom].fill(sure);
            row[atom][class] = 0.0;
        }
    }
    Ok(Tensor::new(rows, log_p.device())?.to_dtype(log_p.dtype())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: u32 = 4;

    /// Groups of 2 and 1 atoms of 4 elements with even odds, class 2 before class 1 at first, their Gumbel numbers by `u`.
    fn partition(u: impl FnMut() -> f64) -> Partition {
        let even = Odds { prior: vec![0.0, 0.1, 0.2, 0.0], odds: vec![0.0; 4] };
        Partition::new(&"AB2".parse().unwrap(), &[even.clone(), even], u)
    }

    fn logs(p: [[f64; 4]; 3]) -> Vec<Vec<f64>> {
        p.map(|row| row.map(f64::ln).to_vec()).to_vec()
    }

    #[test]
    fn a_group_follows_its_first_atom_and_no_two_are_alike() {
        // Equal numbers: the likeliest class wins.
        let partition = partition(|| 0.5);
        let p = logs([[0.1, 0.7, 0.1, 0.1], [0.1, 0.3, 0.5, 0.1], [0.1, 0.15, 0.7, 0.05]]);
        // Nothing is known: by the prior, and the single one may not have what the pair has.
        let all = partition.decided(&[MASK; 3], &p);
        assert_eq!((all[0], all[0] == all[1], all[0] == all[2]), (2, true, false));
        assert_eq!(all[2], 1);
        // What may not be is not taken then either.
        let mut forbidden = p.clone();
        forbidden.iter_mut().for_each(|row| row[2] = -1e4);
        assert_eq!(partition.decided(&[MASK; 3], &forbidden), [1, 1, 3]);
        // What is known counts, and fills up. The pair believes 0.5 of class 1, the mean of its atoms.
        assert_eq!(partition.decided(&[MASK, 3, MASK], &p), [3, 3, 2]);
        assert_eq!(partition.filled(&[MASK, 3, MASK]), [3, 3, MASK]);
        assert_eq!(partition.decided(&[MASK, MASK, 2], &p), [1, 1, 2]);
    }

    /// 20,000 draws of the single atom beside a pair that is known: within five standard errors.
    #[test]
    fn elements_fall_as_often_as_they_are_believed() {
        let p = logs([[0.25; 4], [0.25; 4], [0.4, 0.3, 0.2, 0.1]]);
        let mut state = 1u64;
        let mut u = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            ((state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
        };
        let n = 20_000;
        let mut found = [0; 4];
        for _ in 0..n {
            found[partition(&mut u).decided(&[0, 0, MASK], &p)[2]] += 1;
        }
        assert_eq!(found[0], 0);
        for (class, want) in [(1, 0.5), (2, 1.0 / 3.0), (3, 1.0 / 6.0)] {
            let error = (want * (1.0 - want) / f64::from(n)).sqrt();
            let part = f64::from(found[class]) / f64::from(n);
            assert!((part - want).abs() < 5.0 * error, "{class}: {part}, not {want}");
        }
    }
}
