//! Times this crate's exact solvers on inputs that another process writes.
//!
//! Reads one request per line, `assign|distance X Y DIM`, where X and Y are files of little-endian
//! `f64` points, row-major. Answers each with one line of JSON: seconds to build the cost matrix,
//! seconds to solve, and the optimal mean cost. `benches/peers/transport_pot.py` drives it, so that
//! both sides are timed in turn on the same inputs.

use langevin_transport::{Assigner, CostMatrix, Ground, wasserstein_power};
use std::error::Error;
use std::io::{BufRead, Write};
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let mut solver = Assigner::new();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let [kind, x, y, dim] = words[..] else {
            return Err(format!("expected `assign|distance X Y DIM`, found {line:?}").into());
        };
        let (x, y, dim) = (read_points(x)?, read_points(y)?, dim.parse()?);
        let (matrix, solve, cost) = match kind {
            "assign" => assign(&mut solver, &x, &y, dim)?,
            "distance" => distance(&x, &y, dim)?,
            _ => return Err(format!("unknown request {kind:?}").into()),
        };
        println!("{{\"matrix_s\": {matrix:e}, \"solve_s\": {solve:e}, \"cost\": {cost:e}}}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn read_points(path: &str) -> Result<Vec<f64>, std::io::Error> {
    let bytes = std::fs::read(path)?;
    let (values, _) = bytes.as_chunks::<8>();
    Ok(values.iter().map(|b| f64::from_le_bytes(*b)).collect())
}

fn assign(
    solver: &mut Assigner,
    x: &[f64],
    y: &[f64],
    dim: usize,
) -> Result<(f64, f64, f64), Box<dyn Error>> {
    let start = Instant::now();
    let cost = CostMatrix::squared_euclidean(x, y, dim)?;
    let matrix = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let found = solver.solve(cost.view())?;
    let solve = start.elapsed().as_secs_f64();
    Ok((matrix, solve, found.cost / cost.rows() as f64))
}

fn distance(x: &[f64], y: &[f64], dim: usize) -> Result<(f64, f64, f64), Box<dyn Error>> {
    let start = Instant::now();
    let cost = wasserstein_power(x, y, dim, Ground::SquaredEuclidean)?;
    Ok((0.0, start.elapsed().as_secs_f64(), cost))
}
