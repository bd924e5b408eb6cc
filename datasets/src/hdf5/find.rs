//! Which data set of a file holds the points.

use ::hdf5::{File, Group, LinkType, LocationType};

use super::numbers::kind;
use crate::{DatasetError, Place};

/// Whether there is a data set of this path.
pub(super) fn holds_dataset(file: &File, name: &str) -> bool {
    file.loc_type_by_name(name).is_ok_and(|kind| kind == LocationType::Dataset)
}

/// Paths of all data sets of numbers with two axes.
pub(super) fn tables(file: &File) -> ::hdf5::Result<Vec<String>> {
    let mut names = Vec::new();
    for (name, kind_of_object) in objects(file)? {
        if kind_of_object == LocationType::Dataset {
            let dataset = file.dataset(&name)?;
            if dataset.ndim() == 2 && kind(&dataset).is_some() {
                names.push(name);
            }
        }
    }
    Ok(names)
}

/// Paths of all that is in a file, each object once, sorted.
pub(crate) fn objects(file: &File) -> ::hdf5::Result<Vec<(String, LocationType)>> {
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    let mut seen = vec![file.loc_info()?.token];
    while let Some(folder) = folders.pop() {
        let group: Group = if folder.is_empty() { file.group("/")? } else { file.group(&folder)? };
        let mut entries = Vec::new();
        group.iter_visit_default(|name, link| {
            // A soft or external link may lead nowhere, or to what is listed already.
            if link.link_type == LinkType::Hard {
                entries.push(if folder.is_empty() {
                    name.into()
                } else {
                    format!("{folder}/{name}")
                });
            }
            Ok(())
        })?;
        for entry in entries {
            let info = file.loc_info_by_name(&entry)?;
            // Groups may hold each other. What has one name cannot be met twice, and need not be kept.
            if info.num_links > 1 {
                if seen.contains(&info.token) {
                    continue;
                }
                seen.push(info.token);
            }
            if info.loc_type == LocationType::Group {
                folders.push(entry.clone());
            }
            found.push((entry, info.loc_type));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(found)
}

/// The one of these paths that is to be read.
pub(super) fn only(place: &Place, mut names: Vec<String>) -> Result<String, DatasetError> {
    match names.len() {
        1 => Ok(names.remove(0)),
        0 => Err(DatasetError::Array {
            place: place.clone(),
            what: "data sets of numbers with two axes:",
            found: "none".into(),
            allowed: "one, or the path of a data set",
        }),
        _ => Err(DatasetError::ManyDatasets { place: place.clone(), names }),
    }
}
