//! Training batches of crystals: each of one size, sizes as often as the data have them.

use candle_core::DType;
use langevin_core::{Batch, BySize, Domain, Result, Rng, Source};
use langevin_kernels::rng::tag;

use crate::base::{Lesson, TemplateBase};
use crate::property::condition_of;
use crate::record::Crystal;
use crate::space::Crystals;
use crate::substitution::Substitution;

/// Draws a size with the frequency that the data have, then crystals of that size, with replacement.
#[derive(Debug)]
pub struct CrystalSource {
    domain: Crystals,
    lessons: BySize<Lesson>,
    base: Option<TemplateBase>,
    substitution: Option<Substitution>,
    dtype: DType,
}

impl CrystalSource {
    /// Batches of `crystals`, encoded by `domain`; the other end is noise.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(domain: Crystals, crystals: Vec<Crystal>, dtype: DType) -> Self {
        let lesson = |crystal| Lesson { crystal, template: None };
        let lessons = crystals.into_iter().map(lesson).collect();
        Self { domain, lessons: BySize::new(lessons, size), base: None, substitution: None, dtype }
    }

    /// Batches of `lessons` with templates, which are the other end with the noise of `base`.
    ///
    /// # Panics
    /// If there are none.
    pub fn with_templates(
        domain: Crystals,
        lessons: Vec<Lesson>,
        base: TemplateBase,
        dtype: DType,
    ) -> Self {
        let lessons = BySize::new(lessons, size);
        Self { domain, lessons, base: Some(base), substitution: None, dtype }
    }

    /// The same batches with elements exchanged by `substitution`.
    #[must_use]
    pub fn substituting(self, substitution: Option<Substitution>) -> Self {
        Self { substitution, ..self }
    }
}

fn size(lesson: &Lesson) -> usize {
    lesson.crystal.len()
}

impl Source for CrystalSource {
    fn batch(&self, _: u64, rng: &mut Rng) -> Result<Batch> {
        let lessons = self.lessons.draw(rng);
        let mut crystals: Vec<Crystal> =
            lessons.iter().map(|lesson| lesson.crystal.clone()).collect();
        if let Some(substitution) = &self.substitution {
            let draw = |(crystal, mut stream)| substitution.draw(crystal, &mut stream);
            crystals = crystals.iter().zip(rng.streams()).map(draw).collect();
        }
        let x_0 = self.domain.encode(&crystals)?.to_dtype(self.dtype)?;
        let x_1 = match self.base {
            None => None,
            Some(base) => {
                let template = |lesson: &&Lesson| lesson.template.clone();
                let templates: Option<Vec<Crystal>> = lessons.iter().map(template).collect();
                let templates = templates.expect("lessons of a base have templates");
                let x_1 = self.domain.encode(&templates)?.to_dtype(self.dtype)?;
                Some(base.disturbed(&x_1, rng)?)
            }
        };
        let labels = crystals.iter().map(Crystal::labels);
        let condition = condition_of(&self.domain.properties, labels, self.dtype)?;
        Ok(Batch { x_0, x_1, condition })
    }

    fn fingerprint(&self) -> String {
        let all = self
            .lessons
            .iter()
            .flat_map(|lesson| std::iter::once(&lesson.crystal).chain(lesson.template.as_ref()));
        let numbers = all.flat_map(|crystal| {
            let lattice = crystal.lattice().vectors().into_iter().flatten();
            let frac = crystal.frac_coords().iter().flatten().copied();
            let species = crystal.species().iter().map(|element| u64::from(element.number()));
            let properties = self.domain.properties.iter();
            let told =
                properties.filter_map(|property| crystal.labels().get(&property.name).copied());
            lattice.chain(frac).chain(told).map(f64::to_bits).chain(species)
        });
        let step = |hash: u64, bits: u64| (hash ^ bits).wrapping_mul(0x0000_0100_0000_01b3);
        format!("{:016x}", numbers.fold(tag("crystals"), step))
    }
}
