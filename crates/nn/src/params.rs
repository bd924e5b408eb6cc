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
}

impl ParamStore {
    /// Builds a network with `build`, drawing initial weights from `seed`; gives both.
    ///
    /// # Errors
    /// Those of `build`.
    pub fn create<N>(
        dtype: DType,
        seed: Seed,
        build: impl FnOnce(&Builder) -> Result<N>,
    ) -> Result<(Self, N)> {
        let store = Self { vars: BTreeMap::new(), dtype };
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

    /// Detached copies of the present values.
    ///
    /// # Errors
    /// [`NnError::Tensor`] only.
    pub fn tensors(&self) -> Result<BTreeMap<String, Tensor>> {
        let copy =
            |(name, var): (&String, &Var)| Ok((name.clone(), var.as_tensor().copy()?.detach()));
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
            var.set(&tensors[name].to_dtype(self.dtype)?)?;
        }
        Ok(())
    }
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
    Fresh { store: ParamStore, seed: Seed },
    Frozen { tensors: BTreeMap<String, Tensor>, used: BTreeSet<String>, dtype: DType },
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

    /// Builds a network over `tensors`, without a graph; every tensor must be used.
    ///
    /// # Errors
    /// [`NnError::Missing`], [`NnError::Shape`] or [`NnError::Unknown`].
    pub fn frozen<N>(
        tensors: BTreeMap<String, Tensor>,
        dtype: DType,
        build: impl FnOnce(&Self) -> Result<N>,
    ) -> Result<N> {
        let builder = Self::over(Source::Frozen { tensors, used: BTreeSet::new(), dtype });
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
                let var = Var::from_tensor(&tensor)?;
                let tensor = var.as_tensor().clone();
                if store.vars.insert(name.clone(), var).is_some() {
                    return Err(NnError::Duplicate { name });
                }
                Ok(tensor)
            }
            Source::Frozen { tensors, used, dtype } => {
                let Some(tensor) = tensors.get(&name) else {
                    return Err(NnError::Missing { name });
                };
                check_shape(&name, tensor, shape)?;
                let tensor = tensor.to_dtype(*dtype)?.detach();
                if !used.insert(name.clone()) {
                    return Err(NnError::Duplicate { name });
                }
                Ok(tensor)
            }
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
