//! Named tensors and text as the bytes of a safetensors file, the same bytes for the same content.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use safetensors::{SafeTensorError, SafeTensors};
use serde_json::{Map, Value, json};

/// Tensors by name.
pub(crate) type Tensors = BTreeMap<String, Tensor>;
/// Text by key.
pub(crate) type Metadata = BTreeMap<String, String>;

/// The file's bytes. Keys are sorted, tensors ordered by falling element size, then by name.
///
/// The safetensors crate writes metadata in the random order of a hash map; a file's hash is part of
/// every result's provenance, so its bytes must not be left to chance.
///
/// # Errors
/// [`langevin_core::Error::Tensor`] for a type that the format lacks.
pub(crate) fn encode(tensors: &Tensors, metadata: &Metadata) -> langevin_core::Result<Vec<u8>> {
    let mut order: Vec<(&String, &Tensor)> = tensors.iter().collect();
    order.sort_by_key(|(name, tensor)| (std::cmp::Reverse(tensor.dtype().size_in_bytes()), *name));
    let mut header = Map::new();
    header.insert("__metadata__".into(), json!(metadata));
    let (mut data, mut start) = (Vec::new(), 0);
    for (name, tensor) in order {
        append(&mut data, tensor)?;
        header.insert(
            name.clone(),
            json!({"dtype": type_name(tensor.dtype()), "shape": tensor.dims(), "data_offsets": [start, data.len()]}),
        );
        start = data.len();
    }
    let mut header = Value::Object(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    let mut bytes = Vec::with_capacity(8 + header.len() + data.len());
    bytes.extend((header.len() as u64).to_le_bytes());
    bytes.extend(header);
    bytes.extend(data);
    Ok(bytes)
}

fn type_name(dtype: DType) -> String {
    format!("{dtype:?}").to_uppercase()
}

/// The elements in little-endian order.
fn append(data: &mut Vec<u8>, tensor: &Tensor) -> candle_core::Result<()> {
    let flat = tensor.flatten_all()?;
    macro_rules! elements {
        ($t:ty) => {
            for x in flat.to_vec1::<$t>()? {
                data.extend(x.to_le_bytes());
            }
        };
    }
    match tensor.dtype() {
        DType::F64 => elements!(f64),
        DType::F32 => elements!(f32),
        DType::I64 => elements!(i64),
        DType::U32 => elements!(u32),
        DType::U8 => elements!(u8),
        other => candle_core::bail!("tensors of type {other:?} are not saved"),
    }
    Ok(())
}

/// Tensors and metadata of a file's bytes.
///
/// # Errors
/// What the format's reader found.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Tensors, Metadata), SafeTensorError> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let metadata = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let file = SafeTensors::deserialize(bytes)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let dtype = [DType::F64, DType::F32, DType::I64, DType::U32, DType::U8]
            .into_iter()
            .find(|&dtype| type_name(dtype) == format!("{:?}", view.dtype()));
        let tensor = dtype
            .and_then(|dtype| {
                Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu).ok()
            })
            .ok_or(SafeTensorError::TensorInvalidInfo)?;
        tensors.insert(name, tensor);
    }
    Ok((tensors, metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_written_the_same_again() {
        let cpu = &Device::Cpu;
        let tensors = Tensors::from([
            ("b".to_string(), Tensor::new(&[[1.5f32, -0.0], [f32::NAN, 3.0]], cpu).unwrap()),
            ("a".to_string(), Tensor::new(&[7u32, 9], cpu).unwrap()),
            ("c".to_string(), Tensor::new(&[0.1f64], cpu).unwrap()),
            ("empty".to_string(), Tensor::zeros((0, 3), DType::F32, cpu).unwrap()),
        ]);
        let text = "[train]\nsteps = 3 # \"quoted\" ü";
        let metadata =
            Metadata::from([("config".into(), text.into()), ("a".into(), String::new())]);
        let bytes = encode(&tensors, &metadata).unwrap();
        let (tensors, read) = decode(&bytes).unwrap();
        assert_eq!(read, metadata);
        assert_eq!(tensors["b"].dims(), [2, 2]);
        assert_eq!(tensors["a"].to_vec1::<u32>().unwrap(), [7, 9]);
        assert_eq!(tensors["empty"].dims(), [0, 3]);
        assert_eq!(encode(&tensors, &read).unwrap(), bytes);
    }

    #[test]
    fn a_truncated_file_is_refused() {
        let tensors =
            Tensors::from([("a".to_string(), Tensor::new(&[1.0f32, 2.0], &Device::Cpu).unwrap())]);
        let bytes = encode(&tensors, &Metadata::new()).unwrap();
        for length in [0, 4, 20, bytes.len() - 1] {
            assert!(decode(&bytes[..length]).is_err(), "{length} bytes");
        }
    }
}
