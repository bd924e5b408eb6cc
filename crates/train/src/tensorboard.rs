//! Scalars for TensorBoard: TFRecord files of `Event` messages, written without TensorFlow.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::crc32c::masked;
use crate::{LogLine, LossSummary};
use langevin_files::WriteError;

/// An open events file. Each start of a run writes a new one, as TensorBoard expects.
#[derive(Debug)]
pub(crate) struct Events {
    path: PathBuf,
    file: File,
}

impl Events {
    /// Opens the next events file in `folder` for a run that goes on after `step`.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn open(folder: &Path, step: u64) -> Result<Self, WriteError> {
        let seconds = now() as u64;
        // The part of the name after the time only has to be new.
        let mut start = 0;
        let (path, file) = loop {
            let path = folder.join(format!("events.out.tfevents.{seconds:010}.langevin.{start}"));
            match OpenOptions::new().create_new(true).write(true).open(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => start += 1,
                Err(error) => return Err(WriteError::at(&path)(error)),
            }
        };
        let mut events = Self { path, file };
        events.record(&event(now(), 0, &version()))?;
        // SessionLog START: TensorBoard then drops what older files say of later steps.
        events.record(&event(now(), step + 1, &message(7, &varint_field(1, 1))))?;
        Ok(events)
    }

    /// Writes the numbers of a line.
    ///
    /// # Errors
    /// [`WriteError`] naming the file.
    pub(crate) fn append(&mut self, line: &LogLine) -> Result<(), WriteError> {
        self.record(&event(now(), line.step(), &summary(&scalars(line))))
    }

    fn record(&mut self, message: &[u8]) -> Result<(), WriteError> {
        let written = self.file.write_all(&framed(message)).and_then(|()| self.file.flush());
        written.map_err(WriteError::at(&self.path))
    }
}

/// Seconds since 1970.
fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

/// Tags and values of a line.
fn scalars(line: &LogLine) -> Vec<(String, f64)> {
    let losses = |of: &str, loss: &LossSummary| {
        let mut values = vec![(format!("{of}/loss"), loss.loss)];
        let bins = loss.loss_by_t.iter().enumerate();
        values.extend(bins.filter_map(|(i, loss)| Some((format!("{of}/loss_by_t/{i}"), (*loss)?))));
        values
    };
    match line {
        LogLine::Validation { loss, .. } => losses("validation", loss),
        LogLine::Train(line) => {
            let mut values = losses("train", &line.loss);
            values.push(("train/grad_norm".into(), line.grad_norm));
            values.push(("train/learning_rate".into(), line.learning_rate));
            values.push(("speed/steps_per_second".into(), line.steps_per_second));
            values.push(("speed/samples_per_second".into(), line.samples_per_second));
            values
                .extend(line.scalars.iter().map(|(name, value)| (format!("train/{name}"), *value)));
            values
        }
    }
}

/// A record: length, checksum of the length, message, checksum of the message; little-endian.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u64).to_le_bytes();
    let mut record = Vec::with_capacity(message.len() + 16);
    record.extend(length);
    record.extend(masked(&length).to_le_bytes());
    record.extend(message);
    record.extend(masked(message).to_le_bytes());
    record
}

/// `Event { wall_time = 1, step = 2, … }` of tensorflow/core/util/event.proto.
fn event(wall_time: f64, step: u64, what: &[u8]) -> Vec<u8> {
    let mut bytes = vec![1 << 3 | 1];
    bytes.extend(wall_time.to_le_bytes());
    bytes.extend(varint_field(2, step));
    bytes.extend(what);
    bytes
}

/// `Event { file_version = 3 }`.
fn version() -> Vec<u8> {
    message(3, b"brain.Event:2")
}

/// `Event { summary = 5 { repeated value = 1 { tag = 1, simple_value = 2 } } }`.
fn summary(values: &[(String, f64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (tag, value) in values {
        let mut pair = message(1, tag.as_bytes());
        pair.push(2 << 3 | 5);
        pair.extend((*value as f32).to_le_bytes());
        bytes.extend(message(1, &pair));
    }
    message(5, &bytes)
}

/// A field of length-delimited bytes.
fn message(field: u64, bytes: &[u8]) -> Vec<u8> {
    let mut out = varint(field << 3 | 2);
    out.extend(varint(bytes.len() as u64));
    out.extend(bytes);
    out
}

/// A field that holds an integer.
fn varint_field(field: u64, value: u64) -> Vec<u8> {
    let mut out = varint(field << 3);
    out.extend(varint(value));
    out
}

/// Seven bits a byte, lowest first; the high bit says that more follow.
fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::progress::TrainLine;

    /// Messages of a file, lengths and checksums verified.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
            let sum = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            assert_eq!(sum(8), masked(&bytes[..8]));
            assert_eq!(sum(12 + length), masked(&bytes[12..12 + length]));
            found.push(bytes[12..12 + length].to_vec());
            bytes = &bytes[16 + length..];
        }
        found
    }

    /// Fields of a message: number and raw bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        fn number(bytes: &mut &[u8]) -> u64 {
            let (mut value, mut shift) = (0, 0);
            loop {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7F) << shift;
                shift += 7;
                if byte < 0x80 {
                    return value;
                }
            }
        }
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let key = number(&mut bytes);
            let length = match key & 7 {
                0 => {
                    found.push((key >> 3, number(&mut bytes).to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                2 => number(&mut bytes) as usize,
                5 => 4,
                other => panic!("wire type {other}"),
            };
            found.push((key >> 3, bytes[..length].to_vec()));
            bytes = &bytes[length..];
        }
        found
    }

    #[test]
    fn events_are_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = Events::open(folder.path(), 300).unwrap();
        let line = TrainLine {
            step: 400,
            loss: LossSummary { loss: 1.5, loss_by_t: vec![None, Some(0.25)] },
            grad_norm: 2.0,
            learning_rate: 1e-3,
            steps_per_second: 10.0,
            samples_per_second: 640.0,
            scalars: BTreeMap::from([("discriminator".into(), 0.5)]),
        };
        events.append(&LogLine::Train(line)).unwrap();
        let records = records(&std::fs::read(&events.path).unwrap());
        assert_eq!(records.len(), 3);
        assert!(fields(&records[0]).contains(&(3, b"brain.Event:2".to_vec())));
        assert!(fields(&records[1]).contains(&(2, 301u64.to_le_bytes().to_vec())));
        assert!(fields(&records[1]).contains(&(7, vec![8, 1])));
        let event = fields(&records[2]);
        assert!(event.contains(&(2, 400u64.to_le_bytes().to_vec())));
        let summary = &event.iter().find(|(field, _)| *field == 5).unwrap().1;
        let value = |(_, pair): (u64, Vec<u8>)| {
            let pair = fields(&pair);
            let tag = String::from_utf8(pair[0].1.clone()).unwrap();
            (tag, f32::from_le_bytes(pair[1].1[..].try_into().unwrap()))
        };
        let values: BTreeMap<String, f32> = fields(summary).into_iter().map(value).collect();
        assert_eq!(values["train/loss"], 1.5);
        assert_eq!(values["train/loss_by_t/1"], 0.25);
        assert_eq!(values["speed/samples_per_second"], 640.0);
        assert_eq!(values["train/discriminator"], 0.5);
        assert_eq!(values.len(), 7);
    }

    #[test]
    fn every_start_has_its_own_file() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) =
            (Events::open(folder.path(), 0).unwrap(), Events::open(folder.path(), 0).unwrap());
        assert_ne!(first.path, second.path);
    }
}
