//! The header: a magic number, a version, a length, and a Python dictionary.

use std::io::{self, Read, Write};

use crate::{DatasetError, Place};

const MAGIC: &[u8] = b"\x93NUMPY";
const TYPES: &str = "<f4, <f8, <i4, <i8, or the same with >";

/// How a number is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    F4,
    F8,
    I4,
    I8,
}

impl Kind {
    pub(super) fn bytes(self) -> usize {
        match self {
            Self::F4 | Self::I4 => 4,
            Self::F8 | Self::I8 => 8,
        }
    }
}

/// What the header says about the numbers that follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) kind: Kind,
    pub(super) big_endian: bool,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

impl Header {
    /// The header at the beginning of `input`, of format version 1, 2 or 3.
    pub(super) fn read(place: &Place, input: &mut dyn Read) -> Result<Self, DatasetError> {
        let fail = |source| DatasetError::Read { path: place.path.clone(), source };
        let wrong = |what, found, allowed| DatasetError::Array { place: place.clone(), what, found, allowed };
        let mut part = |name, expected: u64| {
            let mut bytes = Vec::new();
            let found = input.take(expected).read_to_end(&mut bytes).map_err(fail)? as u64;
            let short = || DatasetError::Length { place: place.clone(), part: name, found, expected };
            if found < expected { Err(short()) } else { Ok(bytes) }
        };
        let start = part("start", 8)?;
        if &start[..6] != MAGIC {
            let found = start[..6].escape_ascii().to_string();
            return Err(wrong("the first bytes", found, "\\x93NUMPY"));
        }
        let length = match start[6] {
            1 => part("header length", 2)?,
            2 | 3 => part("header length", 4)?,
            other => return Err(wrong("version", other.to_string(), "1, 2 or 3")),
        };
        let length = length.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        let text = part("header", length)?;
        let text = String::from_utf8_lossy(&text).replace('"', "'");
        Self::parse(&text).map_err(|(what, found, allowed)| wrong(what, found, allowed))
    }

    /// From `{'descr': '<f8', 'fortran_order': False, 'shape': (3, 2), }`.
    fn parse(text: &str) -> Result<Self, (&'static str, String, &'static str)> {
        // The key with its quotes, then what follows the colon.
        let after = |key: &'static str| {
            let value = text.split_once(key).and_then(|(_, rest)| rest.trim_start().strip_prefix(':'));
            let missing = || ("the header", text.trim().to_string(), "descr, fortran_order and shape");
            value.map(str::trim_start).ok_or_else(missing)
        };
        let descr = after("'descr'")?;
        let name = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\''));
        let name = name.map_or(descr, |(name, _)| name);
        let big_endian = name.starts_with('>');
        let kind = match name.strip_prefix(['<', '>']) {
            Some("f4") => Kind::F4,
            Some("f8") => Kind::F8,
            Some("i4") => Kind::I4,
            Some("i8") => Kind::I8,
            _ => return Err(("the number type", name.into(), TYPES)),
        };
        let fortran_order = after("'fortran_order'")?.starts_with("True");
        let shape = after("'shape'")?;
        let wrong = || ("the shape", shape.to_string(), "a tuple of integers");
        let inside = shape.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let (inside, _) = inside.ok_or_else(wrong)?;
        let axes = inside.split(',').map(str::trim).filter(|axis| !axis.is_empty());
        let shape = axes.map(|axis| axis.parse().map_err(|_| wrong())).collect::<Result<_, _>>()?;
        Ok(Self { kind, big_endian, fortran_order, shape })
    }

    /// Version 1, padded so that the numbers begin at a multiple of 64 bytes.
    pub(super) fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let order = if self.big_endian { '>' } else { '<' };
        let kind = format!("{:?}", self.kind).to_lowercase();
        let fortran_order = if self.fortran_order { "True" } else { "False" };
        let axes: Vec<String> = self.shape.iter().map(usize::to_string).collect();
        let shape = format!("({}{})", axes.join(", "), if axes.len() == 1 { "," } else { "" });
        let mut text = format!(
            "{{'descr': '{order}{kind}', 'fortran_order': {fortran_order}, 'shape': {shape}, }}"
        );
        // 10 bytes before the text, one line break after it.
        let padding = (64 - (10 + text.len() + 1) % 64) % 64;
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        out.write_all(MAGIC)?;
        out.write_all(&[1, 0])?;
        // A shape of two axes keeps this below 128.
        out.write_all(&(text.len() as u16).to_le_bytes())?;
        out.write_all(text.as_bytes())
    }
}
