//! The layer of an E(n)-equivariant network that sees pairs of points.

use candle_core::{Result, Tensor};
use langevin_core::ConfigError;
use langevin_kernels::{Activation, PairOutput, PairWeights, pair_block, pair_block_dual};

use crate::{Builder, Init, Layer, Linear};

/// What a pair layer does with the messages at their receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairSum {
    /// They are read out per pair only.
    Absent,
    /// `Σ_{j ≠ i} m_ij`.
    Plain,
    /// `Σ_{j ≠ i} g_ij m_ij` with `g_ij = 1 / (1 + exp(−w_g · m_ij − b_g))`; Satorras et al.
    /// (2021), Eq. 8.
    Gated,
}

/// Sizes and outputs of a [`PairLayer`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairOptions {
    /// Features of a point, `d`.
    pub inputs: usize,
    /// Features of a pair, `K`: at least the squared distance.
    pub pair_inputs: usize,
    /// Width of the hidden and message vectors, `H`.
    pub width: usize,
    /// After both layers of the message.
    pub activation: Activation,
    /// The messages' sum.
    pub sum: PairSum,
    /// What is read from each message.
    pub head: Option<PairHead>,
}

/// Scalars read from each message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairHead {
    /// How many, `S`.
    pub scalars: usize,
    /// Law of the weights' initial values; a small one where they move coordinates: the first
    /// layers of a deep network must not throw points about.
    pub weight: Init,
    /// Whether a bias, 0 at first, is added.
    pub bias: bool,
}

/// `m_ij = σ(σ(W_i h_i + W_j h_j + C e_ij + b1) W2ᵀ + b2)` for the ordered pairs of a sample's
/// points, summed over `j ≠ i` and read out as scalars `m_ij W3ᵀ + b3`.
///
/// The usual form applies one matrix `[W_i | W_j | C]` to `[h_i, h_j, e_ij]`, of which each sample
/// has n² rows of `2 d + K`. Split, it takes 2 n products with `h`, and no array of size `n² · 2 d`
/// is made; the initial law is that of the joined matrix. With `e_ij` invariant (squared distances,
/// edge types) so is the output: `sum` updates `h`, and a head moves coordinates through
/// [`langevin_kernels::displacement_sum`].
///
/// # Shapes and units
/// - `h`: `[B, n, d]`; `e`: `[B, n, n, K]`, whose diagonal is not read
/// - gives `sum`: `[B, n, H]` and `head`: `[B, n, n, S]`, whose diagonal is 0
/// - parameters `centre.weight`, `neighbour.weight`: `[H, d]`; `pair.weight`: `[K, H]`;
///   `pair.bias`: `[H]`; `message.weight`: `[H, H]`; `message.bias`: `[H]`; `gate.weight`: `[H]`;
///   `gate.bias`: `[1]`; `head.weight`: `[S, H]`; `head.bias`: `[S]` if asked for
///
/// # Source
/// Satorras, Hoogeboom & Welling (2021), arXiv:2102.09844, Eqs. 3–5.
#[derive(Debug, Clone)]
pub struct PairLayer {
    centre: Linear,
    neighbour: Linear,
    weights: PairWeights,
    activation: Activation,
}

impl PairLayer {
    /// A layer that gives what `options` ask for.
    ///
    /// # Errors
    /// [`crate::NnError::Setting`] if they ask for neither a sum nor a head; those of
    /// [`Builder::parameter`].
    pub fn new(builder: &Builder, options: &PairOptions) -> crate::Result<Self> {
        let PairOptions { inputs, pair_inputs, width, activation, sum, head } = *options;
        let scalars = head.map_or(0, |head| head.scalars);
        if sum == PairSum::Absent && scalars == 0 {
            return Err(
                ConfigError::new("head", scalars, "at least 1 where there is no sum").into()
            );
        }
        let first = Init::FanIn(2 * inputs + pair_inputs);
        let point = |name| {
            let builder = builder.part(name);
            Linear::with_init(&builder, inputs, width, Activation::Identity, first, None)
        };
        let (pair, message) = (builder.part("pair"), builder.part("message"));
        let gate = (sum == PairSum::Gated).then(|| -> crate::Result<_> {
            let gate = builder.part("gate");
            let weight = gate.parameter("weight", &[width], Init::FanIn(width))?;
            Ok((weight, gate.parameter("bias", &[1], Init::FanIn(width))?))
        });
        let head = head.filter(|_| scalars > 0).map(|head| -> crate::Result<_> {
            let own = builder.part("head");
            let weight = own.parameter("weight", &[scalars, width], head.weight)?;
            // The kernel always adds one; without a bias it is a constant.
            let bias = if head.bias {
                own.parameter("bias", &[scalars], Init::Zeros)?
            } else {
                Tensor::zeros(scalars, builder.dtype(), &builder.device())?
            };
            Ok((weight, bias))
        });
        let weights = PairWeights {
            c: pair.parameter("weight", &[pair_inputs, width], first)?,
            b1: pair.parameter("bias", &[width], first)?,
            w2: message.parameter("weight", &[width, width], Init::FanIn(width))?,
            b2: message.parameter("bias", &[width], Init::FanIn(width))?,
            gate: gate.transpose()?,
            head: head.transpose()?,
            sum: sum != PairSum::Absent,
        };
        Ok(Self { centre: point("centre")?, neighbour: point("neighbour")?, weights, activation })
    }

