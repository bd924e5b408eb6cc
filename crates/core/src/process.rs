//! A space in which each factor follows its path.

use std::sync::Arc;

use candle_core::{DType, Device};

use crate::{Aim, Error, Factor, Path, PathPoint, Result, Rng, Space, State, Times};

/// A factor and the path that its points follow.
#[derive(Debug, Clone)]
pub struct Component {
    /// Name of the factor, as in the space.
    pub name: String,
    /// Where the part lives.
    pub factor: Arc<dyn Factor>,
    /// How it goes from data to reference.
    pub path: Arc<dyn Path>,
    /// Its loss counts so much beside the others'.
    pub weight: f64,
    /// Velocities towards the data are followed `1 + anneal (1 − t)` times as far; 0 follows them as they are.
    pub anneal: f64,
}

impl Component {
    /// Whether x_t has noise beside the reference's.
    pub fn has_own_noise(&self) -> bool {
        self.factor.takes_own_noise() && self.path.has_own_noise()
    }
}

/// The law of `x_t`: what training and sampling have in common.
#[derive(Debug, Clone)]
pub struct Process(Vec<Component>);

impl Process {
    /// Every factor of `space` follows `path`.
    pub fn new(space: &Space, path: Arc<dyn Path>) -> Self {
        Self::with_paths(space, |_| path.clone())
    }

    /// Each factor follows the path that `path_of` gives for its name.
    pub fn with_paths(space: &Space, path_of: impl Fn(&str) -> Arc<dyn Path>) -> Self {
        let component = |(name, factor): (&str, &Arc<dyn Factor>)| Component {
            name: name.into(),
            factor: factor.clone(),
            path: path_of(name),
            weight: 1.0,
            anneal: 0.0,
        };
        Self(space.factors().map(component).collect())
    }

    /// The same with the weights of losses that `weight_of` gives for names of factors.
    #[must_use]
    pub fn weighted(mut self, weight_of: impl Fn(&str) -> f64) -> Self {
        for component in &mut self.0 {
            component.weight = weight_of(&component.name);
        }
        self
    }

    /// The same with the annealing of steps that `anneal_of` gives for names of factors.
    #[must_use]
    pub fn annealed(mut self, anneal_of: impl Fn(&str) -> f64) -> Self {
        for component in &mut self.0 {
            component.anneal = anneal_of(&component.name);
        }
        self
    }

    /// The same process for samples of the size of `x`, where sizes differ: molecules, crystals.
    #[must_use]
    pub fn shaped_like(&self, x: &State) -> Self {
        let component = |(c, part): (&Component, &candle_core::Tensor)| {
            let shape = &part.dims()[1..];
            let fits = c.factor.shape() == shape;
            let factor = if fits { c.factor.clone() } else { c.factor.shaped(shape) };
            Component { factor, ..c.clone() }
        };
        Self(self.0.iter().zip(x.parts()).map(component).collect())
    }

    /// Factors with their paths.
    pub fn components(&self) -> &[Component] {
        &self.0
    }

    /// Confirms that every factor has a score in white coordinates, and the reference as its only noise,
    /// which `what` needs.
    ///
    /// # Errors
    /// [`Error::Undefined`] or [`Error::OwnNoise`] naming the first factor without.
    pub fn require_score(&self, what: &'static str) -> Result<()> {
        for c in self.components() {
            let factor = c.factor.kind();
            if !c.factor.has_score() {
                return Err(Error::Undefined { factor, what });
            }
            if c.has_own_noise() {
                return Err(Error::OwnNoise { factor, what, allowed: c.path.aim().allowed() });
            }
        }
        Ok(())
    }

    /// Confirms that following the velocities of estimates follows the marginals of every factor.
    ///
    /// # Errors
    /// [`Error::OwnNoise`] naming the first factor where they are another process's drift.
    pub fn require_flow(&self) -> Result<()> {
        match self.components().iter().find(|c| c.has_own_noise() && c.path.aim() == Aim::Data) {
            Some(c) => Err(Error::OwnNoise {
                factor: c.factor.kind(),
                what: "probability flow",
                allowed: Aim::Data.allowed(),
            }),
            None => Ok(()),
        }
    }

    /// The path of the first factor: the one by which grids and noise levels are named.
    pub fn path(&self) -> &dyn Path {
        self.0[0].path.as_ref()
    }

    /// First time of a sampler: the earliest of the factors.
    pub fn start(&self) -> f64 {
        self.0.iter().map(|c| c.path.start()).fold(1.0, f64::min)
    }

    /// Last time at which velocities exist: the latest of the factors.
    pub fn floor(&self) -> f64 {
        self.0.iter().map(|c| c.path.floor()).fold(0.0, f64::max)
    }

    /// A reference sample for each id of `rng`.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn reference(&self, dtype: DType, device: &Device, rng: &mut Rng) -> Result<State> {
        let draw = |c: &Component| c.factor.reference(dtype, device, rng);
        self.0.iter().map(draw).collect::<Result<Vec<_>>>().map(State::new)
    }

    /// Where reference samples `x_1` stand at time `t`, when nothing is known of the data yet.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn departure(&self, x_1: &State, t: f64) -> Result<State> {
        self.map([x_1], |c, [x_1]| c.factor.departure(c.path.as_ref(), x_1, t))
    }

    /// `x_t` between the ends, with what a network is to learn from it.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] if the ends do not have the shape of the space.
    pub fn path_points(
        &self,
        x_0: &State,
        x_1: &State,
        t: &Times,
        rng: &mut Rng,
    ) -> Result<Vec<PathPoint>> {
        let point = |(i, c): (usize, &Component)| {
            c.factor.path_point(c.path.as_ref(), x_0.part(i), x_1.part(i), t, rng)
        };
        self.0.iter().enumerate().map(point).collect()
    }

    /// Squared distances between the samples of two states, factors added: `[n, m]` row-major.
    ///
    /// # Errors
    /// [`crate::Error::Tensor`] only.
    pub fn squared_distances(&self, x: &State, y: &State) -> Result<Vec<f64>> {
        let mut total = self.0[0].factor.squared_distances(x.part(0), y.part(0))?;
        for (i, component) in self.0.iter().enumerate().skip(1) {
            let more = component.factor.squared_distances(x.part(i), y.part(i))?;
            total.iter_mut().zip(more).for_each(|(sum, d)| *sum += d);
        }
        Ok(total)
    }

    /// `f(component, part of each state)` for every factor.
    ///
    /// # Errors
    /// The first error of `f`.
    pub fn map<const N: usize>(
        &self,
        states: [&State; N],
        mut f: impl FnMut(&Component, [&candle_core::Tensor; N]) -> Result<candle_core::Tensor>,
    ) -> Result<State> {
        let part = |(i, c): (usize, &Component)| f(c, states.map(|state| state.part(i)));
        self.0.iter().enumerate().map(part).collect::<Result<Vec<_>>>().map(State::new)
    }
}
