//! Entropic transport by Sinkhorn's iteration on potentials.

mod divergence;
mod softmin;

use crate::cost::CostView;
use crate::error::{TransportError, check_finite, check_length};
use crate::simd::Level;
use softmin::{plan_row, softmin};

pub use divergence::sinkhorn_divergence;

/// How to run Sinkhorn's iteration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SinkhornConfig {
    /// Weight ε of the entropy, in the unit of the cost; above 0.
    pub epsilon: f64,
    /// Stop when the row sums of the plan differ from `a` by less than this in total (columns are
    /// exact); above 0, relative to the total mass.
    pub tolerance: f64,
    /// At most this many iterations at the last ε.
    pub max_iterations: usize,
    /// ε starts at the range of the costs and falls by this factor, in (0, 1), to `epsilon`.
    pub scaling: f64,
}

impl SinkhornConfig {
    /// Tolerance 1e-6, 10 000 iterations, ε halved from the range of the costs.
    pub fn new(epsilon: f64) -> Self {
        Self { epsilon, tolerance: 1e-6, max_iterations: 10_000, scaling: 0.5 }
    }

    fn check(&self) -> Result<(), TransportError> {
        for (what, value, good, range) in [
            ("epsilon", self.epsilon, self.epsilon > 0.0, "positive and finite"),
            ("tolerance", self.tolerance, self.tolerance > 0.0, "positive and finite"),
            ("scaling", self.scaling, self.scaling > 0.0 && self.scaling < 1.0, "between 0 and 1"),
        ] {
            if !(good && value.is_finite()) {
                return Err(TransportError::OutOfRange { what, value, range });
            }
        }
        Ok(())
    }
}

/// An entropic plan and its duals.
#[derive(Debug, Clone, PartialEq)]
pub struct Sinkhorn {
    /// `[rows, columns]`, row-major: `a_i b_j exp((f_i + g_j − cost_ij) / ε)`, for the masses
    /// divided by their sum.
    pub plan: Vec<f64>,
    /// ⟨plan, cost⟩: the transport part alone.
    pub cost: f64,
    /// ⟨plan, cost⟩ + ε KL(plan ‖ a ⊗ b), from the duals: ⟨a, f⟩ + ⟨b, g⟩.
    pub value: f64,
    /// f, one per row, in the unit of the cost.
    pub row_potentials: Vec<f64>,
    /// g, one per column.
    pub column_potentials: Vec<f64>,
    /// Iterations at the last ε.
    pub iterations: usize,
    /// Total difference between the plan's row sums and `a`.
    pub residual: f64,
}

/// Minimises ⟨P, cost⟩ + ε KL(P ‖ a ⊗ b) over plans from `a` to `b`.
///
/// Log-domain updates f ← −ε log Σ_j b_j exp((g_j − cost_ij)/ε) and the same for g, at falling ε
/// unless `start` gives column potentials of a similar problem.
///
/// # Shapes and units
/// - `a`: `[rows]`, `b`: `[columns]`, any unit of mass; each is divided by its sum
/// - `start`: `[columns]`, the unit of the cost
///
/// # Errors
/// [`TransportError::OutOfRange`] for a bad configuration, [`TransportError::ShapeMismatch`],
/// [`TransportError::NonFinite`], [`TransportError::NegativeWeight`],
/// [`TransportError::NotConverged`] with the residual reached.
///
/// # Source
/// Cuturi (2013), NeurIPS 26; ε-scaling: Schmitzer (2019), SIAM J. Sci. Comput. 41, A1443–A1481.
pub fn sinkhorn(
    a: &[f64],
    b: &[f64],
    cost: CostView<'_>,
    config: &SinkhornConfig,
    start: Option<&[f64]>,
) -> Result<Sinkhorn, TransportError> {
    config.check()?;
    let (a, b) = (normalised("a", a, cost.rows())?, normalised("b", b, cost.columns())?);
    let mut state = Iteration::new(&a, &b, cost);
    match start {
        Some(start) => {
            check_length("start", cost.columns(), start.len())?;
            check_finite("start", start)?;
            state.g.copy_from_slice(start);
            state.update_f(config.epsilon);
            state.update_g(config.epsilon);
        }
        None => state.anneal(config),
    }
    for iteration in 0..=config.max_iterations {
        let residual = state.update_f(config.epsilon);
        if residual <= config.tolerance {
            // The potentials before this update have exact columns and the residual just measured.
            std::mem::swap(&mut state.f, &mut state.previous_f);
            return Ok(state.read_out(config.epsilon, iteration, residual));
        }
        if iteration == config.max_iterations {
            let (iterations, tolerance) = (config.max_iterations, config.tolerance);
            return Err(TransportError::NotConverged { iterations, residual, tolerance });
        }
        state.update_g(config.epsilon);
    }
    unreachable!("the last iteration returns")
}

