//! Models of fields: trained on what is made here, and asked for ensembles.

use std::fs;
use std::path::Path;

use langevin_datasets::GridFile;
use ndarray::Array2;

use super::domain::Domain;

const CLIMATE: Domain = Domain("climate");

/// Four steps of showers on 64 by 64 cells of a kilometre, dry between them.
fn showers(path: &Path, units: &str) {
    let mut file = netcdf::create(path).unwrap();
    file.add_unlimited_dimension("time").unwrap();
    for name in ["y", "x"] {
        file.add_dimension(name, 64).unwrap();
        let mut axis = file.add_variable::<f64>(name, &[name]).unwrap();
        axis.put_attribute("units", "km").unwrap();
        axis.put_values(&(0..64).map(f64::from).collect::<Vec<_>>(), ..).unwrap();
    }
    let mut time = file.add_variable::<f64>("time", &["time"]).unwrap();
    time.put_attribute("units", "hours since 2020-01-01").unwrap();
    time.put_values(&[0.0, 1.0, 2.0, 3.0], 0..4).unwrap();
    let mut rain = file.add_variable::<f32>("pr", &["time", "y", "x"]).unwrap();
    rain.put_attribute("units", units).unwrap();
    let value = |i: usize| {
        let (t, y, x) = (i / 4096, (i / 64 % 64) as f32, (i % 64) as f32);
        let wave = (0.3 * y + t as f32).sin() * (0.25 * x - 0.5 * t as f32).cos();
        (6.0 * wave + 2.0 * (1.7 * x + 2.3 * y).sin()).max(0.0)
    };
    rain.put_values(&(0..4 * 4096).map(value).collect::<Vec<f32>>(), (0..4, .., ..)).unwrap();
    file.close().unwrap();
}

pub(super) const CONFIG: &str = r#"
seed = 1
[data]
files = ["rain.nc"]
quantity = { kind = "amount", least = 0.1 }
train_times = 3
edge = 16
wet = 0.1
factors = [4, 2]
means = [1, 2]
symmetries = true
[network]
kind = "neural_field"
widths = [6, 4]
blocks = [1, 0]
decoder = 6
told = 4
time = { kind = "raw" }
[method]
head = "clean"
path = { kind = "linear" }
coupling = { kind = "independent" }
objective = { kind = "proper_score", scales = [1, 2], patches = [4], energy = 0.5 }
sampler = { kind = "ddim" }
grid = { kind = "uniform", steps = 1 }
[train]
steps = 12
batch = 4
shards = 2
learning_rate = { kind = "constant", rate = 1e-3 }
checkpoint_every = 6
validate_every = 6
"#;

pub(super) fn frame(path: &Path, time: usize, member: usize) -> Array2<f32> {
    let file = GridFile::open(path).unwrap();
    let field = file.field(None).unwrap();
    file.frame(&field, (time, member)).unwrap()
}

fn bits(field: &Array2<f32>) -> Vec<u32> {
    field.iter().map(|x| x.to_bits()).collect()
}

/// A folder with showers and a coarse file of them.
pub(super) fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    make_showers(folder.path());
    folder
}

fn make_showers(folder: &Path) {
    showers(&folder.join("rain.nc"), "mm h-1");
    CLIMATE.done(folder, &["regrid", "--input", "rain.nc", "--coarsen", "4", "--out", "coarse.nc"]);
}

/// Showers, a coarse file of them, and a model trained on them.
fn trained(folder: &Path) {
    make_showers(folder);
    fs::write(folder.join("config.toml"), CONFIG).unwrap();
    CLIMATE.done(folder, &["train", "config.toml", "--out", "run", "--quiet"]);
}

/// Ensembles of two or four members, with more options.
fn make<'a>(members: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&MAKE[..], &["--factor", "4", "--members", members], more].concat()
}

const MAKE: [&str; 6] = ["downscale", "--input", "coarse.nc", "--model", "run", "--quiet"];

