//! Times the kernels for `benches/peers/kernels_torch.py`.
//!
//! Reads lines `case threads repetitions` and answers each with the milliseconds of every
//! repetition. The cases are the peer's; sizes stand in each function.

use candle_core::{Device, Result, Tensor, Var};
use langevin_kernels::{
    Activation, AdamW, AdamWParams, Conv2d, PairWeights, attention, conv2d, displacement_sum,
    layer_norm, layer_norm_adjoint, linear, linear_act, pair_block, rng::Stream, softmax,
    softmax_adjoint, squared_distances,
};
use std::collections::HashMap;
use std::io::BufRead;
use std::time::Instant;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Standard normals in f32, times `scale`.
fn normal(seed: u64, shape: &[usize], scale: f64) -> Result<Tensor> {
    let mut values = vec![0.0f32; shape.iter().product()];
    Stream::new(seed, 0, 0, 0).fill_normal_f32(&mut values);
    Tensor::from_vec(values, shape, &Device::Cpu)? * scale
}

fn var(seed: u64, shape: &[usize], scale: f64) -> Result<Var> {
    Var::from_tensor(&normal(seed, shape, scale)?)
}

type Case = Box<dyn FnMut() -> Result<()> + Send>;

/// MSE regression by a SiLU network of `layers` square layers, one AdamW step.
fn mlp(batch: usize, width: usize, layers: usize) -> Result<Case> {
    let (x, target) = (normal(1, &[batch, width], 1.0)?, normal(2, &[batch, width], 1.0)?);
    let mut vars = Vec::new();
    for layer in 0..layers as u64 {
        vars.push(var(10 + layer, &[width, width], 1.0 / (width as f64).sqrt())?);
        vars.push(var(20 + layer, &[width], 0.1)?);
    }
    let mut adam = AdamW::new(vars.clone(), 0)?;
    Ok(Box::new(move || {
        let mut h = x.clone();
        for (i, wb) in vars.chunks(2).enumerate() {
            let activation = if i + 1 < layers { Activation::Silu } else { Activation::Identity };
            h = linear_act(&h, &wb[0], Some(&wb[1]), activation)?;
        }
        let loss = (h - &target)?.sqr()?.mean_all()?;
        adam.step(&loss.backward()?, AdamWParams::default(), None, &[]).map(drop)
    }))
}

/// One operation, forward and backward from a gradient of ones.
fn op(inputs: Vec<Var>, f: impl Fn(&[Var]) -> Result<Tensor> + Send + 'static) -> Case {
    Box::new(move || f(&inputs)?.backward().map(drop))
}

/// Five E(n)-type layers on complete graphs of 18 points.
fn pair() -> Result<Case> {
    const B: usize = 64;
    const N: usize = 18;
    const H: usize = 128;
    let (h0, x0) = (normal(1, &[B, N, H], 1.0)?, normal(2, &[B, N, 3], 1.0)?);
    let mut seed = 100;
    let mut next = |shape: &[usize]| {
        seed += 1;
        var(seed, shape, 1.0 / (*shape.last().expect("no scalar weights") as f64).sqrt())
    };
    let shapes: [&[usize]; 14] = [
        &[H, H],
        &[H, H],
        &[1, H],
        &[H],
        &[H, H],
        &[H],
        &[H],
        &[1],
        &[1, H],
        &[1],
        &[H, 2 * H],
        &[H],
        &[H, H],
        &[H],
    ];
    let mut layers = Vec::new();
    for _ in 0..5 {
        layers.push(shapes.iter().map(|s| next(s)).collect::<Result<Vec<Var>>>()?);
    }
    Ok(Box::new(move || {
        let (mut h, mut x) = (h0.clone(), x0.clone());
        for p in &layers {
            let t = |i: usize| p[i].as_tensor().clone();
            let d2 = squared_distances(&x)?;
            let (a, b) = (linear(&h, &p[0], None)?, linear(&h, &p[1], None)?);
            let weights = PairWeights {
                c: t(2),
                b1: t(3),
                w2: t(4),
                b2: t(5),
                gate: Some((t(6), t(7))),
                head: Some((t(8), t(9))),
                sum: true,
            };
            let out = pair_block(&a, &b, &d2, &weights, Activation::Silu)?;
            let (sum, head) = (out.sum.expect("asked for"), out.head.expect("asked for"));
            x = (&x + displacement_sum(&x, &head, 1.0, 1e-8)?)?;
            let node = Tensor::cat(&[&h, &sum], 2)?;
            let node = linear_act(&node, &p[10], Some(&p[11]), Activation::Silu)?;
            h = (h + linear(&node, &p[12], Some(&p[13]))?)?;
        }
        (h.sqr()?.mean_all()? + x.sqr()?.mean_all()?)?.backward().map(drop)
    }))
}

