//! What `xtb` prints.
//!
//! Read from the text, whose summary has kept its form from version 6.2 to 6.7; the names in its JSON
//! file have changed ("HOMO-LUMO gap/eV" became "HOMO-LUMO gap / eV"), and the file is not always JSON.

/// 1 hartree in eV (CODATA 2018).
const EV: f64 = 27.211_386_245_988;

/// A calculation of one geometry.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Total energy in eV.
    pub energy: f64,
    /// HOMO–LUMO gap in eV.
    pub gap: Option<f64>,
    /// Length of the dipole in D.
    pub dipole: Option<f64>,
}

impl Point {
    /// Of what was printed; `None` if there is no energy, or the charges did not converge.
    ///
    /// Of several summaries, as an optimisation prints, the last counts.
    pub fn read(text: &str) -> Option<Self> {
        if text.contains("convergence criteria cannot be satisfied within") {
            return None;
        }
        let energy = summary(text, "TOTAL ENERGY", "Eh")? * EV;
        let gap = summary(text, "HOMO-LUMO GAP", "eV");
        energy.is_finite().then(|| Self { energy, gap, dipole: dipole(text) })
    }
}

/// Whether an optimisation says that it has reached a minimum.
pub fn optimised(text: &str) -> bool {
    text.contains("GEOMETRY OPTIMIZATION CONVERGED")
}

/// The number behind `name` in a line such as `| TOTAL ENERGY   -5.070544 Eh |`.
fn summary(text: &str, name: &str, unit: &str) -> Option<f64> {
    let number = |line: &str| {
        let mut words =
            line.trim().strip_prefix('|')?.trim().strip_prefix(name)?.split_whitespace();
        let number = words.next()?.parse().ok()?;
        (words.next()? == unit).then_some(number)
    };
    text.lines().rev().find_map(number).filter(|x: &f64| x.is_finite())
}

/// The last number of the row `full:` under the last "molecular dipole:".
fn dipole(text: &str) -> Option<f64> {
    let (_, block) = text.rsplit_once("molecular dipole:")?;
    let row = block.lines().take(4).find_map(|line| line.trim().strip_prefix("full:"))?;
    let numbers: Vec<f64> = row.split_whitespace().filter_map(|x| x.parse().ok()).collect();
    numbers.get(3).copied().filter(|x| x.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The form of version 6.7.1's output for water; the columns are those of its source.
    const WATER: &str = "\
   *** convergence criteria satisfied after 10 iterations ***

molecular dipole:
                 x           y           z       tot (Debye)
 q only:       -0.000       0.000       0.600
   full:       -0.000       0.000       0.871       2.214
molecular quadrupole (traceless):
                xx          xy          yy          xz          yz          zz
   full:       -0.747      -1.039       0.950       0.587       0.309      -0.203

           -------------------------------------------------
          | TOTAL ENERGY               -5.070544323569 Eh   |
          | GRADIENT NORM               0.000057326562 Eh/α |
          | HOMO-LUMO GAP              14.652302902752 eV   |
           -------------------------------------------------
";

    #[test]
    fn the_summary_is_read_in_its_units() {
        let point = Point::read(WATER).unwrap();
        assert!((point.energy + 137.976_540).abs() < 1e-5, "{}", point.energy);
        assert_eq!((point.gap, point.dipole), (Some(14.652302902752), Some(2.214)));
        let twice = WATER.to_owned() + &WATER.replace("-5.070544323569", "-6.0");
        assert!((Point::read(&twice).unwrap().energy + 6.0 * EV).abs() < 1e-9);
    }

    #[test]
    fn what_is_missing_is_nothing_and_not_zero() {
        let atom = "          | TOTAL ENERGY               -1.0 Eh   |\n";
        assert_eq!(Point::read(atom), Some(Point { energy: -EV, gap: None, dipole: None }));
        let failed = "   *** convergence criteria cannot be satisfied within 250 iterations ***\n";
        for text in ["", "abnormal termination of xtb", "| TOTAL ENERGY NaN Eh |"] {
            assert_eq!(Point::read(text), None, "{text}");
        }
        assert_eq!(Point::read(&(failed.to_owned() + WATER)), None);
    }

    #[test]
    fn an_optimisation_says_how_it_ended() {
        assert!(optimised("   *** GEOMETRY OPTIMIZATION CONVERGED AFTER 6 ITERATIONS ***"));
        assert!(!optimised("*** FAILED TO CONVERGE GEOMETRY OPTIMIZATION IN 200 ITERATIONS ***"));
    }
}
