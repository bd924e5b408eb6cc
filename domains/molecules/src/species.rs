//! What the second part of a state is: species as classes, or as continuous features.

use candle_core::{DType, Device, Tensor};
use langevin_core::Result;
use langevin_core::factor::{Base, Categorical, Euclidean, Space};
use serde::{Deserialize, Serialize};

use crate::element::Element;

/// Units per one-hot number of a state: EDM divides one-hot species by 4.
pub const ONE_HOT: f64 = 4.0;
/// Units per atomic number of a state: EDM divides them by 10.
pub const NUMBER: f64 = 10.0;

/// `[data] species`: how a state says which element an atom is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpeciesForm {
    /// One of K classes: `[B, n]`.
    #[default]
    Classes,
    /// Numbers with Gaussian noise, `[B, n, K + 1]`: the one-hot species / 4, then the atomic number / 10, as
    /// in EDM (Hoogeboom et al. 2022, arXiv:2203.17003). A state is decoded by the largest of the first K.
    Features,
}

impl SpeciesForm {
    /// Whether this is the usual form, which configs and model files do not mention.
    pub fn is_usual(&self) -> bool {
        *self == Self::default()
    }

    /// Numbers of an atom's features, for `elements` elements.
    pub fn width(elements: usize) -> usize {
        elements + 1
    }

    /// `space` and the factor `name` of the species of two atoms.
    pub(crate) fn added_to(self, space: Space, name: &str, elements: usize) -> Space {
        match self {
            Self::Classes => space.and(name, Categorical::new(2, elements, Base::Uniform)),
            Self::Features => space.and(name, Euclidean::new(&[2, Self::width(elements)])),
        }
    }

    /// The part of `batch` samples of as many atoms, whose places in `elements` are `classes`.
    pub(crate) fn encode(
        self,
        classes: Vec<u32>,
        elements: &[Element],
        batch: usize,
    ) -> Result<Tensor> {
        let (n, device) = (classes.len() / batch.max(1), &Device::Cpu);
        if self == Self::Classes {
            return Ok(Tensor::from_vec(classes, (batch, n), device)?);
        }
        let width = Self::width(elements.len());
        let mut features = vec![0.0; classes.len() * width];
        for (row, class) in features.chunks_exact_mut(width).zip(classes) {
            row[class as usize] = 1.0 / ONE_HOT;
            row[elements.len()] = f64::from(elements[class as usize].number()) / NUMBER;
        }
        Ok(Tensor::from_vec(features, (batch, n, width), device)?)
    }

    /// Places of the elements of each atom: `[B][n]`.
    pub(crate) fn decode(self, part: &Tensor) -> Result<Vec<Vec<u32>>> {
        if self == Self::Classes {
            return Ok(part.to_vec2()?);
        }
        let largest = |features: &Vec<f64>| {
            let one_hot = features[..features.len() - 1].iter().enumerate();
            one_hot.max_by(|a, b| a.1.total_cmp(b.1)).map_or(0, |(class, _)| class as u32)
        };
        let samples = part.to_dtype(DType::F64)?.to_vec3::<f64>()?;
        Ok(samples.iter().map(|atoms| atoms.iter().map(largest).collect()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_edms_and_their_largest_class_is_read_back() {
        let elements = [Element::H, Element::C, Element::O];
        let classes = vec![2, 0, 1, 1];
        let part = SpeciesForm::Features.encode(classes, &elements, 2).unwrap();
        let rows = part.to_vec3::<f64>().unwrap();
        assert_eq!(rows[0], [[0.0, 0.0, 0.25, 0.8], [0.25, 0.0, 0.0, 0.1]]);
        assert_eq!(SpeciesForm::Features.decode(&part).unwrap(), [[2, 0], [1, 1]]);
        // The atomic number is no class, however large.
        let noisy = Tensor::new(&[[[0.1, 0.13, 0.12, 0.9]]], &Device::Cpu).unwrap();
        assert_eq!(SpeciesForm::Features.decode(&noisy).unwrap(), [[1]]);
    }
}
