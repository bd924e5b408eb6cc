//! langevin-diffusion
