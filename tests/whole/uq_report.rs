//! The page of `langevin uq score`.

use std::fs;
use std::path::Path;

use super::climate::rain;
use super::domain::Domain;

const UQ: Domain = Domain("uq");

/// The rain of the globe on 16 by 24 cells, and ensembles of four members and of one.
fn forecasts(folder: &Path) {
    // A program started by another test meanwhile inherits the file that is made, and HDF5's lock on it: not on a copy.
    rain(&folder.join("made.nc"));
    fs::copy(folder.join("made.nc"), folder.join("rain.nc")).unwrap();
    let climate = |args: &str| {
        Domain("climate").done(folder, &args.split(' ').collect::<Vec<_>>());
    };
    climate("regrid --input rain.nc --variable pr --refine 2 --out fine.nc");
    let downscale = "downscale --input rain.nc --variable pr --factor 2 --method";
    climate(&format!("{downscale} rainfarm --members 4 --out many.nc"));
    climate(&format!("{downscale} nearest --out one.nc"));
}

fn page(folder: &Path, args: &[&str]) -> String {
    let all = ["--observed", "fine.nc", "--report", "page.html", "--force", "--quiet"];
    UQ.done(folder, &[&["score"], args, &all].concat());
    fs::read_to_string(folder.join("page.html")).unwrap()
}

/// Asks for pages that are refused, and leaves a file of other content where the page belongs.
fn refusals(folder: &Path) {
    let refused = |more: &[&str], message: &str| {
        let score = ["score", "many.nc", "--observed", "fine.nc"];
        UQ.refused(folder, &[&score, more].concat(), message);
    };
    let page = ["--report", "page.html"];
    let beyond = [&page[..], &["--report-step", "3"]].concat();
    refused(&beyond, "--report-step: found 3, allowed: 1 to 2");
    refused(&["--report-step", "1"], "--report <PAGE>");
    assert!(!folder.join("page.html").exists());
    fs::write(folder.join("page.html"), "mine").unwrap();
    refused(&page, "page.html exists");
    assert_eq!(fs::read_to_string(folder.join("page.html")).unwrap(), "mine");
}

#[test]
fn pages_show_what_an_ensemble_has() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    forecasts(folder);
    refusals(folder);
    let many = page(folder, &["many.nc", "--thresholds", "0.5,3", "--report-step", "1"]);
    for part in [
        "CRPS, fair",
        "error of the distribution, whatever the number of members",
        "pr in mm h-1",
        "Step 1 of 2",
        "Mean of 4 members",
        "Member 2",
        "Standard deviation of the members",
        "latitude (°)",
        "waves along the shorter side",
        "degrees of freedom",
        "Spread and error",
        "Above 0.5 mm h-1",
        "Above 3 mm h-1",
        "Murphy",
        "99.98, 99.99 %",
    ] {
        assert!(many.contains(part), "{part}");
    }
    assert!(!many.contains("http") && !many.contains("<script"));
    assert_eq!(many.matches("<figure>").count(), 3 + 5 + 1 + 2 + 3 + 1);
    // The second step lacks a cell: it has maps, the missing cell grey, and the first one its spectrum.
    let second = page(folder, &["many.nc", "--report-step", "2"]);
    assert!(second.contains("no value in 4 of 384 cells (grey)"));
    assert!(!second.contains("Murphy"));
    let one = page(folder, &["one.nc", "--thresholds", "3"]);
    assert!(one.contains("Forecast</text>") && one.contains("forecast</text>"));
    for part in ["Member 1", "Mean of", "Ranks", "Spread", "Murphy"] {
        assert!(!one.contains(part), "{part}");
    }
}
