//! What every network on molecules must pass.

use candle_core::{D, DType, Device, Tensor};
use langevin_core::rng::ids;
use langevin_core::{Condition, Network, Purpose, Rng, Seed, State, Times};
use langevin_nn::ParamStore;

/// Atoms that are held: the exchange in the test of equivariance leaves the pair as it is.
const HELD: [usize; 2] = [3, 5];

/// Three molecules of `n` atoms of four kinds, in f64.
fn state(n: usize) -> State {
    let mut rng = Rng::new(Seed(7), Purpose::Data, ids(0, 3), 0);
    let positions = rng.normal(&[n, 3], DType::F64, &Device::Cpu).unwrap();
    let kinds: Vec<u32> = (0..3 * n as u32).map(|i| (i * i + i / 3) % 4).collect();
    State::new(vec![positions, Tensor::from_vec(kinds, (3, n), &Device::Cpu).unwrap()])
}

fn times() -> Times {
    Times::new(vec![0.1, 0.5, 0.9])
}

/// The answer where species are given and two atoms held; of a network that looks at its last one, the second answer.
fn ask(network: &dyn Network, x: &State) -> State {
    let once = |condition: Condition| network.forward(x, &times(), &times(), &condition).unwrap();
    let (samples, n, _) = x.part(0).dims3().unwrap();
    let held: Vec<f64> = (0..n).map(|i| f64::from(u8::from(HELD.contains(&i)))).collect();
    let mask = Tensor::new(vec![held; samples], &Device::Cpu).unwrap();
    let given = Condition::none().giving(1).holding(0, mask);
    let first = once(given.clone());
    if !network.recalls() {
        return first;
    }
    let logits = langevin_core::tensor::log_softmax(first.part(1)).unwrap();
    let estimate = State::new(vec![first.part(0).clone(), logits]);
    let second = once(given.recalling(&estimate));
    let off = (second.part(0) - first.part(0)).unwrap().abs().unwrap().max_all().unwrap();
    assert!(off.to_scalar::<f64>().unwrap() > 1e-6, "what is recalled changes nothing");
    second
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor) {
    let off = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
    assert!(off < 1e-10, "{off}");
}

/// Rotated, mirrored, shifted and exchanged inputs give rotated, mirrored, shifted and exchanged answers.
#[track_caller]
pub(super) fn is_equivariant(network: &dyn Network) {
    let x = state(6);
    let out = ask(network, &x);
    assert_eq!(out.part(1).dim(D::Minus1).unwrap(), 4);
    // A rotation by an angle about z after a mirror in x, and a shift.
    let (sin, cos) = 0.7f64.sin_cos();
    let matrix = [[-cos, -sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]];
    let matrix = Tensor::new(&matrix, &Device::Cpu).unwrap();
    let shift = Tensor::new(&[[[0.3, -1.2, 2.0]]], &Device::Cpu).unwrap();
    let moved = |p: &Tensor| p.broadcast_matmul(&matrix).unwrap().broadcast_add(&shift).unwrap();
    let seen = State::new(vec![moved(x.part(0)), x.part(1).clone()]);
    let answer = ask(network, &seen);
    close(answer.part(0), &moved(out.part(0)));
    close(answer.part(1), out.part(1));
    let order = Tensor::new(&[4u32, 2, 0, 5, 1, 3], &Device::Cpu).unwrap();
    let exchanged = |p: &Tensor| p.index_select(&order, 1).unwrap();
    let seen = State::new(vec![exchanged(x.part(0)), exchanged(x.part(1))]);
    let answer = ask(network, &seen);
    close(answer.part(0), &exchanged(out.part(0)));
    close(answer.part(1), &exchanged(out.part(1)));
}

/// Each parameter gets a gradient that is not 0 somewhere.
#[track_caller]
pub(super) fn every_parameter_learns(store: &ParamStore, network: &dyn Network) {
    let out = ask(network, &state(5));
    let square = |part: &Tensor| part.sqr().unwrap().sum_all().unwrap();
    // Cubes of one output, so that no symmetry makes a gradient vanish.
    let loss = (square(out.part(0)) + out.part(1).powf(3.0).unwrap().sum_all().unwrap()).unwrap();
    let grads = loss.backward().unwrap();
    for (name, var) in store.iter() {
        let grad = grads.get(var).unwrap_or_else(|| panic!("{name} gets no gradient"));
        let size = grad.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
        assert!(size > 0.0, "{name} has gradient 0");
    }
}
