//! The perceptron and its tangent together.

use candle_core::Tensor;
use langevin_core::{Condition, Error, State, Tangent, Times};

use super::Mlp;
use crate::Layer;

impl Mlp {
    /// `F(x, t, s)` and its derivative along `(dx, dt, ds)`, exact; the condition stays as it is.
    ///
    /// `dF = ∂F/∂x · dx + ∂F/∂t dt + ∂F/∂s ds`. With `dx` the velocity at `x`, `dt` 1 and `ds` 0 it
    /// is the derivative along the path that a continuous-time consistency model (Lu & Song, 2024)
    /// and a mean flow (Geng et al., 2025) train with. The value is
    /// [`langevin_core::Network::forward`]'s, bit for bit, and differentiable; the tangent has no
    /// graph.
    ///
    /// # Shapes and units
    /// - `dx`: a part of the shape of each part of `x`; not read where `x` has classes, which do
    ///   not move
    /// - `dt`, `ds`: rates, one per sample; `ds` is not read by a network of one time
    /// - returns estimates, and their tangents, in the factors' shapes
    ///
    /// # Errors
    /// [`Error::Shape`] if a part of `dx` has another shape than that of `x`, [`Error::Tensor`] if
    /// numbers of samples differ or the state does not fit.
    pub fn forward_dual(
        &self,
        (x, dx): (&State, &Tangent),
        (t, dt): (&Times, &Times),
        (s, ds): (&Times, &Times),
        condition: &Condition,
    ) -> langevin_core::Result<(State, Tangent)> {
        let mut h = self.input(x, t, s, condition)?;
        let mut dh = self.input_tangent((x, dx), (t, dt), (s, ds), condition)?;
        for layer in &self.layers {
            (h, dh) = layer.forward_dual(&h, &dh)?;
        }
        Ok((self.cut(&h)?, self.cut(&dh)?))
    }

