//! Real structures that samples of their compositions are held against.

use anyhow::{Context, Result};
use langevin_crystals::record::Crystal;

use super::compositions::AskedCell;
use super::makes::bounds;
use super::request::RequestArgs;
use super::sample::Trained;
use crate::refused;

/// Real structures that `trained` was not trained on, and their cells: those of --like, or those that its config holds out;
/// without those of elements or sizes that it does not know, and how many these are is said.
///
/// # Errors
/// If there are none; a formula, whose structure is not known.
pub fn real(request: &RequestArgs, trained: &Trained) -> Result<(Vec<Crystal>, Vec<AskedCell>)> {
    let compositions = &request.compositions;
    if compositions.formula().is_some() {
        return refused("--formula: found no real structure of it, needed: --like");
    }
    let (all, name) = match compositions.like() {
        Some(path) => (super::read(path, false)?, format!("--like {}", path.display())),
        None => {
            let held_out = trained.experiment.held_out();
            let without =
                "without --like, the crystals are those that the model's config holds out";
            (held_out.context(without)?, "held out".into())
        }
    };
    let (total, (least, most)) = (all.len(), bounds(&trained.domain));
    let known = |crystal: &Crystal| {
        let elements = &trained.domain.elements;
        crystal.species().iter().all(|element| elements.contains(element))
            && (least..=most).contains(&crystal.len())
    };
    let references: Vec<Crystal> = all.into_iter().filter(known).collect();
    if references.is_empty() {
        return refused(format!("{name}: found no crystal that the model knows, needed: --like"));
    }
    if references.len() < total {
        let unknown = total - references.len();
        eprintln!(
            "note: {unknown} of {total} crystals have elements or sizes that the model does not know"
        );
    }
    let cells = AskedCell::of_all(&references, &name);
    Ok((references, cells))
}
