//! A text in blocks of whole frames: cut in one thread, parsed in all others.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::sync_channel;
use std::vec;

use flate2::read::MultiGzDecoder;
use langevin_molecules::record::Molecule;
use rayon::iter::{ParallelBridge, ParallelIterator};

use super::text::{LineFault, wrong};
use super::{BadFrame, Format, MoleculeFile, MoleculeFileError, Where};
use crate::DatasetError;

/// Bytes of text per block: enough to be worth a hand-over, few enough to stay in a core's cache.
const BLOCK: usize = 1 << 20;
/// Blocks that wait to be parsed; more would only fill memory.
const WAITING: usize = 4;

/// How a format is cut into frames, and how a frame is parsed, given the number of its first line.
#[derive(Clone, Copy)]
pub(super) struct Source {
    /// Of whole lines: what comes next. Also given are the number of the first line, whether the text
    /// ends there, and whether the last frame's end was not found.
    pub(super) cut: fn(&[u8], usize, bool, bool) -> Cut,
    pub(super) parse: fn(&str, usize) -> Result<Molecule, LineFault>,
}

/// What comes next in a text.
pub(super) enum Cut {
    /// More of the text has to be seen.
    More,
    /// So many bytes that belong to no frame.
    Skip(usize),
    /// A frame of so many bytes; a fault if they already show that it is none. The text after a fault
    /// is cut as one whose last frame's end was not found.
    Frame(usize, Option<LineFault>),
}

/// Whole frames of a text.
pub(super) struct Block {
    text: Vec<u8>,
    frames: Vec<Frame>,
}

struct Frame {
    number: usize,
    line: usize,
    bytes: Range<usize>,
    fault: Option<LineFault>,
}

impl Block {
    fn parse(
        self,
        parse: fn(&str, usize) -> Result<Molecule, LineFault>,
    ) -> Vec<Result<Molecule, BadFrame>> {
        let molecule = |frame: Frame| {
            let bad =
                |(line, fault)| BadFrame { frame: frame.number, at: Where::Line(line), fault };
            if let Some(fault) = frame.fault {
                return Err(bad(fault));
            }
            let bytes = &self.text[frame.bytes.clone()];
            let text = std::str::from_utf8(bytes).map_err(|error| {
                let line = frame.line + newlines(&bytes[..error.valid_up_to()]);
                bad(wrong(line, "bytes that are not UTF-8", "text"))
            })?;
            parse(text, frame.line).map_err(bad)
        };
        self.frames.into_iter().map(molecule).collect()
    }
}

/// The blocks of a file, in order.
pub(super) struct Blocks {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    source: Source,
    /// Read, not yet cut.
    rest: Vec<u8>,
    /// Number of the first line of `rest`.
    line: usize,
    /// Frames so far.
    frames: usize,
    /// The last frame's end was not found.
    lost: bool,
    state: State,
}

enum State {
    Start,
    Middle,
    /// What was said when the rest could not be read.
    Failed(io::Error),
    End,
    Done,
}

impl Blocks {
    pub(super) fn open(
        path: &Path,
        source: Source,
        packed: bool,
    ) -> Result<Self, MoleculeFileError> {
        let fail = |source| DatasetError::Read { path: path.to_path_buf(), source };
        let file = File::open(path).map_err(fail)?;
        let input: Box<dyn Read + Send> =
            if packed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        let (path, rest, state) = (path.to_path_buf(), Vec::new(), State::Start);
        Ok(Self { path, input, source, rest, line: 1, frames: 0, lost: false, state })
    }

    /// Reads on, and notes how that ended.
    fn fill(&mut self) {
        // A frame larger than a block is looked at again from its start: twice as much each time
        // keeps that in proportion.
        let room = BLOCK.max(self.rest.len());
        let read = self.input.by_ref().take(room as u64).read_to_end(&mut self.rest);
        // Some editors put a byte-order mark in front.
        if matches!(self.state, State::Start) && self.rest.starts_with(b"\xef\xbb\xbf") {
            self.rest.drain(..3);
        }
        self.state = match read {
            Err(error) => State::Failed(error),
            Ok(bytes) if bytes < room => State::End,
            Ok(_) => State::Middle,
        };
    }

    /// All whole frames of what was read.
    fn cut(&mut self) -> Block {
        let end = matches!(self.state, State::End);
        let whole = match end {
            true => self.rest.len(),
            false => memchr::memrchr(b'\n', &self.rest).map_or(0, |at| at + 1),
        };
        let (mut at, mut frames) = (0, Vec::new());
        while at < whole {
            let bytes = match (self.source.cut)(&self.rest[at..whole], self.line, end, self.lost) {
                Cut::More => break,
                Cut::Skip(bytes) => bytes,
                Cut::Frame(bytes, fault) => {
                    self.lost = fault.is_some();
                    self.frames += 1;
                    let (number, line, bytes) = (self.frames, self.line, at..at + bytes);
                    frames.push(Frame { number, line, bytes: bytes.clone(), fault });
                    bytes.len()
                }
            };
            self.line += newlines(&self.rest[at..at + bytes]);
            at += bytes;
        }
        let rest = self.rest.split_off(at);
        Block { text: std::mem::replace(&mut self.rest, rest), frames }
    }
}

