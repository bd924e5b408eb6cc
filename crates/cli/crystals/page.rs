//! The report of an evaluation: numbers, distributions, cells.

use std::path::Path;

use anyhow::{Context, Result};
use langevin_crystals::record::Crystal;
use langevin_report::report::{Figure, Report, Section};
use langevin_report::svg::{Axis, Histogram, Layout, PlotError};
use langevin_report::table::Table;
use rayon::prelude::*;

use super::measure::{Found, elements};
use super::pictures::{SYMMETRY, cell};

/// What a report shows.
pub struct Page<'a> {
    pub file: &'a Path,
    pub against: Option<&'a Path>,
    pub crystals: &'a [Crystal],
    pub data: Option<&'a [Crystal]>,
    pub found: &'a Found,
    pub table: Table,
    /// How many crystals are drawn, from the file's first.
    pub pictures: usize,
}

/// What is told of a crystal, its unit, and whether it is counted in whole numbers.
type Quantity = (&'static str, &'static str, bool, fn(&Crystal) -> f64);

/// The distributions that are drawn.
const QUANTITIES: [Quantity; 5] = [
    ("atoms", "", true, |crystal| crystal.len() as f64),
    ("elements", "", true, elements),
    ("density", "g/cm³", false, Crystal::density),
    ("volume per atom", "Å³", false, |crystal| crystal.lattice().volume() / crystal.len() as f64),
    ("shortest distance", "Å", false, Crystal::shortest_distance),
];

/// The crystal systems, and the first space group of each.
const SYSTEMS: [(&str, u16); 7] = [
    ("triclinic", 1),
    ("monoclinic", 3),
    ("orthorhombic", 16),
    ("tetragonal", 75),
    ("trigonal", 143),
    ("hexagonal", 168),
    ("cubic", 195),
];

impl Page<'_> {
    /// Writes the page to `path`, replacing what stands there.
    ///
    /// # Errors
    /// If something cannot be drawn, or the file not be written.
    pub fn write(self, path: &Path) -> Result<()> {
        let shown = |path: &Path| path.display().to_string();
        let mut report = Report::new("Crystals")
            .lead("Crystals of a file: what they are made of, and whether they can be.")
            .provenance("file", shown(self.file));
        if let Some(against) = self.against {
            report = report.provenance("against", shown(against));
        }
        let caption = "Fractions are of 1; distances are those of Wasserstein.";
        report = report
            .provenance("crystals", self.crystals.len().to_string())
            .provenance("program", concat!("langevin ", env!("CARGO_PKG_VERSION")))
            .section(Section::new("Numbers").table(self.table.clone(), caption))
            .section(self.distributions()?);
        let pictures = self.pictures.min(self.crystals.len());
        if pictures > 0 {
            let valid = |i: usize| (self.found.room[i], self.found.balanced[i]);
            let first = self.crystals[..pictures].iter().enumerate();
            let drawn = first.map(|(i, crystal)| cell(i + 1, crystal, valid(i)));
            let drawn = drawn.collect::<Result<Vec<_>, _>>()?;
            let caption = format!(
                "The first {pictures} crystals of the file: a cell with the atoms on its faces; atoms that are too close \
                 are ringed; space groups within {SYMMETRY} Å."
            );
            report = report.section(Section::new("Pictures").structures(drawn, caption));
        }
        report.write(path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn distributions(&self) -> Result<Section, PlotError> {
        let figures = QUANTITIES.iter().map(|quantity| self.figure(quantity));
        let mut figures = figures.collect::<Result<Vec<_>, _>>()?;
        figures.push(self.systems()?);
        Ok(Section::new("Distributions").figures(figures))
    }

    /// A quantity of the samples, before that of the data where there are any.
    fn figure(&self, &(name, unit, whole, of): &Quantity) -> Result<Figure, PlotError> {
        let values = |crystals: &[Crystal]| -> Vec<f64> {
            crystals.par_iter().map(of).filter(|x| x.is_finite()).collect()
        };
        let (own, data) = (values(self.crystals), self.data.map(values));
        let mut axis = Axis::linear(name);
        if !unit.is_empty() {
            axis = axis.unit(unit);
        }
        let mut bins = None;
        if whole {
            let all = own.iter().chain(data.iter().flatten());
            let (least, most) = all.fold((f64::MAX, 0.0f64), |(l, m), &x| (l.min(x), m.max(x)));
            axis = axis.limits(least - 0.5, most + 0.5);
            bins = Some(((most - least) as usize + 1).min(100));
        }
        histogram((name, ""), axis, bins, &own, data.as_deref())
    }

    /// Crystal systems of those whose space group is found.
    fn systems(&self) -> Result<Figure, PlotError> {
        let values = |crystals: &[Crystal]| -> Vec<f64> {
            let of = |crystal: &Crystal| {
                let number = crystal.symmetry(SYMMETRY)?.number.get();
                Some(SYSTEMS.iter().filter(|(_, first)| *first <= number).count() as f64)
            };
            crystals.par_iter().filter_map(of).collect()
        };
        let (own, data) = (values(self.crystals), self.data.map(values));
        let axis = Axis::linear("crystal system").limits(0.5, SYSTEMS.len() as f64 + 0.5);
        let names: Vec<&str> = SYSTEMS.iter().map(|(name, _)| *name).collect();
        let about = format!("From 1: {}. ", names.join(", "));
        histogram(("Crystal systems", &about), axis, Some(SYSTEMS.len()), &own, data.as_deref())
    }
}

/// A figure of `title`, with what is to be said `about` it first.
fn histogram(
    (title, about): (&str, &str),
    axis: Axis,
    bins: Option<usize>,
    own: &[f64],
    data: Option<&[f64]>,
) -> Result<Figure, PlotError> {
    let mut histogram = Histogram::new(axis);
    if let Some(data) = data {
        histogram = histogram.samples("data", data);
    }
    if let Some(bins) = bins {
        histogram = histogram.bins(bins);
    }
    let svg = histogram.samples("samples", own).layout(Layout::small().title(title)).render()?;
    let caption = match data {
        Some(data) => format!("{about}{} in the samples, {} in the data.", own.len(), data.len()),
        None => format!("{about}{} in the samples.", own.len()),
    };
    Ok(Figure::new(svg, caption))
}
