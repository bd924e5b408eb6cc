//! NVIDIA GPUs, in programs built with the feature `cuda`.

use candle_core::cuda_backend::cudarc::driver::{CudaContext, DriverError, sys};
use candle_core::{Device, Error, Result};

/// The oldest GPUs that this program is for, as ten times major plus minor (80: Ampere).
const CAPABILITY: &str = match option_env!("CUDA_COMPUTE_CAP") {
    Some(capability) => capability,
    None => "80",
};

/// The `index`-th NVIDIA GPU from 0, with one queue of work that all threads share, so that what
/// one thread asks for after another is done after it.
///
/// # Errors
/// If there is no such GPU, its driver is older than the toolkit of the build, or the GPU is older
/// than those that the program was built for.
pub fn open(index: usize) -> Result<Device> {
    let count = CudaContext::device_count().map_err(|error| no_driver(&error))?;
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
    Device::new_cuda_with_stream(index)
}

fn refused<T>(why: String) -> Result<T> {
    Err(Error::Msg(why))
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

/// A driver reads the kernels of its own CUDA and of older ones; those of a newer minor version
/// it may not.
fn check_driver(driver: u32, build: u32) -> Result<()> {
    if driver >= build {
        return Ok(());
    }
    let named = |version: u32| format!("{}.{}", version / 1000, version % 1000 / 10);
    let (driver, build) = (named(driver), named(build));
    refused(format!(
        "the NVIDIA driver knows CUDA up to {driver}, and this program was built with CUDA {build}; update the driver, or build with a CUDA toolkit of at most {driver}"
    ))
}

/// Kernels for one GPU also run on later ones.
fn check_capability((major, minor): (i32, i32), oldest: &str) -> Result<()> {
    let digits = oldest.trim_end_matches(|c: char| !c.is_ascii_digit());
    if digits.parse().is_ok_and(|oldest: i32| 10 * major + minor >= oldest) {
        return Ok(());
    }
    refused(format!(
        "this GPU has compute capability {major}.{minor}, and this program was built for {oldest} and later; build it with CUDA_COMPUTE_CAP={major}{minor}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(result: Result<()>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn an_older_driver_is_refused_with_both_versions() {
        check_driver(13_000, 13_000).unwrap();
        check_driver(13_020, 13_000).unwrap();
        let text = message(check_driver(12_080, 13_000));
        assert!(text.contains("up to 12.8,") && text.contains("built with CUDA 13.0"), "{text}");
    }

    #[test]
    fn an_older_gpu_is_refused_with_what_to_build() {
        check_capability((9, 0), "80").unwrap();
        check_capability((9, 0), "90a").unwrap();
        check_capability((10, 0), "90").unwrap();
        let text = message(check_capability((7, 5), "80"));
        assert!(text.contains("CUDA_COMPUTE_CAP=75"), "{text}");
    }
}
