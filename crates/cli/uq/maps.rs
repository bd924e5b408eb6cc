//! Maps of one step: what was observed, some members, their mean and their spread.

use anyhow::Result;
use langevin_climate::axis::{Axis as Cells, Measure};
use langevin_datasets::FieldSource;
use langevin_report::number::significant;
use langevin_report::report::Figure;
use langevin_report::svg::{Axis, HeatMap, Layout};
use langevin_uq::quantiles::quantiles;
use langevin_uq::spread::{ensemble_mean, ensemble_variance};
use langevin_uq::weighted_mean;
use ndarray::{Array1, Array2, ArrayView2, Axis as Dimension, s};

use super::cases::Case;

/// Cells along the longer side of a map, at most: more are not seen on a page.
const SIDE: usize = 200;

/// Between these parts of the cells colours differ: a few cells must not darken all others.
const SHOWN: [f64; 2] = [0.005, 0.995];

/// Members that are drawn.
const MEMBERS: usize = 2;

/// Fields of one step, as means over blocks of cells where there are many.
pub struct Maps {
    step: usize,
    /// Cells along the side of a block.
    block: usize,
    /// On one scale of colours, with what they are.
    fields: Vec<(String, Array2<f64>)>,
    spread: Option<Array2<f64>>,
}

impl Maps {
    /// Of `case`, which is the one at `step`, from 0.
    ///
    /// # Errors
    /// None that a case can cause.
    pub fn of(step: usize, case: &Case) -> Result<Self> {
        let (rows, columns) = case.observed.dim();
        let block = rows.max(columns).div_ceil(SIDE);
        let mut fields = vec![("Observed".into(), case.observed.mapv(f64::from))];
        let (cells, mut variance) = (case.cells(), None);
        if cells.nrows() > 1 {
            let on_grid = |cells: Array1<f64>| cells.into_shape_with_order((rows, columns));
            let name = format!("Mean of {} members", cells.nrows());
            fields.push((name, on_grid(ensemble_mean(cells.view())?)?));
            variance = Some(on_grid(ensemble_variance(cells.view())?)?);
        }
        for (i, member) in case.ensemble.outer_iter().take(MEMBERS).enumerate() {
            let name =
                if cells.nrows() > 1 { format!("Member {}", i + 1) } else { "Forecast".into() };
            fields.push((name, member.mapv(f64::from)));
        }
        let means =
            |(name, field): (String, Array2<f64>)| Ok((name, block_means(field.view(), block)?));
        let fields = fields.into_iter().map(means).collect::<Result<_>>()?;
        let spread = variance.map(|variance| block_means(variance.view(), block)).transpose()?;
        Ok(Self { step, block, fields, spread: spread.map(|variance| variance.mapv(f64::sqrt)) })
    }

    /// The step, from 0.
    pub fn step(&self) -> usize {
        self.step
    }

    /// How the maps are to be read.
    pub fn legend(&self) -> String {
        let block = match self.block {
            1 => String::new(),
            n => format!(" A cell that is drawn is the mean of {n} by {n}."),
        };
        format!(
            "All fields have one scale of colours; its ends leave out one cell in two hundred. Missing cells are \
             grey.{block}"
        )
    }

    /// A figure for each field that has a value; `field` tells grid and unit.
    ///
    /// # Errors
    /// If one cannot be drawn.
    pub fn figures(&self, field: &FieldSource) -> Result<Vec<Figure>> {
        let scale = limits(self.fields.iter().flat_map(|(_, cells)| cells).copied().collect())?;
        let mut figures = Vec::new();
        for (name, cells) in &self.fields {
            figures.extend(self.figure([name, &field.name, ""], cells, scale, field)?);
        }
        if let Some(spread) = &self.spread {
            let scale = limits(spread.iter().copied().collect())?;
            let about = "Standard deviation of the members, on its own scale of colours. ";
            figures.extend(self.figure(["Spread", "spread", about], spread, scale, field)?);
        }
        Ok(figures)
    }

