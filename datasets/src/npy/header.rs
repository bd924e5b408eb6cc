//! The header: `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`.

use super::MAGIC;
use crate::{DatasetError, Place};

/// How one number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    F4,
    F8,
    I4,
    I8,
}

impl Type {
    /// Bytes of a number.
    pub(super) fn size(self) -> usize {
        match self {
            Self::F4 | Self::I4 => 4,
            Self::F8 | Self::I8 => 8,
        }
    }
}

/// What the header says, and where the numbers begin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Type,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
    pub(super) data: usize,
}

impl Header {
    /// The header of the file whose bytes are `bytes`.
    pub(super) fn parse(place: &Place, bytes: &[u8]) -> Result<Self, DatasetError> {
        let array = |what, found: String, allowed| DatasetError::Array {
            place: place.clone(),
            what,
            found,
            allowed,
        };
        if !bytes.starts_with(MAGIC) {
            let hex: Vec<String> = bytes.iter().take(6).map(|b| format!("{b:02X}")).collect();
            let found = if hex.is_empty() { "nothing".into() } else { hex.join(" ") };
            return Err(array("first bytes", found, "93 4E 55 4D 50 59, those of an NPY file"));
        }
        let short = |expected: usize| DatasetError::Length {
            place: place.clone(),
            part: "header",
            found: bytes.len() as u64,
            expected: expected as u64,
        };
        let &[major, minor] = bytes.get(6..8).ok_or_else(|| short(10))? else {
            unreachable!("two bytes were taken")
        };
        // Version 1 has two bytes of length, later ones four; 3 differs from 2 in the header's
        // encoding, and names of fields are the only place where that shows.
        let start = match major {
            1 => 10,
            2 | 3 => 12,
            _ => {
                return Err(array("version", format!("{major}.{minor}"), "1.0, 2.0 or 3.0"));
            }
        };
        let length = bytes.get(8..start).ok_or_else(|| short(start))?;
        let length = length.iter().rev().fold(0, |sum, &byte| sum * 256 + usize::from(byte));
        let text = bytes.get(start..start + length).ok_or_else(|| short(start + length))?;
        let text = String::from_utf8_lossy(text);
        let fields = Fields::parse(&text).ok_or_else(|| {
            let allowed = "{'descr': …, 'fortran_order': …, 'shape': …}";
            array("header", format!("{:?}", text.trim_end()), allowed)
        })?;
        let kind = |name: &str| match name {
            "f4" => Some(Type::F4),
            "f8" => Some(Type::F8),
            "i4" => Some(Type::I4),
            "i8" => Some(Type::I8),
            _ => None,
        };
        let descr = fields.descr.strip_prefix('\'').and_then(|d| d.strip_suffix('\''));
        let order = |d: &str| match d.chars().next()? {
            '<' => Some(false),
            '>' => Some(true),
            '=' => Some(cfg!(target_endian = "big")),
            _ => None,
        };
        let found = descr.and_then(|d| Some((order(d)?, kind(d.get(1..)?)?)));
        let (big_endian, kind) = found.ok_or_else(|| {
            let allowed = "'f4', 'f8', 'i4' or 'i8' after '<' or '>'";
            array("type", fields.descr.into(), allowed)
        })?;
        let (shape, fortran_order) = (fields.shape, fields.fortran_order);
        Ok(Self { kind, big_endian, fortran_order, shape, data: start + length })
    }
}

/// The three entries of the dictionary; `descr` as it is written.
struct Fields<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

impl<'a> Fields<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        while !rest.is_empty() {
            let (key, after) = rest.strip_prefix('\'')?.split_once('\'')?;
            let after = after.trim_start().strip_prefix(':')?.trim_start();
            let (value, after) = after.split_at(value_end(after)?);
            match key {
                "descr" => descr = Some(value.trim_end()),
                "fortran_order" => fortran_order = Some(boolean(value.trim_end())?),
                "shape" => shape = Some(tuple(value.trim_end())?),
                _ => return None,
            }
            rest = after.strip_prefix(',').unwrap_or(after).trim_start();
        }
        Some(Self { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }
}

/// Where a value ends: at a comma outside quotes and brackets, or with the text.
fn value_end(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0i32, false);
    for (at, c) in text.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => return Some(at),
            _ => {}
        }
    }
    (depth == 0 && !quoted).then_some(text.len())
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "True" => Some(true),
        "False" => Some(false),
        _ => None,
    }
}

/// `()`, `(3,)` or `(3, 2)`.
fn tuple(text: &str) -> Option<Vec<usize>> {
    let inside = text.strip_prefix('(')?.strip_suffix(')')?.trim();
    let inside = inside.strip_suffix(',').unwrap_or(inside);
    if inside.is_empty() {
        return Some(Vec::new());
    }
    inside.split(',').map(|n| n.trim().parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn file(version: u8, header: &str) -> Vec<u8> {
        let mut bytes = [MAGIC, &[version, 0]].concat();
        let length = header.len() as u32;
        let wide = if version == 1 { 2 } else { 4 };
        bytes.extend(&length.to_le_bytes()[..wide]);
        bytes.extend(header.as_bytes());
        bytes
    }

    fn parse(bytes: &[u8]) -> Result<Header, String> {
        Header::parse(&Place::file(Path::new("a.npy")), bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn every_version_is_understood() {
        let text = "{'descr': '>i4', 'fortran_order': True, 'shape': (3, 2), }   \n";
        for (version, data) in [(1, 10), (2, 12), (3, 12)] {
            let header = Header {
                kind: Type::I4,
                big_endian: true,
                fortran_order: true,
                shape: vec![3, 2],
                data: data + text.len(),
            };
            assert_eq!(parse(&file(version, text)), Ok(header));
        }
        let other = "{'shape':(7,),'fortran_order':False,'descr':'<f8'}";
        assert_eq!(parse(&file(1, other)).unwrap().shape, [7]);
    }

    #[test]
    fn a_header_that_cannot_be_says_why() {
        let with = |descr: &str| {
            file(1, &format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (3, 2), }}"))
        };
        let allowed = "allowed: 'f4', 'f8', 'i4' or 'i8' after '<' or '>'";
        for (bytes, message) in [
            (vec![], "first bytes nothing, allowed: 93 4E 55 4D 50 59, those of an NPY file".into()),
            (
                b"PK\x03\x04".to_vec(),
                "first bytes 50 4B 03 04, allowed: 93 4E 55 4D 50 59, those of an NPY file".into(),
            ),
            (file(9, ""), "version 9.0, allowed: 1.0, 2.0 or 3.0".into()),
            (with("'<c16'"), format!("type '<c16', {allowed}")),
            (with("'|O'"), format!("type '|O', {allowed}")),
            (with("[('x', '<f8'), ('y', '<f8')]"), format!("type [('x', '<f8'), ('y', '<f8')], {allowed}")),
            (
                file(1, "{'descr': '<f8'}"),
                "header \"{'descr': '<f8'}\", allowed: {'descr': …, 'fortran_order': …, 'shape': …}".into(),
            ),
        ] {
            assert_eq!(parse(&bytes).unwrap_err(), format!("a.npy: found {message}"));
        }
        for cut in [6, 7, 9, 30] {
            let message = parse(&with("'<f8'")[..cut]).unwrap_err();
            assert!(
                message.starts_with(&format!("a.npy: found {cut} bytes of header")),
                "{message}"
            );
        }
    }
}
