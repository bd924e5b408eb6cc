//! From a molecule to its properties.

use candle_core::{DType, Tensor};
use langevin_core::tensor::log_softmax;
use langevin_core::{Condition, Error, Network, Result, State, Times};
use langevin_kernels::{Activation, mean_over_points};
use langevin_nn::{Builder, Layer, Linear};

use super::trunk::Trunk;
use super::{ScalarVectorConfig, Told};
use crate::species::SpeciesForm;

/// A network that says of a molecule, the condition's context, what its properties are; invariant under rotations,
/// reflections, translations and exchanges of atoms.
///
/// The layers of [`super::ScalarVector`] see the molecule and the noisy properties. What they make of the atoms is
/// pooled twice, `(mean_i h_i, Σ_i a_i ⊙ h_i)` with weights `a_i` that add to 1 over the atoms in each feature: a property
/// may belong to all atoms or to few, as an orbital does.
///
/// # Shapes and units
/// - properties `[B, p]` under positions `[B, n, 3]` and species `[B, n]` to `[B, p]`
#[derive(Debug, Clone)]
pub struct PropertyNetwork {
    trunk: Trunk,
    attend: Linear,
    gather: Linear,
    read: Linear,
}

impl PropertyNetwork {
    /// The network for molecules of `elements` kinds of atoms with `properties` properties.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`ScalarVectorConfig::check`] and recalls nothing.
    pub fn new(
        builder: &Builder,
        config: &ScalarVectorConfig,
        elements: usize,
        properties: usize,
    ) -> langevin_nn::Result<Self> {
        let (form, width) = (SpeciesForm::Classes, config.width);
        // A value of each property, and the flag that says that they are shown.
        let conditions = properties + 1;
        let told = Told { form, elements, conditions, species: false, piece: false };
        let linear = |name, inputs, outputs, activation| {
            Linear::new(&builder.part(name), inputs, outputs, activation)
        };
        Ok(Self {
            trunk: Trunk::new(builder, config, told)?,
            attend: linear("attend", width, width, Activation::Identity)?,
            gather: linear("pool", 2 * width, width, Activation::Silu)?,
            read: linear("read", width, properties, Activation::Identity)?,
        })
    }
}

impl Network for PropertyNetwork {
    fn forward(&self, x: &State, t: &Times, _: &Times, condition: &Condition) -> Result<State> {
        let Some(molecule) = condition.context() else {
            let what = "the molecule whose properties are asked for".into();
            return Err(Error::Shape { what, found: vec![], expected: vec![1] });
        };
        let values = Condition::new(x.part(0).to_dtype(self.dtype())?)?;
        let h = self.trunk.see(&molecule.to_dtype(self.dtype())?, t, &values)?.h;
        let over_atoms = |x: &Tensor| -> Result<Tensor> { Ok(x.transpose(1, 2)?.contiguous()?) };
        let weights = over_atoms(&log_softmax(&over_atoms(&self.attend.forward(&h)?)?)?)?.exp()?;
        let pooled = [mean_over_points(&h)?, (weights * h)?.sum(1)?];
        let pooled = self.gather.forward(&Tensor::cat(&pooled, 1)?)?;
        Ok(State::single(self.read.forward(&pooled)?))
    }

    fn dtype(&self) -> DType {
        self.trunk.dtype()
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use langevin_core::rng::ids;
    use langevin_core::{Purpose, Rng, Seed};
    use langevin_nn::{ParamStore, TimeFeaturesConfig};

    use super::*;

    fn built() -> (ParamStore, PropertyNetwork) {
        let time = TimeFeaturesConfig::Fourier { pairs: 2, lowest: 0.5, highest: 1.0 };
        let (width, message, sets, layers, radial, recall) = (12, 6, 2, 2, 4, false);
        let config = ScalarVectorConfig { width, message, sets, layers, radial, recall, time };
        let build = |builder: &Builder| PropertyNetwork::new(builder, &config, 4, 2);
        ParamStore::create(DType::F64, Seed(1), build).unwrap()
    }

    /// Two molecules of five atoms of four kinds.
    fn molecules() -> State {
        let mut rng = Rng::new(Seed(7), Purpose::Data, ids(0, 2), 0);
        let positions = rng.normal(&[5, 3], DType::F64, &Device::Cpu).unwrap();
        let kinds = Tensor::new(&[[0u32, 1, 2, 3, 1], [2, 2, 0, 1, 3]], &Device::Cpu).unwrap();
        State::new(vec![positions, kinds])
    }

    fn ask(network: &PropertyNetwork, molecules: State) -> Tensor {
        let noisy = Tensor::new(&[[0.3, -1.0], [0.1, 0.7]], &Device::Cpu).unwrap();
        let (t, condition) = (Times::new(vec![0.9, 1.0]), Condition::none().under(molecules));
        network.forward(&State::single(noisy), &t, &t, &condition).unwrap().part(0).clone()
    }

    #[test]
    fn properties_stay_as_the_molecule_turns() {
        let (_, network) = built();
        let seen = molecules();
        let (sin, cos) = 0.7f64.sin_cos();
        let matrix = [[-cos, -sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]];
        let matrix = Tensor::new(&matrix, &Device::Cpu).unwrap();
        let order = Tensor::new(&[4u32, 2, 0, 1, 3], &Device::Cpu).unwrap();
        let moved = (seen.part(0).broadcast_matmul(&matrix).unwrap() + 0.7).unwrap();
        let moved = State::new(vec![moved, seen.part(1).clone()]);
        let moved = moved.map(|x| Ok(x.index_select(&order, 1)?)).unwrap();
        let off = (ask(&network, seen) - ask(&network, moved)).unwrap().abs().unwrap();
        let off = off.max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(off < 1e-10, "{off}");
    }

    #[test]
    fn every_weight_is_reached() {
        let (store, network) = built();
        let loss = ask(&network, molecules()).powf(3.0).unwrap().sum_all().unwrap();
        let grads = loss.backward().unwrap();
        for (name, var) in store.iter() {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{name} gets no gradient"));
            let size = grad.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(size > 0.0, "{name} has gradient 0");
        }
    }

    #[test]
    fn a_molecule_is_needed() {
        let (_, network) = built();
        let noisy = State::single(Tensor::zeros((2, 2), DType::F64, &Device::Cpu).unwrap());
        let t = Times::all(2, 1.0);
        let error = network.forward(&noisy, &t, &t, &Condition::none()).unwrap_err();
        assert!(error.to_string().contains("the molecule"), "{error}");
    }
}
