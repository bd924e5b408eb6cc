//! Every figure and table of the report, on made-up numbers.
//!
//! `cargo run --release -p langevin-report --example gallery -- gallery.html`

use std::error::Error;
use std::path::PathBuf;

use langevin_report::report::{Figure, Report, Section};
use langevin_report::results::{Results, Row};
use langevin_report::svg::{
    Axis, Bars, Colormap, Colour, HeatMap, Histogram, Layout, Line, LineChart, RankHistogram,
    Reliability, ReliabilityBin, Scatter, Svg, Trajectories,
};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).map_or_else(|| "gallery.html".into(), PathBuf::from);
    let mut noise = Noise(1);
    let report = Report::new("Gallery of figures")
        .lead("What a report of each domain is built from; all numbers here are made up.")
        .provenance("model", "two-moons.safetensors, sha256 5f1c…e9")
        .provenance("sampler", "Heun, 18 steps, 35 evaluations per sample")
        .provenance("seed", "7")
        .provenance("version", "0.1.0")
        .section(
            Section::new("Samples in the plane")
                .paragraph("Samples lie on top of the data; a unit has one length on both axes.")
                .figures([
                    Figure::new(scatter(&mut noise)?, "2 000 samples over 2 000 points of data."),
                    Figure::new(trajectories(&mut noise)?, "Paths of 200 samples."),
                    Figure::new(transport(&mut noise)?, "Optimal assignment of 150 pairs."),
                    Figure::new(density(&mut noise)?, "Estimated density of 20 000 samples."),
                ]),
        )
        .section(
            Section::new("Convergence and cost")
                .figure(Figure::new(losses(&mut noise)?, "Loss of 3 seeds, mean and spread."))
                .figures([
                    Figure::new(order()?, "Error against evaluations; the guide has slope −2."),
                    Figure::new(histogram(&mut noise)?, "Torsion angles against theory."),
                ])
                .table(results().table(), "Scores; floor: data against data of the same size.")
                .code(results().command),
        )
        .section(
            Section::new("Fields and their uncertainty")
                .paragraph("Cells without data are grey, and counted under the figure.")
                .figures([
                    Figure::new(field()?, "An anomaly; zero is white."),
                    Figure::new(reliability()?, "Rain above 1 mm/h; bars are 95 % intervals."),
                    Figure::new(
                        ranks()?,
                        "Too many observations in the outer ranks: overconfident.",
                    ),
                    Figure::new(elements()?, "Composition of generated molecules."),
                ]),
        );
    report.write(&path)?;
    scatter(&mut noise)?.write(&path.with_extension("svg"))?;
    println!("{}\nwritten to {}", results().table().to_text(), path.display());
    Ok(())
}

fn plane() -> [Axis; 2] {
    [Axis::linear("x"), Axis::linear("y")]
}

fn scatter(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let [x, y] = plane();
    let data: Vec<_> = (0..2000).map(|_| noise.moon()).collect();
    let samples: Vec<_> = (0..2000).map(|_| noise.moon()).collect();
    Ok(Scatter::new(x, y)
        .coloured("data", Colour::Neutral, &data)
        .series("samples", &samples)
        .render()?)
}

fn trajectories(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let [x, y] = plane();
    let paths: Vec<Vec<[f64; 2]>> = (0..200)
        .map(|_| {
            let (end, start) = (noise.moon(), [noise.normal(), noise.normal()]);
            let at = |t: f64| {
                let (alpha, sigma) = ((1.571 * t).cos(), (1.571 * t).sin());
                [alpha * end[0] + sigma * start[0], alpha * end[1] + sigma * start[1]]
            };
            (0..=40).map(|step| at(1.0 - f64::from(step) / 40.0)).collect()
        })
        .collect();
    Ok(Trajectories::new(x, y).paths(paths).render()?)
}

fn transport(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let [x, y] = plane();
    let pairs = (0..150).map(|_| {
        let [u, v] = [0.5 * noise.normal(), 0.5 * noise.normal()];
        let radius = u.hypot(v).max(1e-9);
        vec![[u, v], [u * (1.0 + 1.2 / radius), v * (1.0 + 1.2 / radius)]]
    });
    Ok(Trajectories::new(x, y).paths(pairs).ends("reference", "data").render()?)
}

fn density(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let points: Vec<_> = (0..20_000).map(|_| noise.moon()).collect();
    let axes = [Axis::linear("x").limits(-1.5, 2.5), Axis::linear("y").limits(-1.0, 1.5)];
    Ok(HeatMap::density(axes, [50, 80], &points)?.render()?)
}

fn losses(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let mut train = Vec::new();
    let mut ends = Vec::new();
    for step in 1..=3000 {
        let step = f64::from(step) * 10.0;
        let loss = (0.2 + 4.0 / (1.0 + step / 200.0)) * (0.06 * noise.normal()).exp();
        train.push([step, loss]);
        ends.push([loss * 0.85, loss * 1.2]);
    }
    let held_out: Vec<_> =
        train.iter().step_by(200).map(|p| [p[0], 0.23 + 4.0 / (1.0 + p[0] / 200.0)]).collect();
    Ok(LineChart::new(Axis::linear("step"), Axis::log("loss"))
        .line(Line::new("training", &train).band(&ends))
        .line(Line::new("held out", &held_out).markers())
        .level(0.19, "Bayes loss")
        .layout(Layout::wide())
        .render()?)
}

