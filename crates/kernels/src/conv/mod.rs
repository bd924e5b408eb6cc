//! Two-dimensional convolution: patches of a block of pixels, then one matrix product.

mod passes;
mod patches;

use crate::composed;
use crate::real::Real;
use crate::tensor::{View, by_dtype, dtype_of, same_dtype, slice_of, tensor, wants_gradient};
use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};
use passes::{channel_sums, correlate};

/// Stride and zero padding, the same in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conv2d {
    /// Distance between the inputs of neighbouring outputs; at least 1.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
}

/// `y[o, p, q] = b_o + Σ_{c,i,j} w[o, c, i, j] x[c, p·stride + i − padding, q·stride + j − padding]`.
///
/// Linear in `x`: the tangent of the value along `dx` is `conv2d(dx, w, None, ..)`.
///
/// # Shapes and units
/// - `x`: `[B, C, H, W]`; `w`: `[O, C, h, w]`; `b`: `[O]`
/// - returns `[B, O, (H + 2·padding − h)/stride + 1, (W + 2·padding − w)/stride + 1]`
///
/// # Errors
/// If shapes or element types do not fit, or a tensor is not f32 or f64.
pub fn conv2d(x: &Tensor, w: &Tensor, b: Option<&Tensor>, conv: Conv2d) -> Result<Tensor> {
    same_dtype(x, w)?;
    let ((_, channels, height, width), (outs, w_channels, kh, kw)) = (x.dims4()?, w.dims4()?);
    let Conv2d { stride, padding } = conv;
    if channels != w_channels {
        bail!("x has {channels} channels, w takes {w_channels}");
    }
    if stride == 0 || kh == 0 || kw == 0 || kh > height + 2 * padding || kw > width + 2 * padding {
        bail!("a {kh} × {kw} kernel with stride {stride}, padding {padding} on {height} × {width}");
    }
    let b = match b {
        Some(b) if b.dims() != [outs] => bail!("w gives {outs} channels, b has {:?}", b.dims()),
        Some(b) => {
            same_dtype(x, b)?;
            b.contiguous()?
        }
        None => Tensor::zeros(outs, x.dtype(), x.device())?,
    };
    if composed::elsewhere(x) {
        return composed::conv2d(x, w, &b, conv);
    }
    x.contiguous()?.apply_op3(&w.contiguous()?, &b, conv)
}

impl CustomOp3 for Conv2d {
    fn name(&self) -> &'static str {
        "conv2d"
    }

    fn cpu_fwd(
        &self,
        sx: &CpuStorage,
        lx: &Layout,
        sw: &CpuStorage,
        lw: &Layout,
        sb: &CpuStorage,
        lb: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        fn run<T: Real>(
            conv: Conv2d,
            x: (&CpuStorage, &Layout),
            w: (&CpuStorage, &Layout),
            b: (&CpuStorage, &Layout),
        ) -> Result<(CpuStorage, Shape)> {
            let p = conv.patches(x.1.dims(), w.1.dims());
            let (batch, outs) = (x.1.dims()[0], w.1.dims()[0]);
            let (x, w, b) = (slice_of::<T>(x.0, x.1)?, slice_of(w.0, w.1)?, slice_of(b.0, b.1)?);
            let y = correlate(p, batch, outs, x, w, Some(b));
            Ok((T::storage(y), (batch, outs, p.output.0, p.output.1).into()))
        }
        by_dtype!(dtype_of(sx), run(*self, (sx, lx), (sw, lw), (sb, lb)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        b: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        fn run<T: Real>(
            conv: Conv2d,
            x: &Tensor,
            w: &Tensor,
            b: &Tensor,
            grad: &Tensor,
        ) -> Result<[Option<Tensor>; 3]> {
            let (xv, wv, gv) = (View::of(x)?, View::of(w)?, View::of(grad)?);
            let (xs, ws, g) = (xv.slice::<T>()?, wv.slice::<T>()?, gv.slice::<T>()?);
            let p = conv.patches(x.dims(), w.dims());
            let dx = wants_gradient(x)
                .then(|| tensor(conv.input_gradient(x.dims(), w.dims(), ws, g), x.shape()));
            let dw = wants_gradient(w)
                .then(|| tensor(conv.weight_gradient(x.dims(), w.dims(), xs, g), w.shape()));
            let db = wants_gradient(b)
                .then(|| tensor(channel_sums(g, w.dims()[0], p.pixels()), b.shape()));
            Ok([dx.transpose()?, dw.transpose()?, db.transpose()?])
        }
        let [dx, dw, db] = by_dtype!(x.dtype(), run(*self, x, w, b, &grad.contiguous()?))?;
        Ok((dx, dw, db))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::{DType, Var};

    const CASES: [(usize, usize, usize, usize, usize); 6] = [
        // height, width, kernel, stride, padding
        (5, 7, 3, 1, 1),
        (20, 40, 3, 1, 1),
        (6, 5, 1, 1, 0),
        (7, 9, 3, 2, 1),
        (8, 8, 2, 2, 0),
        (4, 4, 1, 1, 2),
    ];

    #[test]
    fn values_are_candles() {
        on_each(|_| {
            for (h, w, k, stride, padding) in CASES {
                let conv = Conv2d { stride, padding };
                let (x, w, b) = (
                    normal::<f64>(1, &[2, 3, h, w]),
                    normal::<f64>(2, &[5, 3, k, k]),
                    normal::<f64>(3, &[5]),
                );
                let expected = x.conv2d(&w, padding, stride, 1, 1).unwrap();
                let expected = expected.broadcast_add(&b.reshape((1, 5, 1, 1)).unwrap()).unwrap();
                assert_close("f64", &conv2d(&x, &w, Some(&b), conv).unwrap(), &expected, 1e-13);
                let [x, w, b] = [x, w, b].map(|t| t.to_dtype(DType::F32).unwrap());
                let y = conv2d(&x, &w, Some(&b), conv).unwrap().to_dtype(DType::F64).unwrap();
                assert_close("f32", &y, &expected, 1e-5);
            }
        });
    }

    #[test]
    fn adjoint() {
        on_each(|_| {
            for (h, w, k, stride, padding) in CASES {
                let t = [
                    normal::<f64>(1, &[2, 2, h, w]),
                    normal::<f64>(2, &[3, 2, k, k]),
                    normal::<f64>(3, &[3]),
                ];
                check_adjoint(&t, |t| {
                    conv2d(&t[0], &t[1], Some(&t[2]), Conv2d { stride, padding })
                });
            }
        });
    }

    #[test]
    fn threads_and_batch_change_nothing() {
        let (x, w) = (normal::<f32>(1, &[5, 8, 20, 20]), normal::<f32>(2, &[16, 8, 3, 3]));
        let conv = Conv2d { stride: 1, padding: 1 };
        check_threads(|| {
            let vars = [&x, &w].map(|t| Var::from_tensor(t).unwrap());
            let y = conv2d(&vars[0], &vars[1], None, conv).unwrap();
            let grads = y.sqr().unwrap().sum_all().unwrap().backward().unwrap();
            let mut all = vec![y.detach()];
            all.extend(vars.iter().map(|v| grads.get(v).unwrap().clone()));
            all
        });
        let whole = conv2d(&x, &w, None, conv).unwrap();
        let one = conv2d(&x.narrow(0, 3, 1).unwrap(), &w, None, conv).unwrap();
        assert_eq!(flat(&one), flat(&whole.narrow(0, 3, 1).unwrap()));
    }
}
