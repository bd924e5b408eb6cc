//! The two element types, and which vector each instruction set gives them.

use crate::simd::{F32x4, F32x8, F32x16, F64x2, F64x4, F64x8, Simd};
use candle_core::{CpuStorage, Result, WithDType, bail};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

/// `f32` or `f64`.
///
/// Sealed by its vector types, whose module is private: the kernels are written for these two.
pub trait Real:
    WithDType
    + Copy
    + Default
    + PartialOrd
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Send
    + Sync
    + 'static
{
    /// SSE2 vector.
    #[doc(hidden)]
    type V128: Simd<E = Self>;
    /// AVX2 vector.
    #[doc(hidden)]
    type V256: Simd<E = Self>;
    /// AVX-512 vector.
    #[doc(hidden)]
    type V512: Simd<E = Self>;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Single precision, which may use shorter polynomials.
    const SINGLE: bool;
    /// Rounds to this type.
    fn of(x: f64) -> Self;
    /// The same number in double precision.
    fn f64(self) -> f64;
    /// Square root.
    fn root(self) -> Self;
    /// The elements of a CPU storage.
    ///
    /// # Errors
    /// If the storage has another element type.
    fn slice(storage: &CpuStorage) -> Result<&[Self]>;
    /// The elements of a CPU storage, to write.
    ///
    /// # Errors
    /// If the storage has another element type.
    fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]>;
    /// Wraps elements for candle.
    fn storage(values: Vec<Self>) -> CpuStorage;
}

macro_rules! real {
    ($t:ty, $variant:ident, $single:literal, $v128:ty, $v256:ty, $v512:ty) => {
        impl Real for $t {
            type V128 = $v128;
            type V256 = $v256;
            type V512 = $v512;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            const SINGLE: bool = $single;
            #[inline(always)]
            fn of(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn f64(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn root(self) -> Self {
                self.sqrt()
            }
            fn slice(storage: &CpuStorage) -> Result<&[Self]> {
                match storage {
                    CpuStorage::$variant(values) => Ok(values),
                    other => bail!(
                        "expected {}, got {:?}",
                        stringify!($t),
                        crate::tensor::dtype_of(other)
                    ),
                }
            }
            fn slice_mut(storage: &mut CpuStorage) -> Result<&mut [Self]> {
                match storage {
                    CpuStorage::$variant(values) => Ok(values),
                    other => bail!(
                        "expected {}, got {:?}",
                        stringify!($t),
                        crate::tensor::dtype_of(other)
                    ),
                }
            }
            fn storage(values: Vec<Self>) -> CpuStorage {
                CpuStorage::$variant(values)
            }
        }
    };
}

real!(f32, F32, true, F32x4, F32x8, F32x16);
real!(f64, F64, false, F64x2, F64x4, F64x8);
