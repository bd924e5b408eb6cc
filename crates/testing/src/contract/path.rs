//! The promises of a path.

use langevin_core::Path;

use crate::assert_within;

/// Rates are derivatives, λ falls and has an inverse, and a jump to where one is does nothing.
///
/// # Panics
/// With the first promise that does not hold.
pub fn path(path: &dyn Path) {
    assert!(path.floor() < path.start() && path.start() <= 1.0, "{path:?}: no time to sample in");
    let mut previous = f64::INFINITY;
    for i in 1..20 {
        let t = path.start() * f64::from(i) / 20.0;
        let (c, r) = (path.coefficients(t), path.rates(t));
        // The step balances rounding, ε/h, against curvature, h² f‴/6; both stay below 1e-7 of the scale.
        let h = 1e-5 * t.min(1.0 - t).max(1e-3);
        let (up, down) = (path.coefficients(t + h), path.coefficients(t - h));
        let slopes = [
            ("alpha", up.alpha - down.alpha, r.alpha, c.alpha),
            ("beta", up.beta - down.beta, r.beta, c.beta),
            ("gamma", up.gamma - down.gamma, r.gamma, c.gamma),
        ];
        for (name, difference, rate, value) in slopes {
            let scale = 1.0 + rate.abs() + value.abs() / t;
            assert_within(
                &format!("{path:?} {name}' at {t}"),
                difference / (2.0 * h),
                rate,
                1e-5 * scale,
            );
        }
        let log_snr = path.log_snr(t);
        assert!(log_snr < previous, "{path:?}: λ does not fall at {t}");
        previous = log_snr;
        assert_within(&format!("{path:?} inverse at {t}"), path.time_of_log_snr(log_snr), t, 1e-9);
        let stay = path.transition(t, t, 0.0);
        assert_within("keep of no jump", stay.keep, 1.0, 1e-12);
        assert_within("pull of no jump", stay.pull, 0.0, 1e-12 * (1.0 + c.alpha));
        let slope = (path.kappa(t + h) - path.kappa(t - h)) / (2.0 * h);
        assert_within(
            &format!("{path:?} κ' at {t}"),
            path.kappa_rate(t),
            slope,
            1e-5 * (1.0 + slope),
        );
    }
}
