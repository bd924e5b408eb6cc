//! What the dimensions of a variable stand for.

use netcdf::{AttributeValue, Variable};

/// What a dimension counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Steps of time.
    Time,
    /// Members of an ensemble.
    Member,
    /// Rows: latitude, or a coordinate of a projection.
    Y,
    /// Columns: longitude, or a coordinate of a projection.
    X,
    /// Levels and whatever else.
    Other,
}

/// Names under which files keep members.
const MEMBERS: [&str; 7] =
    ["realization", "member", "ensemble", "number", "ens", "sample", "member_id"];

/// An attribute's text; nothing if it has none or is a number.
pub(super) fn text(variable: &Variable, name: &str) -> Option<String> {
    match variable.attribute_value(name)?.ok()? {
        AttributeValue::Str(text) => Some(text),
        AttributeValue::Strs(mut all) => all.pop(),
        _ => None,
    }
}

/// The role of a dimension by its coordinate variable, if it has one, else by its name.
///
/// # Source
/// CF 1.11, chapters 4 and 5; names as the tools of the field write them.
pub(super) fn role(name: &str, coordinate: Option<&Variable>) -> Role {
    let of = |attribute: &str| coordinate.and_then(|variable| text(variable, attribute));
    let axis = of("axis").map(|axis| axis.to_uppercase());
    match axis.as_deref() {
        Some("T") => return Role::Time,
        Some("Y") => return Role::Y,
        Some("X") => return Role::X,
        Some("Z") => return Role::Other,
        Some("E") => return Role::Member,
        _ => {}
    }
    match of("standard_name").as_deref() {
        Some("time") => return Role::Time,
        Some("latitude" | "grid_latitude" | "projection_y_coordinate") => return Role::Y,
        Some("longitude" | "grid_longitude" | "projection_x_coordinate") => return Role::X,
        Some("realization") => return Role::Member,
        _ => {}
    }
    if let Some(units) = of("units").map(|units| units.to_lowercase()) {
        if units.contains(" since ") {
            return Role::Time;
        }
        if is_north(&units) {
            return Role::Y;
        }
        if is_east(&units) {
            return Role::X;
        }
    }
    let name = name.to_lowercase();
    match name.as_str() {
        "time" | "t" => Role::Time,
        "lat" | "latitude" | "y" | "rlat" | "nlat" | "south_north" => Role::Y,
        "lon" | "longitude" | "x" | "rlon" | "nlon" | "west_east" => Role::X,
        _ if MEMBERS.contains(&name.as_str()) => Role::Member,
        _ => Role::Other,
    }
}

/// Whether a unit in lower case is that of latitudes.
pub(super) fn is_north(units: &str) -> bool {
    ["degrees_north", "degree_north", "degrees_n", "degree_n", "degreen", "degreesn"]
        .contains(&units)
}

/// Whether a unit in lower case is that of longitudes.
pub(super) fn is_east(units: &str) -> bool {
    ["degrees_east", "degree_east", "degrees_e", "degree_e", "degreee", "degreese"].contains(&units)
}
