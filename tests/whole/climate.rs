//! Fields on grids: files made here, regridded and downscaled.

use std::fs;
use std::path::Path;

use langevin_datasets::GridFile;
use ndarray::Array2;

use super::domain::Domain;

const CLIMATE: Domain = Domain("climate");

/// Rain on 8 by 12 cells of the globe at two steps, a cell of the second missing; and another variable.
pub(super) fn rain(path: &Path) {
    let mut file = netcdf::create(path).unwrap();
    file.add_unlimited_dimension("time").unwrap();
    for (name, length) in [("lat", 8), ("lon", 12)] {
        file.add_dimension(name, length).unwrap();
    }
    let mut time = file.add_variable::<i32>("time", &["time"]).unwrap();
    time.put_attribute("units", "hours since 2019-06-10").unwrap();
    time.put_attribute("calendar", "noleap").unwrap();
    time.put_values(&[6, 12], 0..2).unwrap();
    let mut lat = file.add_variable::<f64>("lat", &["lat"]).unwrap();
    lat.put_attribute("units", "degrees_north").unwrap();
    lat.put_values(&(0..8).map(|i| 78.75 - 22.5 * f64::from(i)).collect::<Vec<_>>(), ..).unwrap();
    let mut lon = file.add_variable::<f64>("lon", &["lon"]).unwrap();
    lon.put_attribute("units", "degrees_east").unwrap();
    lon.put_values(&(0..12).map(|i| 30.0 * f64::from(i)).collect::<Vec<_>>(), ..).unwrap();
    for name in ["pr", "tas"] {
        let mut field = file.add_variable::<f32>(name, &["time", "lat", "lon"]).unwrap();
        field.set_fill_value(-999.0f32).unwrap();
        field.put_attribute("units", "mm h-1").unwrap();
        let value = |i: usize| match (name, i) {
            ("pr", 100) => -999.0,
            ("pr", i) => (i % 7) as f32,
            (_, i) => (i % 7) as f32 - 3.0,
        };
        field.put_values(&(0..192).map(value).collect::<Vec<f32>>(), (0..2, .., ..)).unwrap();
    }
    file.close().unwrap();
}

