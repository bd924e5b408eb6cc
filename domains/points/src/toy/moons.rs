//! Two interleaved half circles, as three protocols draw them.
//!
//! The outer arc is (cos θ, sin θ), the inner one (1 − cos θ, ½ − sin θ), θ in [0, π]. The Python
//! generators put θ on an evenly spaced grid that includes both ends and give the first half of the
//! points to the outer arc; here θ is uniform and the arc a fair coin, so that samples are
//! independent, unless `even` asks for the grid. The two differ where distances are measured: between
//! sets of 10 000 points, W2 is 0.03 on the grid and 0.08 with independent ones.

use std::f64::consts::{FRAC_1_PI, PI};

use langevin_core::ConfigError;
use langevin_kernels::rng::Stream;
use serde::{Deserialize, Serialize};

use super::law::Law;
use super::{finite, not_negative, positive};

/// Normal noise, then scaled and shifted: `kind = "moons"`. Label 0 is the outer arc, 1 the inner one.
///
/// # Source
/// `make_moons` of scikit-learn, here with scale 1 and shift (0, 0). Without these keys the points
/// are (2x − 1, 2y), as in Tong et al. (2024), Simulation-free Schrödinger bridges, appendix F, where
/// the noise is 0.05.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Moons {
    /// Standard deviation of the noise before scaling, 0 or more.
    pub noise: f64,
    /// Factor of both coordinates, above 0.
    #[serde(default = "published_scale")]
    pub scale: f64,
    /// Added to (x, y) after scaling.
    #[serde(default = "published_shift")]
    pub shift: [f64; 2],
    /// Whether a set has its points on an even grid of angles, half of them on each arc, as the Python
    /// generators draw it. Fresh batches are independent draws either way.
    #[serde(default)]
    pub even: bool,
}

fn published_scale() -> f64 {
    2.0
}

fn published_shift() -> [f64; 2] {
    [-1.0, 0.0]
}

impl Moons {
    /// With the published scaling.
    pub fn published(noise: f64) -> Self {
        Self { noise, scale: published_scale(), shift: published_shift(), even: false }
    }

    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `noise`, `scale` or `shift`.
    pub fn build(&self) -> Result<HalfCircles, ConfigError> {
        let noise = Noise::Normal(not_negative("noise", self.noise)?);
        let scale = positive("scale", self.scale)?;
        self.shift.iter().try_for_each(|&shift| finite("shift", shift).map(|_| ()))?;
        Ok(HalfCircles { noise, scale, shift: self.shift, even: self.even })
    }
}

/// Normal noise, mean 0 and mean square 1 over both coordinates together, then scaled:
/// `kind = "moons_standardised"`.
///
/// The published protocol (noise 0.1, scale 7) standardises each drawn sample by its own mean and
/// standard deviation. Here the law's own are used, ⅜ and √(43/64 − 1/(2π) + noise²) exactly, so that a
/// point does not depend on the others; at n = 10 000 the two differ by less than 0.2 %.
///
/// # Source
/// Tong et al. (2024), Simulation-free Schrödinger bridges, appendix F.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StandardisedMoons {
    /// Standard deviation of the noise before standardising, 0 or more.
    pub noise: f64,
    /// Root mean square of the coordinates, above 0.
    pub scale: f64,
    /// Whether a set has its points on an even grid of angles, half of them on each arc, as the Python
    /// generators draw it. Fresh batches are independent draws either way.
    #[serde(default)]
    pub even: bool,
}

impl StandardisedMoons {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `noise` or `scale`.
    pub fn build(&self) -> Result<HalfCircles, ConfigError> {
        let noise = not_negative("noise", self.noise)?;
        // E x = ½, E y = ¼, E x² = 1 + s², E y² = ⅝ − 1/π + s²; the mean over both is ⅜.
        let variance = 43.0 / 64.0 - FRAC_1_PI / 2.0 + noise * noise;
        let scale = positive("scale", self.scale)? / variance.sqrt();
        let (noise, shift) = (Noise::Normal(noise), [-0.375 * scale; 2]);
        Ok(HalfCircles { noise, scale, shift, even: self.even })
    }
}

