//! A multilayer perceptron on small product spaces.

mod dual;

use candle_core::{D, DType, Tensor};
use langevin_core::{Condition, ConfigError, Network, Process, State, Times, config::require};
use langevin_kernels::Activation;
use serde::{Deserialize, Serialize};

use crate::{Builder, Layer, Linear, Result, TimeFeatures, TimeFeaturesConfig};

/// The pointwise function between layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivationKind {
    /// SELU of Klambauer et al. (2017).
    Selu,
    /// SiLU, also called swish.
    Silu,
    /// GELU by the error function.
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
}

impl From<ActivationKind> for Activation {
    fn from(kind: ActivationKind) -> Self {
        match kind {
            ActivationKind::Selu => Self::Selu,
            ActivationKind::Silu => Self::Silu,
            ActivationKind::Gelu => Self::Gelu,
            ActivationKind::Tanh => Self::Tanh,
        }
    }
}

/// `[network] kind = "mlp"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Width of each hidden layer; at least one layer.
    pub hidden: Vec<usize>,
    /// Function after each hidden layer.
    pub activation: ActivationKind,
    /// What the network is told of the time.
    pub time: TimeFeaturesConfig,
    /// Whether it is told both times of the map X(t → s), or `t` alone.
    #[serde(default)]
    pub two_times: bool,
}

impl MlpConfig {
    /// The network for states of `process` and `conditions` conditioning features.
    ///
    /// # Errors
    /// [`ConfigError`] naming the key that cannot be.
    pub fn check(&self) -> Result<TimeFeatures, ConfigError> {
        if self.hidden.is_empty() {
            return Err(ConfigError::new("hidden", "[]", "at least one layer"));
        }
        for &width in &self.hidden {
            require("hidden", width, |w| w >= 1, "widths of at least 1")?;
        }
        self.time.build().map_err(|error| error.within("time"))
    }
}

/// All parts of the state side by side, the time and the condition appended, through hidden layers.
///
/// Classes enter as one-hot rows (a mask as zeros). The output is cut into the factors' estimates.
#[derive(Debug, Clone)]
pub struct Mlp {
    layers: Vec<Linear>,
    time: TimeFeatures,
    two_times: bool,
    /// Estimate shape of each factor.
    outputs: Vec<Vec<usize>>,
    dtype: DType,
}

impl Mlp {
    /// Layers for states of `process` with `conditions` conditioning features (0: none).
    ///
    /// # Errors
    /// Those of [`Builder::parameter`]; the config was checked by [`MlpConfig::check`].
    pub fn new(
        builder: &Builder,
        config: &MlpConfig,
        time: TimeFeatures,
        process: &Process,
        conditions: usize,
    ) -> Result<Self> {
        let outputs: Vec<Vec<usize>> =
            process.components().iter().map(|c| c.factor.estimate_shape()).collect();
        let state_width: usize = outputs.iter().map(|shape| shape.iter().product::<usize>()).sum();
        let times = if config.two_times { 2 } else { 1 };
        let condition_width = if conditions > 0 { conditions + 1 } else { 0 };
        let mut width = state_width + times * time.width() + condition_width;
        let mut layers = Vec::with_capacity(config.hidden.len() + 1);
        for (i, &next) in config.hidden.iter().enumerate() {
            layers.push(Linear::new(
                &builder.part(&format!("{i}")),
                width,
                next,
                config.activation.into(),
            )?);
            width = next;
        }
        let last = builder.part(&format!("{}", config.hidden.len()));
        layers.push(Linear::new(&last, width, state_width, Activation::Identity)?);
        Ok(Self { layers, time, two_times: config.two_times, outputs, dtype: builder.dtype() })
    }

