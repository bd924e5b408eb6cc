//! Models of crystals: trained on a file, asked for structures and for what these must be.

use std::fs;
use std::path::Path;

use langevin_crystals::stoichiometry::Stoichiometry;

use super::domain::Domain;

pub(super) const CRYSTALS: Domain = Domain("crystals");

/// A network that a test can train: seconds, and no chemistry to speak of.
pub(super) const SMALL: &str = r#"
seed = 3

[data]
files = ["train.extxyz"]
hold_out = 4

[network]
kind = "periodic"
width = 16
message = 8
layers = 2
frequencies = 2
radial = 4
time = { kind = "fourier", pairs = 2, lowest = 0.5, highest = 1.0 }

[method]
head = "clean"
path = { kind = "linear" }
coupling = { kind = "periodic" }
give = { species = 0.5 }
weights = { coords = 10.0 }
anneal = { coords = 2.0 }
objective = { kind = "denoising", weighting = { kind = "inverse_noise", power = 2, most = 100 }, times = { kind = "uniform" } }
sampler = { kind = "euler" }
grid = { kind = "uniform", steps = 6 }

[train]
steps = 40
batch = 8
shards = 2
learning_rate = { kind = "constant", rate = 1e-3 }
validate_every = 20
validation_shards = 2
checkpoint_every = 20
averages = [{ kind = "constant", decay = 0.9 }]
"#;

/// Salts and perovskites of several elements and edges.
fn crystals() -> String {
    let mut text = String::new();
    let mut add = |edge: f64, atoms: &[(&str, [f64; 3])]| {
        text += &format!(
            "{}\nLattice=\"{edge} 0 0 0 {edge} 0 0 0 {edge}\" Properties=species:S:1:pos:R:3 edge={edge} pbc=\"T T T\"\n",
            atoms.len()
        );
        for (symbol, frac) in atoms {
            let [x, y, z] = frac.map(|f| f * edge);
            text += &format!("{symbol} {x} {y} {z}\n");
        }
    };
    for k in 0..6 {
        let grown = 1.0 + 0.01 * f64::from(k);
        for (a, b) in [("Cs", "Cl"), ("Cs", "Br"), ("Rb", "Cl")] {
            add(4.1 * grown, &[(a, [0.0; 3]), (b, [0.5; 3])]);
        }
        for (a, b) in [("Sr", "Ti"), ("Ca", "Ti")] {
            let (h, o) = (0.5, "O");
            let oxygens = [(o, [0.0, h, h]), (o, [h, 0.0, h]), (o, [h, h, 0.0])];
            add(3.9 * grown, &[&[(a, [0.0; 3]), (b, [h; 3])], &oxygens[..]].concat());
        }
    }
    text
}

pub(super) fn prepared(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("train.extxyz"), crystals()).unwrap();
    fs::write(folder.path().join("small.toml"), config).unwrap();
    folder
}

