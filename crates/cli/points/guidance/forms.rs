//! How requests are written: `COLUMN=VALUE`, `A,B,..=VALUE`.

use std::str::FromStr;

use langevin_points::space::Points;
use serde::Serialize;

/// `COLUMN=VALUE`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Known {
    pub column: String,
    pub value: f64,
}

impl FromStr for Known {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (column, value) = text.split_once('=').ok_or("no `=` between column and value")?;
        Ok(Self { column: column.trim().into(), value: number(value)? })
    }
}

/// `a · x = value`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Linear {
    pub factors: Vec<f64>,
    pub value: f64,
}

impl FromStr for Linear {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (factors, value) = text.split_once('=').ok_or("no `=` before the value")?;
        let factors: Vec<f64> = factors.split(',').map(number).collect::<Result<_, _>>()?;
        if factors.iter().all(|&a| a == 0.0) {
            return Err("all factors are 0".into());
        }
        Ok(Self { factors, value: number(value)? })
    }
}

fn number(text: &str) -> Result<f64, String> {
    let value: f64 = text.trim().parse().map_err(|_| format!("`{text}` is no number"))?;
    if value.is_finite() { Ok(value) } else { Err(format!("`{text}` is not finite")) }
}

/// A unit vector and a value, in the units of states: `a · x̃ = value`, and the norm that was divided out.
pub struct UnitForm {
    pub factors: Vec<f64>,
    pub value: f64,
    pub norm: f64,
}

impl Linear {
    /// With x = scale · x̃ + mean, divided by its norm.
    pub fn standardised(&self, domain: &Points) -> UnitForm {
        let (mean, scale) = (&domain.standardisation.mean, domain.standardisation.scale);
        let norm = scale * self.factors.iter().map(|a| a * a).sum::<f64>().sqrt();
        let shift: f64 = self.factors.iter().zip(mean).map(|(a, m)| a * m).sum();
        UnitForm {
            factors: self.factors.iter().map(|a| a * scale / norm).collect(),
            value: (self.value - shift) / norm,
            norm,
        }
    }
}

#[cfg(test)]
mod tests {
    use langevin_points::space::{Geometry, Standardisation};

    use super::*;

    #[test]
    fn forms_are_read_and_faults_are_named() {
        assert_eq!("x=-1".parse(), Ok(Known { column: "x".into(), value: -1.0 }));
        assert_eq!("1, -1=0.5".parse(), Ok(Linear { factors: vec![1.0, -1.0], value: 0.5 }));
        assert_eq!("x=y".parse::<Known>(), Err("`y` is no number".into()));
        assert_eq!("0,0=1".parse::<Linear>(), Err("all factors are 0".into()));
        assert_eq!("1,inf=1".parse::<Linear>(), Err("`inf` is not finite".into()));
    }

    /// A point fulfils the equation exactly where its state fulfils the standardised one.
    #[test]
    fn an_equation_means_the_same_for_states() {
        let standardisation = Standardisation { mean: vec![1.0, -2.0], scale: 3.0 };
        let domain = Points { geometry: Geometry::Flat, standardisation, variance: 1.0 };
        let form = Linear { factors: vec![2.0, -1.0], value: 0.7 };
        let unit = form.standardised(&domain);
        let point = [1.3f64, 1.9];
        assert!((2.0 * point[0] - point[1] - 0.7).abs() < 1e-12);
        let state = [(point[0] - 1.0) / 3.0, (point[1] + 2.0) / 3.0];
        let product: f64 = unit.factors.iter().zip(state).map(|(a, x)| a * x).sum();
        assert!((product - unit.value).abs() < 1e-12);
        assert!((unit.factors.iter().map(|a| a * a).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!((unit.norm - 3.0 * 5f64.sqrt()).abs() < 1e-12);
    }
}
