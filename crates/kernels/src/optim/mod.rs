//! AdamW, exponential moving averages and the gradient norm, in one pass over the parameters.

mod adamw;
mod by_parameter;
mod flat;
mod norm;
mod step;
mod sum;

pub use adamw::{AdamW, Moments, ParamState, StepInfo};
pub use norm::global_norm;
pub(crate) use step::Scalars;
pub use step::{AdamWParams, adamw_slice};
pub use sum::sum_in_order;

/// Elements per task and per partial sum of the gradient norm.
const BLOCK: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use crate::twins::emulated::emulating;
    use candle_core::{Tensor, Var};

    /// torch.optim.AdamW's update, written out in double precision.
    fn reference(theta: &mut f64, m: &mut f64, v: &mut f64, g: f64, p: AdamWParams, t: i32) {
        *theta *= 1.0 - p.lr * p.weight_decay;
        *m = p.beta1 * *m + (1.0 - p.beta1) * g;
        *v = p.beta2 * *v + (1.0 - p.beta2) * g * g;
        let m_hat = *m / (1.0 - p.beta1.powi(t));
        let v_hat = *v / (1.0 - p.beta2.powi(t));
        *theta -= p.lr * m_hat / (v_hat.sqrt() + p.eps);
    }

    #[test]
    fn steps_follow_the_algorithm() {
        let params = AdamWParams { lr: 0.01, weight_decay: 0.1, ..Default::default() };
        on_each(|_| {
            let mut theta: Vec<f64> = numbers(1, 37);
            let (mut m, mut v) = (vec![0.0; 37], vec![0.0; 37]);
            let (mut theta_r, mut m_r, mut v_r) = (theta.clone(), m.clone(), v.clone());
            for t in 1..=20 {
                let g: Vec<f64> = numbers(t, 37);
                adamw_slice(&mut theta, &g, (&mut m, &mut v), params, 1.0, t);
                for i in 0..37 {
                    reference(&mut theta_r[i], &mut m_r[i], &mut v_r[i], g[i], params, t as i32);
                }
            }
            for i in 0..37 {
                assert!((theta[i] - theta_r[i]).abs() < 1e-14, "{} ≠ {}", theta[i], theta_r[i]);
            }
        });
    }

    fn train(steps: u64, resume_at: Option<u64>) -> Vec<f64> {
        let vars: Vec<Var> = [&[70, 300][..], &[300]]
            .iter()
            .map(|shape| Var::from_tensor(&normal::<f32>(shape.len() as u64, shape)).unwrap())
            .collect();
        let mut adam = AdamW::new(vars, 2).unwrap();
        for step in 0..steps {
            if resume_at == Some(step) {
                let copies =
                    adam.vars().iter().map(|v| Var::from_tensor(&v.copy().unwrap()).unwrap());
                let mut other = AdamW::new(copies.collect(), 2).unwrap();
                other.restore(adam.step, adam.states().unwrap().into_owned()).unwrap();
                adam = other;
            }
            let w = crate::silu(adam.vars()[0].as_tensor()).unwrap();
            let loss = w
                .broadcast_mul(adam.vars()[1].as_tensor())
                .unwrap()
                .sqr()
                .unwrap()
                .sum_all()
                .unwrap();
            let info = adam
                .step(&loss.backward().unwrap(), Default::default(), Some(1.0), &[0.9, 0.999])
                .unwrap();
            assert!(info.grad_norm > 1.0 && info.clip < 1.0);
        }
        let mut all: Vec<f64> = adam.vars().iter().flat_map(|v| flat(v)).collect();
        for state in adam.states().unwrap().iter() {
            let Moments::F32(state) = state else { panic!("f32 parameters") };
            all.extend(state.ema.iter().flatten().map(|&x| f64::from(x)));
        }
        all
    }

    #[test]
    fn resumed_state_and_threads_change_nothing() {
        let whole = train(5, None);
        assert_eq!(whole, train(5, Some(3)));
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(whole, pool.install(|| train(5, None)), "{threads} threads");
        }
    }

    #[test]
    fn averages_and_norm() {
        let var = Var::from_tensor(&normal::<f64>(1, &[3])).unwrap();
        let start = flat(&var);
        let mut adam = AdamW::new(vec![var], 1).unwrap();
        let g = Tensor::new(&[3.0f64, 0.0, 4.0], &candle_core::Device::Cpu).unwrap();
        let info = adam.step_with(&[Some(g)], Default::default(), Some(10.0), &[0.75]).unwrap();
        assert_eq!(info, StepInfo { grad_norm: 5.0, clip: 1.0 });
        let now = flat(&adam.vars()[0]);
        let Moments::F64(state) = &adam.states().unwrap()[0] else { panic!("f64 parameter") };
        for i in 0..3 {
            assert!((state.ema[0][i] - (0.75 * start[i] + 0.25 * now[i])).abs() < 1e-15);
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_changes_nothing() {
        let var = Var::from_tensor(&normal::<f32>(1, &[2])).unwrap();
        let before = flat(&var);
        let mut adam = AdamW::new(vec![var], 0).unwrap();
        let g = Tensor::new(&[f32::NAN, 1.0], &candle_core::Device::Cpu).unwrap();
        let info = adam.step_with(&[Some(g)], Default::default(), None, &[]).unwrap();
        assert!(info.grad_norm.is_nan() && adam.step == 0);
        assert_eq!(flat(&adam.vars()[0]), before);
    }

    #[test]
    fn kernels_of_gpus_step_alike_and_resume_with_the_same_bits() {
        let cpu = train(5, None);
        emulating(|| {
            let gpu = train(5, None);
            let far = cpu.iter().zip(&gpu).fold(0.0, |far, (a, b)| f64::max(far, (a - b).abs()));
            // Five steps of 1e-3 by single precision.
            assert!(far < 1e-6, "{far}");
            assert_eq!(gpu, train(5, Some(3)));
        });
    }

    /// Parameters without a gradient in some steps, averages, values from outside and numbers that are none.
    #[test]
    fn kernels_of_gpus_do_all_that_a_step_does() {
        let run = || {
            let shapes: [&[usize]; 3] = [&[3, 5], &[4], &[]];
            let vars = shapes.map(|shape| Var::from_tensor(&normal::<f64>(9, shape)).unwrap());
            let mut adam = AdamW::new(vars.to_vec(), 2).unwrap();
            let params = AdamWParams { lr: 0.1, weight_decay: 0.1, ..Default::default() };
            let mut found = vec![];
            for step in 0..6u64 {
                let grad = |i: usize| normal::<f64>(20 * step + i as u64, shapes[i]);
                let grads: Vec<Option<Tensor>> =
                    (0..3).map(|i| (i as u64 != step % 4).then(|| grad(i))).collect();
                let info = adam.step_with(&grads, params, Some(2.0), &[0.5, 0.9]).unwrap();
                found.extend([info.grad_norm, info.clip]);
                if step == 2 {
                    adam.vars()[1].set(&normal::<f64>(77, &[4])).unwrap();
                    let states = adam.states().unwrap().into_owned();
                    adam.restore(adam.step, states).unwrap();
                }
            }
            let no = Tensor::new(&[f64::NAN; 4], &candle_core::Device::Cpu).unwrap();
            let info = adam.step_with(&[None, Some(no), None], params, None, &[0.5, 0.9]).unwrap();
            assert!(info.grad_norm.is_nan() && adam.step == 6);
            let both = adam.weights().unwrap().into_iter().chain(adam.average(1).unwrap());
            for (values, shape) in both.zip(shapes.iter().chain(&shapes)) {
                assert_eq!(values.dims(), *shape);
                found.extend(flat(&values));
            }
            for state in adam.states().unwrap().iter() {
                let Moments::F64(state) = state else { panic!("f64 parameters") };
                found.extend([&state.m, &state.v].into_iter().chain(&state.ema).flatten());
            }
            found.extend(adam.vars().iter().flat_map(|var| flat(var)));
            found
        };
        let cpu = run();
        emulating(|| {
            let gpu = run();
            assert_eq!(cpu.len(), gpu.len());
            for (i, (a, b)) in cpu.iter().zip(&gpu).enumerate() {
                assert!((a - b).abs() < 1e-13, "{i}: {a} and {b}");
            }
        });
    }

    #[test]
    fn states_that_do_not_fit_are_refused() {
        let of = |length: usize| {
            let var = Var::from_tensor(&normal::<f32>(1, &[length])).unwrap();
            AdamW::new(vec![var], 1).unwrap()
        };
        let check = || {
            let states = of(4).states().unwrap().into_owned();
            let mut adam = of(3);
            assert!(adam.restore(1, vec![]).is_err());
            assert!(adam.restore(1, states).is_err());
            assert_eq!(adam.step, 0);
        };
        check();
        emulating(check);
    }
}
