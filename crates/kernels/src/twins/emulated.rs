//! The kernels on a CPU: compiled by the C++ compiler of this machine, the threads of a block in turn.
//!
//! Slow; for tests, which so run the sources and all that calls them where there is no GPU.

use std::cell::Cell;
use std::ffi::{c_uint, c_void};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use candle_core::{DType, Result, Storage, bail};
use libloading::{Library, Symbol};

use super::call::{BLOCK, Call};
use super::source::{names, source};
use crate::real::Real;
use crate::tensor::View;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread's operations on the CPU run these kernels.
pub(super) fn is_on() -> bool {
    ON.get()
}

/// What `f` gives by these kernels; nothing, and a word about it, where there is no C++ compiler.
pub(crate) fn emulating(f: impl FnOnce()) {
    if library(DType::F64).is_none() {
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
/// If an array is not on the CPU.
pub(super) fn run(call: &Call, dtype: DType, lengths: &[usize]) -> Result<Vec<Storage>> {
    match dtype {
        DType::F32 => launch::<f32>(call, dtype, lengths),
        _ => launch::<f64>(call, dtype, lengths),
    }
}

fn launch<T: Real>(call: &Call, dtype: DType, lengths: &[usize]) -> Result<Vec<Storage>> {
    /// What a kernel must overwrite, on a CPU as on a GPU.
    const UNWRITTEN: f64 = 12345.0;
    let fill = if call.threads == 0 { T::ZERO } else { T::of(UNWRITTEN) };
    let mut written: Vec<Vec<T>> = lengths.iter().map(|&length| vec![fill; length]).collect();
    if call.threads > 0 {
        let views = call.arrays.iter().map(View::of).collect::<Result<Vec<_>>>()?;
        let read = views.iter().map(View::slice::<T>).collect::<Result<Vec<_>>>()?;
        let read: Vec<*const T> = read.iter().map(|slice| slice.as_ptr()).collect();
        let write: Vec<*mut T> = written.iter_mut().map(|array| array.as_mut_ptr()).collect();
        let sizes: Vec<c_uint> = call.sizes.iter().map(|&size| size as c_uint).collect();
        let numbers: Vec<T> = call.numbers.iter().map(|&number| T::of(number)).collect();
        let mut arguments: Vec<*const c_void> = vec![];
        arguments.extend(read.iter().map(|pointer| std::ptr::from_ref(pointer).cast()));
        arguments.extend(write.iter().map(|pointer| std::ptr::from_ref(pointer).cast()));
        arguments.extend(sizes.iter().map(|size| std::ptr::from_ref(size).cast()));
        arguments.extend(numbers.iter().map(|number| std::ptr::from_ref(number).cast()));
        let Some(library) = library(dtype) else { bail!("the kernels are not compiled") };
        let library = library.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: the arguments are those of the kernel; one kernel runs at a time.
        unsafe {
            let kernel: Symbol<unsafe extern "C" fn(c_uint, c_uint, *const *const c_void)> =
                library.get(format!("emulated_{}", call.name)).map_err(candle_core::Error::wrap)?;
            kernel(call.threads.div_ceil(BLOCK) as c_uint, BLOCK as c_uint, arguments.as_ptr());
        }
    }
    Ok(written.into_iter().map(|array| Storage::Cpu(T::storage(array))).collect())
}

/// The kernels for an element type, compiled once; none without a compiler.
fn library(dtype: DType) -> Option<&'static Mutex<Library>> {
    static LIBRARIES: [OnceLock<Option<Mutex<Library>>>; 2] = [const { OnceLock::new() }; 2];
    let single = dtype == DType::F32;
    let real = if single { "float" } else { "double" };
    LIBRARIES[usize::from(single)].get_or_init(|| compile(real).map(Mutex::new)).as_ref()
}

fn compile(real: &str) -> Option<Library> {
    let folder =
        std::env::temp_dir().join(format!("langevin-kernels-{}-{real}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the kernels");
    let (code, library) = (folder.join("kernels.cc"), folder.join("kernels.so"));
    let exported: String = names().iter().map(|name| format!("EMULATED({name})\n")).collect();
    let text = [include_str!("source/emulated.h"), &source(), &exported].concat();
    std::fs::write(&code, text).expect("the sources are written");
    let done = Command::new("c++")
        .args(["-std=c++17", "-O1", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror"])
        .arg(format!("-DREAL={real}"))
        .args([code.as_os_str(), "-o".as_ref(), library.as_os_str()])
        .output()
        .ok()?;
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    // SAFETY: the library has nothing that runs when it is loaded.
    let loaded = unsafe { Library::new(&library) }.expect("the kernels are loaded");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    Some(loaded)
}
