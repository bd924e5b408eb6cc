//! Chemical elements by their atomic number.

use std::fmt;
use std::str::FromStr;

/// An element: its atomic number, 1 to 118.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Element(u8);

const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl",
    "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As",
    "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In",
    "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb",
    "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl",
    "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk",
    "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh",
    "Fl", "Mc", "Lv", "Ts", "Og",
];

/// Standard atomic weights in u (IUPAC 2016; the conventional value where there is an interval); of elements
/// without a stable isotope the mass of the most stable one.
const MASSES: [f64; 118] = [
    1.008, 4.0026, 6.94, 9.01218, 10.81, 12.011, 14.007, 15.999, 18.9984, 20.1797, 22.9898, 24.305,
    26.9815, 28.085, 30.9738, 32.06, 35.45, 39.948, 39.0983, 40.078, 44.9559, 47.867, 50.9415,
    51.9961, 54.938, 55.845, 58.9332, 58.6934, 63.546, 65.38, 69.723, 72.63, 74.9216, 78.971,
    79.904, 83.798, 85.4678, 87.62, 88.9058, 91.224, 92.9064, 95.95, 97.9072, 101.07, 102.906,
    106.42, 107.868, 112.414, 114.818, 118.71, 121.76, 127.6, 126.904, 131.293, 132.905, 137.327,
    138.905, 140.116, 140.908, 144.242, 144.913, 150.36, 151.964, 157.25, 158.925, 162.5, 164.93,
    167.259, 168.934, 173.054, 174.967, 178.49, 180.948, 183.84, 186.207, 190.23, 192.217, 195.084,
    196.967, 200.592, 204.38, 207.2, 208.98, 208.982, 209.987, 222.018, 223.02, 226.025, 227.028,
    232.038, 231.036, 238.029, 237.048, 244.064, 243.061, 247.07, 247.07, 251.08, 252.083, 257.095,
    258.098, 259.101, 262.11, 267.122, 268.126, 271.134, 270.133, 269.134, 278.156, 281.165,
    281.166, 285.177, 286.182, 289.19, 289.194, 293.204, 293.208, 294.214,
];

impl Element {
    /// Hydrogen.
    pub const H: Self = Self(1);
    /// Boron.
    pub const B: Self = Self(5);
    /// Carbon.
    pub const C: Self = Self(6);
    /// Nitrogen.
    pub const N: Self = Self(7);
    /// Oxygen.
    pub const O: Self = Self(8);
    /// Fluorine.
    pub const F: Self = Self(9);
    /// Silicon.
    pub const SI: Self = Self(14);
    /// Phosphorus.
    pub const P: Self = Self(15);
    /// Sulfur.
    pub const S: Self = Self(16);
    /// Chlorine.
    pub const CL: Self = Self(17);
    /// Arsenic.
    pub const AS: Self = Self(33);
    /// Bromine.
    pub const BR: Self = Self(35);
    /// Iodine.
    pub const I: Self = Self(53);

    /// The element of atomic number `number`, if there is one.
    pub fn new(number: u8) -> Option<Self> {
        (1..=118).contains(&number).then_some(Self(number))
    }

    /// Atomic number Z.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Atomic weight in u.
    pub fn mass(self) -> f64 {
        MASSES[usize::from(self.0) - 1]
    }

    /// Symbol, as "Cl".
    pub fn symbol(self) -> &'static str {
        SYMBOLS[usize::from(self.0) - 1]
    }
}

/// What was found where an element was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("found {0:?}, allowed: the symbol or the number of an element")]
pub struct UnknownElement(pub String);

impl FromStr for Element {
    type Err = UnknownElement;

    /// From a symbol in any case, or an atomic number.
    fn from_str(text: &str) -> Result<Self, UnknownElement> {
        let unknown = || UnknownElement(text.to_owned());
        if let Ok(number) = text.parse::<u8>() {
            return Self::new(number).ok_or_else(unknown);
        }
        let place = SYMBOLS.iter().position(|symbol| symbol.eq_ignore_ascii_case(text));
        place.map(|place| Self(place as u8 + 1)).ok_or_else(unknown)
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl serde::Serialize for Element {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.symbol())
    }
}

impl<'de> serde::Deserialize<'de> for Element {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_name_the_same_elements() {
        for number in 1..=118 {
            let element = Element::new(number).unwrap();
            assert_eq!(element.symbol().parse(), Ok(element));
            assert_eq!(number.to_string().parse(), Ok(element));
        }
        assert_eq!(("cl".parse(), "CL".parse()), (Ok(Element::CL), Ok(Element::CL)));
        assert_eq!(
            (Element::H.mass(), Element::CL.mass(), Element::I.mass()),
            (1.008, 35.45, 126.904)
        );
        assert_eq!((Element::SI.symbol(), Element::I.symbol()), ("Si", "I"));
        for wrong in ["", "0", "119", "300", "Xx", "C1"] {
            assert_eq!(wrong.parse::<Element>(), Err(UnknownElement(wrong.into())));
        }
    }
}
