//! Pointwise nonlinearities with their derivatives.

use crate::composed;
use crate::isa::{Kernel, dispatch};
use crate::math;
use crate::parallel::{Shared, for_blocks, unwritten};
use crate::real::Real;
use crate::simd::{Simd, Twice};
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

/// A pointwise function `σ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// `σ(z) = z`.
    #[default]
    Identity,
    /// `z / (1 + e^−z)`, also called swish.
    Silu,
    /// `λ z` for `z > 0`, else `λ α (e^z − 1)`; Klambauer et al. (2017).
    Selu,
    /// `z Φ(z)` with the exact normal distribution function; Hendrycks & Gimpel (2016).
    Gelu,
    /// `z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2`, the paper's approximation of [`Self::Gelu`].
    GeluTanh,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^−z)`.
    Sigmoid,
    /// `ln(1 + e^z)`.
    Softplus,
}

impl Activation {
    /// `σ(x)`, differentiable.
    ///
    /// # Errors
    /// If `x` is not f32 or f64.
    pub fn apply(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Identity => Ok(x.clone()),
            _ if composed::elsewhere(x) => composed::value(self, x),
            _ => x.contiguous()?.apply_op1(Pointwise { activation: self, order: 0 }),
        }
    }

    /// `σ'(x)`, without a graph.
    ///
    /// # Errors
    /// If `x` is not f32 or f64.
    pub fn derivative(self, x: &Tensor) -> Result<Tensor> {
        if composed::elsewhere(x) {
            return composed::derivative(self, x);
        }
        x.contiguous()?.apply_op1_no_bwd(&Pointwise { activation: self, order: 1 })
    }

    /// `(σ(x), σ'(x) dx)`: the value is differentiable, the tangent has no graph.
    ///
    /// # Errors
    /// If shapes or element types differ.
    pub fn dual(self, x: &Tensor, dx: &Tensor) -> Result<(Tensor, Tensor)> {
        let dtype = same_dtype(x, dx)?;
        let tangent = if composed::elsewhere(x) {
            (composed::derivative(self, x)? * dx.detach())?
        } else {
            by_dtype!(dtype, scaled(self, x, dx))?
        };
        Ok((self.apply(x)?, tangent))
    }

    /// `y = σ(x)` on slices.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn map<T: Real>(self, x: &[T], y: &mut [T]) {
        assert_eq!(x.len(), y.len());
        dispatch(Map { activation: self, x, y, order: 0 });
    }

    /// `σ(z)`.
    #[inline(always)]
    pub(crate) fn value<V: Simd>(self, z: V) -> V {
        self.value_and_derivative(z).0
    }

    /// `(σ(z), σ'(z))`, which share their exponential.
    #[inline(always)]
    pub(crate) fn value_and_derivative<V: Simd>(self, z: V) -> (V, V) {
        let of = |x: f64| V::splat(V::E::of(x));
        let (zero, half, one) = (of(0.0), of(0.5), of(1.0));
        match self {
            Self::Identity => (z, one),
            Self::Silu => {
                // σ' = s + z s (1 − s)
                let s = math::sigmoid(z);
                let y = z.mul(s);
                (y, y.fma(one.sub(s), s))
            }
            Self::Selu => {
                // λ and λα of the fixed point with mean 0 and variance 1.
                let (scale, below) = (of(1.050_700_987_355_480_5), of(1.758_099_340_847_376_6));
                let m = below.mul(math::exp_m1(z.min(zero)));
                let y = zero.select_lt(z, z.mul(scale), m);
                (y, zero.select_lt(z, scale, m.add(below)))
            }
            Self::Gelu => {
                let (cdf, pdf) = math::normal_cdf_pdf(z);
                (z.mul(cdf), z.fma(pdf, cdf))
            }
            Self::GeluTanh => {
                // √(2/π) and its product with 3 · 0.044715
                let root = of(0.797_884_560_802_865_4);
                let z2 = z.mul(z);
                let t = math::tanh(root.mul(z).mul(z2.fma(of(0.044_715), one)));
                let inner = root.mul(z2.fma(of(0.134_145), one));
                let cdf = t.fma(half, half);
                let slope = half.mul(z).mul(one.sub(t.mul(t))).mul(inner);
                (z.mul(cdf), cdf.add(slope))
            }
            Self::Tanh => {
                let t = math::tanh(z);
                (t, one.sub(t.mul(t)))
            }
            Self::Sigmoid => {
                let s = math::sigmoid(z);
                (s, s.mul(one.sub(s)))
            }
            Self::Softplus => {
                let y = zero.max(z).add(math::ln_1p(math::exp(zero.sub(z.abs()))));
                (y, math::sigmoid(z))
            }
        }
    }
}

