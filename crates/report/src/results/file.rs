//! Reading, checking and writing a results file.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::{Problem, Results, ResultsError, Row, Value, bar};

impl Results {
    /// Read and check a results file.
    ///
    /// # Errors
    /// [`ResultsError::Read`], [`ResultsError::Parse`] with the path of the field, and those of
    /// [`check`](Self::check).
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let text = fs::read_to_string(path)
            .map_err(|source| ResultsError::Read { path: path.to_path_buf(), source })?;
        let mut json = serde_json::Deserializer::from_str(&text);
        let parse = |field, source| ResultsError::Parse { path: path.to_path_buf(), field, source };
        let results: Self = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let field = error.path().to_string();
            parse(field, error.into_inner())
        })?;
        json.end().map_err(|source| parse("after the end".to_string(), source))?;
        results.check(path)?;
        Ok(results)
    }

    /// Check, then write as readable JSON, replacing the file whole.
    ///
    /// # Errors
    /// Those of [`check`](Self::check), and [`ResultsError::Write`].
    pub fn write(&self, path: &Path) -> Result<(), ResultsError> {
        self.check(path)?;
        let mut text = serde_json::to_string_pretty(self).expect("text and finite numbers only");
        text.push('\n');
        langevin_files::write_whole(path, text.as_bytes())?;
        Ok(())
    }

    /// Check that every field makes sense and that `holds` agrees with value and bar.
    ///
    /// `path` is where the file lies or will lie: its name must be that of the topic.
    ///
    /// # Errors
    /// [`ResultsError::Header`] or [`ResultsError::Row`] with file, row and field.
    pub fn check(&self, path: &Path) -> Result<(), ResultsError> {
        let header =
            |field, problem| ResultsError::Header { path: path.to_path_buf(), field, problem };
        for (field, text) in [
            ("topic", &self.topic),
            ("command", &self.command),
            ("version", &self.version),
            ("machine", &self.machine),
        ] {
            if text.trim().is_empty() {
                return Err(header(field, Problem::Empty));
            }
        }
        if !is_day(&self.date) {
            return Err(header("date", Problem::NotADay(self.date.clone())));
        }
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        if stem != self.topic.as_str() {
            let (topic, stem) = (self.topic.clone(), stem.into_owned());
            return Err(header("topic", Problem::OtherName { topic, stem }));
        }
        let mut seen = HashMap::new();
        for (index, row) in self.rows.iter().enumerate() {
            let first = *seen.entry(row.what.as_str()).or_insert(index);
            let faults = (first < index)
                .then_some(("what", Problem::Duplicate { first }))
                .or_else(|| fault(row));
            if let Some((field, problem)) = faults {
                let (path, what) = (path.to_path_buf(), row.what.clone());
                return Err(ResultsError::Row { path, row: index, what, field, problem });
            }
        }
        Ok(())
    }
}

/// The first field of a row that does not make sense.
fn fault(row: &Row) -> Option<(&'static str, Problem)> {
    if row.what.trim().is_empty() {
        return Some(("what", Problem::Empty));
    }
    let values =
        [("value", Some(&row.value)), ("floor", row.floor.as_ref()), ("peer", row.peer.as_ref())];
    for (field, value) in values {
        match value {
            Some(Value::Number(number)) if !number.is_finite() => {
                return Some((field, Problem::NotFinite(*number)));
            }
            Some(Value::Text(text)) if text.trim().is_empty() => {
                return Some((field, Problem::Empty));
            }
            _ => {}
        }
    }
    match row.spread {
        Some(sd) if !sd.is_finite() => return Some(("spread", Problem::NotFinite(sd))),
        Some(sd) if sd < 0.0 => return Some(("spread", Problem::Negative(sd))),
        _ => {}
    }
    if row.seeds == Some(0) {
        return Some(("seeds", Problem::NoSeed));
    }
    match (&row.bar, row.holds) {
        (None, None) => None,
        (None, Some(holds)) => Some(("holds", Problem::WithoutBar { holds })),
        (Some(bar), _) if bar.trim().is_empty() => Some(("bar", Problem::Empty)),
        (Some(_), None) if !row.value.is_measured() => None,
        (Some(_), Some(holds)) if !row.value.is_measured() => {
            Some(("holds", Problem::Unmeasured { holds }))
        }
        (Some(bar), None) => Some(("holds", Problem::Unjudged { bar: bar.clone() })),
        (Some(bar), Some(holds)) => {
            let wrong = bar::judge(&row.value, bar, &row.unit).is_some_and(|truth| truth != holds);
            let value = row.value.number().filter(|_| wrong)?;
            Some(("holds", Problem::Contradiction { holds, value, bar: bar.clone() }))
        }
    }
}