/// One uniform number added to *both* coordinates, then scaled and shifted: `kind = "moons_jittered"`.
///
/// # Source
/// `generate_moons` of torchdyn, which torchcfm's tutorial calls with jitter 0.2, scale 3, shift −1.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct JitteredMoons {
    /// Width of the jitter, uniform on [0, jitter); 0 or more.
    pub jitter: f64,
    /// Factor of both coordinates, above 0.
    pub scale: f64,
    /// Added to both coordinates after scaling.
    pub shift: f64,
}

impl JitteredMoons {
    /// The law.
    ///
    /// # Errors
    /// [`ConfigError`] at `jitter`, `scale` or `shift`.
    pub fn build(&self) -> Result<HalfCircles, ConfigError> {
        let noise = Noise::SharedUniform(not_negative("jitter", self.jitter)?);
        let scale = positive("scale", self.scale)?;
        let shift = [finite("shift", self.shift)?; 2];
        Ok(HalfCircles { noise, scale, shift, even: false })
    }
}

#[derive(Debug, Clone, Copy)]
enum Noise {
    /// Standard deviation of independent normals.
    Normal(f64),
    /// Width of one uniform number for both coordinates.
    SharedUniform(f64),
}

/// Two half circles with noise, scaled, then shifted.
#[derive(Debug, Clone)]
pub struct HalfCircles {
    noise: Noise,
    scale: f64,
    shift: [f64; 2],
    even: bool,
}

impl HalfCircles {
    /// The point at `angle` on `arc`, with noise.
    fn place(&self, arc: u64, angle: f64, stream: &mut Stream, point: &mut [f64]) {
        let (sin, cos) = angle.sin_cos();
        let at = if arc == 0 { [cos, sin] } else { [1.0 - cos, 0.5 - sin] };
        match self.noise {
            Noise::Normal(sd) => {
                stream.fill_normal(point);
                point.iter_mut().for_each(|x| *x *= sd);
            }
            Noise::SharedUniform(width) => point.fill(width * stream.uniform()),
        }
        for axis in 0..2 {
            point[axis] = self.scale * (at[axis] + point[axis]) + self.shift[axis];
        }
    }
}

impl Law for HalfCircles {
    fn dimension(&self) -> usize {
        2
    }

    fn draw(&self, stream: &mut Stream, point: &mut [f64]) -> i64 {
        let arc = stream.below(2);
        let angle = PI * stream.uniform();
        self.place(arc, angle, stream, point);
        arc as i64
    }

