//! langevin-datasets