    /// The tangent of [`Mlp::input`], column for column.
    fn input_tangent(
        &self,
        (x, dx): (&State, &Tangent),
        (t, dt): (&Times, &Times),
        (s, ds): (&Times, &Times),
        condition: &Condition,
    ) -> langevin_core::Result<Tensor> {
        let mut columns = Vec::with_capacity(x.parts().len() + 3);
        for (i, (part, shape)) in x.parts().iter().zip(&self.outputs).enumerate() {
            if !part.dtype().is_float() {
                let width = shape.iter().product::<usize>();
                columns.push(Tensor::zeros((part.dim(0)?, width), self.dtype, part.device())?);
                continue;
            }
            match dx.parts().get(i) {
                Some(direction) if direction.dims() == part.dims() => {
                    columns.push(direction.flatten_from(1)?);
                }
                other => {
                    return Err(Error::Shape {
                        what: format!("tangent of part {i}"),
                        found: other.map(|direction| direction.dims().into()).unwrap_or_default(),
                        expected: part.dims().into(),
                    });
                }
            }
        }
        let device = x.part(0).device();
        columns.push(self.time.tangent(t, dt, self.dtype, device)?);
        if self.two_times {
            columns.push(self.time.tangent(s, ds, self.dtype, device)?);
        }
        if let Some(input) = condition.input(self.dtype)? {
            columns.push(input.zeros_like()?);
        }
        Ok(Tensor::cat(&columns, 1)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};
    use langevin_core::Network;

    use super::super::MlpConfig;
    use super::super::tests::{config, process};
    use super::*;
    use crate::testing::{build, check_dual, check_parameters, normal, same_bits_for_two_threads};

    const SAMPLES: usize = 3;

    fn mlp(two_times: bool) -> (crate::ParamStore, Mlp) {
        let config = MlpConfig { two_times, ..config() };
        let time = config.check().unwrap();
        build(DType::F64, |builder| Mlp::new(builder, &config, time, &process(), 2))
    }

    /// Positions shifted by `step` along a direction, classes and condition fixed.
    fn x(step: f64) -> State {
        let (x, dx) = (normal(1, &[SAMPLES, 2, 3]), normal(2, &[SAMPLES, 2, 3]));
        let species = Tensor::from_vec(vec![0u32, 1, 2, 3, 1, 0], (SAMPLES, 2), &Device::Cpu);
        State::new(vec![(x + (dx * step).unwrap()).unwrap(), species.unwrap()])
    }

    fn direction() -> Tangent {
        State::new(vec![
            normal(2, &[SAMPLES, 2, 3]),
            Tensor::zeros((), DType::F64, &Device::Cpu).unwrap(),
        ])
    }

    /// Times that differ between the samples, shifted by `step` along `rates`.
    fn moved(times: [f64; SAMPLES], rates: [f64; SAMPLES], step: f64) -> Times {
        Times::new(times.iter().zip(rates).map(|(t, rate)| t + rate * step).collect())
    }

    fn condition() -> Condition {
        Condition::new(normal(3, &[SAMPLES, 2])).unwrap()
    }

    /// Both factors' parts in one vector.
    fn joined(y: &State) -> Tensor {
        let parts: Vec<Tensor> = y.parts().iter().map(|p| p.flatten_all().unwrap()).collect();
        Tensor::cat(&parts, 0).unwrap()
    }

    const T: [f64; SAMPLES] = [0.9, 0.5, 0.3];
    const S: [f64; SAMPLES] = [0.2, 0.4, 0.0];

    /// Along x, t and s one by one and together, so that no two errors can cancel.
    #[test]
    fn tangent_is_the_derivative_along_state_and_times() {
        let still = [0.0; SAMPLES];
        for two_times in [false, true] {
            let (store, network) = mlp(two_times);
            for (along_x, dt, ds) in [
                (1.0, still, still),
                (0.0, [1.0, -0.5, 2.0], still),
                (0.0, still, [0.7, 1.0, -1.0]),
                (1.0, [1.0; SAMPLES], [0.3, 0.0, 1.0]),
            ] {
                if !two_times && along_x == 0.0 && dt == still {
                    continue;
                }
                let dx = direction().map(|d| Ok((d * along_x)?)).unwrap();
                let dual = || {
                    let (t, s) = (moved(T, dt, 0.0), moved(S, ds, 0.0));
                    let rates = (Times::new(dt.into()), Times::new(ds.into()));
                    network
                        .forward_dual((&x(0.0), &dx), (&t, &rates.0), (&s, &rates.1), &condition())
                        .unwrap()
                };
                let (value, tangent) = dual();
                assert_eq!(tangent.part(1).dims(), [SAMPLES, 2, 4]);
                let at = |step: f64| {
                    let (t, s) = (moved(T, dt, step), moved(S, ds, step));
                    joined(&network.forward(&x(along_x * step), &t, &s, &condition()).unwrap())
                };
                check_dual(at, (&joined(&value), &joined(&tangent)));
                check_parameters(&store, || joined(&dual().0));
            }
        }
    }

    #[test]
    fn a_direction_that_does_not_fit_is_named() {
        let (_, network) = mlp(true);
        let (t, rate) = (Times::new(T.into()), Times::all(SAMPLES, 1.0));
        let dual = |dx: &Tangent, dt: &Times| {
            network.forward_dual((&x(0.0), dx), (&t, dt), (&t, &rate), &condition())
        };
        let error = dual(&State::single(normal(2, &[SAMPLES, 3, 2])), &rate).unwrap_err();
        let expected = "tangent of part 0 has shape [3, 3, 2], expected [3, 2, 3]";
        assert_eq!(error.to_string(), expected);
        assert!(dual(&direction(), &Times::all(1, 1.0)).is_err(), "one rate for three times");
    }

    #[test]
    fn threads_change_nothing() {
        let config = MlpConfig { hidden: vec![64, 64], ..config() };
        let time = config.check().unwrap();
        let build_network =
            |builder: &crate::Builder| Mlp::new(builder, &config, time.clone(), &process(), 0);
        let (store, network) = build(DType::F32, build_network);
        let x = normal(1, &[300, 2, 3]).to_dtype(DType::F32).unwrap();
        let species = Tensor::zeros((300, 2), DType::U32, &Device::Cpu).unwrap();
        let (x, t) = (State::new(vec![x, species]), Times::all(300, 0.5));
        same_bits_for_two_threads(&store, || {
            let (value, tangent) =
                network.forward_dual((&x, &x), (&t, &t), (&t, &t), &Condition::none()).unwrap();
            vec![joined(&value), joined(&tangent)]
        });
    }
}
