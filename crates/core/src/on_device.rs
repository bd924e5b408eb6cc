//! A network that works elsewhere than on the CPU.

use candle_core::{DType, Device, Tensor};
use langevin_kernels::in_turn;

use crate::{Condition, Network, Result, State, Times};

/// A network whose weights lie on another device, asked from the CPU: what it sees goes there and its outputs come back,
/// both as nodes of the graph, so that gradients do too.
///
/// Spaces, paths, couplings, losses and samplers stay on the CPU: they touch a few numbers of each atom or cell once, where
/// a network touches thousands, and noise is the same on every device.
pub struct OnDevice {
    network: Box<dyn Network>,
    device: Device,
}

impl OnDevice {
    /// `network`, whose weights lie on `device`.
    pub fn new(network: Box<dyn Network>, device: Device) -> Self {
        Self { network, device }
    }
}

impl Network for OnDevice {
    fn forward(&self, x: &State, t: &Times, s: &Times, condition: &Condition) -> Result<State> {
        let there = |part: &Tensor| Ok(part.to_device(&self.device)?);
        in_turn(|| {
            let outputs = self.network.forward(&x.map(there)?, t, s, &condition.map(there)?)?;
            outputs.map(|part| Ok(part.to_device(&Device::Cpu)?))
        })
    }

    fn dtype(&self) -> DType {
        self.network.dtype()
    }

    fn recalls(&self) -> bool {
        self.network.recalls()
    }
}
