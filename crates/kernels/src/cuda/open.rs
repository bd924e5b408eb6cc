//! Opening a GPU.

use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, sys};
use candle_core::{Device, Error, Result};

use super::fit;
use super::fit::{check_capability, check_driver, refused};

/// The GPUs that this program is for, as ten times major plus minor (80: Ampere and later).
pub(crate) const CAPABILITY: &str = match option_env!("CUDA_COMPUTE_CAP") {
    Some(capability) => capability,
    None => "80",
};

/// The `index`-th NVIDIA GPU from 0, with one queue of work that all threads share, so that what
/// one thread asks for after another is done after it.
///
/// # Errors
/// If there is no such GPU, its driver is older than the toolkit of the build, or the GPU is none of
/// those that the program was built for.
pub fn open(index: usize) -> Result<Device> {
    let count = match CudaContext::device_count() {
        Err(DriverError(sys::cudaError_enum::CUDA_ERROR_NO_DEVICE)) => 0,
        count => count.map_err(|error| no_driver(&error))?,
    };
    if index >= usize::try_from(count).unwrap_or(0) {
        return refused(match count {
            0 => "this machine has no NVIDIA GPU, or hides it (CUDA_VISIBLE_DEVICES)".to_string(),
            1 => "this machine has one NVIDIA GPU, cuda:0".to_string(),
            _ => format!("this machine has {count} NVIDIA GPUs, cuda:0 to cuda:{}", count - 1),
        });
    }
    check_driver(driver_version().map_err(Error::wrap)?, sys::CUDA_VERSION)?;
    let context = CudaContext::new(index).map_err(Error::wrap)?;
    check_capability(context.compute_capability().map_err(Error::wrap)?, CAPABILITY)?;
    let device = Device::new_cuda_with_stream(index)?;
    // SAFETY: all work and all memory of the device go through its one stream, in order, so nothing is used before it was
    // written or after it was freed. Events that say so would cost more than most kernels take to start.
    unsafe { device.as_cuda_device()?.disable_event_tracking() };
    Ok(device)
}

/// Refuses a GPU whose networks cannot multiply in TF32 or bfloat16.
///
/// # Errors
/// Which it would have to be; if `device` is no GPU, or the driver does not tell.
pub fn check_fewer_bits(device: &Device) -> Result<()> {
    let context = device.as_cuda_device()?.cuda_stream().context().clone();
    fit::check_fewer_bits(context.compute_capability().map_err(Error::wrap)?)
}

/// Bytes of memory that are free on the GPU `device`.
///
/// # Errors
/// If it is no GPU, or the driver does not tell.
pub fn free(device: &Device) -> Result<u64> {
    let context = device.as_cuda_device()?.cuda_stream().context().clone();
    let (free, _) = context.mem_get_info().map_err(Error::wrap)?;
    Ok(free as u64)
}

fn no_driver(error: &DriverError) -> Error {
    Error::Msg(format!("the NVIDIA driver does not start: {error}"))
}

/// The newest CUDA that the driver knows, as 1000 times major plus 10 times minor.
fn driver_version() -> std::result::Result<u32, DriverError> {
    let mut version = 0;
    // SAFETY: the driver writes one int, and needs nothing to have been called before.
    unsafe { sys::cuDriverGetVersion(&mut version).result()? };
    Ok(u32::try_from(version).unwrap_or(0))
}
