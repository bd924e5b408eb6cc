//! Pictures of point clouds and of the way to them.

use langevin_core::Trajectory;
use langevin_points::record::PointCloud;
use langevin_points::space::{Geometry, Points};
use langevin_report::report::Figure;
use langevin_report::svg::{
    Axis, Colour, HeatMap, Layout, Line, LineChart, PlotError, Scatter, Trajectories,
};

/// Points drawn in a scatter plot; more would only grow the file.
const SCATTER: usize = 2000;
/// Paths and pairs drawn.
const PATHS: usize = 250;

/// First two coordinates; longitude and latitude in degrees on the sphere.
pub fn plane(cloud: &PointCloud) -> Vec<[f64; 2]> {
    if let Some(degrees) = cloud.to_degrees() {
        return degrees.into_iter().map(|[latitude, longitude]| [longitude, latitude]).collect();
    }
    cloud.rows().map(|row| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect()
}

fn axes(geometry: Geometry) -> (Axis, Axis) {
    match geometry {
        Geometry::Flat => (Axis::linear("x"), Axis::linear("y")),
        Geometry::Sphere => {
            (Axis::linear("longitude").unit("°"), Axis::linear("latitude").unit("°"))
        }
    }
}

/// Samples over data.
///
/// # Errors
/// If there is nothing to draw.
pub fn samples(samples: &PointCloud, test: &PointCloud) -> Result<Figure, PlotError> {
    let (x, y) = axes(test.geometry());
    let svg = Scatter::new(x, y)
        .coloured("data", Colour::Neutral, &plane(test))
        .coloured("samples", Colour::Blue, &plane(samples))
        .max_points(SCATTER)
        .layout(Layout::default().title("Samples"))
        .render()?;
    Ok(Figure::new(svg, "Generated points over test points."))
}

/// Densities of data and samples.
///
/// # Errors
/// If there is nothing to draw.
pub fn density(cloud: &PointCloud, title: &str) -> Result<Figure, PlotError> {
    let (x, y) = axes(cloud.geometry());
    let svg = HeatMap::density([x, y], [80, 80], &plane(cloud))?
        .layout(Layout::default().title(title))
        .render()?;
    Ok(Figure::new(svg, format!("Density of {} points per cell.", cloud.len())))
}

/// The way of some samples, from the reference to the data.
///
/// # Errors
/// If there is nothing to draw.
pub fn trajectories(domain: &Points, way: &Trajectory) -> anyhow::Result<Figure> {
    let states: Vec<PointCloud> = way
        .states
        .iter()
        .map(|(_, x)| {
            let rows = domain.decode_rows(x)?;
            Ok(PointCloud::new(rows, domain.dimension(), domain.geometry)?)
        })
        .collect::<anyhow::Result<_>>()?;
    let planes: Vec<Vec<[f64; 2]>> = states.iter().map(plane).collect();
    let count = planes[0].len().min(PATHS);
    let paths = (0..count).map(|i| planes.iter().map(|plane| plane[i]).collect::<Vec<_>>());
    let (x, y) = axes(domain.geometry);
    let svg = Trajectories::new(x, y)
        .paths(paths)
        .ends("reference", "samples")
        .layout(Layout::default().title("Trajectories"))
        .render()?;
    Ok(Figure::new(svg, format!("The way of {count} samples.")))
}

/// Where the reference goes: starts and ends of some samples.
///
/// # Errors
/// If there is nothing to draw.
pub fn transport(domain: &Points, way: &Trajectory) -> anyhow::Result<Figure> {
    let at = |k: usize| -> anyhow::Result<Vec<[f64; 2]>> {
        let rows = domain.decode_rows(&way.states[k].1)?;
        Ok(plane(&PointCloud::new(rows, domain.dimension(), domain.geometry)?))
    };
    let (from, to) = (at(0)?, at(way.states.len() - 1)?);
    let pairs = from.into_iter().zip(to).map(|(a, b)| vec![a, b]);
    let (x, y) = axes(domain.geometry);
    let svg = Trajectories::new(x, y)
        .paths(pairs)
        .ends("reference", "samples")
        .max_paths(PATHS)
        .layout(Layout::default().title("Transport map"))
        .render()?;
    Ok(Figure::new(svg, "Each reference point joined with the sample made from it."))
}

/// Loss over steps, from the lines of a metrics file.
///
/// # Errors
/// If there is nothing to draw.
pub fn losses(lines: &str) -> Result<Figure, PlotError> {
    let of_kind = |kind: &str| -> Vec<[f64; 2]> {
        lines
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter(|line| line["kind"] == kind)
            .filter_map(|line| Some([line["step"].as_f64()?, line["loss"].as_f64()?]))
            .collect()
    };
    let (train, validation) = (of_kind("train"), of_kind("validation"));
    let mut chart =
        LineChart::new(Axis::linear("step"), Axis::log("loss")).line(Line::new("training", &train));
    if !validation.is_empty() {
        chart = chart.line(Line::new("validation", &validation).markers());
    }
    let svg = chart.layout(Layout::default().title("Loss")).render()?;
    Ok(Figure::new(svg, "Loss over training."))
}
