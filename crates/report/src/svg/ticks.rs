//! Where an axis is marked, and how the marks are labelled.

use crate::number;

/// One mark; minor ones have no label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) value: f64,
    pub(crate) label: Option<TickLabel>,
}

/// `base`, with an exponent of ten raised after it if there is one.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TickLabel {
    pub(crate) base: String,
    pub(crate) exponent: Option<String>,
}

impl TickLabel {
    fn plain(base: String) -> Self {
        Self { base, exponent: None }
    }

    fn power(mantissa: u32, exponent: i32) -> Self {
        let base = if mantissa == 1 { "10".to_string() } else { format!("{mantissa}×10") };
        Self { base, exponent: Some(exponent.to_string().replace('-', "\u{2212}")) }
    }
}

/// Marks at multiples of 1, 2 or 5 times a power of ten, about `target` of them in [lo, hi].
pub(crate) fn linear(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
    let step = nice_step((hi - lo) / target.max(1) as f64);
    // A hair of slack: limits such as 0.3 are themselves rounded.
    let (first, last) = ((lo / step - 1e-9).ceil() as i64, (hi / step + 1e-9).floor() as i64);
    let exponent = step.log10().floor() as i32;
    let largest = lo.abs().max(hi.abs());
    let scientific = !(1e-3..1e6).contains(&largest);
    (first..=last)
        .map(|index| {
            let value = index as f64 * step;
            let label = match (scientific, index) {
                (true, 0) => TickLabel::plain("0".to_string()),
                (true, _) => scientific_label(value, step),
                (false, _) => {
                    TickLabel::plain(number::decimals(value, (-exponent).max(0) as usize))
                }
            };
            Tick { value, label: Some(label) }
        })
        .collect()
}

/// Marks of a logarithmic axis: decades if there are several, else 1, 2, 5 in each, else as linear.
pub(crate) fn logarithmic(lo: f64, hi: f64, target: usize) -> Vec<Tick> {
    let (first, last) = (lo.log10().floor() as i32, hi.log10().ceil() as i32);
    let inside = |v: f64| v >= lo * (1.0 - 1e-9) && v <= hi * (1.0 + 1e-9);
    let decades = (first..=last).filter(|&e| inside(10f64.powi(e))).count();
    let labelled: &[u32] = if decades >= 3 { &[1] } else { &[1, 2, 5] };
    // Labels in every n-th decade only, if there are many decades.
    let every = (decades.div_ceil(target.max(1)) as i32).max(1);
    // Two labels are the least from which a reader can interpolate.
    let count = (first..=last)
        .flat_map(|e| labelled.iter().map(move |&m| f64::from(m) * 10f64.powi(e)))
        .filter(|&v| inside(v))
        .count();
    if count < 2 {
        return linear(lo, hi, target);
    }
    let plain = lo >= 1e-3 && hi <= 1e5;
    let mut ticks = Vec::new();
    for exponent in first..=last {
        for mantissa in 1..=9u32 {
            let value = f64::from(mantissa) * 10f64.powi(exponent);
            if !inside(value) || (every > 1 && mantissa > 1) {
                continue;
            }
            let shown = labelled.contains(&mantissa) && exponent.rem_euclid(every) == 0;
            let label = shown.then(|| match plain {
                true => TickLabel::plain(number::decimals(value, (-exponent).max(0) as usize)),
                false => TickLabel::power(mantissa, exponent),
            });
            ticks.push(Tick { value, label });
        }
    }
    ticks
}

/// The 1, 2 or 5 times a power of ten nearest to `rough` by ratio.
fn nice_step(rough: f64) -> f64 {
    let power = 10f64.powf(rough.log10().floor());
    // Geometric means of neighbours: √2, √10, √50.
    let nice = match rough / power {
        m if m < 1.414 => 1.0,
        m if m < 3.162 => 2.0,
        m if m < 7.071 => 5.0,
        _ => 10.0,
    };
    nice * power
}

fn scientific_label(value: f64, step: f64) -> TickLabel {
    let exponent = value.abs().log10().floor();
    let places = (exponent - step.log10().floor()).max(0.0) as usize;
    let mantissa = number::decimals(value / 10f64.powf(exponent), places);
    let exponent = (exponent as i32).to_string().replace('-', "\u{2212}");
    TickLabel { base: format!("{mantissa}×10"), exponent: Some(exponent) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn labels(ticks: &[Tick]) -> Vec<String> {
        let text = |label: &TickLabel| match &label.exponent {
            Some(exponent) => format!("{}^{exponent}", label.base),
            None => label.base.clone(),
        };
        ticks.iter().filter_map(|tick| tick.label.as_ref().map(text)).collect()
    }

    #[test]
    fn linear_marks_are_round_numbers() {
        assert_eq!(labels(&linear(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&linear(-3.2, 3.1, 6)), ["−3", "−2", "−1", "0", "1", "2", "3"]);
        assert_eq!(labels(&linear(0.0, 48_000.0, 5)), ["0", "10000", "20000", "30000", "40000"]);
        assert_eq!(labels(&linear(0.0, 3e6, 3)), ["0", "1×10^6", "2×10^6", "3×10^6"]);
        assert_eq!(labels(&linear(0.0, 2e-5, 2)), ["0", "1×10^−5", "2×10^−5"]);
    }

    #[test]
    fn logarithmic_marks_depend_on_the_span() {
        assert_eq!(labels(&logarithmic(1.0, 1000.0, 6)), ["1", "10", "100", "1000"]);
        assert_eq!(labels(&logarithmic(3.0, 60.0, 6)), ["5", "10", "20", "50"]);
        let wide = labels(&logarithmic(1e-8, 1.0, 5));
        assert_eq!(wide, ["10^−8", "10^−6", "10^−4", "10^−2", "10^0"]);
        // Less than an octave holds no two of 1, 2, 5.
        assert_eq!(labels(&logarithmic(2.2, 2.8, 4)), ["2.2", "2.4", "2.6", "2.8"]);
        // Minor marks are there but unlabelled.
        assert_eq!(logarithmic(1.0, 1000.0, 6).len(), 28);
    }

    proptest! {
        #[test]
        fn linear_marks_lie_inside_and_are_few(lo in -1e6..1e6f64, span in 1e-3..1e6f64, target in 2usize..9) {
            let ticks = linear(lo, lo + span, target);
            prop_assert!(ticks.len() <= 2 * target + 2 && !ticks.is_empty());
            let slack = 1e-6 * span;
            prop_assert!(ticks.iter().all(|t| t.value >= lo - slack && t.value <= lo + span + slack));
            // Different marks read differently.
            let shown = labels(&ticks);
            prop_assert!(shown.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", shown);
        }

        #[test]
        fn logarithmic_axes_have_at_least_two_labels(exponent in -12.0..12.0f64, decades in 0.05..9.0f64) {
            let lo = 10f64.powf(exponent);
            let ticks = logarithmic(lo, lo * 10f64.powf(decades), 5);
            prop_assert!(labels(&ticks).len() >= 2, "{lo} over {decades} decades: {:?}", labels(&ticks));
        }
    }
}
