//! Curves of a report: spectra, ranks, spread against error, reliability, quantiles.

use anyhow::Result;
use langevin_report::number::significant;
use langevin_report::report::Figure;
use langevin_report::svg::{
    Axis, Colour, Layout, Line, LineChart, RankHistogram as Ranks, Reliability, ReliabilityBin,
    Scale,
};
use langevin_uq::rank::RankHistogram;
use langevin_uq::spread::SpreadSkill;
use ndarray::Array1;

use super::gallery::Gallery;
use super::sums::Sums;

/// Two figures side by side.
fn half() -> Layout {
    Layout::default().size(410.0, 330.0)
}

/// An axis with the field's unit, if it has one.
fn axis(axis: Axis, unit: Option<&str>) -> Axis {
    match unit {
        Some(unit) => axis.unit(unit),
        None => axis,
    }
}

/// The line on which both are equal, along the `points` that have a place on the `scale`.
fn equal(points: &[[f64; 2]], scale: Scale) -> Line {
    let shown = |point: &&[f64; 2]| scale == Scale::Linear || point.iter().all(|&x| x > 0.0);
    let values = || points.iter().filter(shown).flatten().copied();
    let ends = [values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max)];
    Line::new("equal", &ends.map(|x| [x, x])).dashed().colour(Colour::Neutral)
}

/// Spectra over all steps, if there are any with power.
///
/// # Errors
/// If they cannot be drawn.
pub fn spectra(sums: &Sums, gallery: &Gallery, unit: Option<&str>) -> Result<Option<Figure>> {
    let Some((own, observed)) = sums.patterns.spectra() else { return Ok(None) };
    let steps = sums.patterns.with_spectra() as f64;
    let points = |power: &dyn Fn(usize) -> f64| -> Vec<[f64; 2]> {
        (0..observed.len()).map(|k| [(k + 1) as f64, power(k) / steps]).collect()
    };
    let of = |sum: &Array1<f64>| points(&|k| sum[k]);
    let mean = points(&|k| own.iter().map(|own| own[k]).sum::<f64>() / own.len() as f64);
    if mean.iter().chain(&of(observed)).all(|point| point[1] <= 0.0) {
        return Ok(None);
    }
    let power = unit.map_or_else(|| "power".into(), |unit| format!("power ({unit})²"));
    let mut chart = LineChart::new(Axis::log("waves along the shorter side"), Axis::log(power))
        .line(Line::new("observed", &of(observed)).colour(Colour::Neutral));
    let mut about = "";
    if own.len() > 1 {
        let ends = |k: usize| {
            let all = || own.iter().map(|own| own[k] / steps);
            [all().fold(f64::INFINITY, f64::min), all().fold(0.0, f64::max)]
        };
        let band: Vec<[f64; 2]> = (0..observed.len()).map(ends).collect();
        chart = chart.line(Line::new("members", &mean).band(&band).colour(Colour::Blue));
        about = " and members, in a band that holds all of them. A mean of members is smoother than any";
    } else {
        chart = chart.line(Line::new("forecast", &mean).colour(Colour::Blue));
    }
    if let Some(of_mean) = gallery.spectrum() {
        let line = Line::new("mean of the members", &of(of_mean));
        chart = chart.line(line.colour(Colour::Vermillion));
    }
    let svg = chart.layout(Layout::default().size(640.0, 400.0)).render()?;
    Ok(Some(Figure::new(svg, format!("Radial spectra, means over steps{about}."))))
}

/// The rank histogram with the level of a reliable ensemble.
///
/// # Errors
/// If it cannot be drawn.
pub fn ranks(histogram: &RankHistogram) -> Result<Figure> {
    let svg = Ranks::new(histogram.counts()).layout(half().title("Ranks")).render()?;
    let test = histogram.chi_square();
    let p = match test.p_value {
        p if p < 1e-4 => "p below 0.0001".to_owned(),
        p => format!("p = {}", significant(p, 2)),
    };
    let caption = format!(
        "Where the observation falls among the members; flat if it is drawn as they are. χ² = {} at {} degrees of freedom, \
         {p}: as if cells were independent, which neighbours are not.",
        significant(test.statistic, 3),
        test.degrees
    );
    Ok(Figure::new(svg, caption))
}

