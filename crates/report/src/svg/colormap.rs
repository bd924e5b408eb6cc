//! From a number in [0, 1] to a colour whose lightness a reader can trust.

/// A colour map for [`HeatMap`](super::HeatMap).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Colormap {
    /// Dark to bright, perceptually uniform: for amounts and densities.
    #[default]
    Viridis,
    /// Blue over near-white to red-brown: for anomalies and differences, white at zero.
    Diverging,
}

/// Every sixteenth colour of viridis, by S. van der Walt and N. Smith, as published in matplotlib 2.0
/// (CC0). Linear interpolation stays within 5/255 of the full table.
const VIRIDIS: [[u8; 3]; 17] = [
    [68, 1, 84],
    [72, 24, 106],
    [71, 45, 123],
    [66, 64, 134],
    [59, 82, 139],
    [51, 99, 141],
    [44, 114, 142],
    [38, 130, 142],
    [33, 145, 140],
    [31, 160, 136],
    [40, 174, 128],
    [63, 188, 115],
    [94, 201, 98],
    [132, 212, 75],
    [173, 220, 48],
    [216, 226, 25],
    [253, 231, 37],
];

/// Two arms of equal lightness steps in Oklab (B. Ottosson, 2020): L = 0.97 − 0.60 u, hue 250° and
/// 40°, u the distance from the centre.
const DIVERGING: [[u8; 3]; 17] = [
    [0, 65, 120],
    [0, 85, 154],
    [8, 107, 183],
    [45, 130, 208],
    [80, 154, 226],
    [117, 177, 239],
    [158, 201, 245],
    [201, 223, 247],
    [245, 245, 245],
    [245, 212, 201],
    [241, 180, 158],
    [231, 148, 119],
    [216, 119, 84],
    [196, 92, 54],
    [171, 68, 28],
    [142, 50, 9],
    [110, 36, 4],
];

impl Colormap {
    /// sRGB colour at `fraction`, which is clamped to [0, 1].
    pub fn rgb(self, fraction: f64) -> [u8; 3] {
        let table = match self {
            Self::Viridis => &VIRIDIS,
            Self::Diverging => &DIVERGING,
        };
        let place = fraction.clamp(0.0, 1.0) * (table.len() - 1) as f64;
        let below = (place as usize).min(table.len() - 2);
        let weight = place - below as f64;
        std::array::from_fn(|channel| {
            let (a, b) = (f64::from(table[below][channel]), f64::from(table[below + 1][channel]));
            (a + weight * (b - a)).round() as u8
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L of CIE Lab, the lightness that perceptual uniformity is about.
    fn lightness([r, g, b]: [u8; 3]) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        };
        let y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        116.0 * y.cbrt() - 16.0
    }

    #[test]
    fn viridis_gets_lighter_at_an_even_pace() {
        let steps: Vec<f64> = (0..16)
            .map(|i| {
                let at = |i: i32| lightness(Colormap::Viridis.rgb(f64::from(i) / 16.0));
                at(i + 1) - at(i)
            })
            .collect();
        let mean = steps.iter().sum::<f64>() / 16.0;
        assert!(steps.iter().all(|step| (step / mean - 1.0).abs() < 0.25), "{steps:?}");
    }

    #[test]
    fn diverging_is_lightest_and_grey_at_its_centre() {
        let [r, g, b] = Colormap::Diverging.rgb(0.5);
        assert!(r == g && g == b);
        for i in 0..8 {
            let (u, v) = (f64::from(i) / 16.0, f64::from(i + 1) / 16.0);
            let map = Colormap::Diverging;
            assert!(lightness(map.rgb(u)) < lightness(map.rgb(v)));
            assert!(lightness(map.rgb(1.0 - u)) < lightness(map.rgb(1.0 - v)));
            // Equal distance from zero, equally dark: no sign looks larger than the other.
            assert!((lightness(map.rgb(u)) - lightness(map.rgb(1.0 - u))).abs() < 6.0);
        }
    }
}
