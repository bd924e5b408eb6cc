//! Laws as they stand in a configuration.

use langevin_points::toy::Toy;

const ALL: &str = r#"
[[law]]
kind = "standard_normal"
dimension = 2
[[law]]
kind = "eight_gaussians"
radius = 5.0
std = 1.0
[[law]]
kind = "mixture"
components = [{ weight = 1.0, mean = [0.0, 1.0], std = 0.5 }, { weight = 2.0, mean = [1.0, 0.0], std = 1.0 }]
[[law]]
kind = "moons"
noise = 0.05
[[law]]
kind = "moons"
noise = 0.3
scale = 1.0
shift = [0.0, 0.5]
[[law]]
kind = "moons_standardised"
noise = 0.1
scale = 7.0
[[law]]
kind = "moons_jittered"
jitter = 0.2
scale = 3.0
shift = -1.0
[[law]]
kind = "s_curve"
noise = 0.05
scale = 1.5
[[law]]
kind = "swiss_roll"
noise = 1.0
scale = 0.2
[[law]]
kind = "rings"
radii = [3.0, 2.25, 1.5, 0.75]
noise = 0.08
[[law]]
kind = "checkerboard"
cells = 4
side = 2.0
[[law]]
kind = "pinwheel"
blades = 5
radial_std = 0.3
tangential_std = 0.1
twist = 0.25
scale = 2.0
[[law]]
kind = "sphere_mixture"
components = [{ weight = 1.0, latitude_degrees = 64.0, longitude_degrees = -19.0, concentration = 50.0 }]
"#;

#[derive(serde::Deserialize, serde::Serialize)]
struct Laws {
    law: Vec<Toy>,
}

#[test]
fn every_kind_is_read_built_and_written_back() {
    let laws: Laws = toml::from_str(ALL).unwrap();
    assert_eq!(laws.law.len(), 13);
    for toy in &laws.law {
        toy.check().unwrap_or_else(|error| panic!("{toy:?}: {error}"));
    }
    let again: Laws = toml::from_str(&toml::to_string(&laws).unwrap()).unwrap();
    assert_eq!(again.law, laws.law);
    for toy in [Toy::standard_normal(2), Toy::eight_gaussians(5.0, 1.0), Toy::tutorial_moons()] {
        assert!(laws.law.contains(&toy), "{toy:?}");
    }
    for toy in [Toy::paper_moons(), Toy::paper_source_moons(), Toy::paper_s_curve()] {
        assert!(laws.law.contains(&toy), "{toy:?}");
    }
}

#[test]
fn an_unknown_key_or_kind_is_refused() {
    let message = |text: &str| toml::from_str::<Toy>(text).unwrap_err().to_string();
    let unknown = message("kind = \"moons\"\nnoise = 0.1\nstd = 2.0\n");
    assert!(
        unknown.contains("unknown field `std`, expected one of `noise`, `scale`, `shift`"),
        "{unknown}"
    );
    assert!(message("kind = \"moon\"\nnoise = 0.1\n").contains("unknown variant `moon`"));
    assert!(message("kind = \"moons\"\n").contains("missing field `noise`"));
}