#[test]
fn a_model_makes_the_same_weather_on_any_grid_and_any_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let make = |more: &[&str]| CLIMATE.done(folder, &[&MAKE[..], more].concat());
    make(&["--factor", "4", "--members", "3", "--threads", "1", "--out", "all.nc"]);
    make(&[
        "--factor",
        "4",
        "--members",
        "2",
        "--times",
        "2",
        "--threads",
        "2",
        "--out",
        "some.nc",
    ]);
    let (all, some) = (folder.join("all.nc"), folder.join("some.nc"));
    assert_eq!(bits(&frame(&all, 1, 1)), bits(&frame(&some, 0, 1)));
    assert_ne!(bits(&frame(&all, 1, 1)), bits(&frame(&all, 1, 0)));
    assert!(frame(&all, 0, 0).iter().all(|x| *x >= 0.0));
    // Means over coarse cells are the input's, at a whole factor and at one that is not.
    make(&["--factor", "2.5", "--out", "odd.nc"]);
    assert_eq!(frame(&folder.join("odd.nc"), 0, 0).dim(), (40, 40));
    for name in ["all.nc", "odd.nc"] {
        let like =
            ["regrid", "--input", name, "--like", "coarse.nc", "--force", "--out", "back.nc"];
        CLIMATE.done(folder, &like);
        let (back, coarse) = (folder.join("back.nc"), folder.join("coarse.nc"));
        let off = &frame(&back, 2, 0) - &frame(&coarse, 2, 0);
        assert!(off.iter().all(|x| x.abs() < 1e-5), "{name}");
    }
    // A file for each member has the same fields.
    make(&["--factor", "4", "--members", "2", "--split-members", "--out", "split.nc"]);
    assert_eq!(bits(&frame(&folder.join("split_r2i1p1f1.nc"), 3, 0)), bits(&frame(&all, 3, 1)));
}

#[test]
fn a_run_that_was_stopped_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    CLIMATE.done(folder, &make("2", &["--out", "whole.nc"]));
    CLIMATE.done(folder, &make("2", &["--resume", "--out", "again.nc"]));
    assert!(!folder.join("again.nc.partial").exists());
    let whole = frame(&folder.join("whole.nc"), 1, 1);
    assert_eq!(bits(&frame(&folder.join("again.nc"), 1, 1)), bits(&whole));
    fs::create_dir(folder.join("other.nc.partial")).unwrap();
    fs::write(folder.join("other.nc.partial/job.json"), "{}").unwrap();
    let refused = make("2", &["--resume", "--out", "other.nc"]);
    CLIMATE.refused(folder, &refused, "found fields of another input or other options");
    assert!(!folder.join("other.nc").exists());
}

#[test]
fn observations_are_met_and_tilts_come_with_their_weights() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    let value = frame(&folder.join("rain.nc"), 1, 0)[(20, 30)];
    fs::write(
        folder.join("obs.csv"),
        format!("y,x,time,value,error\n20,30,1,{value},0.05\n40,12,1,1.0,0.5\n"),
    )
    .unwrap();
    CLIMATE.done(folder, &make("4", &["--out", "free.nc"]));
    let told = CLIMATE.said(
        folder,
        &make("4", &["--observations", "obs.csv", "--hold-out", "0.5", "--out", "met.nc"]),
    );
    assert!(told.contains("observations shown: 1;") && told.contains("held out: 1;"), "{told}");
    let off = |name: &str| -> f32 {
        let at = |m| (frame(&folder.join(name), 1, m)[(20, 30)] - value).abs();
        (0..4).map(at).sum()
    };
    assert!(off("met.nc") <= off("free.nc"), "{} {}", off("met.nc"), off("free.nc"));
    // Other steps have no observation and are as they were.
    assert_eq!(
        bits(&frame(&folder.join("met.nc"), 0, 2)),
        bits(&frame(&folder.join("free.nc"), 0, 2))
    );
    let tilt = ["--tilt", "40", "--tilt-of", "max", "--tilt-steps", "30", "--times", "1"];
    let told = CLIMATE.said(
        folder,
        &make("4", &[&tilt[..], &["--weights", "w.csv", "--out", "tilted.nc"]].concat()),
    );
    assert!(told.contains("effective of 4 members"), "{told}");
    let weights = fs::read_to_string(folder.join("w.csv")).unwrap();
    let sum: f64 = weights
        .lines()
        .skip(1)
        .map(|line| line.rsplit(',').next().unwrap().parse::<f64>().unwrap())
        .sum();
    assert!((sum - 1.0).abs() < 1e-9 && weights.lines().count() == 5, "{weights}");
    let most = |name: &str| -> f32 {
        (0..4).map(|m| frame(&folder.join(name), 0, m).iter().copied().fold(0.0, f32::max)).sum()
    };
    assert!(most("tilted.nc") > most("free.nc"));
}