fn case(name: &str) -> Result<Case> {
    Ok(match name {
        "mlp" => mlp(4096, 256, 3)?,
        "small_mlp" => mlp(256, 64, 4)?,
        // The operation and its adjoint alone; candle's tape adds passes of its own, see `_taped`.
        "softmax" => {
            let (x, g) = (normal(1, &[100_000, 100], 1.0)?, normal(2, &[100_000, 100], 1.0)?);
            Box::new(move || softmax_adjoint(&softmax(&x)?, &g).map(drop))
        }
        "layer_norm" => {
            let (x, g) = (normal(1, &[100_000, 100], 1.0)?, normal(2, &[100_000, 100], 1.0)?);
            let (w, b) = (normal(3, &[100], 1.0)?, normal(4, &[100], 1.0)?);
            Box::new(move || {
                layer_norm(&x, Some(&w), Some(&b), 1e-5)?;
                layer_norm_adjoint(&x, &w, &g, 1e-5).map(drop)
            })
        }
        "softmax_taped" => op(vec![var(1, &[100_000, 100], 1.0)?], |x| softmax(&x[0])),
        "layer_norm_taped" => {
            let inputs =
                vec![var(1, &[100_000, 100], 1.0)?, var(2, &[100], 1.0)?, var(3, &[100], 1.0)?];
            op(inputs, |x| layer_norm(&x[0], Some(&x[1]), Some(&x[2]), 1e-5))
        }
        "attention" => {
            let inputs = (1..4).map(|s| var(s, &[8, 4, 256, 32], 1.0)).collect::<Result<_>>()?;
            op(inputs, |x| attention(&x[0], &x[1], &x[2], 1.0 / 32f64.sqrt()))
        }
        "conv2d" => {
            let inputs = vec![
                var(1, &[8, 32, 64, 64], 1.0)?,
                var(2, &[32, 32, 3, 3], 0.06)?,
                var(3, &[32], 1.0)?,
            ];
            op(inputs, |x| conv2d(&x[0], &x[1], Some(&x[2]), Conv2d { stride: 1, padding: 1 }))
        }
        "pair" => pair()?,
        other => candle_core::bail!("no case {other}"),
    })
}

fn main() -> Result<()> {
    // candle's own loops stay on one thread, as in the command; the pool below is the kernels'.
    assert_eq!(std::env::var("RAYON_NUM_THREADS").as_deref(), Ok("1"), "set RAYON_NUM_THREADS=1");
    assert_eq!(std::env::var("CANDLE_NUM_THREADS").as_deref(), Ok("1"), "set CANDLE_NUM_THREADS=1");
    let mut cases: HashMap<String, Case> = HashMap::new();
    let mut pools = HashMap::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, threads, repetitions] = words[..] else {
            candle_core::bail!("expected `case threads repetitions`, got {line:?}");
        };
        let number = |s: &str| s.parse::<usize>().map_err(candle_core::Error::wrap);
        let (threads, repetitions) = (number(threads)?, number(repetitions)?);
        if !cases.contains_key(name) {
            cases.insert(name.to_string(), case(name)?);
        }
        let pool = pools.entry(threads).or_insert_with(|| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads can start")
        });
        let run = cases.get_mut(name).expect("inserted above");
        let times = pool.install(|| {
            (0..repetitions)
                .map(|_| {
                    let start = Instant::now();
                    run()?;
                    Ok(format!("{:.4}", start.elapsed().as_secs_f64() * 1e3))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        println!("{}", times.join(" "));
    }
    Ok(())
}