    /// Everything the first layer sees, `[B, width]`.
    fn input(
        &self,
        x: &State,
        t: &Times,
        s: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<Tensor> {
        let mut columns = Vec::with_capacity(x.parts().len() + 3);
        for (part, shape) in x.parts().iter().zip(&self.outputs) {
            columns.push(if part.dtype().is_float() {
                part.flatten_from(1)?
            } else {
                let classes = Tensor::arange(0u32, shape[shape.len() - 1] as u32, part.device())?;
                let hot = part.unsqueeze(D::Minus1)?.broadcast_eq(&classes)?;
                hot.to_dtype(self.dtype)?.flatten_from(1)?
            });
        }
        let device = x.part(0).device();
        columns.push(self.time.of(t, self.dtype, device)?);
        if self.two_times {
            columns.push(self.time.of(s, self.dtype, device)?);
        }
        columns.extend(condition.input(self.dtype)?);
        Ok(Tensor::cat(&columns, 1)?)
    }

    /// The output cut into the factors' parts.
    fn cut(&self, y: &Tensor) -> langevin_core::Result<State> {
        if let [shape] = self.outputs.as_slice()
            && shape.len() == 1
        {
            return Ok(State::single(y.clone()));
        }
        let (batch, mut start, mut parts) = (y.dim(0)?, 0, Vec::new());
        for shape in &self.outputs {
            let width: usize = shape.iter().product();
            let mut full = vec![batch];
            full.extend(shape);
            parts.push(y.narrow(1, start, width)?.reshape(full)?);
            start += width;
        }
        Ok(State::new(parts))
    }
}

impl Network for Mlp {
    fn forward(
        &self,
        x: &State,
        t: &Times,
        s: &Times,
        condition: &Condition,
    ) -> langevin_core::Result<State> {
        let mut h = self.input(x, t, s, condition)?;
        for layer in &self.layers {
            h = layer.forward(&h)?;
        }
        self.cut(&h)
    }

    fn dtype(&self) -> DType {
        self.dtype
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use langevin_core::factor::{Base, Categorical, Euclidean, Space};
    use langevin_core::{Coefficients, Path, Seed};

    use super::*;
    use crate::ParamStore;

    #[derive(Debug)]
    struct Linearly;

    impl Path for Linearly {
        fn coefficients(&self, t: f64) -> Coefficients {
            Coefficients { alpha: 1.0 - t, beta: t, gamma: 0.0 }
        }
        fn rates(&self, _: f64) -> Coefficients {
            Coefficients { alpha: -1.0, beta: 1.0, gamma: 0.0 }
        }
    }

    pub(super) fn config() -> MlpConfig {
        MlpConfig {
            hidden: vec![8, 8],
            activation: ActivationKind::Silu,
            time: TimeFeaturesConfig::Fourier { pairs: 2, lowest: 0.5, highest: 2.0 },
            two_times: true,
        }
    }

    pub(super) fn process() -> Process {
        let space = Space::of("position", Euclidean::new(&[2, 3]))
            .and("species", Categorical::new(2, 4, Base::Mask));
        Process::new(&space, std::sync::Arc::new(Linearly))
    }

    #[test]
    fn every_parameter_gets_a_gradient_and_every_factor_an_output() {
        let time = config().check().unwrap();
        let (store, network) = ParamStore::create(DType::F32, Seed(1), |builder| {
            Mlp::new(builder, &config(), time, &process(), 1)
        })
        .unwrap();
        let x = Tensor::ones((5, 2, 3), DType::F32, &Device::Cpu).unwrap();
        let species = Tensor::zeros((5, 2), DType::U32, &Device::Cpu).unwrap();
        let condition =
            Condition::new(Tensor::ones((5, 1), DType::F32, &Device::Cpu).unwrap()).unwrap();
        let (t, s) = (Times::all(5, 0.5), Times::all(5, 0.25));
        let y = network.forward(&State::new(vec![x, species]), &t, &s, &condition).unwrap();
        assert_eq!(y.part(0).dims(), [5, 2, 3]);
        assert_eq!(y.part(1).dims(), [5, 2, 4]);
        let loss = (y.part(0).sqr().unwrap().sum_all().unwrap()
            + y.part(1).sqr().unwrap().sum_all().unwrap())
        .unwrap();
        let gradients = loss.backward().unwrap();
        for (name, var) in store.iter() {
            let gradient =
                gradients.get(var.as_tensor()).unwrap_or_else(|| panic!("{name} has none"));
            let size = gradient.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(size > 0.0, "{name} has a zero gradient");
        }
    }

    #[test]
    fn impossible_widths_are_named() {
        let error = MlpConfig { hidden: vec![], ..config() }.check().unwrap_err();
        assert_eq!(error.to_string(), "hidden: found [], allowed: at least one layer");
    }
}