pub(super) fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_model_makes_what_it_is_asked_for_with_the_same_bits_on_any_number_of_threads() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = |out: &str, more: &[&str]| {
        CRYSTALS.done(folder, &[&["sample", "run", "--out", out, "--quiet"], more].concat());
    };
    sample("free.extxyz", &["--count", "9", "--threads", "1"]);
    sample("again.extxyz", &["--count", "9", "--threads", "2", "--batch", "2"]);
    assert_eq!(text(folder, "free.extxyz"), text(folder, "again.extxyz"));
    sample("units.cif", &["--formula", "CsCl", "--z", "1..2", "--count", "2"]);
    let units = text(folder, "units.cif");
    assert_eq!(units.matches("data_").count(), 4);
    assert!(units.contains("model sha256"), "{units}");
    // As many of each composition, in the order of the file.
    sample("like.extxyz", &["--like", "train.extxyz", "--count", "2", "--steps", "2"]);
    CRYSTALS.done(
        folder,
        &["match", "like.extxyz", "train.extxyz", "--candidates", "2", "--json", "m.json"],
    );
    CRYSTALS
        .done(folder, &["evaluate", "free.extxyz", "--train", "train.extxyz", "--json", "e.json"]);
    let numbers: serde_json::Value = serde_json::from_str(&text(folder, "e.json")).unwrap();
    assert_eq!(numbers["metrics"]["crystals"], 9.0);
    for (args, message) in [
        (&["--formula", "CsI"][..], "--formula CsI: found I, allowed: O Cl Ca Ti Br Rb Sr Cs"),
        (&["--formula", "CsCl", "--z", "3"], "found 6 atoms, allowed: 2 to 5"),
        (&["--formula", "Cs"], "found 1 atoms, allowed: 2 to 5, as the model saw"),
        (&["--atoms", "9"], "allowed: 2 to 5"),
        (&["--pool", "train.extxyz"], "--pool: found a model whose paths begin at noise"),
        (&["--anneal", "lattices=3"], "method.anneal.lattices"),
        (&["--sampler", "euler,farthest=1.5"], "method.sampler.farthest: found 1.5, allowed: 1"),
        (&["--sampler", "heun", "--anneal", "coords=3"], "euler, where method.anneal is set"),
    ] {
        let all = [&["sample", "run", "--out", "no.cif"], args].concat();
        CRYSTALS.refused(folder, &all, message);
        assert!(!folder.join("no.cif").exists());
    }
    CRYSTALS.refused(folder, &["sample", "run", "--out", "no.vasp"], "no.vasp");
}

