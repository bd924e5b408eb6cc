//! What samples are made of: how many atoms, and of which species.

use langevin_core::{Purpose, Rng, Seed};
use langevin_molecules::composition::Composition;
use langevin_molecules::space::Molecules;

/// What one sample is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Make {
    /// Number of atoms.
    pub atoms: usize,
    /// A species for each; nothing where the model makes them.
    pub species: Option<Vec<u32>>,
}

/// What samples may be made of, with weights.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Choices {
    makes: Vec<Make>,
    /// Sums of the weights up to each.
    sums: Vec<f64>,
}

impl Choices {
    /// Each of `makes` with its weight.
    pub fn new(makes: impl IntoIterator<Item = (Make, f64)>) -> Self {
        let mut choices = Self::default();
        for (make, weight) in makes {
            let below = choices.sums.last().copied().unwrap_or(0.0);
            choices.sums.push(below + weight);
            choices.makes.push(make);
        }
        choices
    }

    /// Sizes of the training data that `fits`, as frequent as there; the model makes the species.
    pub fn sizes(domain: &Molecules, fits: impl Fn(usize) -> bool) -> Self {
        let own = domain.sizes.iter().filter(|&(&atoms, _)| fits(atoms));
        Self::new(own.map(|(&atoms, &count)| (Make { atoms, species: None }, count as f64)))
    }

    /// Compositions of the training data that `fit` and have the atoms `known`, which come first: as
    /// frequent as there, or as probable for the values of properties that are `asked` for.
    pub fn compositions(
        domain: &Molecules,
        fit: impl Fn(&Composition) -> bool,
        known: &[u32],
        asked: &[Option<f64>],
    ) -> Self {
        let own = domain.compositions.iter();
        let own = own.filter(|own| own.holds(known) && fit(own));
        let weighed: Vec<_> = own.map(|own| (own, own.log_weight(asked))).collect();
        let most = weighed.iter().map(|(_, weight)| *weight).fold(f64::NEG_INFINITY, f64::max);
        Self::new(weighed.into_iter().map(|(own, weight)| {
            let species = Some(known_first(own.species(), known));
            (Make { atoms: own.atoms(), species }, (weight - most).exp())
        }))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.makes.is_empty()
    }

    /// The one at the quantile `u`, from 0 to below 1.
    fn at(&self, u: f64) -> &Make {
        let target = u * self.sums.last().expect("choices were checked for one");
        let place = self.sums.partition_point(|&sum| sum <= target);
        // Rounding of the product could make it the total itself.
        &self.makes[place.min(self.makes.len() - 1)]
    }
}

/// `species` with those of `known` moved to the front, in their order.
pub fn known_first(mut species: Vec<u32>, known: &[u32]) -> Vec<u32> {
    for own in known {
        let place = species.iter().position(|other| other == own);
        species.remove(place.expect("the composition holds what is known"));
    }
    [known, &species].concat()
}

/// What each of the samples may be made of.
#[derive(Debug, Clone, PartialEq)]
pub enum Makes {
    /// All drawn from the same.
    Same(Choices),
    /// One after the other.
    Each(Vec<Choices>),
}

impl Makes {
    /// What each of `count` samples is made of: that of a sample depends on its own number alone.
    pub fn draw(&self, seed: Seed, count: usize) -> Vec<Make> {
        // Step 0 of this purpose makes the reference samples.
        let mut rng = Rng::new(seed, Purpose::Reference, langevin_core::rng::ids(0, count), 1);
        let choices = |place: usize| match self {
            Self::Same(choices) => choices,
            Self::Each(rows) => &rows[place],
        };
        let uniforms = rng.uniforms().into_iter().enumerate();
        uniforms.map(|(place, u)| choices(place).at(u).clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use langevin_molecules::element::Element;
    use langevin_molecules::record::Molecule;

    use super::*;

    /// 3000 draws with chances 1/4 and 3/4: a standard deviation of 24; five of them.
    #[test]
    fn makes_are_drawn_by_their_weights_whatever_the_count() {
        let make = |atoms| Make { atoms, species: None };
        let makes = Makes::Same(Choices::new([(make(5), 1.0), (make(9), 3.0)]));
        let drawn = makes.draw(Seed(1), 3000);
        let small = drawn.iter().filter(|make| make.atoms == 5).count();
        assert!(small.abs_diff(750) < 120, "{small}");
        assert_eq!(makes.draw(Seed(1), 10), drawn[..10]);
    }

    #[test]
    fn compositions_fit_what_is_known_and_begin_with_it() {
        use Element as E;
        let molecule = |species: Vec<E>| {
            let positions = (0..species.len()).map(|i| [i as f64, 0.0, 0.0]).collect();
            Molecule::new(species, positions).unwrap()
        };
        let all = [
            molecule(vec![E::C, E::O, E::O]),
            molecule(vec![E::O, E::H, E::H]),
            molecule(vec![E::H, E::H]),
        ];
        let mut domain = Molecules::measured(&all).unwrap();
        domain.compositions = Composition::measured(&all, &domain).unwrap();
        // Species H, C, O.
        let of = |known: &[u32]| Choices::compositions(&domain, |own| own.atoms() == 3, known, &[]);
        assert_eq!(of(&[]).makes.len(), 2);
        let water = Some(vec![2, 0, 0]);
        assert_eq!(of(&[2, 0]).makes, [Make { atoms: 3, species: water }]);
        assert!(of(&[1, 0]).is_empty());
        assert_eq!(Choices::sizes(&domain, |n| n < 3).makes, [Make { atoms: 2, species: None }]);
    }
}
