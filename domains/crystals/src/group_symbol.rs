//! Space groups by their names, as files give them.

use moyo::data::{HallSymbolEntry, Setting, hall_symbol_entry, operations_from_number};

use crate::orbits::Operation;

/// Why a name gives no operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unnamed {
    /// It names no space group.
    Unknown,
    /// It leaves the origin or the axes open.
    Open,
}

/// Operations on the conventional cell that `symbol` names: a Hall symbol, a Hermann–Mauguin symbol, full or short, or a
/// number, each with a setting behind a colon, as `F d -3 m :2` and `R -3 m :R`, where it has one. `S` and `Z` behind a symbol
/// are the origins 1 and 2.
///
/// Without a setting the cell's angles tell the axes: rhombohedral or hexagonal ones, and the unique one of a monoclinic
/// cell, which is b where all are right. Two origins they do not tell.
///
/// # Errors
/// [`Unnamed`].
pub fn operations_of_symbol(symbol: &str, angles: [f64; 3]) -> Result<Vec<Operation>, Unnamed> {
    let (name, setting) = with_setting(symbol);
    let mut found = named(name);
    if found.is_empty() {
        return Err(Unnamed::Unknown);
    }
    if setting.is_empty() {
        if found.len() > 1 {
            let own = axes(angles);
            found.retain(|entry| own.contains(&entry.setting));
        }
    } else {
        found.retain(|entry| entry.setting.to_lowercase() == setting);
    }
    let [entry] = &found[..] else { return Err(Unnamed::Open) };
    let setting = Setting::HallNumber(entry.hall_number);
    let all = operations_from_number(entry.number, setting, false).map_err(|_| Unnamed::Open)?;
    Ok(all.iter().map(Operation::from).collect())
}

/// The number of the space group that `symbol` names; nothing where it names none.
pub fn number_of_symbol(symbol: &str) -> Option<u16> {
    let numbers = named(with_setting(symbol).0).into_iter().map(|entry| entry.number);
    u16::try_from(numbers.min()?).ok()
}

/// The name and, in lower case, the setting, which is empty where none is given.
fn with_setting(symbol: &str) -> (&str, String) {
    if let Some((name, setting)) = symbol.split_once(':') {
        return (name, setting.trim().to_lowercase());
    }
    let origin = |(name, letter)| match letter {
        "S" => Some((name, "1".to_string())),
        "Z" => Some((name, "2".to_string())),
        _ => None,
    };
    symbol.trim().rsplit_once(' ').and_then(origin).unwrap_or((symbol, String::new()))
}

/// The settings of the first kind of name that `name` is.
fn named(name: &str) -> Vec<HallSymbolEntry> {
    let bare = |text: &str| text.replace([' ', '_', '='], "").to_lowercase();
    let wanted = bare(name);
    // P 21/n is short for P 1 21/n 1.
    let about_b = wanted.split_at_checked(1).map(|(lattice, axis)| format!("{lattice}1{axis}1"));
    let kinds: [&dyn Fn(&HallSymbolEntry) -> bool; 5] = [
        &|entry| bare(entry.hall_symbol) == wanted,
        &|entry| bare(entry.hm_full) == wanted,
        &|entry| bare(entry.hm_short) == wanted,
        &|entry| entry.number.to_string() == wanted,
        &|entry| Some(bare(entry.hm_full)) == about_b,
    ];
    let entries = |fits: &dyn Fn(&HallSymbolEntry) -> bool| -> Vec<HallSymbolEntry> {
        (1..=530).filter_map(hall_symbol_entry).filter(|entry| fits(entry)).collect()
    };
    kinds.iter().map(|fits| entries(fits)).find(|found| !found.is_empty()).unwrap_or_default()
}

/// The settings that angles stand for.
fn axes(angles: [f64; 3]) -> [&'static str; 2] {
    let is = |k: usize, degrees: f64| (angles[k] - degrees).abs() < 0.01;
    let rhombohedral = if is(2, 120.0) && is(0, 90.0) && is(1, 90.0) { "H" } else { "R" };
    let unique = match [0, 1, 2].map(|k| !is(k, 90.0)) {
        [true, false, false] => "a1",
        [false, false, true] => "c1",
        _ => "b1",
    };
    [rhombohedral, unique]
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [f64; 3] = [90.0; 3];

    fn count(symbol: &str, angles: [f64; 3]) -> Result<usize, Unnamed> {
        operations_of_symbol(symbol, angles).map(|all| all.len())
    }

    /// Rock salt's group by all of its names.
    #[test]
    fn symbols_name_their_operations() {
        for symbol in ["F m -3 m", "Fm-3m", "F 4/m -3 2/m", "-F 4 2 3", "225"] {
            assert_eq!(count(symbol, RIGHT), Ok(192), "{symbol}");
        }
        assert_eq!(count("P 1 21/c 1", RIGHT), Ok(4));
        assert_eq!(count("P -1", RIGHT), Ok(2));
        for unknown in ["Q 7", "", "231", "0"] {
            assert_eq!(count(unknown, RIGHT), Err(Unnamed::Unknown), "{unknown}");
        }
    }

    #[test]
    fn symbols_name_their_numbers() {
        for (symbol, number) in
            [("Pm-3m", 221), ("F d -3 m :2", 227), ("P 21/c", 14), ("P6_3/mmc", 194)]
        {
            assert_eq!(number_of_symbol(symbol), Some(number), "{symbol}");
        }
        assert_eq!(number_of_symbol("Q 7"), None);
    }

    /// Two origins are left open; axes are told by a setting or the cell.
    #[test]
    fn settings_and_angles_tell_what_short_names_leave_open() {
        for open in ["F d -3 m", "227", "I41/amd", "F d -3 m :3"] {
            assert_eq!(count(open, RIGHT), Err(Unnamed::Open), "{open}");
        }
        assert_eq!(count("F d -3 m :2", RIGHT), Ok(192));
        let by_letter = operations_of_symbol("F d -3 m Z", RIGHT);
        assert_eq!(by_letter, operations_of_symbol("F d -3 m :2", RIGHT));
        assert_ne!(
            operations_of_symbol("Fd-3m:1", RIGHT),
            operations_of_symbol("F d -3 m:2", RIGHT)
        );
        assert_eq!(count("I41/amd:2", RIGHT), Ok(32));
        // Of 12 operations with primitive rhombohedral axes, and as many at each of three points with hexagonal ones.
        assert_eq!(count("R -3 m :H", RIGHT), Ok(36));
        assert_eq!(count("R -3 m", [90.0, 90.0, 120.0]), Ok(36));
        assert_eq!(count("R -3 m", [70.0; 3]), Ok(12));
        let about_b = operations_of_symbol("P 21/c", [90.0, 101.0, 90.0]).unwrap();
        assert_eq!(about_b, operations_of_symbol("P 1 21/c 1", RIGHT).unwrap());
        let about_c = operations_of_symbol("P 21/c", [90.0, 90.0, 101.0]).unwrap();
        assert_ne!(about_b, about_c);
        assert_eq!(
            operations_of_symbol("P 21/n", RIGHT),
            operations_of_symbol("P 1 21/n 1", RIGHT)
        );
        assert_eq!(count("C 2/c", [90.0, 101.0, 90.0]), Ok(8));
    }
}
