//! Named parameters in a fixed order, and the builder through which layers ask for them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use candle_core::{DType, Device, Tensor, Var};
use langevin_core::Seed;

use crate::{Init, NnError, Result};

/// The trainable parameters of a network, in the order of their names.
///
/// The order is what makes gradient norms and checkpoints the same from run to run.
#[derive(Debug, Clone)]
pub struct ParamStore {
    vars: BTreeMap<String, Var>,
    dtype: DType,
    device: Device,
}

impl ParamStore {
    /// Builds a network with `build` on the CPU, drawing initial weights from `seed`; gives both.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn create<N>(
        dtype: DType,
        seed: Seed,
        build: impl FnOnce(&Builder) -> Result<N>,
    ) -> Result<(Self, N)> {
        Self::create_on(&Device::Cpu, dtype, seed, build)
    }

    /// The same on `device`: the weights have the same values on each.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn create_on<N>(
        device: &Device,
        dtype: DType,
        seed: Seed,
        build: impl FnOnce(&Builder) -> Result<N>,
    ) -> Result<(Self, N)> {
        let store = Self { vars: BTreeMap::new(), dtype, device: device.clone() };
        let builder = Builder::over(Source::Fresh { store, seed });
        let network = build(&builder)?;
        let Source::Fresh { store, .. } = builder.into_source() else {
            unreachable!("the builder was made over a fresh store")
        };
        Ok((store, network))
    }

    /// Names and variables, in name order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Var)> {
        self.vars.iter().map(|(name, var)| (name.as_str(), var))
    }

    /// The variable called `name`.
    pub fn get(&self, name: &str) -> Option<&Var> {
        self.vars.get(name)
    }

    /// Precision of the parameters.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    /// Number of scalars.
    pub fn count(&self) -> usize {
        self.vars.values().map(|var| var.elem_count()).sum()
    }

    /// Detached copies of the present values, on the CPU.
    ///
    /// # Errors
    /// [`NnError::Tensor`] only.
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let copy = |(name, var): (&String, &Var)| Ok((name.clone(), on_cpu(var)?));
        self.vars.iter().map(copy).collect()
    }

    /// Sets every parameter from `tensors`, all or none.
    ///
    /// # Errors
    /// [`NnError::Missing`], [`NnError::Unknown`] or [`NnError::Shape`] before anything is changed.
    pub fn load(&self, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
        if let Some(name) = tensors.keys().find(|name| !self.vars.contains_key(*name)) {
            return Err(NnError::Unknown { name: name.clone() });
        }
        for (name, var) in &self.vars {
            let tensor =
                tensors.get(name).ok_or_else(|| NnError::Missing { name: name.clone() })?;
            check_shape(name, tensor, var.dims())?;
        }
        for (name, var) in &self.vars {
            var.set(&tensors[name].to_dtype(self.dtype)?.to_device(&self.device)?)?;
        }
        Ok(())
    }
}

/// A detached copy of a variable's values on the CPU.
fn on_cpu(var: &Var) -> Result<Tensor> {
    let values = var.as_tensor().to_device(&Device::Cpu)?;
    // Where the variable lies there itself, that was no copy.
    let values = if var.device().is_cpu() { values.copy()? } else { values };
    Ok(values.detach())
}

/// `Ok` if `tensor` has the shape `expected`.
fn check_shape(name: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() == expected {
        return Ok(());
    }
    Err(NnError::Shape {
        name: name.into(),
        found: tensor.dims().into(),
        expected: expected.into(),
    })
}

enum Source {
    Fresh {
        store: ParamStore,
        seed: Seed,
    },
    Frozen {
        tensors: BTreeMap<String, Tensor>,
        used: BTreeSet<String>,
        dtype: DType,
        device: Device,
    },
}

/// Where layers get their parameters from: new variables, or given tensors.
pub struct Builder {
    source: Rc<RefCell<Source>>,
    prefix: String,
}

impl Builder {
    fn over(source: Source) -> Self {
        Self { source: Rc::new(RefCell::new(source)), prefix: String::new() }
    }

    fn into_source(self) -> Source {
        Rc::into_inner(self.source).expect("layers keep tensors, not the builder").into_inner()
    }