macro_rules! named {
    ($($(#[$doc:meta])* $name:ident => $variant:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// # Errors
        /// If `x` is not f32 or f64.
        pub fn $name(x: &Tensor) -> Result<Tensor> {
            Activation::$variant.apply(x)
        }
    )*};
}

named! {
    /// [`Activation::Silu`], differentiable.
    silu => Silu;
    /// [`Activation::Selu`], differentiable.
    selu => Selu;
    /// [`Activation::Gelu`], differentiable.
    gelu => Gelu;
    /// [`Activation::GeluTanh`], differentiable.
    gelu_tanh => GeluTanh;
    /// [`Activation::Tanh`], differentiable.
    tanh => Tanh;
    /// [`Activation::Sigmoid`], differentiable.
    sigmoid => Sigmoid;
    /// [`Activation::Softplus`], differentiable.
    softplus => Softplus;
}

/// Elements per block of pointwise work: 64 KiB of f32, so input and output stay in L2.
pub(crate) const POINTWISE_BLOCK: usize = 16_384;

/// `|i, n| body` for each vector of `len` elements: at `i`, of `n` lanes, fewer in the last.
///
/// A macro because a closure is not sure to be inlined, and one that is not has no instruction
/// set; and because the body is compiled twice, with `n` a constant in the loop.
macro_rules! each_vector {
    ($V:ty, $len:expr, |$i:ident, $n:ident| $body:expr) => {{
        let len: usize = $len;
        let lanes = <$V as crate::simd::Simd>::LANES;
        let mut at = 0;
        while at + lanes <= len {
            let ($i, $n) = (at, lanes);
            $body;
            at += lanes;
        }
        if at < len {
            let ($i, $n) = (at, len - at);
            $body;
        }
    }};
}
pub(crate) use each_vector;

/// `body` with an [`Activation`] that is a constant there where it is SiLU, as in most networks: a choice
/// in the innermost loop costs a jump per vector, and registers for the constants of all functions.
macro_rules! by_activation {
    ($activation:expr, |$sigma:ident| $body:expr) => {
        match $activation {
            crate::activation::Activation::Silu => {
                let $sigma = crate::activation::Activation::Silu;
                $body
            }
            $sigma => $body,
        }
    };
}
pub(crate) use by_activation;

/// Loads `n` lanes, the whole vector in one instruction.
///
/// # Safety
/// `p` must be valid for reading `n` elements.
#[inline(always)]
pub(crate) unsafe fn load<V: Simd>(p: *const V::E, n: usize) -> V {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { V::load(p) } else { V::load_first(p, n) } }
}

/// Stores `n` lanes, the whole vector in one instruction.
///
/// # Safety
/// `p` must be valid for writing `n` elements.
#[inline(always)]
pub(crate) unsafe fn store<V: Simd>(x: V, p: *mut V::E, n: usize) {
    // SAFETY: the caller's.
    unsafe { if n == V::LANES { x.store(p) } else { x.store_first(p, n) } }
}

/// `y = σ(x)` (order 0) or `y = σ'(x)` (order 1).
struct Map<'a, T> {
    activation: Activation,
    order: u8,
    x: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Map<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (x, y) = (self.x.as_ptr(), self.y.as_mut_ptr());
        // SAFETY: i + n stays within both slices, which are equally long.
        by_activation!(self.activation, |sigma| {
            each_vector!(Twice<V>, self.x.len().min(self.y.len()), |i, n| unsafe {
                let (value, slope) = sigma.value_and_derivative(load::<Twice<V>>(x.add(i), n));
                store(if self.order == 0 { value } else { slope }, y.add(i), n);
            })
        });
    }
}

/// `y = g σ'(x)`: the adjoint, and with `g` a tangent, the tangent.
struct Scale<'a, T> {
    activation: Activation,
    x: &'a [T],
    g: &'a [T],
    y: &'a mut [T],
}

impl<T: Real> Kernel<T> for Scale<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<V: Simd<E = T>>(self) {
        let (x, g, y) = (self.x.as_ptr(), self.g.as_ptr(), self.y.as_mut_ptr());
        let len = self.x.len().min(self.g.len()).min(self.y.len());
        // SAFETY: i + n stays within all three slices.
        by_activation!(self.activation, |sigma| {
            each_vector!(Twice<V>, len, |i, n| unsafe {
                let (_, slope) = sigma.value_and_derivative(load::<Twice<V>>(x.add(i), n));
                store(slope.mul(load(g.add(i), n)), y.add(i), n);
            })
        });
    }
}

