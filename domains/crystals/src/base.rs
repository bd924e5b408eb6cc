//! Templates as the base distribution of a flow: known crystals with their elements exchanged, disturbed a little.

use langevin_core::{ConfigError, Result, Rng, State, config::require};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::baselines::{Likeness, Templates};
use crate::matcher::{Aligned, aligned};
use crate::record::Crystal;
use crate::space::{COORDS_FACTOR, LATTICE_FACTOR};

/// `[data.templates]`: flows that begin at templates instead of noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateBase {
    /// Each crystal is trained from so many nearest templates, itself not among them; at least 1.
    pub nearest: usize,
    /// Templates whose atoms are farther off, as a root mean square in (V/N)^(1/3), are not learnt from: what leads to
    /// another structure teaches nothing about this one; above 0.
    pub within: f64,
    /// Standard deviation of the noise on fractional coordinates; 0 or more.
    pub coords: f64,
    /// Standard deviation of the noise on standardised cells; 0 or more.
    pub cells: f64,
}

/// A crystal to learn, and where its path begins.
#[derive(Debug, Clone, PartialEq)]
pub struct Lesson {
    /// The clean end.
    pub crystal: Crystal,
    /// The other end, with its atoms in the same order; nothing where it is noise.
    pub template: Option<Crystal>,
}

impl TemplateBase {
    /// Nothing if the section makes sense.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<(), ConfigError> {
        require("nearest", self.nearest, |n| n >= 1, "at least 1")?;
        require("within", self.within, |w| w > 0.0, "above 0")?;
        let fits = |s: f64| s >= 0.0 && s.is_finite();
        require("coords", self.coords, fits, "0 or more")?;
        require("cells", self.cells, fits, "0 or more").map(drop)
    }

    /// Each of `crystals` with its nearest templates among `templates`, laid onto them.
    ///
    /// `own` tells the place of a crystal that is a template itself, and is no template of its own.
    pub fn lessons(
        &self,
        crystals: &[Crystal],
        templates: &Templates,
        own: impl Fn(usize) -> Option<usize> + Sync,
    ) -> Vec<Lesson> {
        let of = |(i, crystal): (usize, &Crystal)| -> Vec<Lesson> {
            let found = templates
                .nearest(crystal.species(), self.nearest + 1, Likeness::Chemistry)
                .into_iter();
            let others = found.filter(|template| Some(template.place) != own(i));
            let lessons = others.take(self.nearest).filter_map(|template| {
                let ends = aligned(crystal, &templates.relabelled(&template));
                let ends = ends.expect("squared distances are finite");
                let Aligned { crystal, onto, .. } = ends.filter(|ends| ends.rms <= self.within)?;
                Some(Lesson { crystal, template: Some(onto) })
            });
            lessons.collect()
        };
        crystals.par_iter().enumerate().flat_map_iter(of).collect()
    }

    /// States of templates with the noise of the base.
    ///
    /// # Errors
    /// [`langevin_core::Error::Tensor`] only.
    pub fn disturbed(&self, templates: &State, rng: &mut Rng) -> Result<State> {
        let mut x = templates.clone();
        for (part, deviation) in [(COORDS_FACTOR, self.coords), (LATTICE_FACTOR, self.cells)] {
            let at = x.part(part);
            let noise = rng.normal(&at.dims()[1..], at.dtype(), at.device())?;
            let moved = (at + (noise * deviation)?)?;
            // The torus is left and entered again.
            let moved = if part == COORDS_FACTOR { (&moved - moved.floor()?)? } else { moved };
            x = x.with_part(part, &moved);
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use langevin_core::rng::ids;
    use langevin_core::{Domain, Purpose, Seed};

    use super::*;
    use crate::element::Element;
    use crate::lattice::Lattice;
    use crate::space::Crystals;

    fn salt(species: [&str; 2], edge: f64, off: f64) -> Crystal {
        let cube = Lattice::from_parameters([edge; 3], [90.0; 3]).unwrap();
        let species = species.map(|symbol| symbol.parse::<Element>().unwrap()).to_vec();
        Crystal::new(cube, species, vec![[0.2; 3], [0.7 + off, 0.7, 0.7]]).unwrap()
    }

    const BASE: TemplateBase = TemplateBase { nearest: 2, within: 0.2, coords: 0.02, cells: 0.1 };

    /// Each has the others as templates, with its own elements, but for the one whose atoms are too far off.
    #[test]
    fn lessons_lead_from_others_to_their_own() {
        let all = vec![
            salt(["Cs", "Cl"], 4.1, 0.0),
            salt(["Rb", "Cl"], 3.9, 0.05),
            salt(["Rb", "Br"], 4.0, 0.45),
        ];
        let templates = Templates::new(all);
        let lessons = BASE.lessons(templates.crystals(), &templates, Some);
        assert_eq!(lessons.len(), 2);
        for lesson in &lessons {
            let template = lesson.template.as_ref().unwrap();
            assert_eq!(template.species(), lesson.crystal.species());
            let edge = |crystal: &Crystal| crystal.lattice().lengths()[0];
            let edges = [edge(&lesson.crystal), edge(template)].map(|x| (10.0 * x).round());
            assert!([[41.0, 39.0], [39.0, 41.0]].contains(&edges), "{edges:?}");
        }
        let strict = TemplateBase { within: 0.01, ..BASE };
        assert!(strict.lessons(templates.crystals(), &templates, Some).is_empty());
        assert_eq!(TemplateBase { within: 0.0, ..BASE }.check().unwrap_err().key, "within");
    }

    /// 600 normal numbers of each kind: means of squares within five standard errors, 5·√(2/600) = 29 %.
    #[test]
    fn templates_are_disturbed_by_as_much_as_was_asked() {
        let crystals = vec![salt(["Cs", "Cl"], 4.1, 0.0); 100];
        let domain = Crystals::measured(&crystals).unwrap();
        let x = domain.encode(&crystals).unwrap();
        let mut rng = Rng::new(Seed(1), Purpose::Reference, ids(0, 100), 2);
        let y = BASE.disturbed(&x, &mut rng).unwrap();
        for (part, deviation) in [(COORDS_FACTOR, 0.02), (LATTICE_FACTOR, 0.1)] {
            let step = (y.part(part) - x.part(part)).unwrap();
            let step = (&step - (&step + 0.5).unwrap().floor().unwrap()).unwrap();
            let square = step.sqr().unwrap().mean_all().unwrap().to_scalar::<f64>().unwrap();
            assert!((square / (deviation * deviation) - 1.0).abs() < 0.29, "{part}: {square}");
        }
        let coords = y.part(COORDS_FACTOR).flatten_all().unwrap().to_vec1::<f64>().unwrap();
        assert!(coords.iter().all(|x| (0.0..1.0).contains(x)));
    }
}
