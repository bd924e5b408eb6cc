//! The report of scores: numbers, maps of a step, diagrams.

use std::path::Path;

use anyhow::{Context, Result};
use langevin_report::number::shortest;
use langevin_report::report::{Report, Section};
use langevin_report::svg::ReliabilityBin;
use langevin_report::table::{Cell, Column, Table};
use langevin_uq::brier::skill;
use langevin_uq::decomposition::{Decomposition, murphy};
use ndarray::Array1;

use super::cases::Cases;
use super::figures;
use super::gallery::Gallery;
use super::meanings::meaning;
use super::sums::{Numbers, Sums};

/// Quantiles that are compared, in per cent.
const PERCENT: [f64; 14] =
    [50.0, 60.0, 70.0, 80.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99];

/// Classes of probability that no two probabilities of a diagram share.
const APART: usize = 1000;

/// What a report shows.
pub struct Page<'a> {
    pub ensemble: &'a Path,
    pub observed: &'a Path,
    pub against: Option<&'a Path>,
    pub cases: &'a Cases,
    pub numbers: &'a Numbers,
    pub sums: &'a Sums,
    pub gallery: &'a Gallery,
}

impl Page<'_> {
    /// Writes the page to `path`, replacing what stands there.
    ///
    /// # Errors
    /// If something cannot be drawn, or the file not be written.
    pub fn write(self, path: &Path) -> Result<()> {
        let shown = |path: &Path| path.display().to_string();
        let (rows, columns) = self.cases.shape();
        let mut report = Report::new("Forecasts of fields")
            .lead("An ensemble against what was observed: how large its errors are, and whether it knows.")
            .provenance("ensemble", shown(self.ensemble))
            .provenance("observed", shown(self.observed));
        if let Some(against) = self.against {
            report = report.provenance("against", shown(against));
        }
        report = report
            .provenance("field", self.field())
            .provenance("members", self.cases.members().to_string())
            .provenance("steps", self.cases.len().to_string())
            .provenance("cells", format!("{rows} by {columns}"))
            .provenance("program", concat!("langevin ", env!("CARGO_PKG_VERSION")))
            .section(self.scores()?);
        let sections = [
            self.maps()?,
            self.spectra()?,
            self.calibration()?,
            self.reliability()?,
            self.quantiles()?,
        ];
        for section in sections.into_iter().flatten() {
            report = report.section(section);
        }
        report.write(path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn unit(&self) -> Option<&str> {
        self.cases.field().units.as_deref()
    }

    fn field(&self) -> String {
        let name = &self.cases.field().name;
        self.unit().map_or_else(|| name.clone(), |unit| format!("{name} in {unit}"))
    }

    fn scores(&self) -> Result<Section> {
        let columns = [Column::text("score"), Column::number("value"), Column::text("meaning")];
        let mut table = Table::new(columns);
        for (name, value) in self.numbers {
            table.push([Cell::text(name), Cell::Number(*value), Cell::text(meaning(name))])?;
        }
        let caption = format!(
            "Cells are weighted by their area, missing ones left out. Errors, spreads and thresholds are those of {}.",
            self.field()
        );
        Ok(Section::new("Scores").table(table, caption))
    }

    fn maps(&self) -> Result<Option<Section>> {
        let Some(maps) = self.gallery.maps() else { return Ok(None) };
        let step = format!("Step {} of {}", maps.step() + 1, self.cases.len());
        let section = Section::new(step).paragraph(maps.legend());
        Ok(Some(section.figures(maps.figures(self.cases.field())?)))
    }

    fn spectra(&self) -> Result<Option<Section>> {
        let figure = figures::spectra(self.sums, self.gallery, self.unit())?;
        Ok(figure.map(|figure| Section::new("Spectra").figure(figure)))
    }

    fn calibration(&self) -> Result<Option<Section>> {
        let Some(ranks) = self.sums.ranks() else { return Ok(None) };
        let mut all = vec![figures::ranks(ranks)?];
        all.extend(figures::spread(&self.gallery.spread()?, self.unit())?);
        Ok(Some(Section::new("Ranks and spread").figures(all)))
    }

    fn reliability(&self) -> Result<Option<Section>> {
        let named = |(threshold, bins): (f64, Vec<ReliabilityBin>)| {
            let unit = self.unit().map_or_else(String::new, |unit| format!(" {unit}"));
            (format!("{}{unit}", shortest(threshold, 6)), bins)
        };
        let all: Vec<_> = self.gallery.reliability().into_iter().map(named).collect();
        if all.is_empty() {
            return Ok(None);
        }
        let mut table = Table::new([
            Column::text("above"),
            Column::number("reliability"),
            Column::number("resolution"),
            Column::number("uncertainty"),
            Column::number("skill"),
        ]);
        let mut drawn = Vec::new();
        for (threshold, bins) in &all {
            let Decomposition { score, reliability, resolution, uncertainty, .. } = parts(bins)?;
            let numbers = [reliability, resolution, uncertainty, skill(score, uncertainty)];
            let cell = |x: f64| if x.is_finite() { Cell::Number(x) } else { Cell::Missing };
            table.push([Cell::text(threshold)].into_iter().chain(numbers.map(cell)))?;
            drawn.push(figures::reliability(threshold, bins)?);
        }
        drawn.push(figures::counts(&all)?);
        let about = "The probability of a cell is the share of members above the threshold. Bars hold 95 % if cells are \
                     independent, which neighbours are not; dots grow with the cells they stand for.";
        let caption = "Murphy's parts of the Brier score, over the classes of the diagrams, all cells alike: score = \
                       reliability − resolution + uncertainty. Skill is that over the frequency as a constant forecast.";
        let section = Section::new("Reliability").paragraph(about).figures(drawn);
        Ok(Some(section.table(table, caption)))
    }

    fn quantiles(&self) -> Result<Option<Section>> {
        let mut table = Table::new([
            Column::number("quantile").unit("%"),
            Column::number("observed"),
            Column::number("members"),
            Column::number("ratio"),
        ]);
        let mut points = Vec::new();
        for percent in PERCENT {
            let [own, observed] = self.sums.quantiles(percent / 100.0)?;
            let ratio = own / observed;
            let ratio = if ratio.is_finite() { Cell::Number(ratio) } else { Cell::Missing };
            let percent = Cell::text(shortest(percent, 4));
            table.push([percent, Cell::Number(observed), Cell::Number(own), ratio])?;
            points.push([observed, own]);
        }
        let parts = PERCENT.map(|percent| shortest(percent, 4)).join(", ");
        let figure = figures::quantiles(&points, &parts, self.unit())?;
        let caption = format!("The same as numbers, of {}.", self.field());
        Ok(Some(Section::new("Quantiles").figure(figure).table(table, caption)))
    }
}

/// Parts of the Brier score of the classes of a diagram.
fn parts(bins: &[ReliabilityBin]) -> Result<Decomposition> {
    let both = |bin: &ReliabilityBin| {
        let (count, p) = (bin.count as f64, bin.forecast);
        let happened = (bin.observed * count).round();
        [[p, 1.0, happened], [p, 0.0, count - happened]]
    };
    let cases: Vec<[f64; 3]> = bins.iter().flat_map(both).collect();
    let [p, events, weights] =
        [0, 1, 2].map(|i| cases.iter().map(|case| case[i]).collect::<Array1<f64>>());
    Ok(murphy(p.view(), events.view(), Some(weights.view()), APART)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: of 4 at 0.25 one happened, of 2 at 1 one.
    #[test]
    fn parts_are_those_of_the_classes() {
        let bin = |forecast, observed, count| ReliabilityBin { forecast, observed, count };
        let parts = parts(&[bin(0.25, 0.25, 4), bin(1.0, 0.5, 2)]).unwrap();
        assert!((parts.reliability - 2.0 * 0.25 / 6.0).abs() < 1e-15);
        let mean = 1.0 / 3.0;
        assert!((parts.uncertainty - mean * (1.0 - mean)).abs() < 1e-15);
        assert!(parts.residual.abs() < 1e-15);
    }
}
