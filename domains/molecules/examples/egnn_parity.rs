//! Writes EDM's network to FOLDER/f32.safetensors and f64.safetensors: weights, inputs, answers, and the
//! gradient of a loss by every weight. Read by `benches/peers/egnn_parity.py`.

mod edm;

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use edm::Edm;

/// Molecules: enough for atoms of one to be taken for those of another, if they were.
const BATCH: usize = 4;
/// The weights that move atoms begin a thousand times below the usual law. This much larger, the nine
/// layers move atoms by a length of order one: an error in a displacement is then seen.
const LIVELIER: f64 = 30.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("usage: egnn_parity FOLDER")?;
    for (name, dtype) in [("f32", DType::F32), ("f64", DType::F64)] {
        write(&Path::new(&folder).join(format!("{name}.safetensors")), dtype)?;
    }
    Ok(())
}

fn write(path: &Path, dtype: DType) -> Result<(), Box<dyn std::error::Error>> {
    let edm = Edm::new(dtype, BATCH)?;
    for (_, var) in edm.store.iter().filter(|(name, _)| name.ends_with("head.weight")) {
        var.set(&(var.as_tensor() * LIVELIER)?)?;
    }
    let answer = edm.answer(0, BATCH)?;
    let loss = edm.loss(&answer, 0)?;
    let grads = loss.backward()?;
    let t = Tensor::new(edm.t.values(), &Device::Cpu)?.to_dtype(dtype)?;
    let mut tensors: HashMap<String, Tensor> = HashMap::from([
        ("t".into(), t),
        ("positions".into(), edm.x.part(0).clone()),
        ("features".into(), edm.x.part(1).clone()),
        ("noise positions".into(), edm.noise.part(0).clone()),
        ("noise features".into(), edm.noise.part(1).clone()),
        ("velocity".into(), answer.part(0).clone()),
        ("answer features".into(), answer.part(1).clone()),
        ("loss".into(), loss),
    ]);
    for (name, var) in edm.store.iter() {
        let grad = grads.get(var).ok_or_else(|| format!("{name} has no gradient"))?;
        tensors.insert(format!("weight {name}"), var.as_tensor().clone());
        tensors.insert(format!("grad {name}"), grad.contiguous()?);
    }
    candle_core::safetensors::save(&tensors, path)?;
    Ok(())
}
