//! SHA-256 of files, and a hash that a file carries inside itself.

use std::path::Path;

use sha2::{Digest, Sha256};

/// Where the hash stands in a header written by [`crate::tensorfile::encode`]. Inside of a value the
/// quotes would be escaped, so this can only be the key itself.
const MARK: &[u8] = b"\"sha256\":\"";
/// Digits of the hash.
const DIGITS: usize = 64;

/// What stands in place of the hash while it is computed.
pub(crate) fn placeholder() -> String {
    "0".repeat(DIGITS)
}

/// Lower-case hexadecimal SHA-256.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// SHA-256 of a model file, by which every output names the model it came from.
///
/// # Errors
/// If the file cannot be read.
pub fn model_hash(path: &Path) -> std::io::Result<String> {
    Ok(sha256(&std::fs::read(path)?))
}

/// Puts the hash of `bytes` in place of its placeholder.
pub(crate) fn seal(bytes: &mut [u8]) {
    let hash = sha256(bytes);
    if let Some(digits) = digits(bytes) {
        digits.copy_from_slice(hash.as_bytes());
    }
}

/// The hash that `bytes` carry and the one that they have; nothing if they carry none.
pub(crate) fn check(mut bytes: Vec<u8>) -> Option<(String, String)> {
    let digits = digits(&mut bytes)?;
    let carried = String::from_utf8_lossy(digits).into_owned();
    digits.fill(b'0');
    Some((carried, sha256(&bytes)))
}

fn digits(bytes: &mut [u8]) -> Option<&mut [u8]> {
    let header = usize::try_from(u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?)).ok()?;
    let header = bytes.get_mut(8..8usize.checked_add(header)?)?;
    let start = header.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    header.get_mut(start..start + DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensorfile::{Metadata, Tensors, encode};

    /// FIPS 180-2, appendix B.1.
    #[test]
    fn known_hash() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }

    #[test]
    fn a_changed_bit_breaks_the_seal() {
        // The config before the hash holds the mark itself, as text.
        let config = "\"sha256\":\"not here\"";
        let metadata =
            Metadata::from([("config".into(), config.into()), ("sha256".into(), placeholder())]);
        let mut bytes = encode(&Tensors::new(), &metadata).unwrap();
        seal(&mut bytes);
        let (carried, found) = check(bytes.clone()).unwrap();
        assert_eq!(carried, found);
        let at = bytes.windows(3).position(|w| w == b"not").unwrap();
        bytes[at] ^= 1;
        let (carried, found) = check(bytes).unwrap();
        assert_ne!(carried, found);
    }
}
