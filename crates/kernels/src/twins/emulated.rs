//! The kernels of GPUs on a CPU: compiled by the C++ compiler of this machine, the threads of a block in turn.
//!
//! Slow, and on one thread; so the sources and all that calls them run where there is no GPU.

#[cfg(test)]
use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::{DType, Error, Result, Storage};
use libloading::{Library, Symbol};

use super::call::{BLOCK, Call};
use super::source::{names, source};
use crate::real::Real;
use crate::tensor::View;
use crate::turn::take_turns;

static EVERYWHERE: AtomicBool = AtomicBool::new(false);

#[cfg(test)]
thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Blocks, threads of a block, whether they wait for each other, pointers to the arguments.
type Kernel = unsafe extern "C" fn(c_uint, c_uint, bool, *const *const c_void);

/// From now on operations on the CPU are those of an NVIDIA GPU, in this whole process: candle's products, and between
/// them the kernels of GPUs, a thread of theirs after the other.
///
/// # Errors
/// If this machine has no C++ compiler (`c++`), or it does not compile them.
pub fn emulate_everywhere() -> Result<()> {
    library(DType::F32)?;
    take_turns();
    EVERYWHERE.store(true, Ordering::Relaxed);
    Ok(())
}

/// Whether operations on the CPU run these kernels now.
pub(crate) fn is_on() -> bool {
    #[cfg(test)]
    if ON.get() {
        return true;
    }
    EVERYWHERE.load(Ordering::Relaxed)
}

/// What `f` gives by these kernels, on this thread; nothing, and a word about it, where there is no C++ compiler.
#[cfg(test)]
pub(crate) fn emulating(f: impl FnOnce()) {
    if Command::new("c++").arg("--version").output().is_err() {
        eprintln!("skipped: no C++ compiler (c++) runs the kernels of GPUs on this machine");
        return;
    }
    /// Off again, even after a panic.
    struct Off;
    impl Drop for Off {
        fn drop(&mut self) {
            ON.set(false);
        }
    }
    let _off = Off;
    ON.set(true);
    f();
}

/// Runs `call`, which writes arrays of `lengths`.
///
/// # Errors
/// If an array is not on the CPU, or the kernels do not compile.
pub(super) fn run(call: &Call, dtype: DType, lengths: &[usize]) -> Result<Vec<Storage>> {
    match dtype {
        DType::F32 => launch::<f32>(call, dtype, lengths),
        _ => launch::<f64>(call, dtype, lengths),
    }
}

fn launch<T: Real>(call: &Call, dtype: DType, lengths: &[usize]) -> Result<Vec<Storage>> {
    // What a kernel must overwrite; without threads nobody does.
    let fill = if call.threads == 0 { T::ZERO } else { T::of(f64::NAN) };
    let mut written: Vec<Vec<T>> = lengths.iter().map(|&length| vec![fill; length]).collect();
    if call.threads > 0 {
        fn erased<X>(x: &X) -> *const c_void {
            std::ptr::from_ref(x).cast()
        }
        let views = call.arrays.iter().map(View::of).collect::<Result<Vec<_>>>()?;
        let read = views.iter().map(View::slice::<T>).collect::<Result<Vec<_>>>()?;
        let read: Vec<*const T> = read.iter().map(|slice| slice.as_ptr()).collect();
        let write: Vec<*mut T> = written.iter_mut().map(|array| array.as_mut_ptr()).collect();
        let sizes: Vec<c_uint> = call.sizes.iter().map(|&size| size as c_uint).collect();
        let numbers: Vec<T> = call.numbers.iter().map(|&number| T::of(number)).collect();
        let arrays = read.iter().map(erased).chain(write.iter().map(erased));
        let arguments: Vec<*const c_void> =
            arrays.chain(sizes.iter().map(erased)).chain(numbers.iter().map(erased)).collect();
        let library = library(dtype)?.lock().unwrap_or_else(PoisonError::into_inner);
        let blocks = call.threads.div_ceil(BLOCK) as c_uint;
        // SAFETY: the arguments are those of the kernel, whose sizes are those of its arrays; one kernel runs at a time.
        unsafe {
            let name = format!("emulated_{}", call.name);
            let kernel: Symbol<Kernel> = library.get(name).map_err(Error::wrap)?;
            kernel(blocks, BLOCK as c_uint, call.warps, arguments.as_ptr());
        }
    }
    Ok(written.into_iter().map(|array| Storage::Cpu(T::storage(array))).collect())
}

/// The kernels for an element type, compiled once in a process.
fn library(dtype: DType) -> Result<&'static Mutex<Library>> {
    type Compiled = std::result::Result<Mutex<Library>, String>;
    static LIBRARIES: [OnceLock<Compiled>; 2] = [const { OnceLock::new() }; 2];
    let single = dtype == DType::F32;
    let real = if single { "float" } else { "double" };
    let compiled = LIBRARIES[usize::from(single)].get_or_init(|| compiled(real).map(Mutex::new));
    compiled.as_ref().map_err(|why| Error::Msg(why.clone()))
}

/// By way of a folder that only this process has.
fn compiled(real: &str) -> std::result::Result<Library, String> {
    let folder = format!("langevin-kernels-{}-{real}", std::process::id());
    let folder = std::env::temp_dir().join(folder);
    std::fs::create_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let loaded = compiled_in(&folder, real);
    // What is loaded stays; what is left behind harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    loaded
}

fn compiled_in(folder: &Path, real: &str) -> std::result::Result<Library, String> {
    let (code, library) = (folder.join("kernels.cc"), folder.join("kernels.so"));
    let exported: String = names().iter().map(|name| format!("EMULATED({name})\n")).collect();
    let text = [include_str!("source/emulated.h"), &source(), &exported].concat();
    std::fs::write(&code, text).map_err(|error| format!("{}: {error}", code.display()))?;
    let done = Command::new("c++")
        .args(["-std=c++17", "-O2", "-shared", "-fPIC", "-Wall", "-Wextra"])
        .arg(format!("-DREAL={real}"))
        .args([code.as_os_str(), "-o".as_ref(), library.as_os_str()])
        .output()
        .map_err(|error| format!("no C++ compiler (c++) is here: {error}"))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        return Err(format!("c++ does not compile the kernels of GPUs: {said}"));
    }
    // SAFETY: the library has nothing that runs when it is loaded.
    unsafe { Library::new(&library) }.map_err(|error| error.to_string())
}