/// Scores of ensembles that are made here, and what they are compared with.
#[test]
fn ensembles_are_scored() {
    let uq = Domain("uq");
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rain(&folder.join("rain.nc"));
    let climate = |args: &[&str]| CLIMATE.done(folder, args);
    climate(&[
        "regrid",
        "--input",
        "rain.nc",
        "--variable",
        "pr",
        "--refine",
        "4",
        "--method",
        "bilinear",
        "--out",
        "fine.nc",
    ]);
    climate(&["regrid", "--input", "fine.nc", "--coarsen", "4", "--out", "coarse.nc"]);
    let downscale = ["downscale", "--input", "coarse.nc", "--factor", "4"];
    climate(
        &[&downscale[..], &["--method", "rainfarm", "--members", "4", "--out", "rf.nc"]].concat(),
    );
    climate(&[&downscale[..], &["--method", "nearest", "--out", "near.nc"]].concat());
    let score = |more: &[&str]| {
        let all = ["score", "rf.nc", "--observed", "fine.nc", "--json", "s.json", "--force"];
        uq.done(folder, &[&all[..], more].concat());
        let text = fs::read_to_string(folder.join("s.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let found = score(&["--thresholds", "0.5,3"]);
    let of =
        |name: &str| found["scores"][name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    assert!(of("CRPS, fair") > 0.0 && of("CRPS, fair") < of("CRPS, standard"));
    assert_eq!((of("members"), of("steps")), (4.0, 2.0));
    assert!(of("FSS above 0.5, 9 cells, of members") > 0.5);
    assert!(of("part above 3, observed") > 0.2);
    assert!(of("intensity above 3") > 3.0 && of("intensity above 3, observed") > 3.0);
    let parts =
        ["reliability", "resolution", "uncertainty"].map(|p| of(&format!("Brier {p} above 3")));
    assert!(parts.iter().all(|part| (0.0..=1.0).contains(part)) && parts[1] <= parts[2]);
    assert!(of("maximum, observed") >= of("intensity above 3, observed"));
    let ranks: u64 = found["ranks"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
    // 32 by 48 cells at two steps, without those that interpolation has no value for.
    assert!(ranks > 2 * 32 * 48 - 600 && ranks < 2 * 32 * 48, "{ranks}");
    // A forecast of what was observed has no error; one member has no spread.
    uq.done(folder, &["score", "fine.nc", "--observed", "fine.nc", "--json", "p.json"]);
    let perfect = fs::read_to_string(folder.join("p.json")).unwrap();
    let perfect: serde_json::Value = serde_json::from_str(&perfect).unwrap();
    assert_eq!(perfect["scores"]["RMSE of the mean"], 0.0);
    assert_eq!(perfect["scores"]["maximum"], perfect["scores"]["maximum, observed"]);
    assert!(perfect["scores"].get("spread").is_none() && perfect["ranks"].is_null());
    // Of fields around the globe, with anomalies from what they are over blocks.
    climate(&[
        "regrid",
        "--input",
        "rain.nc",
        "--variable",
        "tas",
        "--coarsen",
        "2",
        "--out",
        "blocks.nc",
    ]);
    let refined = ["regrid", "--input", "blocks.nc", "--refine", "2", "--method", "nearest"];
    climate(&[&refined[..], &["--out", "usual.nc"]].concat());
    let of_globe = ["score", "rain.nc", "--variable", "tas", "--observed", "rain.nc"];
    uq.done(folder, &[&of_globe[..], &["--climatology", "usual.nc", "--json", "g.json"]].concat());
    let globe = fs::read_to_string(folder.join("g.json")).unwrap();
    let globe: serde_json::Value = serde_json::from_str(&globe).unwrap();
    for (name, want) in [
        ("anomaly correlation of the mean", 1.0),
        ("log-spectral distance along latitudes in dB, of members", 0.0),
        ("energy score", 0.0),
        ("variogram score", 0.0),
    ] {
        let found = globe["scores"][name].as_f64().unwrap_or_else(|| panic!("{name}: {globe}"));
        assert!((found - want).abs() < 1e-12, "{name}: {found}");
    }
    for (args, message) in [
        (
            &["fine.nc", "--observed", "fine.nc", "--climatology", "coarse.nc"][..],
            "found 8 by 12 cells, allowed: 32 by 48",
        ),
        (
            &["rf.nc", "--observed", "fine.nc", "--bands", "0.9"],
            "--bands 0.9: found 1 blocks of 1 steps to learn from in the first half of 2 steps, allowed: 9",
        ),
        (&["rf.nc", "--observed", "fine.nc", "--bands", "1"], "--bands: found 1, allowed: between"),
        (
            &["rf.nc", "--observed", "fine.nc", "--return-periods", "5"],
            "--return-periods: found 2 blocks of 1 of the 2 steps, allowed: 10 or more",
        ),
        (
            &["rf.nc", "--observed", "fine.nc", "--return-periods", "1"],
            "found 1, allowed: numbers above 1",
        ),
        (&["rf.nc", "--observed", "coarse.nc"], "found 32 by 48 cells, allowed: 8 by 12"),
        (
            &["rf.nc", "--observed", "rain.nc", "--observed-variable", "rain"],
            "found no variable rain, allowed: tas, pr",
        ),
        (&["near.nc", "--observed", "rf.nc"], "found 4 members, allowed: what was observed, once"),
        (
            &["rf.nc", "--observed", "fine.nc", "--window", "40", "--thresholds", "1"],
            "--window: found 40, allowed: 1 to 32",
        ),
        (
            &["rf.nc", "--observed", "fine.nc", "--against", "near.nc"],
            "--against: found 2 steps, allowed: 3 or more",
        ),
    ] {
        uq.refused(folder, &[&["score"], args].concat(), message);
    }
}

/// Bands are learnt on the first half of the steps, and levels from the maxima of blocks.
#[test]
fn long_series_have_bands_and_return_levels() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    CLIMATE.done(
        folder,
        &["invent", "--times", "24", "--cells", "32", "--out", "truth.nc", "--quiet"],
    );
    CLIMATE.done(
        folder,
        &["regrid", "--input", "truth.nc", "--coarsen", "4", "--out", "coarse.nc", "--quiet"],
    );
    let downscale = ["downscale", "--input", "coarse.nc", "--factor", "4", "--method", "rainfarm"];
    CLIMATE
        .done(folder, &[&downscale[..], &["--members", "6", "--out", "rf.nc", "--quiet"]].concat());
    let score =
        ["score", "rf.nc", "--observed", "truth.nc", "--bands", "0.8", "--return-periods", "5,20"];
    Domain("uq").done(folder, &[&score[..], &["--maxima-of", "2", "--json", "s.json"]].concat());
    // Bands are asked of these members, not of the one that they are compared with.
    let nearest = ["downscale", "--input", "coarse.nc", "--factor", "4", "--method", "nearest"];
    CLIMATE.done(folder, &[&nearest[..], &["--out", "near.nc", "--quiet"]].concat());
    Domain("uq").done(folder, &[&score[..], &["--against", "near.nc", "--quiet"]].concat());
    let found = fs::read_to_string(folder.join("s.json")).unwrap();
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    let of =
        |name: &str| found["scores"][name].as_f64().unwrap_or_else(|| panic!("{name}: {found}"));
    for whose in ["", ", observed"] {
        let level = |period: usize| of(&format!("return level of {period} blocks{whose}"));
        let end = |side: &str| of(&format!("return level of 5 blocks{whose}, {side} end of 95 %"));
        assert!(level(5) < level(20) && end("lower") < level(5) && level(5) < end("upper"));
    }
    assert!(of("return level of 5 blocks, observed") < of("maximum, observed") * 1.5);
    for band in ["members' 80 % band", "conformal 80 % band"] {
        assert!((0.0..=1.0).contains(&of(&format!("coverage of the {band}"))));
        assert!(of(&format!("width of the {band}")) > 0.0);
    }
}

fn frame(path: &Path, time: usize, member: usize) -> Array2<f32> {
    let file = GridFile::open(path).unwrap();
    let field = file.field(None).unwrap();
    file.frame(&field, (time, member)).unwrap()
}

#[test]
fn what_is_refined_and_coarsened_again_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rain(&folder.join("rain.nc"));
    let regrid = |more: &[&str]| CLIMATE.done(folder, &[&["regrid", "--quiet"], more].concat());
    regrid(&["--input", "rain.nc", "--variable", "pr", "--refine", "4", "--out", "fine.nc"]);
    regrid(&["--input", "fine.nc", "--coarsen", "4", "--out", "same.nc"]);
    regrid(&["--input", "fine.nc", "--like", "rain.nc", "--out", "like.nc", "--times", "2"]);
    let source = GridFile::open(&folder.join("rain.nc")).unwrap();
    let field = source.field(Some("pr")).unwrap();
    for time in 0..2 {
        let (was, is) =
            (source.frame(&field, (time, 0)).unwrap(), frame(&folder.join("same.nc"), time, 0));
        for (a, b) in was.iter().zip(&is) {
            assert!((a.is_nan() && b.is_nan()) || (a - b).abs() < 1e-5, "{a} {b}");
        }
    }
    assert_eq!(frame(&folder.join("like.nc"), 0, 0).dim(), (8, 12));
    for (args, message) in [
        (&["--input", "rain.nc", "--coarsen", "2"][..], "found 2 fields on grids (pr, tas)"),
        (
            &["--input", "rain.nc", "--variable", "prr", "--coarsen", "2"],
            "found no variable prr, allowed: pr, tas",
        ),
        (
            &["--input", "rain.nc", "--variable", "pr", "--coarsen", "5"],
            "found 8 cells, allowed: a multiple of the factor 5",
        ),
        (
            &["--input", "rain.nc", "--variable", "pr", "--refine", "2", "--times", "3"],
            "--times: found 3..3, allowed: 1..2",
        ),
        (&["--input", "no.nc", "--refine", "2"], "no.nc"),
    ] {
        CLIMATE.refused(folder, &[&["regrid", "--out", "no.nc"], args].concat(), message);
    }
    let over = ["regrid", "--input", "fine.nc", "--refine", "2", "--out", "fine.nc", "--force"];
    CLIMATE.refused(folder, &over, "--out: found the input fine.nc");
}

/// Members differ, hold the coarse means, and do not depend on what else is made, nor on threads.
#[test]
fn ensembles_are_the_same_whatever_else_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    rain(&folder.join("rain.nc"));
    let make = |out: &str, more: &[&str]| {
        let all =
            ["downscale", "--input", "rain.nc", "--variable", "pr", "--factor", "4", "--out", out];
        CLIMATE.done(folder, &[&all[..], more].concat());
    };
    let rainfarm = ["--method", "rainfarm", "--seed", "5"];
    make("all.nc", &[&rainfarm[..], &["--members", "3", "--threads", "1"]].concat());
    make(
        "one.nc",
        &[&rainfarm[..], &["--members", "1", "--times", "2", "--threads", "2"]].concat(),
    );
    let (all, one) = (folder.join("all.nc"), folder.join("one.nc"));
    let bits = |field: &Array2<f32>| field.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&frame(&all, 1, 0)), bits(&frame(&one, 0, 0)));
    assert_ne!(bits(&frame(&all, 1, 0)), bits(&frame(&all, 1, 1)));
    let back = ["regrid", "--input", "all.nc", "--coarsen", "4", "--out", "back.nc"];
    CLIMATE.done(folder, &back);
    let source = GridFile::open(&folder.join("rain.nc")).unwrap();
    let field = source.field(Some("pr")).unwrap();
    let (was, is) = (source.frame(&field, (1, 0)).unwrap(), frame(&folder.join("back.nc"), 1, 2));
    let known = was.iter().zip(&is).filter(|(a, _)| !a.is_nan());
    assert!(known.into_iter().all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + a)));
    assert!(is[(0, 4)].is_nan() && was[(0, 4)].is_nan());
    for (args, message) in [
        (
            &["--variable", "tas", "--method", "rainfarm"][..],
            "variable tas, frame 1, row 1, column 1: found -3, allowed: 0 or more",
        ),
        (&["--variable", "pr", "--method", "spline"], "bilinear+multiply"),
        (
            &["--variable", "pr", "--method", "bilinear", "--members", "2"],
            "--members: found more than 1",
        ),
        (&["--variable", "pr", "--method", "bilinear", "--factor", "1"], "--factor"),
    ] {
        let all = ["downscale", "--input", "rain.nc", "--factor", "4", "--out", "no.nc"];
        let all: Vec<&str> = if args.contains(&"--factor") {
            all.iter().copied().filter(|word| !["--factor", "4"].contains(word)).collect()
        } else {
            all.to_vec()
        };
        CLIMATE.refused(folder, &[&all[..], args].concat(), message);
        assert!(!folder.join("no.nc").exists());
    }
    let empty = fs::read_dir(folder).unwrap().filter_map(Result::ok);
    let left = empty.filter(|entry| entry.file_name().to_string_lossy().ends_with(".tmp")).count();
    assert_eq!(left, 0);
}
