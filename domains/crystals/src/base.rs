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
