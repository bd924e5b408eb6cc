//! Models of molecules: trained on a file, asked for molecules of a kind, refining a file.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use super::reproducibility::killed;

/// A network that a test can train: seconds, and no chemistry to speak of.
pub(super) const SMALL: &str = r#"
seed = 3

[data]
file = "train.extxyz"
validation_file = "train.extxyz"
properties = [{ label = "gap", unit = "eV" }]

[network]
kind = "scalar_vector"
width = 16
message = 8
sets = 2
layers = 2
radial = 4
recall = true
time = { kind = "fourier", pairs = 2, lowest = 0.5, highest = 1.0 }

[method]
head = "clean"
hide_condition = 0.2
path = { kind = "linear" }
coupling = { kind = "equivariant" }
weights = { species = 0.2 }
give = { species = 0.5, positions = 0.3 }
objective = { kind = "denoising", weighting = { kind = "inverse_noise", power = 2, most = 100 }, times = { kind = "power", exponent = 2.0 } }
sampler = { kind = "ddim" }
grid = { kind = "geometric", steps = 6, t_min = 0.05 }

[train]
steps = 60
batch = 8
shards = 2
learning_rate = { kind = "constant", rate = 1e-3 }
prefetch = 2
validate_every = 30
validation_shards = 2
checkpoint_every = 20
averages = [{ kind = "constant", decay = 0.9 }]
"#;

/// Water, methane and methanol, each several times, a little apart and with a made-up gap.
fn molecules() -> String {
    let methane =
        "C 0 0 0\nH 0.63 0.63 0.63\nH -0.63 -0.63 0.63\nH -0.63 0.63 -0.63\nH 0.63 -0.63 -0.63";
    let water = "O 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0";
    let methanol = "C -0.05 0.66 0\nO -0.05 -0.76 0\nH -1.09 0.97 0\nH 0.88 -1.05 0\n\
                    H 0.44 1.07 0.89\nH 0.44 1.07 -0.89";
    let mut text = String::new();
    for k in 0..12 {
        for (molecule, gap) in [(methane, 9.0), (water, 8.0), (methanol, 7.0)] {
            let shift = 0.01 * f64::from(k);
            let atoms: Vec<String> = molecule
                .lines()
                .map(|line| {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let x: f64 = words[1].parse().unwrap();
                    format!("{} {} {} {}", words[0], x * (1.0 + shift), words[2], words[3])
                })
                .collect();
            let gap = gap + shift;
            let properties = "Properties=species:S:1:pos:R:3";
            text += &format!("{}\n{properties} gap={gap}\n{}\n", atoms.len(), atoms.join("\n"));
        }
    }
    text
}

/// The program, ready to be run in `folder`.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_langevin"));
    command.current_dir(folder).arg("molecules").args(args);
    command
}

fn molecules_command(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the program starts")
}

#[track_caller]
pub(super) fn done(folder: &Path, args: &[&str]) {
    let output = molecules_command(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

#[track_caller]
pub(super) fn refused(folder: &Path, args: &[&str], message: &str) {
    let output = molecules_command(folder, args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
    assert!(said.contains(message), "{args:?} said: {said}\nexpected: {message}");
}

/// A folder with molecules.
pub(super) fn prepared() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.extxyz"), molecules()).unwrap();
    folder
}

/// A folder with a trained model in `run`.
pub(super) fn trained() -> tempfile::TempDir {
    let folder = prepared();
    fs::write(folder.path().join("small.toml"), SMALL).unwrap();
    done(folder.path(), &["train", "small.toml", "--out", "run", "--quiet"]);
    folder
}

/// Symbols of each molecule in an XYZ file, in order.
pub(super) fn symbols(path: &Path) -> Vec<Vec<String>> {
    let text = fs::read_to_string(path).unwrap();
    let (mut lines, mut all) = (text.lines(), Vec::new());
    while let Some(count) = lines.next() {
        let count: usize = count.trim().parse().unwrap();
        let atoms = lines.by_ref().skip(1).take(count);
        let symbol = |line: &str| line.split_whitespace().next().unwrap().to_owned();
        all.push(atoms.map(symbol).collect());
    }
    all
}

#[test]
fn molecules_do_not_depend_on_threads_or_batch() {
    let folder = trained();
    let folder = folder.path();
    let mut all = Vec::new();
    for (threads, batch) in [("1", "64"), ("2", "64"), ("2", "3"), ("1", "1")] {
        let out = format!("{threads}-{batch}.extxyz");
        let args = ["sample", "run", "--count", "20", "--seed", "5", "--threads", threads];
        let asked = ["--property", "gap=7.5eV", "--guidance", "2", "--batch", batch, "--quiet"];
        done(folder, &[&args[..], &asked, &["--out", &out]].concat());
        all.push(fs::read(folder.join(out)).unwrap());
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]));
    // Sizes come from the data: water, methane and methanol have 3, 5 and 6 atoms.
    let sizes: Vec<usize> = symbols(&folder.join("1-64.extxyz")).iter().map(Vec::len).collect();
    assert!(sizes.iter().all(|n| [3, 5, 6].contains(n)) && sizes.contains(&3), "{sizes:?}");
}

