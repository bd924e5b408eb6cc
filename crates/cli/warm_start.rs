//! Weights of another model to begin with.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use candle_core::Tensor;
use langevin_nn::ParamStore;
use langevin_train::{Found, ModelFile, RunFolder, model_hash};

use crate::{bad_input, model};

/// A model whose weights a new run begins with.
pub struct WarmStart {
    path: PathBuf,
    weights: BTreeMap<String, Tensor>,
    /// What tells where they come from: the model's sha256, or the state and its step.
    pub origin: String,
}

impl WarmStart {
    /// The model in `path`, a file or the run directory that holds it; of an unfinished run, the newest
    /// state, its first average if it keeps one.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        let file = model::file_of(path);
        if path.is_dir() && !file.exists() {
            return Self::of_state(path);
        }
        let weights = ModelFile::read(&file).map_err(bad_input)?.tensors;
        let origin = format!("model {}", model_hash(&file).map_err(bad_input)?);
        Ok(Self { path: file, weights, origin })
    }

    fn of_state(run: &Path) -> Result<Self> {
        let found = RunFolder::new(run).states(1).newest();
        let Ok(Some(Found { state, path, .. })) = found else {
            let run = run.display();
            return Err(bad_input(anyhow!("--from {run}: it holds neither a model nor a state")));
        };
        let average = state.tensors("average.0");
        let weights = if average.is_empty() { state.tensors("weights") } else { average };
        let origin = format!("step {} of a run on data {}", state.step, state.data);
        Ok(Self { path, weights, origin })
    }

    /// Puts the weights in the place of those of the same name; the others stay as they began.
    ///
    /// # Errors
    /// If a parameter has another shape here and there, or none is in both.
    pub fn apply(&self, store: &ParamStore) -> Result<()> {
        let mut found = 0usize;
        for (name, var) in store.iter() {
            let Some(tensor) = self.weights.get(name) else { continue };
            if tensor.dims() != var.dims() {
                let (path, here, there) = (self.path.display(), var.dims(), tensor.dims());
                return Err(bad_input(anyhow!(
                    "--from {path}: parameter {name} is {there:?} there and {here:?} in this network"
                )));
            }
            var.set(&tensor.to_dtype(var.dtype())?.to_device(var.device())?)?;
            found += 1;
        }
        if found == 0 {
            let path = self.path.display();
            return Err(bad_input(anyhow!("--from {path}: no parameter of this network is in it")));
        }
        let new = store.iter().count() - found;
        if new > 0 {
            eprintln!("{new} parameters are not in {}: they begin anew", self.path.display());
        }
        Ok(())
    }
}