    /// Sum and scalars.
    ///
    /// # Errors
    /// If shapes or element types do not fit.
    pub fn forward(&self, h: &Tensor, e: &Tensor) -> Result<PairOutput> {
        let (a, b) = (self.centre.forward(h)?, self.neighbour.forward(h)?);
        pair_block(&a, &b, e, &self.weights, self.activation)
    }

    /// Value and tangent along `(dh, de)`; only the value has a graph.
    ///
    /// # Errors
    /// As [`PairLayer::forward`], or if a tangent differs from its input in shape or element type.
    pub fn forward_dual(
        &self,
        (h, dh): (&Tensor, &Tensor),
        (e, de): (&Tensor, &Tensor),
    ) -> Result<(PairOutput, PairOutput)> {
        let (a, da) = self.centre.forward_dual(h, dh)?;
        let (b, db) = self.neighbour.forward_dual(h, dh)?;
        pair_block_dual((&a, &da), (&b, &db), (e, de), &self.weights, self.activation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ParamStore;
    use crate::testing::{
        assert_close, build, check_dual, check_parameters, normal, same_bits_for_two_threads,
    };
    use candle_core::{D, DType, Device, Var};
    use langevin_core::Seed;
    use langevin_kernels::{displacement_sum, squared_distances};

    const HEAD: PairHead = PairHead { scalars: 2, weight: Init::FanIn(5), bias: true };

    const FULL: PairOptions = PairOptions {
        inputs: 3,
        pair_inputs: 2,
        width: 5,
        activation: Activation::Silu,
        sum: PairSum::Gated,
        head: Some(HEAD),
    };

    /// The kinds of layer: everything, a plain sum, a head, a head without a bias.
    fn kinds() -> [PairOptions; 4] {
        let plain = PairHead { bias: false, ..HEAD };
        [
            FULL,
            PairOptions { sum: PairSum::Plain, head: None, ..FULL },
            PairOptions { sum: PairSum::Absent, ..FULL },
            PairOptions { sum: PairSum::Absent, head: Some(plain), ..FULL },
        ]
    }

    fn layer(options: &PairOptions) -> (ParamStore, PairLayer) {
        build(DType::F64, |builder| PairLayer::new(builder, options))
    }

    fn inputs(batch: usize, n: usize) -> (Tensor, Tensor) {
        (normal(1, &[batch, n, 3]), normal(2, &[batch, n, n, 2]))
    }

    /// Both outputs in one vector.
    fn joined(output: &PairOutput) -> Tensor {
        let parts: Vec<Tensor> = [&output.sum, &output.head]
            .into_iter()
            .flatten()
            .map(|part| part.flatten_all().unwrap())
            .collect();
        Tensor::cat(&parts, 0).unwrap()
    }

    /// The joined form by candle's own operations: one matrix on `[h_i, h_j, e_ij]`.
    fn composed(h: &Tensor, e: &Tensor, store: &ParamStore) -> Result<PairOutput> {
        let get = |name: &str| store.get(name).expect("a parameter").as_tensor();
        let (batch, n, d) = h.dims3()?;
        let first = h.unsqueeze(2)?.broadcast_as((batch, n, n, d))?;
        let second = h.unsqueeze(1)?.broadcast_as((batch, n, n, d))?;
        let rows = Tensor::cat(&[&first, &second, e], 3)?.contiguous()?;
        let c = get("pair.weight").t()?;
        let matrix = Tensor::cat(&[get("centre.weight"), get("neighbour.weight"), &c], 1)?;
        let z = rows.broadcast_matmul(&matrix.t()?)?.broadcast_add(get("pair.bias"))?.silu()?;
        let z = z.broadcast_matmul(&get("message.weight").t()?)?;
        let m = z.broadcast_add(get("message.bias"))?.silu()?;
        let off = (1.0 - Tensor::eye(n, DType::F64, &Device::Cpu)?)?.reshape((1, n, n, 1))?;
        let mut share = off.clone();
        if let (Some(w), Some(b)) = (store.get("gate.weight"), store.get("gate.bias")) {
            let z = m.broadcast_mul(w)?.sum_keepdim(D::Minus1)?.broadcast_add(b)?;
            share = share.broadcast_mul(&(z.neg()?.exp()? + 1.0)?.recip()?)?;
        }
        let head = store.get("head.weight").map(|w| {
            let mut y = m.broadcast_matmul(&w.t()?)?;
            if let Some(bias) = store.get("head.bias") {
                y = y.broadcast_add(bias)?;
            }
            y.broadcast_mul(&off)
        });
        Ok(PairOutput { sum: Some(m.broadcast_mul(&share)?.sum(2)?), head: head.transpose()? })
    }

    #[test]
    fn the_split_form_is_the_joined_one() {
        let (h, e) = inputs(2, 4);
        for options in kinds() {
            let (store, layer) = layer(&options);
            let (output, plain) =
                (layer.forward(&h, &e).unwrap(), composed(&h, &e, &store).unwrap());
            assert_eq!(output.sum.is_some(), options.sum != PairSum::Absent);
            assert_eq!(output.head.is_some(), options.head.is_some());
            if let Some(sum) = output.sum {
                assert_close("sum", &sum, &plain.sum.unwrap(), 1e-13);
            }
            if let Some(head) = output.head {
                assert_close("head", &head, &plain.head.unwrap(), 1e-13);
            }
        }
    }

    #[test]
    fn gradients_and_tangents_are_those_of_differences() {
        let (h, e) = inputs(2, 4);
        let (dh, de) = (normal(3, h.dims()), normal(4, e.dims()));
        let moved = |x: &Tensor, dx: &Tensor, step: f64| (x + (dx * step).unwrap()).unwrap();
        // Directions with a graph of their own, which must not reach the tangent.
        let (tracked_h, tracked_e) =
            (Var::from_tensor(&dh).unwrap(), Var::from_tensor(&de).unwrap());
        for options in kinds() {
            let (store, layer) = layer(&options);
            check_parameters(&store, || joined(&layer.forward(&h, &e).unwrap()));
            let dual = || layer.forward_dual((&h, &tracked_h), (&e, &tracked_e)).unwrap();
            check_parameters(&store, || joined(&dual().0));
            let at = |step| {
                let output = layer.forward(&moved(&h, &dh, step), &moved(&e, &de, step));
                joined(&output.unwrap())
            };
            let (value, tangent) = dual();
            check_dual(at, (&joined(&value), &joined(&tangent)));
        }
    }

    /// One equivariant step on coordinates, `d²` and one invariant feature per pair: turning,
    /// mirroring and shifting the points turns, mirrors and shifts the result, and leaves the
    /// summed messages alone.
    #[test]
    fn invariant_pair_features_make_an_equivariant_step() {
        let (_, layer) =
            layer(&PairOptions { head: Some(PairHead { scalars: 1, ..HEAD }), ..FULL });
        let (h, kind, x) = (normal(1, &[2, 4, 3]), normal(2, &[2, 4, 4, 1]), normal(3, &[2, 4, 3]));
        let step = |x: &Tensor| {
            let e = Tensor::cat(&[&squared_distances(x).unwrap(), &kind], 3).unwrap();
            let output = layer.forward(&h, &e).unwrap();
            let move_by = displacement_sum(x, &output.head.unwrap(), 1.0, 1e-8).unwrap();
            ((x + move_by).unwrap(), output.sum.unwrap())
        };
        // A reflection, I − 2 u uᵀ/|u|², of determinant −1, and a shift.
        let u = normal(5, &[3, 1]);
        let size = u.sqr().unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let mirror = Tensor::eye(3, DType::F64, &Device::Cpu).unwrap();
        let mirror =
            (mirror - (u.matmul(&u.t().unwrap()).unwrap() * (2.0 / size)).unwrap()).unwrap();
        let image = |x: &Tensor| (x.broadcast_matmul(&mirror).unwrap() + 0.7).unwrap();
        let ((y, sum), (y_image, sum_image)) = (step(&x), step(&image(&x)));
        assert_close("coordinates", &y_image, &image(&y), 1e-12);
        assert_close("messages", &sum_image, &sum, 1e-12);
        assert!(
            (y - x).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap() > 0.1
        );
    }

    #[test]
    fn a_layer_without_an_output_is_refused() {
        for head in [None, Some(PairHead { scalars: 0, ..HEAD })] {
            let options = PairOptions { sum: PairSum::Absent, head, ..FULL };
            let error = ParamStore::create(DType::F64, Seed(1), |builder| {
                PairLayer::new(builder, &options)
            })
            .unwrap_err();
            let expected = "head: found 0, allowed: at least 1 where there is no sum";
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn threads_change_nothing() {
        let options =
            PairOptions { width: 32, head: Some(PairHead { scalars: 1, ..HEAD }), ..FULL };
        let (store, layer) = build(DType::F32, |builder| PairLayer::new(builder, &options));
        let (h, e) = inputs(3, 40);
        let (h, e) = (h.to_dtype(DType::F32).unwrap(), e.to_dtype(DType::F32).unwrap());
        same_bits_for_two_threads(&store, || {
            let (value, tangent) = layer.forward_dual((&h, &h), (&e, &e)).unwrap();
            vec![joined(&value), joined(&tangent)]
        });
    }
}