/// Killed with SIGKILL after a saved state, twice, and resumed.
#[test]
fn a_killed_run_ends_with_the_bytes_of_one_that_was_not() {
    for steps in [2_000, 8_000, 32_000] {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        fs::write(folder.join("train.extxyz"), molecules()).unwrap();
        let config = SMALL.replace("steps = 60\n", &format!("steps = {steps}\n"));
        fs::write(folder.join("small.toml"), config).unwrap();
        let train = |out: &'static str| ["train", "small.toml", "--quiet", "--out", out];
        let resume = [&train("killed")[..], &["--resume"]].concat();
        let start = |args: &[&str]| killed(folder, &mut command(folder, args));
        if start(&train("killed")) && start(&resume) {
            done(folder, &train("whole"));
            done(folder, &resume);
            let model = |run: &str| fs::read(folder.join(run).join("model.safetensors")).unwrap();
            assert_eq!(model("whole"), model("killed"));
            return;
        }
    }
    panic!("no run was killed before its end");
}

/// A metric of the molecules in a file, by the graph protocol.
pub(super) fn metric(folder: &Path, file: &str, name: &str) -> f64 {
    let json = format!("{file}.json");
    done(folder, &["evaluate", file, "--protocol", "graph", "--json", &json, "--quiet"]);
    let numbers = fs::read_to_string(folder.join(json)).unwrap();
    let numbers: serde_json::Value = serde_json::from_str(&numbers).unwrap();
    numbers["metrics"][name].as_f64().unwrap()
}

/// Few steps leave many open shells. Drawn again they are whole molecules, of the sizes that they had, and those
/// that were are what they were.
#[test]
fn open_shells_are_drawn_again() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let few = ["sample", "--count", "20", "--steps", "6", "--quiet", "--out"];
    done(folder, &[&few[..], &["once.extxyz"]].concat());
    assert!(metric(folder, "once.extxyz", "closed shell") < 1.0);
    for (threads, batch, out) in [("1", "20", "whole.extxyz"), ("2", "3", "other.extxyz")] {
        let asked = ["--closed-shell", "50", "--threads", threads, "--batch", batch];
        done(folder, &[&few[..], &[out], &asked].concat());
    }
    assert_eq!(metric(folder, "whole.extxyz", "closed shell"), 1.0);
    let [once, whole, other] = ["once", "whole", "other"]
        .map(|name| fs::read_to_string(folder.join(format!("{name}.extxyz"))).unwrap());
    assert_eq!(whole, other, "threads and batch change nothing");
    assert!(whole.contains("closed_shell"), "the file says how it was made");
    let [before, after] =
        ["once", "whole"].map(|name| symbols(&folder.join(format!("{name}.extxyz"))));
    let sizes = |all: &[Vec<String>]| all.iter().map(Vec::len).collect::<Vec<_>>();
    assert_eq!(sizes(&before), sizes(&after));
    let kept = once.lines().filter(|line| whole.contains(line)).count();
    assert!(kept > 20, "molecules that were whole stay: {kept} lines of them");
}

/// The model inside of the program, whatever else is where it is run.
#[test]
fn the_model_that_ships_makes_molecules() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    done(folder, &["sample", "--count", "60", "--steps", "10", "--out", "m.sdf", "--quiet"]);
    let stable = metric(folder, "m.sdf", "molecules stable");
    // Far above what a broken one makes (0), below what the card says by more than five of its spreads.
    assert!(stable > 0.6, "{stable}");
}