/// Groups hold on the whole way, volumes to rounding, systems without exception.
#[test]
fn constraints_are_kept_exactly() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = |more: &[&str]| {
        let all = ["sample", "run", "--out", "out.extxyz", "--count", "6", "--force", "--quiet"];
        CRYSTALS.done(folder, &[&all[..], more].concat());
        langevin_datasets::read_crystals(&folder.join("out.extxyz"), false).unwrap().crystals
    };
    let group = |crystal: &langevin_crystals::record::Crystal| {
        crystal.symmetry(1e-4).map_or(0, |symmetry| symmetry.number.get())
    };
    let cubic = sample(&["--formula", "SrTiO3", "--space-group", "221"]);
    assert!(cubic.iter().all(|crystal| group(crystal) == 221));
    assert!(cubic.iter().all(|crystal| crystal.labels()["spacegroup"] == 221.0));
    // By its symbol; of the cells of a range those that can have it: one formula unit cannot.
    let two = sample(&["--formula", "CsCl", "--z", "1..2", "--space-group", "P4/nmm"]);
    assert_eq!(two.len(), 6);
    let free = sample(&["--formula", "SrTiO3"]);
    assert!(free.iter().all(|crystal| group(crystal) < 221));
    // P4mm, a polar subgroup: the operations of one of its supergroups are a multiple of its eight.
    let polar = sample(&["--formula", "SrTiO3", "--space-group", "99", "--volume", "12.5"]);
    for crystal in &polar {
        let found = crystal.symmetry(1e-4).expect("atoms are apart").operations.len();
        assert_eq!(found % 8, 0, "{}", group(crystal));
        assert!((crystal.lattice().volume() / 5.0 - 12.5).abs() < 1e-6);
    }
    let salts = sample(&["--system", "Cs-Cl"]);
    let allowed =
        |element: &&langevin_crystals::element::Element| ["Cs", "Cl"].contains(&element.symbol());
    assert!(salts.iter().flat_map(|crystal| crystal.species()).all(|one| allowed(&one)));
    // Of any elements, but three atoms of one and one each of two others; as in the data if nothing is said.
    let of = |crystal: &langevin_crystals::record::Crystal| {
        Stoichiometry::of(crystal.species()).to_string()
    };
    assert!(sample(&["--stoichiometry", "ABX3"]).iter().all(|crystal| of(crystal) == "ABC3"));
    let known = ["AB", "ABC3"];
    assert!(sample(&[]).iter().all(|crystal| known.contains(&of(crystal).as_str())));
    assert!(sample(&["--system", "Cs-Cl"]).iter().all(|crystal| of(crystal) == "AB"));
    let free = ["--stoichiometry", "free", "--atoms", "5"];
    assert!(sample(&free).iter().any(|crystal| !known.contains(&of(crystal).as_str())));
    for (args, message) in [
        (&["--stoichiometry", "AB9"][..], "--stoichiometry: found no AB9 of such a size"),
        (&["--stoichiometry", "AB", "--atoms", "5"], "found no AB of such a size"),
        (&["--stoichiometry", "ABC3", "--system", "Cs-Cl"], "of at most 2 elements"),
        (&["--stoichiometry", "SrTiO3"], "a capital letter for each element"),
        (&["--stoichiometry", "AB", "--formula", "CsCl"], "--stoichiometry"),
        (&["--formula", "SrTiO3", "--space-group", "231"], "found 231, allowed: 1 to 230"),
        (
            &["--formula", "SrTiO3", "--space-group", "Q7"],
            "allowed: 1 to 230, or a Hermann–Mauguin symbol",
        ),
        (&["--formula", "SrTiO3", "--space-group", "-1"], "allowed: 1 to 230"),
        (&["--formula", "SrTiO3", "--volume", "-5"], "allowed: 1 to 1000 Å³ per atom"),
        (&["--formula", "SrTiO3", "--volume", "1e9"], "allowed: 1 to 1000 Å³ per atom"),
        (
            &["--formula", "SrTiO3", "--z", "1..99999999999"],
            "--z: found 99999999999 units of 5 atoms",
        ),
        (&["--formula", "SrTiO3", "--z", "2"], "--formula SrTiO3 --z 2: found 10 atoms"),
        (&["--formula", "SrTiO3", "--count", "99999999999999"], "allowed: 10000000 in one run"),
        (&["--formula", "SrTiO3", "--count", "0"], "found 0, allowed: a whole number above 0"),
        (&["--formula", "SrTiO3", "--threads", "99999"], "--threads: found 99999, allowed: 1 to"),
        (&["--space-group", "221"], "--space-group: found no composition"),
        (&["--formula", "SrTiO3", "--space-group", "227"], "3 O, 1 Ti, 1 Sr"),
        (&["--system", "Cs-Xx"], "--system Cs-Xx"),
        (&["--system", "Cs-I"], "--system: found I, allowed: O Cl"),
        (&["--volume", "0"], "--volume"),
        (
            &["--formula", "SrTiO3", "--space-group", "221", "--sampler", "renoise,noise=0.5"],
            "whose noise breaks symmetry",
        ),
        (&["--sampler", "renoise,noise=2"], "method.sampler.noise: found 2, allowed: 0 to 1"),
    ] {
        let all = [&["sample", "run", "--out", "no.cif"], args].concat();
        CRYSTALS.refused(folder, &all, message);
        assert!(!folder.join("no.cif").exists());
    }
}

/// A model that adds noise on its way leaves it out where a symmetry is asked for, and only there.
#[test]
fn noise_breaks_no_symmetry() {
    let config = SMALL.replace("anneal = { coords = 2.0 }\n", "").replace(
        r#"sampler = { kind = "euler" }"#,
        r#"sampler = { kind = "renoise", noise = 0.5 }"#,
    );
    let folder = prepared(&config);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = |out: &str, more: &[&str]| {
        let all = ["sample", "run", "--formula", "SrTiO3", "--count", "4", "--out", out, "--quiet"];
        CRYSTALS.done(folder, &[&all[..], more].concat());
        langevin_datasets::read_crystals(&folder.join(out), false).unwrap().crystals
    };
    for crystal in sample("cubic.extxyz", &["--space-group", "221"]) {
        assert_eq!(crystal.symmetry(1e-4).unwrap().number.get(), 221);
    }
    let (noisy, quiet) =
        (sample("noisy.extxyz", &[]), sample("quiet.extxyz", &["--sampler", "renoise,noise=0"]));
    assert!(noisy.iter().zip(&quiet).all(|(a, b)| a.frac_coords() != b.frac_coords()));
}

