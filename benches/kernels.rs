//! Time of each kernel by itself: `cargo bench --bench kernels`.
//!
//! Side by side with PyTorch is `benches/peers/kernels.sh`.

use candle_core::{Device, Result, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use langevin_kernels::{Activation, layer_norm, linear_act, rng, softmax};
use std::hint::black_box;

fn normal(seed: u64, shape: &[usize]) -> Result<Tensor> {
    let mut values = vec![0.0f32; shape.iter().product()];
    rng::Stream::new(seed, 0, 0, 0).fill_normal_f32(&mut values);
    Tensor::from_vec(values, shape, &Device::Cpu)
}

fn kernels(c: &mut Criterion) {
    let x = normal(1, &[4096, 256]).expect("shape and values agree");
    let w = normal(2, &[256, 256]).expect("shape and values agree");
    for activation in [Activation::Silu, Activation::Selu, Activation::Gelu, Activation::Tanh] {
        c.bench_function(&format!("{activation:?} of 4096 x 256"), |b| {
            b.iter(|| activation.apply(black_box(&x)))
        });
    }
    c.bench_function("linear and SiLU, 4096 x 256 x 256", |b| {
        b.iter(|| linear_act(black_box(&x), &w, None, Activation::Silu))
    });
    c.bench_function("softmax of 4096 x 256", |b| b.iter(|| softmax(black_box(&x))));
    c.bench_function("layer norm of 4096 x 256", |b| {
        b.iter(|| layer_norm(black_box(&x), None, None, 1e-5))
    });
    let ids: Vec<u64> = (0..4096).collect();
    let mut noise = vec![0.0; 4096 * 256];
    c.bench_function("normals, 4096 x 256, f64", |b| {
        b.iter(|| rng::fill_normal_rows((1, 2), black_box(&ids), 0, 0, &mut noise, 256))
    });
}

criterion_group!(benches, kernels);
criterion_main!(benches);
