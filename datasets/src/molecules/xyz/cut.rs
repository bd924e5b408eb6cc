//! Where a frame ends, without looking at its atoms more than is needed to see a count that lies.

use crate::error::shown;
use crate::molecules::Fault;
use crate::molecules::blocks::Cut;
use crate::molecules::text::{real, wrong};

/// "H 0 0 0": no atom's line is shorter, and most counts are.
const SHORTEST: usize = 7;

/// The next frame of `text`, which begins where a count must stand; after a `lost` end, anywhere.
///
/// A count that is too high runs into the count of the next frame, or the end; one that is too low has
/// a further line behind its atoms.
pub(crate) fn cut(text: &[u8], line: usize, end: bool, lost: bool) -> Cut {
    let mut lines = Lines { text, at: 0, line };
    while let Some(next) = lines.peek()
        && if lost { number(next).is_none() } else { next.is_empty() }
    {
        lines.next();
    }
    if lines.at > 0 {
        return Cut::Skip(lines.at);
    }
    let Some(first) = lines.next() else { return Cut::More };
    let Some(count) = number(first) else {
        return Cut::Frame(0, Some(wrong(line, said(first), "the number of a frame's atoms")));
    };
    let missing = |lines: &Lines, found: String, number: usize| {
        let fault = Fault::Missing { found, what: "atom", number, count, counted: line };
        Cut::Frame(lines.at, Some((lines.line, fault)))
    };
    let ends = || "the end of the file".to_string();
    if lines.next().is_none() {
        return if end { missing(&lines, ends(), 1) } else { Cut::More };
    }
    for number in 1..=count {
        match lines.peek() {
            None if end => return missing(&lines, ends(), number),
            None => return Cut::More,
            Some(short) if short.len() < SHORTEST => {
                return missing(&lines, said(short), number);
            }
            Some(_) => lines.next(),
        };
    }
    match lines.peek() {
        None if !end => Cut::More,
        Some(further) if is_atom(further) => {
            let fault = Fault::Further { found: said(further), count, counted: line };
            Cut::Frame(lines.at, Some((lines.line, fault)))
        }
        _ => Cut::Frame(lines.at, None),
    }
}

/// Lines without the blanks around them.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn peek(&self) -> Option<&'a [u8]> {
        let rest = &self.text[self.at..];
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        (!rest.is_empty()).then(|| rest[..end].trim_ascii())
    }

    fn next(&mut self) -> Option<&'a [u8]> {
        let next = self.peek()?;
        let rest = &self.text[self.at..];
        self.at += memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1);
        self.line += 1;
        Some(next)
    }
}

/// The number that a line of digits alone is.
fn number(line: &[u8]) -> Option<usize> {
    // `parse` would take a sign.
    let digits = line.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(line).ok().filter(|_| digits)?.parse().ok()
}

/// Whether a line between two frames is more likely one atom too many than a count that is broken.
fn is_atom(line: &[u8]) -> bool {
    let words = || line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    let is_real = |word: &&[u8]| std::str::from_utf8(word).is_ok_and(|word| real(word).is_some());
    words().count() >= 4 && words().filter(is_real).count() >= 3
}

fn said(line: &[u8]) -> String {
    match line.is_empty() {
        true => "an empty line".into(),
        false => shown(&String::from_utf8_lossy(line)),
    }
}