/// Denoising of states relative to the coarse field: several steps, the means of the input, the same on any number of threads.
#[test]
fn flows_take_several_steps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    CLIMATE.done(folder, &["invent", "--out", "rain.nc", "--cells", "64", "--seed", "5"]);
    CLIMATE.done(folder, &["regrid", "--input", "rain.nc", "--coarsen", "4", "--out", "coarse.nc"]);
    let objective = CONFIG.lines().find(|line| line.starts_with("objective")).unwrap();
    let denoising = r#"objective = { kind = "denoising", weighting = { kind = "inverse_noise", power = 2, most = 25 } }"#;
    let config = CONFIG
        .replace(objective, denoising)
        .replace("least = 0.1", "least = 0.1, relative = true")
        .replace(r#"sampler = { kind = "ddim" }"#, r#"sampler = { kind = "heun" }"#)
        .replace("steps = 1 }", "steps = 3 }");
    fs::write(folder.join("flow.toml"), config).unwrap();
    CLIMATE.done(folder, &["train", "flow.toml", "--out", "run", "--quiet"]);
    let sample = |out: &str, more: &[&str]| -> Array2<f32> {
        CLIMATE.done(folder, &make("2", &[&["--out", out], more].concat()));
        frame(&folder.join(out), 1, 1)
    };
    let made = sample("a.nc", &["--threads", "2"]);
    assert_eq!(bits(&made), bits(&sample("b.nc", &["--threads", "1"])));
    assert_ne!(made, sample("c.nc", &["--steps", "1"]));
    let coarse = frame(&folder.join("coarse.nc"), 1, 0);
    CLIMATE.done(folder, &["regrid", "--input", "a.nc", "--coarsen", "4", "--out", "back.nc"]);
    let off = frame(&folder.join("back.nc"), 1, 1) - &coarse;
    assert!(made.iter().all(|x| *x >= 0.0) && off.iter().all(|x| x.abs() < 1e-4));
    let points = "lat,lon,time,value,error\n30.1,-99.9,1,1,0.1\n";
    fs::write(folder.join("gauges.csv"), points).unwrap();
    // The same data under another head: diffusion by Karras et al., whose means are kept in the end.
    let edm = fs::read_to_string(folder.join("flow.toml")).unwrap();
    let edm = edm.replace(r#"head = "clean""#, "head = { edm = { sigma_data = 1.0 } }");
    let edm =
        edm.replace(r#"path = { kind = "linear" }"#, r#"path = { kind = "edm", sigma_max = 80 }"#);
    fs::write(folder.join("edm.toml"), edm).unwrap();
    CLIMATE.done(folder, &["train", "edm.toml", "--out", "edm", "--quiet"]);
    CLIMATE.done(
        folder,
        &["downscale", "--model", "edm", "--factor", "4", "--input", "coarse.nc", "--out", "e.nc"],
    );
    CLIMATE.done(
        folder,
        &["regrid", "--input", "e.nc", "--coarsen", "4", "--out", "back.nc", "--force"],
    );
    let off = frame(&folder.join("back.nc"), 1, 0) - &coarse;
    assert!(off.iter().all(|x| x.abs() < 1e-4));
    let asked = make("2", &["--out", "no.nc", "--observations", "gauges.csv"]);
    CLIMATE.refused(folder, &asked, "--observations: found a model of 3 steps, allowed: one");
}

#[test]
fn what_a_model_cannot_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    trained(folder);
    showers(&folder.join("kelvin.nc"), "K");
    fs::write(folder.join("far.csv"), "y,x,time,value,error\n900,30,1,1,0.1\n").unwrap();
    let base = ["downscale", "--model", "run", "--out", "no.nc"];
    for (args, message) in [
        (&["--input", "coarse.nc", "--factor", "8"][..], "--factor: found 8, allowed: 2 to 4"),
        (
            &["--input", "rain.nc", "--factor", "4"],
            "found fine cells of 0.25 km, allowed: 0.80 to 2.50 km",
        ),
        (&["--input", "kelvin.nc", "--factor", "2", "--scale", "1"], "found fine cells of 0.50 km"),
        (
            &["--input", "coarse.nc", "--factor", "4", "--observations", "far.csv"],
            "line 2: found the point 900, 30, allowed: points of the grid",
        ),
        (
            &["--input", "coarse.nc", "--factor", "4", "--tilt", "1"],
            "--weights: needed with --tilt",
        ),
        (&["--input", "coarse.nc", "--factor", "1"], "--factor"),
    ] {
        CLIMATE.refused(folder, &[&base[..], args].concat(), message);
        assert!(!folder.join("no.nc").exists());
    }
    let config = CONFIG.replace("least = 0.1", "least = 0.0");
    fs::write(folder.join("bad.toml"), config).unwrap();
    let train = ["train", "bad.toml", "--out", "bad"];
    CLIMATE.refused(folder, &train, "data.quantity.least: found 0, allowed: a positive number");
    let units = "downscale --input kelvin.nc --method climatology --factor 2 --out no.nc";
    let units: Vec<&str> = units.split(' ').collect();
    CLIMATE.refused(folder, &units, "--reference: needed");
}
