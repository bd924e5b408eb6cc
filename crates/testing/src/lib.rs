//! langevin-testing