/// A model of a property is asked for a value of it, with more or less weight; what it does not know is named.
#[test]
fn properties_can_be_asked_for() {
    let config = SMALL
        .replace("hold_out = 4", "hold_out = 4\nproperties = [{ label = \"edge\", unit = \"eV\" }]")
        .replace("head = \"clean\"", "head = \"clean\"\nhide_condition = 0.3");
    let folder = prepared(&config);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    let sample = |more: &[&str]| {
        let all = ["sample", "run", "--count", "4", "--out", "p.extxyz", "--force", "--quiet"];
        CRYSTALS.done(folder, &[&all[..], more].concat());
        let crystals = text(folder, "p.extxyz");
        crystals.lines().filter(|line| !line.contains("Lattice")).collect::<Vec<_>>().join("\n")
    };
    let free = sample(&[]);
    let asked = sample(&["--property", "edge=4eV"]);
    assert_ne!(free, asked);
    assert_eq!(asked, sample(&["--property", "edge=4000meV"]));
    let guided = ["--property", "edge=4", "--guidance", "2"];
    assert_ne!(asked, sample(&guided));
    // Within an interval of noise levels that no step has, nothing is changed.
    assert_eq!(asked, sample(&[&guided[..], &["--guidance-interval", "90..99"]].concat()));
    for (args, message) in [
        (&["--property", "gap=2"][..], "--property: found gap, this model knows edge"),
        (&["--property", "edge=2 D"], "--property edge: found unit D"),
        (&["--guidance", "2"], "--property"),
    ] {
        let all = [&["sample", "run", "--out", "no.cif"], args].concat();
        CRYSTALS.refused(folder, &all, message);
    }
    let bare = prepared(&config.replace("label = \"edge\"", "label = \"gap\""));
    let train = ["train", "small.toml", "--out", "run"];
    CRYSTALS.refused(bare.path(), &train, "data.properties: label gap has no two values");
}

/// Away from a model of fewer steps: other crystals than without, and only from one of the same data.
#[test]
fn a_weaker_model_guides() {
    let folder = prepared(SMALL);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    CRYSTALS.done(folder, &["train", "small.toml", "--steps", "5", "--out", "weak", "--quiet"]);
    let sample = |more: &[&str]| {
        let all = ["sample", "run", "--formula", "CsCl", "--count", "3", "--quiet"];
        CRYSTALS.done(folder, &[&all, more, &["--out", "w.extxyz", "--force"]].concat());
        let crystals = text(folder, "w.extxyz");
        crystals.lines().filter(|line| !line.contains("Lattice")).collect::<Vec<_>>().join("\n")
    };
    let alone = sample(&[]);
    assert_eq!(alone, sample(&["--weaker", "weak", "--guidance", "1"]));
    assert_ne!(alone, sample(&["--weaker", "weak", "--guidance", "2"]));
    assert!(text(folder, "w.extxyz").contains("weaker_model_sha256"));
    for (args, message) in [
        (&["--guidance", "2"][..], "--guidance: needs --property, or another model as --weaker"),
        (&["--guidance", "2", "--weaker", "mp20"], "--weaker: data or path of the two models"),
        (&["--guidance", "2", "--weaker", "none"], "no model none"),
        (&["--weaker", "weak"], "--guidance"),
    ] {
        let all = [&["sample", "run", "--out", "no.cif"], args].concat();
        CRYSTALS.refused(folder, &all, message);
        assert!(!folder.join("no.cif").exists());
    }
}

