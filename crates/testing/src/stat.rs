//! Assertions on measured numbers.

/// Panics unless `got` is within `tolerance` of `want`; a NaN is not.
///
/// # Panics
/// With the name, the two values and the gap in units of the tolerance.
#[track_caller]
pub fn assert_within(name: &str, got: f64, want: f64, tolerance: f64) {
    let gap = (got - want).abs();
    assert!(
        gap <= tolerance,
        "{name}: {got:.6e} is {gap:.2e} from {want:.6e}, {:.2} times the tolerance",
        gap / tolerance
    );
}

/// Slope of ln(error) against ln(step): the order at which errors fall with the step.
pub fn fitted_order(steps: &[f64], errors: &[f64]) -> f64 {
    let n = steps.len() as f64;
    let x: Vec<f64> = steps.iter().map(|h| h.ln()).collect();
    let y: Vec<f64> = errors.iter().map(|e| e.ln()).collect();
    let (mx, my) = (x.iter().sum::<f64>() / n, y.iter().sum::<f64>() / n);
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_power_law_is_its_exponent() {
        let steps = [0.1, 0.05, 0.025];
        let errors = steps.map(|h: f64| 3.0 * h.powi(2));
        assert_within("order", fitted_order(&steps, &errors), 2.0, 1e-12);
    }

    #[test]
    #[should_panic(expected = "mean: ")]
    fn a_gap_is_reported() {
        assert_within("mean", f64::NAN, 0.0, 1.0);
    }
}
