//! How close generated points are to data, and how straight the way to them was.

use langevin_core::{Result, Trajectory};

/// `∫ E‖dx/dt‖² dt` along a trajectory of one flat factor, by its own steps.
///
/// Σ_k E‖x_{k+1} − x_k‖² / |t_{k+1} − t_k|: for Euler's rule exactly the sum of squared velocities. The
/// straight optimal transport has the energy W₂² between its ends, and no path has less.
///
/// # Errors
/// [`langevin_core::Error::Tensor`] only.
pub fn path_energy(trajectory: &Trajectory) -> Result<f64> {
    let mut energy = 0.0;
    for pair in trajectory.states.windows(2) {
        let ((t, x), (s, y)) = (&pair[0], &pair[1]);
        let moved = (y.part(0) - x.part(0))?.sqr()?.sum(1)?.mean_all()?.to_scalar::<f64>()?;
        energy += moved / (t - s);
    }
    Ok(energy)
}

/// `|PE − W₂²| / W₂²`, with the squared distance between the two ends' laws: 0 for optimal transport.
///
/// # Source
/// Tong et al. (2024), section 5.
pub fn normalised_path_energy(path_energy: f64, w2_squared: f64) -> f64 {
    (path_energy - w2_squared).abs() / w2_squared
}

/// Mean and sample standard deviation (0 for one value).
pub fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
    (mean, (square / (n - 1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};
    use langevin_core::State;

    use super::*;

    #[test]
    fn a_straight_way_at_constant_speed_costs_its_squared_length() {
        let at = |x: f64| State::single(Tensor::new(&[[x, 0.0], [0.0, -x]], &Device::Cpu).unwrap());
        let straight = Trajectory { states: vec![(1.0, at(0.0)), (0.75, at(0.5)), (0.0, at(2.0))] };
        assert!((path_energy(&straight).unwrap() - 4.0).abs() < 1e-12);
        let detour = Trajectory { states: vec![(1.0, at(0.0)), (0.5, at(3.0)), (0.0, at(2.0))] };
        assert!((path_energy(&detour).unwrap() - 20.0).abs() < 1e-12);
        assert!((normalised_path_energy(20.0, 4.0) - 4.0).abs() < 1e-12);
    }

    #[test]
    fn the_spread_is_that_of_a_sample() {
        assert_eq!(mean_and_sd(&[1.0, 3.0]), (2.0, 2f64.sqrt()));
        assert_eq!(mean_and_sd(&[1.5]), (1.5, 0.0));
    }
}