fn order() -> Result<Svg, Box<dyn Error>> {
    let nfe = [4.0, 8.0, 16.0, 32.0, 64.0, 128.0_f64];
    let euler = nfe.map(|n| [n, 1.4 / n]);
    let heun = nfe.map(|n| [n, 1.8 / (n * n) + 6e-5]);
    let sd = |curve: &[[f64; 2]]| curve.iter().map(|p| 0.15 * p[1]).collect::<Vec<_>>();
    Ok(LineChart::new(Axis::log("network evaluations"), Axis::log("error"))
        .line(Line::new("Euler", &euler).errors(&sd(&euler)))
        .line(Line::new("Heun", &heun).errors(&sd(&heun)))
        .level(6e-5, "sampling floor")
        .guide(-2.0, [16.0, 0.003], "order 2")
        .layout(Layout::default().size(420.0, 340.0))
        .render()?)
}

fn histogram(noise: &mut Noise) -> Result<Svg, Box<dyn Error>> {
    let samples: Vec<_> = (0..4000).map(|_| noise.normal()).collect();
    let few: Vec<_> = (0..600).map(|_| 0.8 * noise.normal() + 0.3).collect();
    let theory: Vec<_> = (-40..=40)
        .map(|i| f64::from(i) / 10.0)
        .map(|x| [x, (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()])
        .collect();
    Ok(Histogram::new(Axis::linear("torsion").unit("rad"))
        .samples("diffusion", &samples)
        .samples("one step", &few)
        .curve("theory", &theory)
        .layout(Layout::default().size(420.0, 340.0))
        .render()?)
}

fn field() -> Result<Svg, Box<dyn Error>> {
    let (rows, columns) = (36, 72);
    let mut values = Vec::new();
    for row in 0..rows {
        for column in 0..columns {
            let (u, v) = (column as f64 / 9.0, row as f64 / 6.0);
            let land = (u - 5.0).hypot(1.4 * (v - 3.5)) < 1.1;
            let anomaly = 3.0 * (u + 0.7 * v).sin() * (0.6 * v).cos() + 0.8 * (2.3 * u).cos();
            values.push(if land { f64::NAN } else { anomaly });
        }
    }
    let longitude = Axis::linear("longitude").unit("°E").limits(0.0, 360.0);
    let latitude = Axis::linear("latitude").unit("°N").limits(-90.0, 90.0);
    let anomaly = Axis::linear("2 m temperature anomaly").unit("K");
    Ok(HeatMap::new([longitude, latitude, anomaly], [rows, columns], &values)?
        .colormap(Colormap::Diverging)
        .render()?)
}

fn reliability() -> Result<Svg, Box<dyn Error>> {
    let bins = |bend: f64| -> Vec<_> {
        (0..10)
            .map(|index| {
                let forecast = (f64::from(index) + 0.5) / 10.0;
                let observed = 0.5 + (forecast - 0.5) * bend;
                ReliabilityBin { forecast, observed, count: 900 / (1 + index as u64) }
            })
            .collect()
    };
    Ok(Reliability::new()
        .series("ensemble", &bins(0.95))
        .series("bilinear", &bins(0.6))
        .render()?)
}

fn ranks() -> Result<Svg, Box<dyn Error>> {
    let counts = [148, 112, 98, 95, 88, 92, 85, 90, 94, 101, 118, 163];
    Ok(RankHistogram::new(&counts).layout(Layout::default().size(420.0, 320.0)).render()?)
}

fn elements() -> Result<Svg, Box<dyn Error>> {
    let axes = [Axis::linear("element"), Axis::linear("share").unit("%")];
    let [x, y] = axes;
    Ok(Bars::new(x, y, ["H", "C", "N", "O", "F"])
        .series("data", &[51.2, 35.1, 5.8, 7.8, 0.1])
        .series_with_errors("samples", &[50.6, 35.9, 5.5, 7.9, 0.2], &[0.6, 0.5, 0.3, 0.3, 0.1])
        .layout(Layout::default().size(420.0, 320.0))
        .render()?)
}

fn results() -> Results {
    Results {
        topic: "gallery".into(),
        command: "langevin points evaluate two-moons.safetensors --samples 10000".into(),
        version: "0.1.0".into(),
        machine: "8 cores of a desktop processor".into(),
        date: "2026-02-28".into(),
        rows: vec![
            Row::new("W2, Heun", 0.0213).spread(0.0012, 3).floor(0.0192).bar("<= 0.025"),
            Row::new("W2, one step", 0.0467).spread(0.0051, 3).floor(0.0192).bar("<= 0.04"),
            Row::new("C2ST", 50.9).unit("%").spread(0.4, 3).floor(50.0).peer(52.3).bar("<= 51.5"),
            Row::new("samples per second, one core", 41_200.0).unit("1/s"),
        ],
    }
}

/// SplitMix64 and Box–Muller: enough for pictures.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    fn moon(&mut self) -> [f64; 2] {
        let angle = std::f64::consts::PI * self.uniform();
        let upper = self.uniform() < 0.5;
        let [x, y] = [angle.cos(), angle.sin()];
        let [x, y] = if upper { [x, y] } else { [1.0 - x, 0.5 - y] };
        [x + 0.07 * self.normal(), y + 0.07 * self.normal()]
    }
}
