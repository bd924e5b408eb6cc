//! langevin-points