#[test]
fn compositions_sizes_and_scaffolds_are_kept_exactly() {
    let folder = trained();
    let folder = folder.path();
    let sample = |more: &[&str], out: &str| {
        let args = ["sample", "run", "--count", "5", "--quiet", "--out", out];
        done(folder, &[&args[..], more].concat());
        symbols(&folder.join(out))
    };
    for molecule in sample(&["--formula", "C2H6O"], "formula.xyz") {
        let count = |symbol: &str| molecule.iter().filter(|own| *own == symbol).count();
        assert_eq!((count("C"), count("H"), count("O"), molecule.len()), (2, 6, 1, 9));
    }
    // Compositions of the data: methane, water, methanol; of six atoms there is the last one alone.
    let kinds = [["C", "H", "H", "H", "H"].as_slice(), &["H", "H", "O"]];
    for mut molecule in sample(&["--species", "data", "--atoms", "3..5"], "data.xyz") {
        molecule.sort_unstable();
        assert!(kinds.contains(&&molecule.iter().map(String::as_str).collect::<Vec<_>>()[..]));
    }
    // The gaps tell which: 8 eV is water's.
    let asked = ["--species", "data", "--property", "gap=8.05 eV"];
    let water = sample(&asked, "water.xyz").iter().filter(|molecule| molecule.len() == 3).count();
    assert!(water >= 3, "{water} of 5 are water");
    assert!(sample(&["--atoms", "7"], "seven.xyz").iter().all(|molecule| molecule.len() == 7));
    let core = "3\ncore\nC 0 0 0\nO 1.43 0 0\nH 1.75 0.91 0\n";
    fs::write(folder.join("core.xyz"), core).unwrap();
    let asked = ["--scaffold", "core.xyz", "--formula", "CH4O"];
    for molecule in sample(&asked, "core-out.xyz") {
        assert_eq!(molecule[..3], ["C", "O", "H"]);
        assert!(molecule[3..].iter().all(|symbol| symbol == "H"));
    }
    let text = fs::read_to_string(folder.join("core-out.xyz")).unwrap();
    let position = |line: &str| -> Vec<f64> {
        line.split_whitespace().skip(1).map(|word| word.parse().unwrap()).collect()
    };
    let lines: Vec<&str> = text.lines().collect();
    let (carbon, oxygen) = (position(lines[2]), position(lines[3]));
    let square: f64 = carbon.iter().zip(&oxygen).map(|(a, b)| (a - b).powi(2)).sum();
    assert!((square.sqrt() - 1.43).abs() < 1e-4, "C–O is {}", square.sqrt());
}

/// Away from a model of fewer steps: other molecules than without, and only from one of the same data.
#[test]
fn a_weaker_model_guides() {
    let folder = trained();
    let folder = folder.path();
    done(folder, &["train", "small.toml", "--steps", "5", "--out", "weak", "--quiet"]);
    let sample = |more: &[&str], out: &str| {
        let args = ["sample", "run", "--count", "4", "--quiet", "--out", out];
        done(folder, &[&args[..], more].concat());
        fs::read_to_string(folder.join(out)).unwrap().lines().nth(2).unwrap().to_owned()
    };
    let alone = sample(&[], "alone.extxyz");
    assert_eq!(alone, sample(&["--weaker", "weak", "--guidance", "1"], "one.extxyz"));
    assert_ne!(alone, sample(&["--weaker", "weak", "--guidance", "2"], "two.extxyz"));
    let args = ["sample", "run", "--weaker", "qm9", "--guidance", "2", "--out", "y.xyz"];
    refused(folder, &args, "--weaker: data or path of the two models differ");
    refused(folder, &["sample", "run", "--guidance", "2", "--out", "y.xyz"], "--guidance: needs");
}

/// Rows of a table are molecules of their own, in their order.
#[test]
fn each_molecule_can_be_asked_for_something_of_its_own() {
    let folder = trained();
    let folder = folder.path();
    fs::write(folder.join("each.csv"), "atoms,gap\n6,7.1\n3,\n5,9\n3,8\n").unwrap();
    done(folder, &["sample", "run", "--each", "each.csv", "--out", "each.xyz", "--quiet"]);
    let sizes: Vec<usize> = symbols(&folder.join("each.xyz")).iter().map(Vec::len).collect();
    assert_eq!(sizes, [6, 3, 5, 3]);
    let sample = ["sample", "run", "--each", "each.csv", "--out", "y.xyz"];
    fs::write(folder.join("each.csv"), "atoms,gap\n6,7.1\n2.5,3\n").unwrap();
    refused(folder, &sample, "each.csv, line 3, atoms: found \"2.5\"");
    fs::write(folder.join("each.csv"), "atoms,mu\n6,7.1\n").unwrap();
    refused(folder, &sample, "found mu, this model knows gap");
    refused(folder, &[&sample[..], &["--count", "3"]].concat(), "cannot be used with");
}