/// Error of the mean against spread, for cells that are alike in spread.
///
/// # Errors
/// If it cannot be drawn.
pub fn spread(classes: &[SpreadSkill], unit: Option<&str>) -> Result<Option<Figure>> {
    // The spread that the error should be, for as many members as there are.
    let point = |class: &SpreadSkill| [class.ratio() * class.rmse(), class.rmse()];
    let points: Vec<[f64; 2]> = classes.iter().map(point).collect();
    if !points.iter().any(|point| point[0] > 0.0 && point[1] > 0.0) {
        return Ok(None);
    }
    let (x, y) = (Axis::log("spread"), Axis::log("RMSE of the mean"));
    let svg = LineChart::new(axis(x, unit), axis(y, unit))
        .line(equal(&points, Scale::Log))
        .line(Line::new("classes of spread", &points).markers().colour(Colour::Blue))
        .layout(half().title("Spread and error"))
        .render()?;
    let caption = "Cells in classes of spread. Above the dashed line the ensemble is too sure of itself, below it not sure \
                   enough. The spread is that of members times √((m + 1)/m), which is the error of a reliable ensemble of m.";
    Ok(Some(Figure::new(svg, caption)))
}

/// The reliability diagram of a threshold.
///
/// # Errors
/// If it cannot be drawn.
pub fn reliability(threshold: &str, bins: &[ReliabilityBin]) -> Result<Figure> {
    let layout = half().title(format!("Above {threshold}"));
    let svg = Reliability::new().series("", bins).layout(layout).render()?;
    let caption =
        format!("How often more than {threshold} was observed, by the share of members above it.");
    Ok(Figure::new(svg, caption))
}

/// How many cells have which probability.
///
/// # Errors
/// If they cannot be drawn.
pub fn counts(all: &[(String, Vec<ReliabilityBin>)]) -> Result<Figure> {
    let mut chart = LineChart::new(Axis::linear("forecast probability"), Axis::log("cells"));
    for (threshold, bins) in all {
        let points: Vec<[f64; 2]> = bins.iter().map(|b| [b.forecast, b.count as f64]).collect();
        chart = chart.line(Line::new(format!("above {threshold}"), &points).markers());
    }
    let svg = chart.layout(half().title("Cells")).render()?;
    Ok(Figure::new(
        svg,
        "Cells of all steps with each probability; sharp forecasts have most at both ends.",
    ))
}

/// Quantiles of members against those of what was observed: `[observed, members]` each.
///
/// # Errors
/// If they cannot be drawn.
pub fn quantiles(all: &[[f64; 2]], parts: &str, unit: Option<&str>) -> Result<Figure> {
    let above = |point: &&[f64; 2]| point.iter().all(|&x| x > 0.0);
    let positive: Vec<[f64; 2]> = all.iter().filter(above).copied().collect();
    let amounts = all.iter().flatten().all(|&x| x >= 0.0);
    let (scale, points) = match amounts && positive.len() > 1 {
        true => (Scale::Log, &positive[..]),
        false => (Scale::Linear, all),
    };
    let scaled = |label: &str| match scale {
        Scale::Log => axis(Axis::log(label), unit),
        Scale::Linear => axis(Axis::linear(label), unit),
    };
    let svg = LineChart::new(scaled("observed"), scaled("members"))
        .line(equal(points, scale))
        .line(Line::new("quantiles", points).markers().colour(Colour::Blue))
        .layout(Layout::default().size(420.0, 400.0))
        .render()?;
    let zeros = if points.len() < all.len() { "; the table has those of 0 too" } else { "" };
    Ok(Figure::new(svg, format!("Quantiles over all cells and steps, at {parts} %{zeros}.")))
}
