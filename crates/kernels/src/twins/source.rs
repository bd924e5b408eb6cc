//! The sources of the kernels.

/// What they share, and the kernels.
const PARTS: [&str; 11] = [
    include_str!("source/common.cu"),
    include_str!("source/pointwise.cu"),
    include_str!("source/sums.cu"),
    include_str!("source/norm.cu"),
    include_str!("source/softmax.cu"),
    include_str!("source/pair.cu"),
    include_str!("source/geometry.cu"),
    include_str!("source/directions.cu"),
    include_str!("source/along.cu"),
    include_str!("source/conv.cu"),
    include_str!("source/optim.cu"),
];

/// All of them, for a compiler that is told what `REAL` is.
pub(super) fn source() -> String {
    PARTS.concat()
}

/// The names of the kernels.
pub(super) fn names() -> Vec<String> {
    let start = |line: &str| {
        let rest = line.strip_prefix("KERNEL ")?;
        rest.split_once('(').map(|(name, _)| name.to_string())
    };
    source().lines().filter_map(start).collect()
}