    /// Builds a network over `tensors` on the CPU, without a graph; every tensor must be used.
    ///
    /// # Errors
    /// [`NnError::Missing`], [`NnError::Shape`] or [`NnError::Unknown`].
    pub fn frozen<N>(
        tensors: BTreeMap<String, Tensor>,
        dtype: DType,
        build: impl FnOnce(&Self) -> Result<N>,
    ) -> Result<N> {
        Self::frozen_on(&Device::Cpu, tensors, dtype, build)
    }

    /// The same on `device`.
    ///
    /// # Errors
    /// As [`Builder::frozen`].
    pub fn frozen_on<N>(
        device: &Device,
        tensors: BTreeMap<String, Tensor>,
        dtype: DType,
        build: impl FnOnce(&Self) -> Result<N>,
    ) -> Result<N> {
        let (used, device) = (BTreeSet::new(), device.clone());
        let builder = Self::over(Source::Frozen { tensors, used, dtype, device });
        let network = build(&builder)?;
        let Source::Frozen { tensors, used, .. } = builder.into_source() else {
            unreachable!("the builder was made over given tensors")
        };
        match tensors.into_keys().find(|name| !used.contains(name)) {
            Some(name) => Err(NnError::Unknown { name }),
            None => Ok(network),
        }
    }

    /// The builder of the part called `name`.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        let prefix =
            if self.prefix.is_empty() { name.into() } else { format!("{}.{name}", self.prefix) };
        Self { source: self.source.clone(), prefix }
    }

    /// The parameter `name` of this part.
    ///
    /// # Errors
    /// [`NnError::Duplicate`] if the name is taken; over given tensors [`NnError::Missing`] or
    /// [`NnError::Shape`].
    pub fn parameter(&self, name: &str, shape: &[usize], init: Init) -> Result<Tensor> {
        let name = self.part(name).prefix;
        match &mut *self.source.borrow_mut() {
            Source::Fresh { store, seed } => {
                let values = init.values(*seed, &name, shape.iter().product());
                let tensor =
                    Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(store.dtype)?;
                let var = Var::from_tensor(&tensor.to_device(&store.device)?)?;
                let tensor = var.as_tensor().clone();
                if store.vars.insert(name.clone(), var).is_some() {
                    return Err(NnError::Duplicate { name });
                }
                Ok(tensor)
            }
            Source::Frozen { tensors, used, dtype, device } => {
                let Some(tensor) = tensors.get(&name) else {
                    return Err(NnError::Missing { name });
                };
                check_shape(&name, tensor, shape)?;
                let tensor = tensor.to_dtype(*dtype)?.to_device(device)?.detach();
                if !used.insert(name.clone()) {
                    return Err(NnError::Duplicate { name });
                }
                Ok(tensor)
            }
        }
    }

    /// Where the parameters lie.
    pub fn device(&self) -> Device {
        match &*self.source.borrow() {
            Source::Fresh { store, .. } => store.device.clone(),
            Source::Frozen { device, .. } => device.clone(),
        }
    }

    /// Precision of the parameters.
    pub fn dtype(&self) -> DType {
        match &*self.source.borrow() {
            Source::Fresh { store, .. } => store.dtype,
            Source::Frozen { dtype, .. } => *dtype,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(builder: &Builder) -> Result<[Tensor; 2]> {
        let b = builder.part("b").parameter("w", &[2, 3], Init::FanIn(3))?;
        Ok([b, builder.part("a").parameter("w", &[3], Init::Ones)?])
    }

    #[test]
    fn a_network_can_be_rebuilt_from_its_tensors_only() {
        let (store, _) = ParamStore::create(DType::F32, Seed(4), two).unwrap();
        let names: Vec<&str> = store.iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["a.w", "b.w"]);
        assert_eq!(store.count(), 9);
        let tensors = store.tensors().unwrap();
        assert!(Builder::frozen(tensors.clone(), DType::F32, two).is_ok());
        let mut more = tensors.clone();
        more.insert("c".into(), tensors["a.w"].clone());
        assert!(
            matches!(Builder::frozen(more, DType::F32, two), Err(NnError::Unknown { name }) if name == "c")
        );
        let mut fewer = tensors.clone();
        fewer.remove("a.w");
        assert!(matches!(store.load(&fewer), Err(NnError::Missing { name }) if name == "a.w"));
        let mut other = tensors;
        other.insert("a.w".into(), Tensor::zeros(4, DType::F32, &Device::Cpu).unwrap());
        assert!(matches!(store.load(&other), Err(NnError::Shape { .. })));
    }
}
