//! The least of a function of few variables without derivatives.

/// Rounds in which the simplex is built anew around the best point: one that collapsed early gets a second chance.
const ROUNDS: usize = 3;
/// Steps of one round; three variables take about 200.
const STEPS: usize = 2000;

/// Where `f` is least near `start`, by a simplex of the given steps; `f` is ∞ where it is not defined, but not at the
/// start.
///
/// # Source
/// Nelder & Mead (1965), Comput. J. 7, 308–313.
pub(crate) fn minimise<const N: usize>(
    f: impl Fn(&[f64; N]) -> f64,
    start: [f64; N],
    step: [f64; N],
) -> [f64; N] {
    let value = |x: &[f64; N]| {
        let value = f(x);
        if value.is_nan() { f64::INFINITY } else { value }
    };
    let mut best = start;
    for _ in 0..ROUNDS {
        let mut simplex: Vec<([f64; N], f64)> = vec![(best, value(&best))];
        for i in 0..N {
            let mut corner = best;
            corner[i] += step[i];
            simplex.push((corner, value(&corner)));
        }
        for _ in 0..STEPS {
            simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
            if converged(&simplex, &step) {
                break;
            }
            advance(&mut simplex, &value);
        }
        simplex.sort_by(|a, b| a.1.total_cmp(&b.1));
        best = simplex[0].0;
    }
    best
}

/// The corners are within 10⁻⁹ of the steps: well below the error of any estimate, well above rounding.
fn converged<const N: usize>(simplex: &[([f64; N], f64)], step: &[f64; N]) -> bool {
    let best = simplex[0].0;
    let near = |x: &[f64; N]| (0..N).all(|i| (x[i] - best[i]).abs() <= 1e-9 * step[i].abs());
    simplex.iter().all(|(x, _)| near(x))
}

/// One step of a sorted simplex: the worst corner is reflected, expanded or contracted, or all shrink to the best.
fn advance<const N: usize>(simplex: &mut [([f64; N], f64)], value: &impl Fn(&[f64; N]) -> f64) {
    let (best, second, worst) = (simplex[0].1, simplex[N - 1].1, simplex[N]);
    let centre: [f64; N] =
        std::array::from_fn(|i| simplex[..N].iter().map(|(x, _)| x[i]).sum::<f64>() / N as f64);
    let along = |t: f64| {
        let x = std::array::from_fn(|i| centre[i] + t * (worst.0[i] - centre[i]));
        (x, value(&x))
    };
    let reflected = along(-1.0);
    if reflected.1 < best {
        let expanded = along(-2.0);
        simplex[N] = if expanded.1 < reflected.1 { expanded } else { reflected };
        return;
    }
    if reflected.1 < second {
        simplex[N] = reflected;
        return;
    }
    let contracted = along(if reflected.1 < worst.1 { -0.5 } else { 0.5 });
    if contracted.1 < reflected.1.min(worst.1) {
        simplex[N] = contracted;
        return;
    }
    let to = simplex[0].0;
    for corner in &mut simplex[1..] {
        let x = std::array::from_fn(|i| to[i] + 0.5 * (corner.0[i] - to[i]));
        *corner = (x, value(&x));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The valley of Rosenbrock (1960) from its usual start, least at (1, 1).
    #[test]
    fn follows_a_valley() {
        let f = |x: &[f64; 2]| 100.0 * (x[1] - x[0] * x[0]).powi(2) + (1.0 - x[0]).powi(2);
        let got = minimise(f, [-1.2, 1.0], [0.5, 0.5]);
        assert!(got.iter().all(|x| (x - 1.0).abs() < 1e-6), "{got:?}");
    }

    /// At the border of where it is defined.
    #[test]
    fn stays_where_it_is_defined() {
        let f = |x: &[f64; 1]| if x[0] < 2.0 { f64::NAN } else { x[0] };
        let got = minimise(f, [5.0], [1.0]);
        assert!((got[0] - 2.0).abs() < 1e-6, "{got:?}");
    }
}
