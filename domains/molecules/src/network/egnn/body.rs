//! The layers, which know neither time nor species.

use candle_core::{Result, Tensor};
use langevin_kernels::{Activation, displacement_sum, squared_distances};
use langevin_nn::{Builder, Init, Layer, Linear, PairHead, PairLayer, PairOptions, PairSum};

use super::EgnnConfig;

/// Offset of a length in the coordinate update, `(x_i − x_j)/(|x_i − x_j| + 1)`.
const OFFSET: f64 = 1.0;
/// Under the root of a squared length.
const EPS: f64 = 1e-8;
/// Gain of the Xavier law of the weights that move atoms.
const GAIN: f64 = 1e-3;

/// One block: messages feed the atoms, then second messages move them.
#[derive(Debug, Clone)]
struct Block {
    message: PairLayer,
    gather: Linear,
    update: Linear,
    moves: PairLayer,
}

/// Positions and features of atoms to moved positions and outputs.
///
/// `h` is an affine map of the features, the outputs are one of the last `h`. With `d²` of the block's
/// own input, which both of its halves see, and `d0²` of the network's, a block sets
/// ```text
/// m_ij = MLP(h_i, h_j, d²_ij, d0²_ij)         two layers, SiLU after both
/// h_i += MLP(h_i, Σ_j g_ij m_ij)              two layers, SiLU between; g_ij = sigmoid(w·m_ij + b)
/// x_i += Σ_j (x_i − x_j)/(√(d²_ij + 1e-8) + 1) · r tanh(w'·m'_ij)    m' from the new h, no bias
/// ```
/// with sums over j ≠ i, unscaled. `m` and `m'` have weights of their own.
///
/// # Shapes and units
/// - positions `[B, n, 3]` and features `[B, n, inputs]` to positions and `[B, n, outputs]`; `r` in the
///   unit of the positions
///
/// # Source
/// Hoogeboom, Satorras, Vignac & Welling (2022), arXiv:2203.17003, appendix B; constants as in its code.
#[derive(Debug, Clone)]
pub(super) struct EgnnBody {
    embed: Linear,
    blocks: Vec<Block>,
    output: Linear,
    range: f64,
}

impl EgnnBody {
    /// The layers of `config`, for `inputs` features of an atom and `outputs` answers.
    ///
    /// # Errors
    /// Those of [`Builder::parameter`].
    pub(super) fn new(
        builder: &Builder,
        config: &EgnnConfig,
        inputs: usize,
        outputs: usize,
    ) -> langevin_nn::Result<Self> {
        let width = config.width;
        let linear = |part: &str, inputs, outputs, activation| {
            Linear::new(&builder.part(part), inputs, outputs, activation)
        };
        let message = PairOptions {
            inputs: width,
            pair_inputs: 2,
            width,
            activation: Activation::Silu,
            sum: PairSum::Gated,
            head: None,
        };
        // Xavier's uniform law, bound √(6/(fan in + fan out)), times the gain.
        let law = Init::Uniform(GAIN * (6.0 / (width + 1) as f64).sqrt());
        let head = PairHead { scalars: 1, weight: law, bias: false };
        let moves = PairOptions { sum: PairSum::Absent, head: Some(head), ..message };
        let block = |i: usize| -> langevin_nn::Result<Block> {
            let own = |part: &str| builder.part(&format!("{i}.{part}"));
            Ok(Block {
                message: PairLayer::new(&own("message"), &message)?,
                gather: Linear::new(&own("gather"), 2 * width, width, Activation::Silu)?,
                update: Linear::new(&own("update"), width, width, Activation::Identity)?,
                moves: PairLayer::new(&own("moves"), &moves)?,
            })
        };
        Ok(Self {
            embed: linear("embed", inputs, width, Activation::Identity)?,
            blocks: (0..config.layers).map(block).collect::<langevin_nn::Result<_>>()?,
            output: linear("output", width, outputs, Activation::Identity)?,
            range: config.coordinate_range,
        })
    }

    /// Moved positions and outputs.
    ///
    /// # Errors
    /// If shapes or element types do not fit.
    pub(super) fn forward(
        &self,
        positions: &Tensor,
        features: &Tensor,
    ) -> Result<(Tensor, Tensor)> {
        let (mut x, mut h) = (positions.clone(), self.embed.forward(features)?);
        let initial = squared_distances(positions)?;
        for block in &self.blocks {
            let pairs = Tensor::cat(&[&squared_distances(&x)?, &initial], 3)?;
            let sum = block.message.forward(&h, &pairs)?.sum.expect("asked for");
            let seen = block.gather.forward(&Tensor::cat(&[&h, &sum], 2)?)?;
            h = (h + block.update.forward(&seen)?)?;
            let scalars = block.moves.forward(&h, &pairs)?.head.expect("asked for");
            let phi = (scalars.tanh()? * self.range)?;
            x = (&x + displacement_sum(&x, &phi, OFFSET, EPS)?)?;
        }
        Ok((x, self.output.forward(&h)?))
    }
}