/// `g σ'(x)` as a tensor without a graph.
fn scaled<T: Real>(activation: Activation, x: &Tensor, g: &Tensor) -> Result<Tensor> {
    if x.dims() != g.dims() {
        bail!("shapes differ: {:?} and {:?}", x.dims(), g.dims());
    }
    let (x, g) = (x.contiguous()?, g.contiguous()?);
    let (xv, gv) = (View::of(&x)?, View::of(&g)?);
    let (xs, gs) = (xv.slice::<T>()?, gv.slice::<T>()?);
    // SAFETY: the blocks below cover every element.
    let mut out = unsafe { unwritten(xs.len()) };
    let shared = Shared::new(&mut out);
    for_blocks(xs.len(), POINTWISE_BLOCK, 16 * xs.len(), |_, r| {
        // SAFETY: blocks are disjoint.
        let y = unsafe { shared.part(r.clone()) };
        dispatch(Scale { activation, x: &xs[r.clone()], g: &gs[r], y });
    });
    tensor(out, x.shape())
}

struct Pointwise {
    activation: Activation,
    order: u8,
}

impl CustomOp1 for Pointwise {
    fn name(&self) -> &'static str {
        "activation"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(op: &Pointwise, s: &CpuStorage, l: &Layout) -> Result<(CpuStorage, Shape)> {
            let x = slice_of::<T>(s, l)?;
            // SAFETY: the blocks below cover every element.
            let mut out = unsafe { unwritten(x.len()) };
            let shared = Shared::new(&mut out);
            for_blocks(x.len(), POINTWISE_BLOCK, 16 * x.len(), |_, r| {
                // SAFETY: blocks are disjoint.
                let y = unsafe { shared.part(r.clone()) };
                dispatch(Map { activation: op.activation, order: op.order, x: &x[r], y });
            });
            Ok((T::storage(out), l.shape().clone()))
        }
        by_dtype!(dtype_of(storage), run(self, storage, layout))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        if !wants_gradient(x) {
            return Ok(None);
        }
        by_dtype!(x.dtype(), scaled(self.activation, x, grad)).map(Some)
    }
}

#[cfg(test)]
pub(crate) const ALL: [Activation; 8] = [
    Activation::Identity,
    Activation::Silu,
    Activation::Selu,
    Activation::Gelu,
    Activation::GeluTanh,
    Activation::Tanh,
    Activation::Sigmoid,
    Activation::Softplus,
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::DType;

    /// Textbook formulas in double precision from the C library (GELU's Φ: candle's own erf).
    fn textbook(activation: Activation, x: &Tensor) -> Tensor {
        let x = x.to_dtype(DType::F64).unwrap();
        let f: fn(f64) -> f64 = match activation {
            Activation::Gelu => return x.gelu_erf().unwrap(),
            Activation::Identity => |z| z,
            Activation::Silu => |z| z / (1.0 + (-z).exp()),
            Activation::Selu => {
                |z| 1.0507009873554805 * if z > 0.0 { z } else { 1.6732632423543772 * z.exp_m1() }
            }
            Activation::GeluTanh => |z| {
                0.5 * z
                    * (1.0
                        + ((2.0 / std::f64::consts::PI).sqrt() * (z + 0.044715 * z.powi(3))).tanh())
            },
            Activation::Tanh => f64::tanh,
            Activation::Sigmoid => |z| 1.0 / (1.0 + (-z).exp()),
            Activation::Softplus => |z| z.exp().ln_1p(),
        };
        let y: Vec<f64> = flat(&x).into_iter().map(f).collect();
        Tensor::from_vec(y, x.dims(), x.device()).unwrap()
    }

    #[test]
    fn values_are_the_textbook_values() {
        on_each(|_| {
            for activation in ALL {
                let x = (normal::<f64>(1, &[7, 143]) * 3.0).unwrap();
                let y = activation.apply(&x).unwrap();
                assert_close(&format!("{activation:?} f64"), &y, &textbook(activation, &x), 1e-14);
                let x = x.to_dtype(DType::F32).unwrap();
                let y = activation.apply(&x).unwrap().to_dtype(DType::F64).unwrap();
                assert_close(&format!("{activation:?} f32"), &y, &textbook(activation, &x), 2e-6);
            }
        });
    }

    #[test]
    fn adjoint_and_tangent() {
        let x = normal::<f64>(2, &[5, 29]);
        on_each(|_| {
            for activation in ALL {
                check_adjoint(std::slice::from_ref(&x), |x| activation.apply(&x[0]));
                check_tangent(&x, |x| activation.apply(x), |x, dx| activation.dual(x, dx));
            }
        });
    }

    #[test]
    fn strided_inputs_and_threads() {
        let x = normal::<f32>(3, &[300, 400]);
        let turned = Activation::Silu.apply(&x.t().unwrap()).unwrap();
        let plain = Activation::Silu.apply(&x).unwrap().t().unwrap();
        assert_eq!(flat(&turned), flat(&plain));
        check_threads(|| vec![silu(&x).unwrap(), Activation::Gelu.derivative(&x).unwrap()]);
    }

    #[test]
    fn integers_are_refused() {
        let x = Tensor::zeros((2, 2), DType::U32, &candle_core::Device::Cpu).unwrap();
        assert!(silu(&x).unwrap_err().to_string().contains("f32 or f64"));
    }
}
