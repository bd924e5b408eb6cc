//! Measured orders of convergence.

use std::sync::Arc;

use langevin_core::Path;
use langevin_diffusion::schedule::CosineConfig;
use langevin_testing::assert_within;

use super::orders::{ordinary, slack, stochastic, strong, weak};

fn cosine() -> Arc<dyn Path> {
    Arc::new(CosineConfig {}.build().unwrap())
}

#[test]
fn deterministic_samplers_converge_at_their_order() {
    for (name, sampler, order) in ordinary() {
        let measured = strong(&cosine(), sampler.build().unwrap().as_ref(), true).unwrap();
        println!("{name}: order {:.2}, errors {:?}", measured.order, measured.errors);
        assert_within(name, measured.order, order, slack(order));
    }
}

#[test]
fn stochastic_samplers_converge_at_their_weak_order() {
    for (name, sampler, order) in stochastic() {
        let measured = weak(&cosine(), sampler.build().unwrap().as_ref()).unwrap();
        println!("{name}: order {:.2}, errors {:?}", measured.order, measured.errors);
        assert_within(name, measured.order, order, slack(order));
    }
}
