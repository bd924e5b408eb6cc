//! A palette PNG as a data URI: a 128 × 128 field in 22 kB, where rectangles would take 700 kB.

/// Palette index of a cell that shows what is behind the picture.
pub(crate) const TRANSPARENT: u8 = 255;

/// Encode `indices` (row by row, from the top) with a palette of at most 255 colours.
///
/// The file follows PNG (ISO/IEC 15948): indexed colour, 8 bits, one transparent entry. Pixels are
/// stored without compression, which needs no dependency and costs little at figure size.
pub(crate) fn data_uri(width: usize, height: usize, indices: &[u8], palette: &[[u8; 3]]) -> String {
    debug_assert_eq!(indices.len(), width * height);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    header.extend([8, 3, 0, 0, 0]); // bits, indexed colour, deflate, no filter method, no interlace
    chunk(&mut file, b"IHDR", &header);

    let mut colours: Vec<u8> = palette.iter().take(255).flatten().copied().collect();
    colours.resize(256 * 3, 0);
    chunk(&mut file, b"PLTE", &colours);
    let mut opacity = [255; 256];
    opacity[usize::from(TRANSPARENT)] = 0;
    chunk(&mut file, b"tRNS", &opacity);

    let mut rows = Vec::with_capacity((width + 1) * height);
    for row in indices.chunks(width.max(1)) {
        rows.push(0); // filter type "none"
        rows.extend(row);
    }
    chunk(&mut file, b"IDAT", &zlib_stored(&rows));
    chunk(&mut file, b"IEND", &[]);
    format!("data:image/png;base64,{}", base64(&file))
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(data);
    let sum = crc32(&file[start..]);
    file.extend(sum.to_be_bytes());
}

/// RFC 1950 around stored blocks of RFC 1951, §3.2.4.
fn zlib_stored(data: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = data.chunks(65_535);
    let last = blocks.len().saturating_sub(1);
    for (index, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(index == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(adler32(data).to_be_bytes());
    out
}

/// RFC 1950, §8.2.
fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1u32, 0u32);
    for &byte in data {
        a = (a + u32::from(byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

/// ISO 3309, bit by bit: a figure is small.
fn crc32(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        }
    }
    !crc
}

/// RFC 4648, §4.
fn base64(data: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(data.len().div_ceil(3) * 4);
    for group in data.chunks(3) {
        let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            if place <= group.len() {
                out.push(char::from(ALPHABET[(bits >> (18 - 6 * place) & 63) as usize]));
            } else {
                out.push('=');
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_match_their_published_check_values() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn base64_matches_the_vectors_of_rfc_4648() {
        let shown: Vec<_> = [&b"f"[..], b"fo", b"foo", b"foob", b"fooba", b"foobar"]
            .into_iter()
            .map(base64)
            .collect();
        assert_eq!(shown, ["Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }

    #[test]
    fn long_data_is_split_into_blocks_with_one_last() {
        let out = zlib_stored(&vec![7; 70_000]);
        assert_eq!(out[2], 0);
        assert_eq!(out[2 + 5 + 65_535], 1);
        assert_eq!(out.len(), 2 + 5 + 65_535 + 5 + 4_465 + 4);
    }
}
