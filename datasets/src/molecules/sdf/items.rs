//! Data items behind a table: `> <name>`, lines, an empty line.

use langevin_molecules::record::Molecule;

use super::read::Lines;
use crate::error::shown;
use crate::molecules::PROVENANCE;
use crate::molecules::text::{LineFault, label, wrong};

/// The molecule with all data items that are left.
pub(super) fn read(lines: &mut Lines, mut molecule: Molecule) -> Result<Molecule, LineFault> {
    while let Some((line, text)) = lines.more() {
        if text.trim().is_empty() {
            continue;
        }
        let Some(name) = name(text) else {
            return Err(wrong(line, shown(text.trim_end()), "a data item \"> <name>\", or $$$$"));
        };
        let mut value = Vec::new();
        while let Some((_, text)) = lines.more().filter(|(_, text)| !text.trim().is_empty()) {
            value.push(text);
        }
        if name.starts_with(PROVENANCE) {
            continue;
        }
        let number = if let [text] = value[..] { label(text.trim()) } else { None };
        molecule = match number {
            Some(number) => molecule.with_label(name, number),
            None => molecule.with_note(name, value.join("\n")),
        };
    }
    Ok(molecule)
}

/// Between the angle brackets of an item's first line.
fn name(text: &str) -> Option<&str> {
    let (_, rest) = text.strip_prefix('>')?.split_once('<')?;
    rest.rsplit_once('>').map(|(name, _)| name)
}