/// Weights divided by their sum.
fn normalised(what: &'static str, w: &[f64], expected: usize) -> Result<Vec<f64>, TransportError> {
    check_length(what, expected, w.len())?;
    check_finite(what, w)?;
    if let Some(index) = w.iter().position(|w| *w < 0.0) {
        return Err(TransportError::NegativeWeight { what, index, value: w[index] });
    }
    let value: f64 = w.iter().sum();
    if !(value > 0.0 && value.is_finite()) {
        let range = "positive and finite";
        return Err(TransportError::OutOfRange { what: "sum of weights", value, range });
    }
    Ok(w.iter().map(|w| w / value).collect())
}

struct Iteration<'a> {
    level: Level,
    a: &'a [f64],
    b: &'a [f64],
    log_a: Vec<f64>,
    log_b: Vec<f64>,
    cost: CostView<'a>,
    /// Columns as rows: both updates then read memory in order.
    cost_t: Vec<f64>,
    f: Vec<f64>,
    previous_f: Vec<f64>,
    g: Vec<f64>,
    h: Vec<f64>,
}

impl<'a> Iteration<'a> {
    fn new(a: &'a [f64], b: &'a [f64], cost: CostView<'a>) -> Self {
        let (n, m) = (cost.rows(), cost.columns());
        let mut cost_t = vec![0.0; n * m];
        for (i, row) in cost.as_slice().chunks_exact(m).enumerate() {
            row.iter().enumerate().for_each(|(j, c)| cost_t[j * n + i] = *c);
        }
        let log = |w: &[f64]| w.iter().map(|w| w.ln()).collect();
        Self {
            level: Level::detect(),
            a,
            b,
            log_a: log(a),
            log_b: log(b),
            cost,
            cost_t,
            f: vec![0.0; n],
            previous_f: vec![0.0; n],
            g: vec![0.0; m],
            h: Vec::new(),
        }
    }

    /// f from g; returns how far the row sums of the plan before it were from `a`.
    fn update_f(&mut self, epsilon: f64) -> f64 {
        std::mem::swap(&mut self.f, &mut self.previous_f);
        self.h.clear();
        self.h.extend(self.g.iter().zip(&self.log_b).map(|(g, log_b)| g / epsilon + log_b));
        softmin(self.level, self.cost.as_slice(), &self.h, epsilon, &mut self.f);
        let old_and_new = self.previous_f.iter().zip(&self.f);
        let error =
            |((old, new), a): ((&f64, &f64), &f64)| a * ((old - new) / epsilon).exp_m1().abs();
        old_and_new.zip(self.a).map(error).sum()
    }

    fn update_g(&mut self, epsilon: f64) {
        self.h.clear();
        self.h.extend(self.f.iter().zip(&self.log_a).map(|(f, log_a)| f / epsilon + log_a));
        softmin(self.level, &self.cost_t, &self.h, epsilon, &mut self.g);
    }

