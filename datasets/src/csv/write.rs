//! A cloud as text.

use std::io::{self, Write};

use langevin_points::record::PointCloud;
use langevin_points::space::Geometry;

use super::{Field, GEOMETRY, LABEL};

/// Comments with provenance, a header, a row per point.
///
/// Numbers have the fewest digits that give the same double back.
pub(crate) fn write(
    cloud: &PointCloud,
    provenance: &[(String, String)],
    delimiter: char,
    out: &mut dyn Write,
) -> io::Result<()> {
    let geometry = match cloud.geometry() {
        Geometry::Flat => "flat",
        Geometry::Sphere => "sphere",
    };
    let label = cloud.labels().map(|_| free_name("label", cloud.columns()));
    // Before the provenance: a reader takes the first of each.
    writeln!(out, "# {GEOMETRY} {geometry}")?;
    writeln!(out, "# {LABEL} {}", label.as_deref().unwrap_or_default())?;
    for (key, value) in provenance {
        let text = format!("{key}: {value}");
        text.split(['\n', '\r']).try_for_each(|line| writeln!(out, "# {line}"))?;
    }
    let names = cloud.columns().iter().chain(&label).map(|name| quoted(name));
    writeln!(out, "{}", names.collect::<Vec<_>>().join(&delimiter.to_string()))?;
    for (i, row) in cloud.rows().enumerate() {
        for (j, x) in row.iter().enumerate() {
            if j > 0 {
                write!(out, "{delimiter}")?;
            }
            write!(out, "{x:?}")?;
        }
        match cloud.labels() {
            Some(labels) => writeln!(out, "{delimiter}{}", labels[i])?,
            None => writeln!(out)?,
        }
    }
    Ok(())
}

/// `name`, with as many `_` behind it as it takes to differ from all of `columns`.
fn free_name(name: &str, columns: &[String]) -> String {
    let mut name = name.to_string();
    while columns.contains(&name) {
        name.push('_');
    }
    name
}

/// In quotes unless it could be nothing but a name.
fn quoted(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "_-.".contains(c);
    let field = Field { text: name.into(), quoted: false };
    if name.chars().all(plain) && !field.is_number() {
        return name.into();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(cloud: &PointCloud, provenance: &[(String, String)]) -> String {
        let mut out = Vec::new();
        write(cloud, provenance, ',', &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_table_says_what_it_is() {
        let cloud = PointCloud::flat(vec![0.1, -0.0, 1e300, 5e-324], 2).unwrap();
        let cloud = cloud.with_columns(vec!["label".into(), "a, \"b\"".into()]).unwrap();
        let cloud = cloud.with_labels(vec![3, -4]).unwrap();
        let provenance = [("config".into(), "[data]\nkind = \"moons\"".into())];
        let expected = "# geometry: flat\n# label column: label_\n# config: [data]\n\
                        # kind = \"moons\"\nlabel,\"a, \"\"b\"\"\",label_\n0.1,-0.0,3\n1e300,5e-324,-4\n";
        assert_eq!(text(&cloud, &provenance), expected);
    }

    #[test]
    fn the_sphere_is_written_as_vectors() {
        let cloud = PointCloud::from_degrees(&[90.0], &[0.0]).unwrap();
        let expected = "# geometry: sphere\n# label column: \nx,y,z\n0.0,0.0,1.0\n";
        assert_eq!(text(&cloud, &[]), expected);
    }
}