    fn draw_set(&self, streams: Vec<Stream>, points: &mut [f64]) -> Vec<i64> {
        let (n, rows) = (streams.len(), points.chunks_exact_mut(2));
        let outer = n / 2;
        let one = |(k, (mut stream, row)): (usize, (Stream, &mut [f64]))| {
            if !self.even {
                return self.draw(&mut stream, row);
            }
            let (arc, place, of) =
                if k < outer { (0, k, outer) } else { (1, k - outer, n - outer) };
            let angle = PI * place as f64 / (of.max(2) - 1) as f64;
            self.place(arc, angle, &mut stream, row);
            arc as i64
        };
        streams.into_iter().zip(rows).enumerate().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::toy::Toy;
    use crate::toy::testing::{assert_moments, draws};

    /// Before scaling: mean (½, ¼), variances ¾ and 9/16 − 1/π, covariance
    /// E xy − ⅛ = ½·E[(1 − cos)(½ − sin)] − ⅛ = ½(½ − 2/π) − ⅛ = ⅛ − 1/π.
    const MEAN: [f64; 2] = [0.5, 0.25];
    const COVARIANCE: [f64; 3] = [0.75, 0.5625 - FRAC_1_PI, 0.125 - FRAC_1_PI];

    #[test]
    fn paper_moons_are_doubled_and_centred_in_x() {
        let law = Toy::paper_moons().build().unwrap();
        let [x, y, xy] = COVARIANCE;
        let noise = 0.05 * 0.05;
        assert_moments(&*law, [0.0, 0.5], [4.0 * (x + noise), 4.0 * (y + noise), 4.0 * xy]);
    }

    /// Scale 1 and shift 0 are scikit-learn's own.
    #[test]
    fn scale_and_shift_are_free() {
        let law = Moons { noise: 0.2, scale: 1.0, shift: [0.0, 3.0], even: false }.build().unwrap();
        let [x, y, xy] = COVARIANCE;
        assert_moments(&law, [MEAN[0], MEAN[1] + 3.0], [x + 0.04, y + 0.04, xy]);
    }

    #[test]
    fn standardised_moons_have_mean_square_one_over_both_axes() {
        let law = StandardisedMoons { noise: 0.1, scale: 1.0, even: false }.build().unwrap();
        let [x, y, xy] = COVARIANCE;
        let variance: f64 = 43.0 / 64.0 - FRAC_1_PI / 2.0 + 0.01;
        let sd = variance.sqrt();
        let mean = MEAN.map(|m| (m - 0.375) / sd);
        let covariance = [(x + 0.01) / variance, (y + 0.01) / variance, xy / variance];
        // The definition: E(x² + y²)/2 = 1, E(x + y)/2 = 0.
        let square = mean[0] * mean[0] + covariance[0] + mean[1] * mean[1] + covariance[1];
        assert!((square / 2.0 - 1.0).abs() < 1e-14 && (mean[0] + mean[1]).abs() < 1e-15);
        assert_moments(&law, mean, covariance);
    }

    #[test]
    fn tutorial_moons_share_their_jitter() {
        let law = Toy::tutorial_moons().build().unwrap();
        // Uniform on [0, 0.2): mean 0.1, variance 0.04/12, the same number on both axes.
        let jitter = 0.04 / 12.0;
        let covariance = COVARIANCE.map(|c| 9.0 * (c + jitter));
        assert_moments(&*law, MEAN.map(|m| 3.0 * (m + 0.1) - 1.0), covariance);
        // Undone, an outer point lies on the unit circle moved along the diagonal by 0 to 0.2.
        let (points, labels) = draws(&*law, 1000);
        for (p, _) in points.chunks(2).zip(&labels).filter(|(_, label)| **label == 0) {
            let (x, y) = ((p[0] + 1.0) / 3.0, (p[1] + 1.0) / 3.0);
            // |(x, y) − j(1, 1)| = 1 in j: 2j² − 2(x + y) j + x² + y² − 1 = 0.
            let root = ((x + y).powi(2) - 2.0 * (x * x + y * y - 1.0)).max(0.0).sqrt();
            let jitters = [(x + y - root) / 2.0, (x + y + root) / 2.0];
            assert!(jitters.iter().any(|j| (-1e-7..0.2 + 1e-7).contains(j)), "{jitters:?}");
        }
    }

    #[test]
    fn without_noise_labels_tell_the_arcs_apart() {
        let (points, labels) = draws(&Moons::published(0.0).build().unwrap(), 1000);
        for (p, label) in points.chunks(2).zip(labels) {
            let (x, y) = ((p[0] + 1.0) / 2.0, p[1] / 2.0);
            let (x, y) = if label == 0 { (x, y) } else { (1.0 - x, 0.5 - y) };
            assert!((x.hypot(y) - 1.0).abs() < 1e-15 && y > -1e-15, "{x} {y}");
        }
    }

    /// Without noise an even set is that of scikit-learn: both ends of each arc, and equal steps between.
    #[test]
    fn an_even_set_is_the_published_grid() {
        let law = Moons { even: true, ..Moons::published(0.0) }.build().unwrap();
        let (points, labels) = draws(&law, 7);
        assert_eq!(labels, [0, 0, 0, 1, 1, 1, 1]);
        let undone: Vec<[f64; 2]> =
            points.chunks(2).map(|p| [(p[0] + 1.0) / 2.0, p[1] / 2.0]).collect();
        let (third, root) = (0.5, 0.75f64.sqrt());
        let expected = [
            [1.0, 0.0],
            [0.0, 1.0],
            [-1.0, 0.0],
            [0.0, 0.5],
            [1.0 - third, 0.5 - root],
            [1.0 + third, 0.5 - root],
            [2.0, 0.5],
        ];
        for (got, want) in undone.iter().zip(expected) {
            assert!((0..2).all(|k| (got[k] - want[k]).abs() < 1e-12), "{got:?} {want:?}");
        }
        let (points, _) = draws(&law, 1);
        assert_eq!(points, [-1.0, 1.0]);
    }

    #[test]
    fn negative_noise_is_refused() {
        let error = Moons::published(-0.1).build().unwrap_err();
        assert_eq!(error.to_string(), "noise: found -0.1, allowed: a finite number, 0 or more");
    }
}