    fn figure(
        &self,
        [title, name, about]: [&str; 3],
        cells: &Array2<f64>,
        scale: Option<[f64; 2]>,
        field: &FieldSource,
    ) -> Result<Option<Figure>> {
        let known: Array1<f64> = cells.iter().copied().filter(|x| x.is_finite()).collect();
        if known.is_empty() {
            return Ok(None);
        }
        let (mean, most) = (weighted_mean(known.view(), None)?, quantiles(known.view(), &[1.0])?);
        let mut value = Axis::linear(name);
        if let Some(units) = &field.units {
            value = value.unit(units);
        }
        if let Some([low, high]) = scale {
            value = value.limits(low, high);
        }
        let mut view = cells.view();
        let (x, y) = (&field.grid.x, &field.grid.y);
        for (dimension, along) in [y, x].into_iter().enumerate() {
            if along.bounds()[0] > along.bounds()[1] {
                view.invert_axis(Dimension(dimension));
            }
        }
        let axes = [
            axis(["x", "longitude"], x, cells.ncols() * self.block, field),
            axis(["y", "latitude"], y, cells.nrows() * self.block, field),
            value,
        ];
        let values: Vec<f64> = view.iter().copied().collect();
        let map = HeatMap::new(axes, [cells.nrows(), cells.ncols()], &values)?;
        let svg = map.layout(Layout::default().size(410.0, 340.0).title(title)).render()?;
        let (mean, most) = (significant(mean, 3), significant(most[0], 3));
        Ok(Some(Figure::new(svg, format!("{about}Mean {mean}, largest {most}."))))
    }
}

/// The first `cells` along an axis, with its name on a plane or on the sphere; there may be more of them than it has.
fn axis([plane, sphere]: [&str; 2], along: &Cells, cells: usize, field: &FieldSource) -> Axis {
    let (axis, unit) = match field.kilometres {
        _ if field.grid.y.measure() == Measure::Sine => (Axis::linear(sphere).unit("°"), 1.0),
        Some(kilometres) => (Axis::linear(plane).unit("km"), kilometres),
        None => (Axis::linear(plane), 1.0),
    };
    let (first, last) = (along.bounds()[0], along.bounds()[along.len()]);
    let end = first + (last - first) * cells as f64 / along.len() as f64;
    axis.limits(unit * first.min(end), unit * first.max(end))
}

/// Means over blocks of `edge` by `edge` cells, of those that have a value; the last ones may be smaller.
fn block_means(field: ArrayView2<f64>, edge: usize) -> Result<Array2<f64>> {
    let (rows, columns) = field.dim();
    let range = |i: usize, most: usize| i * edge..((i + 1) * edge).min(most);
    let shape = (rows.div_ceil(edge), columns.div_ceil(edge));
    let mut means = Array2::zeros(shape);
    for ((i, j), mean) in means.indexed_iter_mut() {
        let block = field.slice(s![range(i, rows), range(j, columns)]);
        let block: Array1<f64> = block.iter().copied().collect();
        *mean = weighted_mean(block.view(), None)?;
    }
    Ok(means)
}

/// Where colours end, if `values` differ.
fn limits(values: Array1<f64>) -> Result<Option<[f64; 2]>> {
    let finite: Array1<f64> = values.iter().copied().filter(|x| x.is_finite()).collect();
    if finite.is_empty() {
        return Ok(None);
    }
    let ends = |parts: [f64; 2]| quantiles(finite.view(), &parts).map(|ends| [ends[0], ends[1]]);
    let (some, all) = (ends(SHOWN)?, ends([0.0, 1.0])?);
    Ok([some, all].into_iter().find(|[low, high]| low < high))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    #[test]
    fn blocks_are_means_of_what_is_there() {
        let nan = f64::NAN;
        let field = array![[1.0, 3.0, 5.0], [nan, 2.0, nan], [nan, nan, 4.0]];
        let found = block_means(field.view(), 2).unwrap();
        assert_eq!(found.dim(), (2, 2));
        assert_eq!([found[(0, 0)], found[(0, 1)], found[(1, 1)]], [2.0, 5.0, 4.0]);
        assert!(found[(1, 0)].is_nan());
        assert_eq!(block_means(array![[1.0, 2.0]].view(), 1).unwrap(), array![[1.0, 2.0]]);
    }

    /// A cell of ten thousand is beyond the end; where it is all that differs, it is not.
    #[test]
    fn colours_end_before_the_last_cells() {
        let mut values: Array1<f64> = (0..10_000).map(f64::from).collect();
        values[9_999] = 1e9;
        let [low, high] = limits(values).unwrap().unwrap();
        assert!((low - 50.0).abs() < 1.0 && (high - 9_949.0).abs() < 1.0, "{low} {high}");
        let mut values = Array1::zeros(10_000);
        values[3] = 7.0;
        assert_eq!(limits(values).unwrap(), Some([0.0, 7.0]));
        assert_eq!(limits(array![2.0, 2.0, f64::NAN]).unwrap(), None);
    }

    #[test]
    fn one_member_has_neither_mean_nor_spread() {
        let one = Case {
            ensemble: Array3::from_elem((1, 2, 401), 1.0),
            observed: Array2::from_elem((2, 401), 2.0),
            climatology: None,
        };
        let maps = Maps::of(4, &one).unwrap();
        let names: Vec<&str> = maps.fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!((names, maps.spread.is_none()), (vec!["Observed", "Forecast"], true));
        assert_eq!((maps.block, maps.fields[0].1.dim()), (3, (1, 134)));
    }
}
