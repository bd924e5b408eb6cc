//! The report of an evaluation: numbers, distributions, pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};
use langevin_molecules::distributions::Distributions;
use langevin_molecules::record::{Molecule, Order};
use langevin_report::report::{Figure, Report, Section};
use langevin_report::svg::{Axis, Histogram, Layout, PlotError};
use langevin_report::table::Table;

use super::measure::Protocol;
use super::pictures::structure;

/// Kinds of bonds and of angles that are drawn, the most frequent ones.
const KINDS: usize = 6;

/// What a report shows.
pub struct Page<'a> {
    pub file: &'a Path,
    pub against: Option<&'a Path>,
    pub protocol: Protocol,
    pub samples: &'a [Molecule],
    pub table: Table,
    pub own: &'a Distributions,
    pub data: Option<&'a Distributions>,
    /// In eV, of the molecules that were relaxed.
    pub strains: &'a [f64],
    /// How many molecules are drawn, from the file's first.
    pub pictures: usize,
}

impl Page<'_> {
    /// Writes the page to `path`, replacing what stands there.
    ///
    /// # Errors
    /// If something cannot be drawn, or the file not be written.
    pub fn write(self, path: &Path) -> Result<()> {
        let shown = |path: &Path| path.display().to_string();
        let mut report = Report::new("Molecules")
            .lead("Molecules of a file: what they are made of, and whether chemistry allows them.")
            .provenance("file", shown(self.file));
        if let Some(against) = self.against {
            report = report.provenance("against", shown(against));
        }
        let protocol = match self.protocol {
            Protocol::Distance => "distance: bonds by the table of EDM, neutral atoms",
            Protocol::Graph => "graph: bonds and charges perceived from the geometry",
        };
        report = report
            .provenance("molecules", self.samples.len().to_string())
            .provenance("protocol", protocol)
            .provenance("program", concat!("langevin ", env!("CARGO_PKG_VERSION")))
            .section(self.numbers())
            .section(self.distributions()?);
        let pictures = self.pictures.min(self.samples.len());
        if pictures > 0 {
            let first = self.samples[..pictures].iter().enumerate();
            let drawn = first.map(|(i, molecule)| structure(i + 1, molecule, self.protocol));
            let drawn = drawn.collect::<Result<Vec<_>, _>>()?;
            let caption = format!(
                "The first {pictures} molecules of the file, with bonds of the {} protocol; atoms that \
                 are not stable are ringed.",
                self.protocol.name()
            );
            report = report.section(Section::new("Pictures").structures(drawn, caption));
        }
        report.write(path).with_context(|| format!("cannot write {}", path.display()))
    }

    fn numbers(&self) -> Section {
        let caption = "Fractions are of 1. Numbers of the two protocols must not be compared.";
        Section::new("Numbers").table(self.table.clone(), caption)
    }

    fn distributions(&self) -> Result<Section, PlotError> {
        let empty = Distributions::default();
        let data = self.data.unwrap_or(&empty);
        let (sizes, bins) = sizes_axis(&self.own.sizes, &data.sizes);
        let mut figures =
            vec![self.figure("Sizes", sizes, Some(bins), &self.own.sizes, &data.sizes)?];
        if !self.strains.is_empty() {
            let axis = Axis::linear("strain energy").unit("eV");
            let svg = Histogram::new(axis)
                .samples("samples", self.strains)
                .layout(Layout::small().title("Strain"))
                .render()?;
            let caption = format!("{} molecules, relaxed with GFN2-xTB.", self.strains.len());
            figures.push(Figure::new(svg, caption));
        }
        let mut section = Section::new("Distributions").figures(figures);
        let lengths = most_frequent(&self.own.lengths, &data.lengths);
        let lengths = lengths.into_iter().map(|(kind, own, data)| {
            let (a, b, order) = kind;
            let bond = match order {
                Order::Single => "–",
                Order::Double => "=",
                Order::Triple => "≡",
                Order::Aromatic => "~",
            };
            let axis = Axis::linear("length").unit("Å");
            self.figure(&format!("{a}{bond}{b}"), axis, None, own, data)
        });
        let lengths = lengths.collect::<Result<Vec<_>, _>>()?;
        let angles = most_frequent(&self.own.angles, &data.angles);
        let angles = angles.into_iter().map(|((a, middle, b), own, data)| {
            let axis = Axis::linear("angle").unit("°");
            self.figure(&format!("{a}–{middle}–{b}"), axis, None, own, data)
        });
        let angles = angles.collect::<Result<Vec<_>, _>>()?;
        for (title, figures) in [("Bond lengths", lengths), ("Bond angles", angles)] {
            if !figures.is_empty() {
                section = section.heading(title).figures(figures);
            }
        }
        Ok(section)
    }

    /// `own` before `data`, where there are any.
    fn figure(
        &self,
        title: &str,
        axis: Axis,
        bins: Option<usize>,
        own: &[f64],
        data: &[f64],
    ) -> Result<Figure, PlotError> {
        let mut histogram = Histogram::new(axis);
        if self.data.is_some() {
            histogram = histogram.samples("data", data);
        }
        if let Some(bins) = bins {
            histogram = histogram.bins(bins);
        }
        let svg =
            histogram.samples("samples", own).layout(Layout::small().title(title)).render()?;
        let caption = match self.data {
            Some(_) => format!("{} in the samples, {} in the data.", own.len(), data.len()),
            None => format!("{} in the samples.", own.len()),
        };
        Ok(Figure::new(svg, caption))
    }
}

/// The axis of numbers of atoms, a bin for each while there are pixels to draw them.
fn sizes_axis(own: &[f64], data: &[f64]) -> (Axis, usize) {
    let all = own.iter().chain(data);
    let (least, most) = all.fold((f64::MAX, 0.0f64), |(l, m), &x| (l.min(x), m.max(x)));
    let bins = (most - least) as usize + 1;
    (Axis::linear("atoms").limits(least - 0.5, most + 0.5), bins.min(100))
}

/// A kind with its values on both sides.
type Both<'a, K> = (K, &'a [f64], &'a [f64]);

/// The kinds that are most frequent in the data, or among the samples if there are no data.
fn most_frequent<'a, K: Ord + Copy>(
    own: &'a BTreeMap<K, Vec<f64>>,
    data: &'a BTreeMap<K, Vec<f64>>,
) -> Vec<Both<'a, K>> {
    let kinds: BTreeSet<K> = own.keys().chain(data.keys()).copied().collect();
    let of = |map: &'a BTreeMap<K, Vec<f64>>, kind| map.get(&kind).map_or(&[][..], Vec::as_slice);
    let mut all: Vec<_> = kinds.into_iter().map(|k| (k, of(own, k), of(data, k))).collect();
    all.sort_by_key(|(_, own, data)| std::cmp::Reverse((data.len(), own.len())));
    all.truncate(KINDS);
    all
}