/// Coordinates that are blurred instead of led along geodesics: the diffusion of the torus, other crystals by the same
/// seeds.
#[test]
fn coordinates_can_be_diffused() {
    let made = |motion: &str| {
        let motion = format!("hold_out = 4\nmotion = \"{motion}\"");
        let folder = prepared(&SMALL.replace("hold_out = 4", &motion));
        let folder = folder.path();
        CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
        let sample = ["sample", "run", "--formula", "CsCl", "--count", "3", "--out", "a.cif"];
        CRYSTALS.done(folder, &sample);
        let crystals = text(folder, "a.cif");
        let crystals = crystals.split_once("data_").expect("there are crystals").1.to_owned();
        assert_eq!(crystals.matches("data_").count(), 2);
        crystals
    };
    assert_ne!(made("wrapped_normal"), made("geodesic"));
}

/// Coordinates under the law of DiffCSP, cells under another: what sampling knows of both.
#[test]
fn factors_may_follow_paths_of_their_own() {
    let config = SMALL
        .replace("hold_out = 4", "hold_out = 4\nmotion = \"wrapped_normal\"")
        .replace(
            "anneal = { coords = 2.0 }",
            "paths.coords = { kind = \"variance_exploding\", sigma_min = 0.005, sigma_max = 0.5 }",
        )
        .replace("path = { kind = \"linear\" }", "path = { kind = \"cosine\" }");
    let folder = prepared(&config);
    let folder = folder.path();
    CRYSTALS.done(folder, &["train", "small.toml", "--out", "run", "--quiet"]);
    CRYSTALS.done(folder, &["sample", "run", "--count", "4", "--out", "a.extxyz"]);
    assert_eq!(text(folder, "a.extxyz").matches("Lattice=").count(), 4);
    let stranger = prepared(&config.replace("paths.coords", "paths.coord"));
    let train = ["train", "small.toml", "--out", "run"];
    CRYSTALS.refused(stranger.path(), &train, "method.paths.coord");
}

/// Elements that give way change what is learnt, the same on any number of threads.
#[test]
fn a_network_learns_from_exchanged_elements() {
    let exchanging = "hold_out = 4\nsubstitution = { share = 1.0, range = 1.0 }";
    let folder = prepared(&SMALL.replace("hold_out = 4", exchanging));
    let folder = folder.path();
    fs::write(folder.join("plain.toml"), SMALL).unwrap();
    let validations = |config: &str, out: &str, threads: &str| -> Vec<String> {
        let train = ["train", config, "--out", out, "--threads", threads, "--quiet"];
        CRYSTALS.done(folder, &train);
        let log = text(&folder.join(out), "metrics.jsonl");
        log.lines().filter(|line| line.contains("validation")).map(String::from).collect()
    };
    let one = validations("small.toml", "one", "1");
    assert_eq!(one.len(), 2);
    assert_eq!(one, validations("small.toml", "two", "2"));
    assert_ne!(one, validations("plain.toml", "plain", "2"));
}

#[test]
fn impossible_configs_are_refused_before_anything_is_written() {
    for (from, to, message) in [
        ("files = [\"train.extxyz\"]", "files = []", "data.files"),
        ("hold_out = 4", "hold_out = 30", "data.hold_out"),
        ("hold_out = 4", "", "data.validation_file"),
        ("radial = 4", "radial = 1", "network.radial: found 1, allowed: at least 2"),
        ("species = 0.5", "coords = 0.5", "method.give: found coords, allowed: species"),
        (
            "hold_out = 4",
            "hold_out = 4\ntemplates = { nearest = 2, within = 0.5, coords = 0.01, cells = 0.05 }",
            "data.templates",
        ),
        (
            "hold_out = 4",
            "hold_out = 4\nsubstitution = { share = 1.5, range = 0.5 }",
            "data.substitution.share: found 1.5, allowed: above 0 to 1",
        ),
        ("coords = 2.0", "coords = -2.0", "method.anneal.coords"),
    ] {
        let folder = prepared(&SMALL.replace(from, to));
        CRYSTALS.refused(folder.path(), &["train", "small.toml", "--out", "run"], message);
        assert!(!folder.path().join("run").exists(), "{message}");
    }
}
