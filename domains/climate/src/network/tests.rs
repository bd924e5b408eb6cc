//! The network's contract.

use candle_core::{Device, Var};
use langevin_core::Purpose;
use langevin_core::Seed;
use langevin_core::rng::{Rng, ids};
use langevin_nn::ParamStore;

use super::*;

fn config() -> NeuralFieldConfig {
    let time = TimeFeaturesConfig::Raw;
    NeuralFieldConfig { widths: vec![5, 4, 3], blocks: vec![1, 1, 0], decoder: 6, told: 4, time }
}

fn fields(quantity: Quantity) -> Fields {
    let (cells, factors) = ([1.0, 1.0], [2.0, 16.0]);
    let (units, climatology) = (String::new(), None);
    Fields { quantity, units, mean: 0.0, scale: 2.0, cells, factors, edge: 32, climatology }
}

fn network(quantity: Quantity) -> (ParamStore, NeuralField) {
    let build =
        |builder: &Builder| NeuralField::new(builder, &config(), &fields(quantity), Head::Clean);
    let (store, network) = ParamStore::create(DType::F32, Seed(1), build).unwrap();
    // The last layer is drawn small: made larger, so that what it hides would be seen.
    let last = store.get("decoder.last.weight").unwrap();
    last.set(&(last.as_tensor() * 20.0).unwrap()).unwrap();
    (store, network)
}

const AMOUNT: Quantity = Quantity::Amount { least: 0.1, relative: false };
const RELATIVE: Quantity = Quantity::Amount { least: 0.1, relative: true };
const ALL: [Quantity; 3] = [AMOUNT, RELATIVE, Quantity::Value];

fn noise(batch: usize, shape: (usize, usize)) -> State {
    let mut rng = Rng::new(Seed(2), Purpose::Data, ids(0, batch), 0);
    State::single(rng.normal(&[1, shape.0, shape.1], DType::F32, &Device::Cpu).unwrap())
}

/// Coarse fields of which a third is dry.
fn coarse(batch: usize, (rows, columns): (usize, usize)) -> Condition {
    let value = |i: usize| ((i * 7 + i / columns * 5) % 3) as f32;
    let values: Vec<f32> = (0..batch * rows * columns).map(value).collect();
    let coarse = Tensor::from_vec(values, (batch, 1, rows, columns), &Device::Cpu).unwrap();
    fields(AMOUNT).condition(coarse, &vec![8.0; batch]).unwrap()
}

fn forward(network: &NeuralField, x: &State, condition: &Condition) -> Tensor {
    let t = Times::all(x.samples().unwrap(), 1.0);
    network.forward(x, &t, &t, condition).unwrap().part(0).clone()
}

fn values(x: &Tensor) -> Vec<f32> {
    x.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn every_parameter_gets_a_gradient() {
    for quantity in ALL {
        let (store, network) = network(quantity);
        let made = forward(&network, &noise(2, (24, 24)), &coarse(2, (3, 3)));
        let gradients = made.sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var) in store.iter() {
            let gradient: &Tensor = gradients.get(Var::as_tensor(var)).expect(name);
            assert!(values(gradient).iter().any(|g| *g != 0.0), "{name}");
        }
    }
}

#[test]
fn coarse_means_are_kept_and_amounts_are_not_negative() {
    for quantity in ALL {
        let (_, network) = network(quantity);
        let condition = coarse(2, (5, 4));
        let made = forward(&network, &noise(2, (30, 24)), &condition);
        let made =
            fields(quantity).standardised(&made, condition.context().unwrap().part(0)).unwrap();
        let blocks = made.reshape((2 * 5, 6, 4, 6)).unwrap().mean(3).unwrap().mean(1).unwrap();
        let off = values(&blocks).into_iter().zip(values(condition.context().unwrap().part(0)));
        assert!(off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) < 1e-5);
        if quantity != Quantity::Value {
            let rounding = if quantity == AMOUNT { 0.0 } else { -1e-6 };
            assert!(values(&made).iter().all(|x| *x >= rounding && x.is_finite()));
        }
        // The noise matters, and so does every factor get an answer.
        let other = forward(&network, &noise(2, (11, 9)), &condition);
        assert_eq!(other.dims(), [2, 1, 11, 9]);
    }
}

#[test]
fn a_sample_has_the_same_bits_in_any_batch() {
    let (_, network) = network(AMOUNT);
    let (x, condition) = (noise(3, (22, 33)), coarse(3, (4, 6)));
    let all = forward(&network, &x, &condition);
    let one = forward(&network, &x.narrow(1, 1).unwrap(), &condition.select(&[1]).unwrap());
    assert_eq!(values(&all.narrow(0, 1, 1).unwrap()), values(&one));
}

/// Under other heads the decoder's numbers are as they are, without the means of the coarse field, and no parameter is without a
/// use.
#[test]
fn other_heads_get_the_decoders_numbers() {
    let head = Head::Edm { sigma_data: 1.0 };
    let build = |builder: &Builder| NeuralField::new(builder, &config(), &fields(RELATIVE), head);
    let (store, network) = ParamStore::create(DType::F32, Seed(1), build).unwrap();
    let condition = coarse(2, (3, 3));
    let made = forward(&network, &noise(2, (24, 24)), &condition);
    let fine = fields(RELATIVE).standardised(&made, condition.context().unwrap().part(0)).unwrap();
    let blocks = fine.reshape((2 * 3, 8, 3, 8)).unwrap().mean(3).unwrap().mean(1).unwrap();
    let off = values(&blocks).into_iter().zip(values(condition.context().unwrap().part(0)));
    assert!(off.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) > 1e-3);
    let gradients = made.sqr().unwrap().sum_all().unwrap().backward().unwrap();
    assert!(store.iter().all(|(_, var)| gradients.get(Var::as_tensor(var)).is_some()));
}

/// A field of several tiles along both axes, at a whole factor and at one that is not.
#[test]
fn tiles_have_the_bits_of_the_whole() {
    tiles_have_the_bits_of_the_whole_for(AMOUNT);
    tiles_have_the_bits_of_the_whole_for(RELATIVE);
}

fn tiles_have_the_bits_of_the_whole_for(quantity: Quantity) {
    let (_, mut network) = network(quantity);
    assert_eq!(network.reach, 11);
    for shape in [(240, 300), (330, 413)] {
        let (x, condition) = (noise(1, shape), coarse(1, (120, 150)));
        network.reach = 11;
        let tiled = forward(&network, &x, &condition);
        network.reach = 1000;
        let whole = forward(&network, &x, &condition);
        assert_eq!(values(&tiled), values(&whole), "{shape:?}");
    }
}

#[test]
fn sizes_that_cannot_be_are_named() {
    let check = |config| NetworkConfig::NeuralField(config).check().unwrap_err().to_string();
    let none = NeuralFieldConfig { widths: vec![], ..config() };
    assert_eq!(check(none), "widths: found [], allowed: 1 to 5 numbers above 0");
    let fewer = NeuralFieldConfig { blocks: vec![1], ..config() };
    assert!(check(fewer).starts_with("blocks: found 1 numbers, allowed: one for each"));
}
