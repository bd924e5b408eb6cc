//! Moments that are linear in the sorted values.

use crate::UqError;

/// Sample L-moments.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LMoments {
    /// `λ1`, the mean.
    pub mean: f64,
    /// `λ2`, half the mean difference of two values.
    pub scale: f64,
    /// `τ3 = λ3/λ2`, in −1 to 1.
    pub skewness: f64,
    /// `τ4 = λ4/λ2`.
    pub kurtosis: f64,
}

impl LMoments {
    /// Unbiased L-moments: with `b_r = Σ_i (i−1)…(i−r) / ((n−1)…(n−r)) x_(i)/n`, `λ1 = b0`, `λ2 = 2b1 − b0`,
    /// `λ3 = 6b2 − 6b1 + b0`, `λ4 = 20b3 − 30b2 + 12b1 − b0`.
    ///
    /// # Units
    /// `mean` and `scale` have the unit of the values, in any order.
    ///
    /// # Errors
    /// [`UqError::TooFew`] below 4 values, [`UqError::NotFinite`], [`UqError::NoVariation`] if all are equal.
    ///
    /// # Source
    /// Hosking (1990), J. R. Stat. Soc. B 52, 105–124.
    pub fn of(values: &[f64]) -> Result<Self, UqError> {
        UqError::enough("values", values.len(), 4)?;
        UqError::finite("value", values)?;
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let mean = sorted.iter().sum::<f64>() / n;
        if sorted[0] == sorted[sorted.len() - 1] {
            return Err(UqError::NoVariation { what: "values", value: sorted[0] });
        }
        let (mut b1, mut b2, mut b3) = (0.0, 0.0, 0.0);
        for (i, value) in sorted.iter().enumerate() {
            // Of the anomalies: b0 is 0, and a large mean takes no digits.
            let (i, x) = (i as f64, (value - mean) / n);
            let (first, second, third) =
                (i / (n - 1.0), (i - 1.0) / (n - 2.0), (i - 2.0) / (n - 3.0));
            b1 += first * x;
            b2 += first * second * x;
            b3 += first * second * third * x;
        }
        let scale = 2.0 * b1;
        let skewness = (6.0 * b2 - 6.0 * b1) / scale;
        let kurtosis = (20.0 * b3 - 30.0 * b2 + 12.0 * b1) / scale;
        Ok(Self { mean, scale, skewness, kurtosis })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: b = 15/4, 34/12, 56/24, 2, so λ = 3.75, 23/12, 0.75, 0.25.
    #[test]
    fn four_values_by_hand() {
        let got = LMoments::of(&[8.0, 1.0, 4.0, 2.0]).unwrap();
        assert!((got.mean - 3.75).abs() < 1e-14);
        assert!((got.scale - 23.0 / 12.0).abs() < 1e-14);
        assert!((got.skewness - 0.75 * 12.0 / 23.0).abs() < 1e-14);
        assert!((got.kurtosis - 0.25 * 12.0 / 23.0).abs() < 1e-14);
    }

    /// Equally spaced values are those of a uniform law: τ3 = 0, τ4 = 0 (Hosking 1990, table 1).
    #[test]
    fn uniform_values_have_no_skewness() {
        let values: Vec<f64> = (0..50).map(f64::from).collect();
        let got = LMoments::of(&values).unwrap();
        assert!(got.skewness.abs() < 1e-12 && got.kurtosis.abs() < 1e-12, "{got:?}");
        // Half the mean difference of two of n equally spaced values is (n + 1)/6.
        assert!((got.scale - 51.0 / 6.0).abs() < 1e-12);
    }

    #[test]
    fn bad_samples_are_named() {
        let error = LMoments::of(&[1.0, 2.0, 3.0]).unwrap_err();
        assert_eq!(error.to_string(), "3 values are fewer than the 4 that are needed");
        let error = LMoments::of(&[2.5; 9]).unwrap_err();
        assert_eq!(error.to_string(), "all values are 2.5");
        assert!(LMoments::of(&[1.0, 2.0, f64::NAN, 3.0]).is_err());
    }
}
