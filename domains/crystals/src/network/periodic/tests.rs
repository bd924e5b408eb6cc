//! Symmetries and gradients of the network.

use candle_core::Device;
use langevin_core::rng::ids;
use langevin_core::{Purpose, Rng, Seed};
use langevin_nn::{ParamStore, TimeFeaturesConfig};

use super::*;
use crate::space::CellLaw;

fn built(species: GivenSpecies, vectors: usize) -> (ParamStore, Periodic) {
    let time = TimeFeaturesConfig::Fourier { pairs: 2, lowest: 0.5, highest: 1.0 };
    let (message, frequencies, radial) = (6, 3, 4);
    let config = PeriodicConfig {
        width: 12,
        message,
        layers: 3,
        frequencies,
        radial,
        vectors,
        copies: true,
        composition: 5,
        time,
    };
    config.check().unwrap();
    let cells = CellLaw { mean: [0.0, 0.1, 0.0, 0.0, 0.0, 0.9], deviation: [0.2; 6] };
    let told = Told { elements: 3, cells, conditions: 2, species };
    let build = |builder: &Builder| Periodic::new(builder, &config, told);
    ParamStore::create(DType::F64, Seed(1), build).unwrap()
}

fn state(n: usize) -> State {
    let mut rng = Rng::new(Seed(7), Purpose::Data, ids(0, 3), 0);
    let coords = rng.uniform(&[n, 3], DType::F64, &Device::Cpu).unwrap();
    let cells = rng.normal(&[6], DType::F64, &Device::Cpu).unwrap();
    let kinds: Vec<u32> = (0..3 * n as u32).map(|i| (i * i + i / 3) % 4).collect();
    State::new(vec![coords, cells, Tensor::from_vec(kinds, (3, n), &Device::Cpu).unwrap()])
}

fn ask(network: &Periodic, x: &State) -> State {
    let times = Times::new(vec![0.1, 0.5, 0.9]);
    let wishes = Tensor::new(&[[0.3], [-1.0], [2.0]], &Device::Cpu).unwrap();
    let shown = Tensor::new(&[[1.0], [0.0], [1.0]], &Device::Cpu).unwrap();
    let condition = Condition::with_flags(wishes, shown).unwrap().giving(SPECIES_FACTOR);
    network.forward(x, &times, &times, &condition).unwrap()
}

#[track_caller]
fn close(a: &Tensor, b: &Tensor) {
    let off = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
    assert!(off < 1e-9, "{off}");
}

fn with_coords(x: &State, f: impl Fn(&Tensor) -> candle_core::Result<Tensor>) -> State {
    x.with_part(COORDS_FACTOR, &f(x.part(COORDS_FACTOR)).unwrap())
}

/// Shifts, whole cells and inversion; exchanges of atoms.
#[test]
fn the_answer_has_the_symmetries_of_a_crystal() {
    (0..3).for_each(|vectors| has_the_symmetries(&built(GivenSpecies::Sometimes, vectors).1));
}

fn has_the_symmetries(network: &Periodic) {
    let x = state(5);
    let out = ask(network, &x);
    let shift = Tensor::new(&[[[0.3, -0.8, 2.0]]], &Device::Cpu).unwrap();
    let whole = Tensor::new(
        &[[[1.0, 0.0, 0.0], [0.0; 3], [0.0, -2.0, 1.0], [0.0; 3], [0.0; 3]]],
        &Device::Cpu,
    );
    let whole = whole.unwrap();
    for moved in
        [with_coords(&x, |f| f.broadcast_add(&shift)), with_coords(&x, |f| f.broadcast_add(&whole))]
    {
        let answer = ask(network, &moved);
        (0..3).for_each(|part| close(answer.part(part), out.part(part)));
    }
    let answer = ask(network, &with_coords(&x, Tensor::neg));
    close(answer.part(0), &out.part(0).neg().unwrap());
    (1..3).for_each(|part| close(answer.part(part), out.part(part)));
    let order = Tensor::new(&[4u32, 2, 0, 1, 3], &Device::Cpu).unwrap();
    let exchanged = |p: &Tensor| p.index_select(&order, 1).unwrap();
    let seen = State::new(vec![exchanged(x.part(0)), x.part(1).clone(), exchanged(x.part(2))]);
    let answer = ask(network, &seen);
    close(answer.part(0), &exchanged(out.part(0)));
    close(answer.part(1), out.part(1));
    close(answer.part(2), &exchanged(out.part(2)));
}

#[test]
fn every_weight_is_reached_and_a_lone_atom_is_no_exception() {
    for (species, vectors) in
        [(GivenSpecies::Never, 0), (GivenSpecies::Sometimes, 2), (GivenSpecies::Always, 1)]
    {
        let (store, network) = built(species, vectors);
        let out = ask(&network, &state(4));
        let mut loss = out.part(0).sqr().unwrap().sum_all().unwrap();
        loss = (loss + out.part(1).sqr().unwrap().sum_all().unwrap()).unwrap();
        if species != GivenSpecies::Always {
            loss = (loss + out.part(2).powf(3.0).unwrap().sum_all().unwrap()).unwrap();
        }
        let grads = loss.backward().unwrap();
        for (name, var) in store.iter() {
            let grad = grads.get(var).unwrap_or_else(|| panic!("{name} gets no gradient"));
            let size = grad.abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap();
            assert!(size > 0.0, "{name} has gradient 0");
        }
        let alone = ask(&network, &state(1));
        assert_eq!(
            alone.part(0).abs().unwrap().max_all().unwrap().to_scalar::<f64>().unwrap(),
            0.0
        );
        assert!(alone.part(1).sum_all().unwrap().to_scalar::<f64>().unwrap().is_finite());
    }
}

/// The gradient along the cell passes through the distances: guidance and likelihoods ask for it.
#[test]
fn gradients_of_the_input_are_those_of_differences() {
    let (_, network) = built(GivenSpecies::Always, 2);
    let x = state(3);
    let of = |x: &State| {
        let out = ask(&network, x);
        let part = |i: usize| out.part(i).sqr().unwrap().sum_all().unwrap();
        (part(0) + part(1)).unwrap()
    };
    for part in [COORDS_FACTOR, LATTICE_FACTOR] {
        let var = candle_core::Var::from_tensor(x.part(part)).unwrap();
        let grads = of(&x.with_part(part, var.as_tensor())).backward().unwrap();
        let grad = grads.get(var.as_tensor()).unwrap();
        let direction = (x.part(part).sin().unwrap() + 0.3).unwrap();
        let slope = (grad * &direction).unwrap().sum_all().unwrap().to_scalar::<f64>().unwrap();
        let at = |h: f64| {
            let moved = (x.part(part) + (&direction * h).unwrap()).unwrap();
            of(&x.with_part(part, &moved)).to_scalar::<f64>().unwrap()
        };
        let difference = (at(1e-5) - at(-1e-5)) / 2e-5;
        assert!((slope - difference).abs() < 1e-6 * (1.0 + slope.abs()), "{slope} {difference}");
    }
}
