//! Where networks work.

use std::str::FromStr;

use anyhow::Result;
use candle_core::Device;
use langevin_kernels::{compose_everywhere, emulate_everywhere, set_precision};
use langevin_train::PrecisionConfig;

use crate::refused;

/// The option of every command that asks a network.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeviceOptions {
    /// Where networks work: cpu, cuda or cuda:I, the I-th NVIDIA GPU from 0. To compare with a GPU, cpu:composed does on
    /// the CPU what it does by other means, cpu:emulated runs its kernels, a thread after the other (needs c++).
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: DeviceChoice,
}

impl DeviceOptions {
    /// The device.
    ///
    /// # Errors
    /// If this machine or this program has none such.
    pub fn open(&self) -> Result<Device> {
        match self.device {
            DeviceChoice::Cpu => Ok(Device::Cpu),
            DeviceChoice::Composed => {
                compose_everywhere();
                Ok(Device::Cpu)
            }
            DeviceChoice::Emulated => {
                emulate_everywhere()
                    .or_else(|why| refused(format!("--device cpu:emulated: {why}")))?;
                Ok(Device::Cpu)
            }
            DeviceChoice::Cuda(index) => gpu(index),
        }
    }

    /// The device, on which networks multiply in `precision` from now on, in this whole process.
    ///
    /// # Errors
    /// Those of [`DeviceOptions::open`], or if the device has no such precision.
    pub fn open_in(&self, precision: PrecisionConfig) -> Result<Device> {
        if self.device == DeviceChoice::Cpu && precision != PrecisionConfig::F32 {
            return refused(format!(
                "[train] precision = {:?}: the CPU works in f32 alone, allowed: f32, or --device cuda; cpu:composed does what a GPU does, slowly",
                precision.name()
            ));
        }
        let device = self.open()?;
        if precision != PrecisionConfig::F32 {
            check_fewer_bits(&device).or_else(|why| {
                refused(format!("[train] precision = {:?}: {why}", precision.name()))
            })?;
        }
        set_precision(precision.build());
        Ok(device)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum DeviceChoice {
    #[default]
    Cpu,
    /// The CPU, with the operations that other devices compose.
    Composed,
    /// The CPU, with the kernels of GPUs.
    Emulated,
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "found {text:?}, allowed: cpu, cuda, cuda:I with I from 0, cpu:composed or cpu:emulated"
            )
        };
        match text.split_once(':') {
            None if text == "cpu" => Ok(Self::Cpu),
            Some(("cpu", "composed")) => Ok(Self::Composed),
            Some(("cpu", "emulated")) => Ok(Self::Emulated),
            None if text == "cuda" => Ok(Self::Cuda(0)),
            Some(("cuda", index)) => index.parse().map(Self::Cuda).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

#[cfg(not(feature = "cuda"))]
fn gpu(index: usize) -> Result<Device> {
    refused(format!(
        "--device cuda:{index}: this program was built for the CPU alone (make cuda builds one for NVIDIA GPUs), allowed: cpu, cpu:composed or cpu:emulated"
    ))
}

#[cfg(feature = "cuda")]
fn gpu(index: usize) -> Result<Device> {
    langevin_kernels::cuda::open(index)
        .or_else(|error| refused(format!("--device cuda:{index}: {error}")))
}

/// Nothing but for a GPU: what the CPU composes imitates fewer bits.
fn check_fewer_bits(device: &Device) -> candle_core::Result<()> {
    #[cfg(feature = "cuda")]
    if device.is_cuda() {
        return langevin_kernels::cuda::check_fewer_bits(device);
    }
    let _ = device;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_have_names() {
        let parse = |text: &str| text.parse::<DeviceChoice>();
        assert_eq!(parse("cpu"), Ok(DeviceChoice::Cpu));
        assert_eq!(parse("cpu:composed"), Ok(DeviceChoice::Composed));
        assert_eq!(parse("cpu:emulated"), Ok(DeviceChoice::Emulated));
        assert_eq!(parse("cuda"), Ok(DeviceChoice::Cuda(0)));
        assert_eq!(parse("cuda:3"), Ok(DeviceChoice::Cuda(3)));
        for text in ["gpu", "cuda:", "cuda:x", "cpu:0", "CUDA"] {
            assert!(parse(text).unwrap_err().contains("allowed: cpu, cuda"), "{text}");
        }
    }
}
