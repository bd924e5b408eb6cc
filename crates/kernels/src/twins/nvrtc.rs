//! Kernels on an NVIDIA GPU, compiled by NVRTC.

use std::sync::OnceLock;

use candle_core::cuda_backend::CudaDType;
use candle_core::cuda_backend::cudarc::driver::ValidAsZeroBits;
use candle_core::cuda_backend::cudarc::driver::{DeviceRepr, LaunchConfig, PushKernelArg};
use candle_core::cuda_backend::cudarc::nvrtc::{CompileOptions, compile_ptx_with_opts};
use candle_core::{CudaDevice, CudaStorage, DType, Error, Result, Storage, Tensor, bail};

use super::call::{BLOCK, Call};
use super::source::source;
use crate::real::Real;

/// Runs `call`, which writes arrays of `lengths`, behind what was asked of the device before.
///
/// # Errors
/// If the kernels do not compile, or the device fails.
pub(super) fn run(
    device: &CudaDevice,
    call: &Call,
    dtype: DType,
    lengths: &[usize],
) -> Result<Vec<Storage>> {
    match dtype {
        DType::F32 => launch::<f32>(device, call, lengths, "float"),
        _ => launch::<f64>(device, call, lengths, "double"),
    }
}

fn launch<T: Real + CudaDType + DeviceRepr + ValidAsZeroBits>(
    device: &CudaDevice,
    call: &Call,
    lengths: &[usize],
    real: &'static str,
) -> Result<Vec<Storage>> {
    // SAFETY: a kernel writes every element of its arrays. Without threads nobody does.
    let fresh = |&length: &usize| match call.threads {
        0 => device.alloc_zeros::<T>(length),
        _ => unsafe { device.alloc::<T>(length) },
    };
    let mut written = lengths.iter().map(fresh).collect::<Result<Vec<_>>>()?;
    if call.threads > 0 {
        let guards: Vec<_> = call.arrays.iter().map(Tensor::storage_and_layout).collect();
        let mut views = Vec::with_capacity(guards.len());
        for (storage, layout) in &guards {
            let (Storage::Cuda(storage), Some((start, end))) =
                (&**storage, layout.contiguous_offsets())
            else {
                bail!("{} reads arrays without gaps on a GPU", call.name);
            };
            views.push(storage.as_cuda_slice::<T>()?.slice(start..end));
        }
        let sizes: Vec<u32> = call.sizes.iter().map(|&size| size as u32).collect();
        let numbers: Vec<T> = call.numbers.iter().map(|&number| T::of(number)).collect();
        let function = device.get_or_load_custom_func(call.name, real, ptx(real)?)?;
        let mut builder = function.builder();
        views.iter().for_each(|view| _ = builder.arg(view));
        written.iter_mut().for_each(|array| _ = builder.arg(array));
        sizes.iter().for_each(|size| _ = builder.arg(size));
        numbers.iter().for_each(|number| _ = builder.arg(number));
        let grid = LaunchConfig {
            grid_dim: (call.threads.div_ceil(BLOCK) as u32, 1, 1),
            block_dim: (BLOCK as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: the arguments are those of the kernel, whose sizes are those of its arrays.
        unsafe { builder.launch(grid) }.map_err(Error::wrap)?;
    }
    let storage = |array| Storage::Cuda(CudaStorage::wrap_cuda_slice(array, device.clone()));
    Ok(written.into_iter().map(storage).collect())
}

/// All kernels for one element type, compiled once in a process: the driver makes code of them for its GPU.
fn ptx(real: &'static str) -> Result<&'static str> {
    static COMPILED: [OnceLock<std::result::Result<String, String>>; 2] =
        [const { OnceLock::new() }; 2];
    let of = &COMPILED[usize::from(real == "double")];
    match of.get_or_init(|| compile(real)) {
        Ok(ptx) => Ok(ptx),
        Err(why) => bail!("NVRTC does not compile the kernels for {real}: {why}"),
    }
}

fn compile(real: &str) -> std::result::Result<String, String> {
    let digits = crate::cuda::CAPABILITY.trim_end_matches(|c: char| !c.is_ascii_digit());
    let options = vec![format!("--gpu-architecture=compute_{digits}"), format!("-DREAL={real}")];
    let options = CompileOptions { options, ..Default::default() };
    compile_ptx_with_opts(source(), options)
        .map(|ptx| ptx.to_src())
        .map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twins::source::names;

    /// Needs NVRTC, no GPU.
    #[test]
    fn all_kernels_compile() {
        for real in ["float", "double"] {
            let ptx = ptx(real).unwrap();
            for name in names() {
                assert!(ptx.contains(&format!(".entry {name}(")), "{name} for {real}");
            }
        }
    }
}