/// Whether `text` is a day as 2026-01-31, with a month and a day that exist in some year.
pub fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, count: usize| {
        (part.len() == count && part.bytes().all(|b| b.is_ascii_digit()))
            .then(|| part.parse::<u32>().ok())
            .flatten()
    };
    match parts[..] {
        [year, month, day] => {
            digits(year, 4).is_some()
                && digits(month, 2).is_some_and(|month| (1..=12).contains(&month))
                && digits(day, 2).is_some_and(|day| (1..=31).contains(&day))
        }
        _ => false,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::results) fn example() -> Results {
        Results {
            topic: "points".into(),
            command: "langevin points evaluate moons.safetensors".into(),
            version: "0.1.0".into(),
            machine: "8 cores of a desktop processor, 32 GB".into(),
            date: "2026-02-28".into(),
            rows: vec![
                Row::new("W2, moons", 0.0213).spread(0.0012, 3).floor(0.019).bar("<= 0.025"),
                Row::new("C2ST, moons", 50.9).unit("%").peer("52.3 (torch)").bar("<= 51 %"),
                Row::new("NFE", 35.0),
            ],
        }
    }

    fn message(change: impl FnOnce(&mut Results)) -> String {
        let mut results = example();
        change(&mut results);
        results.check(Path::new("points.json")).unwrap_err().to_string()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.json");
        example().write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap(), example());
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\"value\": 35\n") && text.ends_with("}\n"), "{text}");
    }

    #[test]
    fn faults_name_file_row_and_field() {
        assert_eq!(
            message(|r| r.rows[0].holds = Some(false)),
            "points.json: row 0 (\"W2, moons\"): holds is false, but 0.0213 meets \"<= 0.025\""
        );
        assert_eq!(
            message(|r| r.rows[1].value = Value::Number(51.5)),
            "points.json: row 1 (\"C2ST, moons\"): holds is true, but 51.5 does not meet \"<= 51 %\""
        );
        assert_eq!(
            message(|r| r.rows[2].holds = Some(true)),
            "points.json: row 2 (\"NFE\"): holds is true, but there is no bar"
        );
        assert_eq!(
            message(|r| r.rows[2].what = "W2, moons".into()),
            "points.json: row 2 (\"W2, moons\"): what is that of row 0 too"
        );
        assert_eq!(
            message(|r| r.rows[0].spread = Some(-1.0)),
            "points.json: row 0 (\"W2, moons\"): spread is -1, below zero"
        );
        assert_eq!(
            message(|r| r.date = "yesterday".into()),
            "points.json: date is \"yesterday\", not a day as YYYY-MM-DD"
        );
        assert_eq!(
            message(|r| r.topic = "molecules".into()),
            "points.json: topic is \"molecules\", but the file is named \"points\""
        );
    }

    #[test]
    fn a_bar_in_words_is_trusted_but_must_be_judged() {
        let mut results = example();
        results.rows[2] = Row::new("NFE", 35.0).judged("fewer than the peer", true);
        results.check(Path::new("points.json")).unwrap();
        assert!(
            message(|r| r.rows[2].bar = Some("fewer than the peer".into()))
                .ends_with("holds is missing, but there is a bar \"fewer than the peer\"")
        );
    }

    #[test]
    fn what_was_not_measured_is_not_judged() {
        let unmeasured = |row: &mut Row, holds| {
            row.value = Value::from(Value::NOT_MEASURED);
            row.holds = holds;
        };
        let mut results = example();
        unmeasured(&mut results.rows[1], None);
        results.check(Path::new("points.json")).unwrap();
        assert!(
            message(|r| unmeasured(&mut r.rows[1], Some(false)))
                .ends_with("holds is false, but the value was not measured")
        );
    }

    #[test]
    fn a_wrong_type_names_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("points.json");
        let mut json = serde_json::to_value(example()).unwrap();
        json["rows"][1]["value"] = serde_json::json!([1]);
        fs::write(&path, json.to_string()).unwrap();
        let error = Results::read(&path).unwrap_err().to_string();
        assert!(error.contains("points.json: rows[1].value: "), "{error}");
        assert!(error.contains("expected a number or a text"), "{error}");
        json["rows"][1]["value"] = serde_json::json!(1);
        json["rows"][1]["vlaue"] = serde_json::json!(1);
        fs::write(&path, json.to_string()).unwrap();
        let error = Results::read(&path).unwrap_err().to_string();
        assert!(error.contains("rows[1]") && error.contains("vlaue"), "{error}");
    }
}