impl Iterator for Blocks {
    type Item = Result<Block, MoleculeFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match &self.state {
                State::Start | State::Middle => self.fill(),
                State::Done => return None,
                State::Failed(_) | State::End => {
                    let State::Failed(source) = std::mem::replace(&mut self.state, State::Done)
                    else {
                        let empty = || MoleculeFileError::Empty { path: self.path.clone() };
                        return (self.frames == 0).then(|| Err(empty()));
                    };
                    let path = self.path.clone();
                    let line = self.line - 1 + newlines(&self.rest);
                    return Some(Err(match (self.frames, line) {
                        (0, 0) => DatasetError::Read { path, source }.into(),
                        (frames, line) => {
                            MoleculeFileError::Cut { path, frame: frames + 1, line, source }
                        }
                    }));
                }
            }
            let block = self.cut();
            if !block.frames.is_empty() {
                return Some(Ok(block));
            }
        }
    }
}

fn newlines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

/// All molecules of a text.
pub(super) fn read_all(blocks: Blocks, skip_bad: bool) -> Result<MoleculeFile, MoleculeFileError> {
    let (path, parse) = (blocks.path.clone(), blocks.source.parse);
    let (send, receive) = sync_channel(WAITING);
    let failed = AtomicBool::new(false);
    let mut parsed: Vec<_> = std::thread::scope(|scope| {
        scope.spawn(move || {
            for block in blocks.enumerate() {
                // After a bad frame nobody listens any more.
                if send.send(block).is_err() {
                    break;
                }
            }
        });
        // Blocks are handed out in order: those before a bad frame are parsed to their end, so the
        // first bad frame of the file is known although later ones may be seen earlier.
        let wanted = receive.into_iter().take_while(|_| !failed.load(Ordering::Relaxed));
        wanted
            .par_bridge()
            .map(|(number, block): (usize, Result<Block, _>)| {
                let molecules = block.map(|block| block.parse(parse));
                if !skip_bad && molecules.iter().flatten().any(Result::is_err) {
                    failed.store(true, Ordering::Relaxed);
                }
                (number, molecules)
            })
            .collect()
    });
    parsed.sort_unstable_by_key(|(number, _)| *number);
    let mut file = MoleculeFile { molecules: Vec::new(), skipped: Vec::new() };
    for (_, molecules) in parsed {
        for molecule in molecules? {
            match molecule {
                Ok(molecule) => file.molecules.push(molecule),
                Err(bad) if skip_bad => file.skipped.push(bad),
                Err(bad) => return Err(MoleculeFileError::Frame { path, bad: bad.into() }),
            }
        }
    }
    file.with_some(path)
}

impl MoleculeFile {
    /// Itself if there is a molecule, otherwise the first bad frame.
    pub(super) fn with_some(mut self, path: PathBuf) -> Result<Self, MoleculeFileError> {
        if !self.molecules.is_empty() {
            return Ok(self);
        }
        self.skipped.truncate(1);
        Err(match self.skipped.pop() {
            Some(bad) => MoleculeFileError::Frame { path, bad: bad.into() },
            None => MoleculeFileError::Empty { path },
        })
    }
}

/// The molecules of a text one after the other, with a block of the file in memory at a time.
///
/// After [`MoleculeFileError::Frame`] it goes on with the next frame; any other error is the last item.
pub struct MoleculeReader {
    path: PathBuf,
    blocks: Blocks,
    block: vec::IntoIter<Result<Molecule, BadFrame>>,
}

impl MoleculeReader {
    /// Of a file of any format that [`read_molecules`](super::read_molecules) reads, HDF5 excepted.
    ///
    /// # Errors
    /// [`DatasetError::UnknownFormat`] and [`DatasetError::Read`], in [`MoleculeFileError::File`].
    pub fn open(path: &Path) -> Result<Self, MoleculeFileError> {
        let Format::Text { format, packed } = Format::of(path)? else {
            let allowed = ".xyz, .extxyz, .sdf, .mol (each also with .gz)";
            return Err(DatasetError::UnknownFormat { path: path.into(), allowed }.into());
        };
        let blocks = Blocks::open(path, format.source(), packed)?;
        Ok(Self { path: path.into(), blocks, block: Vec::new().into_iter() })
    }
}

impl Iterator for MoleculeReader {
    type Item = Result<Molecule, MoleculeFileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(molecule) = self.block.next() {
                let frame = |bad: BadFrame| {
                    let (path, bad) = (self.path.clone(), bad.into());
                    MoleculeFileError::Frame { path, bad }
                };
                return Some(molecule.map_err(frame));
            }
            match self.blocks.next()? {
                Ok(block) => self.block = block.parse(self.blocks.source.parse).into_iter(),
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
