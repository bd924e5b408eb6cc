use std::io::{self, Write};

/// A writer with room for so many bytes, for tests of what happens when a disk is full.
#[derive(Debug)]
pub struct FullDisk<W> {
    out: W,
    room: usize,
}

impl<W: Write> FullDisk<W> {
    /// Passes `room` bytes on to `out`, then fails with [`StorageFull`](io::ErrorKind::StorageFull).
    pub fn new(out: W, room: usize) -> Self {
        Self { out, room }
    }
}

impl<W: Write> Write for FullDisk<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(&bytes[..bytes.len().min(self.room)])?;
        self.room -= written;
        let full = written == 0 && !bytes.is_empty();
        if full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(written) }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
