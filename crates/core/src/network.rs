//! What a network is to the rest: tensors in, tensors out.

use candle_core::{DType, Tensor};

use crate::{Estimate, Result, Rng, State, Times};

/// A backbone with its weights. It knows no schedule and no loss.
///
/// It is a map of two times: a diffusion or flow model is asked on the diagonal, `s = t`; a flow map
/// with `s < t`. A network that is trained on the diagonal alone may ignore `s`.
pub trait Network: Send + Sync {
    /// Raw outputs, one per factor, in [`Network::dtype`]; each has the factor's estimate shape.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] if the state does not fit.
    fn forward(&self, x: &State, t: &Times, s: &Times, condition: &Condition) -> Result<State>;

    /// Precision of inputs, weights and outputs.
    fn dtype(&self) -> DType;

    /// Whether it looks at what was estimated before, [`Condition::recalled`] (self-conditioning).
    fn recalls(&self) -> bool {
        false
    }
}

/// What is asked of the samples: features per sample, each of which may be hidden.
#[derive(Debug, Clone, Default)]
pub struct Condition {
    /// `[B, c]`, or nothing if the domain has no conditions.
    features: Option<Tensor>,
    /// `[B, 1]` or `[B, c]`: 1 where features are shown to the network, 0 where they are hidden.
    shown: Option<Tensor>,
    /// The estimate that was made before at a noisier state, if one was.
    recalled: Option<Estimate>,
    /// The factor whose part of the state is the clean one already, if one's is.
    given: Option<usize>,
    /// The points of a factor that lie to each other as in the clean state already, if some do.
    piece: Option<Piece>,
    /// What samples are made for, if for something: a coarse field whose details they are, a molecule whose properties.
    context: Option<State>,
}

/// Points of a factor that lie to each other as they will in the end.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The factor.
    pub factor: usize,
    /// 1 where a point is held and 0 where it is not, `[B, n]`.
    pub mask: Tensor,
}

impl Condition {
    /// No condition.
    pub fn none() -> Self {
        Self::default()
    }

    /// `features` `[B, c]`, all shown.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] unless the tensor has two axes.
    pub fn new(features: Tensor) -> Result<Self> {
        let (batch, _) = features.dims2()?;
        let shown = Tensor::ones((batch, 1), features.dtype(), features.device())?;
        Ok(Self { features: Some(features), shown: Some(shown), ..Self::default() })
    }

    /// The same, and what was estimated before: self-conditioning, Chen et al. (2022), "Analog bits".
    #[must_use]
    pub fn recalling(&self, estimate: &Estimate) -> Self {
        Self { recalled: Some(estimate.detach()), ..self.clone() }
    }

    /// What was estimated before, if anything was.
    pub fn recalled(&self) -> Option<&Estimate> {
        self.recalled.as_ref()
    }

    /// The same, and the state shows the clean value of factor `factor` at every time: it is given, and the
    /// others are made for it.
    #[must_use]
    pub fn giving(&self, factor: usize) -> Self {
        Self { given: Some(factor), ..self.clone() }
    }

    /// The factor that is given, if one is.
    pub fn given(&self) -> Option<usize> {
        self.given
    }

    /// The same, and the points of factor `factor` where `mask` `[B, n]` is 1 lie to each other as in the clean
    /// state at every time: a piece of the sample is there, and the rest is made around it.
    #[must_use]
    pub fn holding(&self, factor: usize, mask: Tensor) -> Self {
        Self { piece: Some(Piece { factor, mask }), ..self.clone() }
    }

    /// The points that are held, if some are.
    pub fn piece(&self) -> Option<&Piece> {
        self.piece.as_ref()
    }

    /// The same, and samples are made for `context`, a sample of which each has: a coarse field whose details they
    /// are, a molecule whose properties they are.
    #[must_use]
    pub fn under(&self, context: State) -> Self {
        Self { context: Some(context), ..self.clone() }
    }

    /// What samples are made for, if for something.
    pub fn context(&self) -> Option<&State> {
        self.context.as_ref()
    }

    /// The features, if any.
    pub fn features(&self) -> Option<&Tensor> {
        self.features.as_ref()
    }

    /// `features` `[B, c]`, each shown where `shown` `[B, c]` is 1 and hidden where it is 0.
    ///
    /// # Errors
    /// [`crate::Error::Shape`] unless both have that shape.
    pub fn with_flags(features: Tensor, shown: Tensor) -> Result<Self> {
        features.dims2()?;
        if features.dims() != shown.dims() {
            return Err(crate::Error::Shape {
                what: "flags of a condition".into(),
                found: shown.dims().to_vec(),
                expected: features.dims().to_vec(),
            });
        }
        Ok(Self { features: Some(features), shown: Some(shown), ..Self::default() })
    }

    /// The same with everything hidden: the unconditional question.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn hidden(&self) -> Result<Self> {
        let shown = self.shown.as_ref().map(Tensor::zeros_like).transpose()?;
        Ok(Self { shown, ..self.clone() })
    }

    /// Each sample's features hidden with probability `chance`, as classifier-free guidance trains.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn dropped(&self, chance: f64, rng: &mut Rng) -> Result<Self> {
        let Some(shown) = &self.shown else { return Ok(self.clone()) };
        let keep: Vec<f64> =
            rng.uniforms().iter().map(|&u| f64::from(u8::from(u >= chance))).collect();
        Ok(Self {
            shown: Some(shown.broadcast_mul(&crate::time::column(&keep, shown)?)?),
            ..self.clone()
        })
    }

    /// `f` applied to each tensor of it.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn map(&self, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        let state = |own: &Option<State>| own.as_ref().map(|state| state.map(&f)).transpose();
        let tensor = |own: &Option<Tensor>| own.as_ref().map(&f).transpose();
        let piece = |own: &Piece| -> Result<Piece> {
            Ok(Piece { factor: own.factor, mask: f(&own.mask)? })
        };
        Ok(Self {
            features: tensor(&self.features)?,
            shown: tensor(&self.shown)?,
            recalled: state(&self.recalled)?,
            given: self.given,
            piece: self.piece.as_ref().map(piece).transpose()?,
            context: state(&self.context)?,
        })
    }

    /// Samples `rows`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] if a row does not exist.
    pub fn select(&self, rows: &[usize]) -> Result<Self> {
        self.map(|x| crate::state::rows(x, rows))
    }

    /// What a network sees: features (0 where hidden) and the flags that say which, `[B, c + 1]` or
    /// `[B, 2 c]`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn input(&self, dtype: DType) -> Result<Option<Tensor>> {
        let (Some(features), Some(shown)) = (&self.features, &self.shown) else { return Ok(None) };
        let visible = features.broadcast_mul(shown)?;
        Ok(Some(Tensor::cat(&[&visible, shown], 1)?.to_dtype(dtype)?))
    }
}