#[test]
fn what_cannot_be_is_named_and_nothing_is_written() {
    let folder = trained();
    let folder = folder.path();
    let sample = |more: &[&'static str]| {
        [&["sample", "run", "--count", "2", "--out", "x.sdf"][..], more].concat()
    };
    refused(
        folder,
        &sample(&["--formula", "C2F6"]),
        "--formula: found F, this model makes H, C, O",
    );
    refused(folder, &sample(&["--formula", "C2q"]), "expected, as in C7H10O2");
    refused(folder, &sample(&["--property", "mu=2"]), "found mu, this model knows gap");
    refused(folder, &sample(&["--property", "gap=2 D"]), "found unit D, the data are in eV");
    fs::write(folder.join("core.xyz"), "3\n\nO 0 0 0\nH 0.76 0.59 0\nH -0.76 0.59 0\n").unwrap();
    let scaffold = ["--scaffold", "core.xyz"];
    refused(folder, &sample(&[&scaffold[..], &["--atoms", "2"]].concat()), "3 atoms do not fit");
    refused(folder, &sample(&[&scaffold[..], &["--formula", "CH4"]].concat()), "not part of it");
    refused(folder, &sample(&["--atoms", "40..50"]), "they have 3 to 6 atoms");
    let seven = ["--species", "data", "--atoms", "7"];
    refused(folder, &sample(&seven), "no molecule of the training data has such a size");
    refused(folder, &["sample", "run", "--out", "x.pdb"], "x.pdb");
    refused(folder, &["sample", "nothing", "--out", "x.sdf"], "no model nothing");
    assert!(!folder.join("x.sdf").exists());
    let misgiven =
        SMALL.replace("species = 0.5, positions = 0.3", "species = 0.2, positions = 0.3");
    fs::write(folder.join("misgiven.toml"), misgiven).unwrap();
    let args = ["train", "misgiven.toml", "--out", "other"];
    refused(
        folder,
        &args,
        "method.give.positions: found 0.3, allowed: at most that of species, 0.2",
    );
    let other = SMALL.replace("label = \"gap\"", "label = \"mu\"");
    fs::write(folder.join("other.toml"), other).unwrap();
    let args = ["train", "other.toml", "--out", "other"];
    refused(folder, &args, "label mu has no two values in train.extxyz");
    assert!(!folder.join("other").exists());
}

#[test]
fn refining_keeps_elements_and_order_and_moves_little() {
    let folder = trained();
    let folder = folder.path();
    fs::write(folder.join("rough.xyz"), molecules()).unwrap();
    let args = ["refine", "rough.xyz", "--model", "run", "--strength", "0.02", "--quiet"];
    done(folder, &[&args[..], &["--out", "fine.xyz"]].concat());
    assert_eq!(symbols(&folder.join("rough.xyz")), symbols(&folder.join("fine.xyz")));
    done(folder, &[&args[..], &["--out", "fine.sdf"]].concat());
    let text = fs::read_to_string(folder.join("fine.sdf")).unwrap();
    let counts = text.lines().nth(3).unwrap();
    assert_eq!((&counts[..3], &counts[3..6]), ("  5", "  4"), "methane has four bonds");
    done(folder, &[&args[..], &["--threads", "1", "--out", "again.xyz"]].concat());
    let bytes = |name: &str| fs::read(folder.join(name)).unwrap();
    assert_eq!(bytes("fine.xyz"), bytes("again.xyz"));
    let args = ["refine", "rough.xyz", "--model", "run", "--out", "y.xyz", "--strength", "1.5"];
    refused(folder, &args, "--strength: found 1.5, allowed: in (0, 1)");
    fs::write(folder.join("strange.xyz"), "1\n\nF 0 0 0\n").unwrap();
    let args = ["refine", "strange.xyz", "--model", "run", "--out", "y.xyz"];
    refused(folder, &args, "molecule 1 has F, this model knows H, C, O");
}

#[test]
fn a_run_begins_with_the_weights_of_another() {
    let folder = trained();
    let folder = folder.path();
    let begin = |config: &str, out: &str| {
        molecules_command(
            folder,
            &["train", config, "--from", "run", "--steps", "1", "--out", out, "--quiet"],
        )
    };
    let bare = SMALL.replace("properties = [{ label = \"gap\", unit = \"eV\" }]", "");
    let bare = bare.replace("hide_condition = 0.2", "");
    fs::write(folder.join("bare.toml"), &bare).unwrap();
    assert!(begin("bare.toml", "bare").status.success());
    fs::write(folder.join("wide.toml"), bare.replace("width = 16", "width = 20")).unwrap();
    let output = begin("wide.toml", "wide");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("in this network"), "{said}");
    assert!(!folder.join("wide").exists(), "nothing is begun");
}