    /// Potentials at ε from those at larger ε, a few iterations each: they only need to be near.
    fn anneal(&mut self, config: &SinkhornConfig) {
        let (low, high) = self
            .cost
            .as_slice()
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), c| (l.min(*c), h.max(*c)));
        let mut epsilon = (high - low).max(config.epsilon);
        while epsilon > config.epsilon {
            for _ in 0..4 {
                self.update_f(epsilon);
                self.update_g(epsilon);
            }
            epsilon = (epsilon * config.scaling).max(config.epsilon);
        }
        self.update_f(config.epsilon);
        self.update_g(config.epsilon);
    }

    fn read_out(&mut self, epsilon: f64, iterations: usize, residual: f64) -> Sinkhorn {
        let m = self.cost.columns();
        self.h.clear();
        self.h.extend(self.g.iter().zip(&self.log_b).map(|(g, log_b)| g / epsilon + log_b));
        let mut plan = vec![0.0; self.cost.as_slice().len()];
        let mut cost = 0.0;
        for (i, row) in plan.chunks_exact_mut(m).enumerate() {
            let costs = self.cost.row(i);
            let shift = self.f[i] / epsilon;
            plan_row(self.level, costs, &self.h, 1.0 / epsilon, shift, self.a[i], row);
            cost += row.iter().zip(costs).map(|(p, c)| p * c).sum::<f64>();
        }
        let dot = |w: &[f64], f: &[f64]| -> f64 { w.iter().zip(f).map(|(w, f)| w * f).sum() };
        Sinkhorn {
            plan,
            cost,
            value: dot(self.a, &self.f) + dot(self.b, &self.g),
            row_potentials: self.f.clone(),
            column_potentials: self.g.clone(),
            iterations,
            residual,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::CostMatrix;
    use crate::network_simplex::network_simplex;
    use crate::testing::{hash_points, hash_weights};

    fn problem() -> (Vec<f64>, Vec<f64>, CostMatrix) {
        let (n, m) = (30, 41);
        let cost =
            CostMatrix::squared_euclidean(&hash_points(1, n, 2), &hash_points(2, m, 2), 2).unwrap();
        (hash_weights(3, n), hash_weights(4, m), cost)
    }

    #[test]
    fn marginals_and_duality_hold_at_the_tolerance() {
        let (a, b, cost) = problem();
        let config = SinkhornConfig { tolerance: 1e-11, ..SinkhornConfig::new(0.02) };
        let found = sinkhorn(&a, &b, cost.view(), &config, None).unwrap();
        let m = b.len();
        let rows = (0..a.len()).map(|i| found.plan[i * m..][..m].iter().sum::<f64>() - a[i]);
        assert!(rows.map(f64::abs).sum::<f64>() <= 2e-11);
        let columns = (0..m).map(|j| found.plan.iter().skip(j).step_by(m).sum::<f64>() - b[j]);
        assert!(columns.map(f64::abs).sum::<f64>() <= 1e-13);
        // Primal value: ⟨P, C⟩ + ε KL(P ‖ a ⊗ b) equals the dual one.
        let entropy = (0..found.plan.len()).map(|k| {
            let p = found.plan[k];
            if p > 0.0 { p * (p / (a[k / m] * b[k % m])).ln() } else { 0.0 }
        });
        let primal = found.cost + 0.02 * entropy.sum::<f64>();
        assert!((primal - found.value).abs() < 1e-11);
    }

    /// The transport cost exceeds the exact one by at most ε times the entropy of a plan with
    /// n + m − 1 entries, ε log(n m), and falls with ε.
    #[test]
    fn small_epsilon_approaches_the_exact_cost() {
        let (a, b, cost) = problem();
        let exact = network_simplex(&a, &b, cost.view()).unwrap().cost;
        let mut previous = f64::INFINITY;
        for epsilon in [0.1, 0.03, 0.01, 0.003, 0.001] {
            let config = SinkhornConfig { max_iterations: 200_000, ..SinkhornConfig::new(epsilon) };
            let found = sinkhorn(&a, &b, cost.view(), &config, None).unwrap();
            let excess = found.cost - exact;
            assert!(excess > -1e-6 && excess < epsilon * 1230f64.ln() && excess < previous);
            previous = excess;
        }
        assert!(previous < 1e-3 * exact.max(1.0));
    }

    #[test]
    fn a_warm_start_at_the_solution_needs_no_iteration() {
        let (a, b, cost) = problem();
        let config = SinkhornConfig::new(0.05);
        let cold = sinkhorn(&a, &b, cost.view(), &config, None).unwrap();
        let warm = sinkhorn(&a, &b, cost.view(), &config, Some(&cold.column_potentials)).unwrap();
        assert!(warm.iterations == 0 && (warm.value - cold.value).abs() < 1e-9);
    }

    #[test]
    fn too_few_iterations_report_their_residual() {
        let (a, b, cost) = problem();
        let config = SinkhornConfig { max_iterations: 2, ..SinkhornConfig::new(1e-3) };
        let error = sinkhorn(&a, &b, cost.view(), &config, None).unwrap_err();
        let TransportError::NotConverged { iterations: 2, residual, tolerance: 1e-6 } = error
        else {
            panic!("{error}");
        };
        assert!(residual > 1e-6);
    }

    #[test]
    fn the_number_of_threads_does_not_change_a_bit() {
        let n = 220;
        let (x, y) = (hash_points(1, n, 2), hash_points(2, n, 2));
        let cost = CostMatrix::squared_euclidean(&x, &y, 2).unwrap();
        let w = vec![1.0; n];
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                sinkhorn(&w, &w, cost.view(), &SinkhornConfig::new(0.05), None).unwrap()
            })
        };
        assert_eq!(on(1), on(3));
    }
}
