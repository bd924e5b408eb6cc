//! Opening a GPU.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, result, sys};
use candle_core::cuda_backend::cudarc::nvrtc::sys::nvrtcVersion;
use candle_core::{Device, Error, Result};

use super::fit;
use super::fit::{check_capability, check_driver, check_nvrtc, refused};
use crate::turn::take_turns;

/// The GPUs that this program is for, as ten times major plus minor (80: Ampere and later).
pub(crate) const CAPABILITY: &str = match option_env!("CUDA_COMPUTE_CAP") {
    Some(capability) => capability,
    None => "80",
};

/// The `index`-th NVIDIA GPU from 0, with one queue of work that all threads share, so that what
/// one thread asks for after another is done after it. The same device each time.
///
/// # Errors
/// If there is no such GPU, its driver is older than the toolkit of the build, or the GPU is none of
/// those that the program was built for.
pub fn open(index: usize) -> Result<Device> {
    // Two queues of one GPU would not wait for each other.
    static OPEN: Mutex<BTreeMap<usize, Device>> = Mutex::new(BTreeMap::new());
    let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(device) = open.get(&index) {
        return Ok(device.clone());
    }
    let device = opened(index)?;
    open.insert(index, device.clone());
    take_turns();
    Ok(device)
}

fn opened(index: usize) -> Result<Device> {
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
    let driver = driver_version().map_err(Error::wrap)?;
    check_driver(driver, sys::CUDA_VERSION)?;
    check_nvrtc(driver, nvrtc_version())?;
    let context = CudaContext::new(index).map_err(Error::wrap)?;
    check_capability(context.compute_capability().map_err(Error::wrap)?, CAPABILITY)?;
    let device = Device::new_cuda_with_stream(index)?;
    // SAFETY: all work and all memory of the device go through its one stream, in order, so nothing is used before it was
    // written or after it was freed. Events that say so would cost more than most kernels take to start.
    unsafe { device.as_cuda_device()?.disable_event_tracking() };
    keep_freed_memory(context.cu_device()).map_err(Error::wrap)?;
    Ok(device)
}

/// Memory that tensors gave back stays with this process: each wait for the device would return it to the driver, and
/// taking it again costs more than most kernels.
fn keep_freed_memory(device: sys::CUdevice) -> std::result::Result<(), DriverError> {
    let mut all = u64::MAX;
    // SAFETY: the device is one of the driver's, and the attribute is a number of 64 bits.
    unsafe {
        let pool = result::device::get_default_mem_pool(device)?;
        let threshold = sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD;
        result::mem_pool::set_attribute(pool, threshold, std::ptr::from_mut(&mut all).cast())
    }
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

/// The CUDA of the NVRTC that was found, as [`driver_version`].
fn nvrtc_version() -> u32 {
    let (mut major, mut minor) = (0, 0);
    // SAFETY: NVRTC writes two numbers.
    unsafe { nvrtcVersion(&mut major, &mut minor) };
    u32::try_from(1000 * major + 10 * minor).unwrap_or(0)
}

/// The newest CUDA that the driver knows, as 1000 times major plus 10 times minor.
fn driver_version() -> std::result::Result<u32, DriverError> {
    let mut version = 0;
    // SAFETY: the driver writes one int, and needs nothing to have been called before.
    unsafe { sys::cuDriverGetVersion(&mut version).result()? };
    Ok(u32::try_from(version).unwrap_or(0))
}
