//! Whether a driver and a GPU are those that a program was built for.

use candle_core::{Error, Result};

pub(super) fn refused<T>(why: String) -> Result<T> {
    Err(Error::Msg(why))
}

/// A driver reads the kernels of its own CUDA and of older ones; those of a newer minor version
/// it may not.
///
/// # Errors
/// What to do about it.
pub(super) fn check_driver(driver: u32, build: u32) -> Result<()> {
    if driver >= build {
        return Ok(());
    }
    let (driver, build) = (named(driver), named(build));
    refused(format!(
        "the NVIDIA driver knows CUDA up to {driver}, and this program was built with CUDA {build}; update the driver, or build with a CUDA toolkit of at most {driver}"
    ))
}

/// The same for what NVRTC compiles, which is found at run time and may be another than that of the build.
///
/// # Errors
/// What to do about it.
pub(super) fn check_nvrtc(driver: u32, nvrtc: u32) -> Result<()> {
    if driver >= nvrtc {
        return Ok(());
    }
    let (driver, nvrtc) = (named(driver), named(nvrtc));
    refused(format!(
        "the NVIDIA driver knows CUDA up to {driver}, and the NVRTC found is of CUDA {nvrtc}; update the driver, or put an older CUDA toolkit first in LD_LIBRARY_PATH"
    ))
}

/// A version given as 1000 times major plus 10 times minor.
fn named(version: u32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// Whether kernels built for `built` run on a GPU of `(major, minor)`: those for 89 and before on all later ones, those
/// for 90 and after, which use what only these have, nowhere else.
fn runs_on((major, minor): (i32, i32), built: &str) -> bool {
    let digits = built.trim_end_matches(|c: char| !c.is_ascii_digit());
    let has = 10 * major + minor;
    digits.parse().is_ok_and(|built: i32| has == built || (built < 90 && has > built))
}

/// Refuses a GPU on which kernels for `built` do not run.
///
/// # Errors
/// What to do about it.
pub(super) fn check_capability(has: (i32, i32), built: &str) -> Result<()> {
    if runs_on(has, built) {
        return Ok(());
    }
    let (major, minor) = has;
    refused(format!(
        "this GPU has compute capability {major}.{minor}, and this program was built for {built}{}; build it with CUDA_COMPUTE_CAP={}",
        if runs_on((99, 0), built) { " and later" } else { "" },
        (10 * major + minor).min(80)
    ))
}

/// Refuses a GPU that has no products in fewer bits.
///
/// # Errors
/// Which it would have to be.
pub(super) fn check_fewer_bits((major, minor): (i32, i32)) -> Result<()> {
    if major >= 8 {
        return Ok(());
    }
    refused(format!(
        "this GPU has compute capability {major}.{minor}; TF32 and bfloat16 begin with 8.0, allowed here: f32"
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
        check_nvrtc(13_000, 13_000).unwrap();
        let text = message(check_nvrtc(13_000, 13_010));
        assert!(
            text.contains("up to 13.0,") && text.contains("NVRTC found is of CUDA 13.1"),
            "{text}"
        );
    }

    #[test]
    fn another_gpu_is_refused_with_what_to_build() {
        for (has, built) in [((8, 0), "80"), ((9, 0), "80"), ((12, 0), "89"), ((9, 0), "90a")] {
            check_capability(has, built).unwrap();
        }
        let text = message(check_capability((7, 5), "80"));
        assert!(text.contains("built for 80 and later") && text.ends_with("CAP=75"), "{text}");
        let text = message(check_capability((10, 0), "90"));
        assert!(text.contains("built for 90; ") && text.ends_with("CAP=80"), "{text}");
    }

    #[test]
    fn fewer_bits_are_refused_where_there_are_none() {
        check_fewer_bits((8, 0)).unwrap();
        check_fewer_bits((9, 0)).unwrap();
        let text = message(check_fewer_bits((7, 5)));
        assert!(text.contains("capability 7.5") && text.ends_with("allowed here: f32"), "{text}");
    }
}
