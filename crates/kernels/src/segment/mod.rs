//! Reductions over runs of consecutive rows, and the gather whose adjoint is such a reduction.
//!
//! Edges sorted by their target make the sum over a node's neighbours a sum over a run of rows:
//! parallel over nodes, without atomics, in a fixed order.

mod gather;
mod reduce;
mod runs;

pub use gather::{Gather, gather};
pub use reduce::{
    segment_max, segment_max_dual, segment_mean, segment_softmax, segment_softmax_dual, segment_sum,
};
pub use runs::Segments;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::on_each;
    use crate::testing::*;
    use candle_core::Device;
    use candle_core::Tensor;

    fn segments() -> Segments {
        Segments::of_sorted(&[0, 0, 0, 2, 2, 4], 6).unwrap()
    }

    #[test]
    fn reductions_of_a_small_matrix() {
        let x = Tensor::new(
            &[[1.0f32, 9.0], [2.0, 8.0], [6.0, 1.0], [4.0, 4.0], [5.0, 2.0], [7.0, 7.0]],
            &Device::Cpu,
        )
        .unwrap();
        on_each(|_| {
            let s = segments();
            assert_eq!(
                flat(&segment_sum(&x, &s).unwrap()),
                [9., 18., 0., 0., 9., 6., 0., 0., 7., 7., 0., 0.]
            );
            assert_eq!(
                flat(&segment_mean(&x, &s).unwrap()),
                [3., 6., 0., 0., 4.5, 3., 0., 0., 7., 7., 0., 0.]
            );
            assert_eq!(
                flat(&segment_max(&x, &s).unwrap()),
                [6., 9., 0., 0., 5., 4., 0., 0., 7., 7., 0., 0.]
            );
            let y = segment_sum(&segment_softmax(&x, &s).unwrap(), &s).unwrap();
            for (y, expected) in
                flat(&y).into_iter().zip([1., 1., 0., 0., 1., 1., 0., 0., 1., 1., 0., 0.])
            {
                assert!((y - expected).abs() < 1e-6);
            }
        });
    }

    #[test]
    fn adjoints_and_tangents() {
        let (x, s) = (normal::<f64>(1, &[6, 19]), segments());
        on_each(|_| {
            for f in [segment_sum, segment_mean, segment_max, segment_softmax] {
                check_adjoint(std::slice::from_ref(&x), |x| f(&x[0], &s));
            }
            check_tangent(&x, |x| segment_softmax(x, &s), |x, dx| segment_softmax_dual(x, dx, &s));
            check_tangent(&x, |x| segment_max(x, &s), |x, dx| segment_max_dual(x, dx, &s));
            let g = Gather::new(vec![5, 0, 0, 3, 5, 5, 1], 6).unwrap();
            check_adjoint(std::slice::from_ref(&x), |x| gather(&x[0], &g));
            let y = gather(&x, &g).unwrap();
            let picked = x
                .index_select(&Tensor::new(&[5u32, 0, 0, 3, 5, 5, 1], &Device::Cpu).unwrap(), 0)
                .unwrap();
            assert_eq!(flat(&y), flat(&picked));
        });
    }

    #[test]
    fn threads_change_nothing() {
        let rows: Vec<u32> = (0..20_000u32).map(|r| r / 7).collect();
        let s = Segments::of_sorted(&rows, 3000).unwrap();
        let g = Gather::new(rows.iter().map(|r| (r * 37) % 3000).collect(), 3000).unwrap();
        let x = normal::<f32>(1, &[20_000, 20]);
        let nodes = normal::<f32>(2, &[3000, 20]);
        check_threads(|| {
            let v = candle_core::Var::from_tensor(&nodes).unwrap();
            let grads =
                gather(&v, &g).unwrap().mul(&x).unwrap().sum_all().unwrap().backward().unwrap();
            vec![
                segment_sum(&x, &s).unwrap(),
                segment_softmax(&x, &s).unwrap(),
                grads.get(&v).unwrap().clone(),
            ]
        });
    }

    #[test]
    fn bad_indices_are_refused() {
        assert!(Segments::of_sorted(&[1, 0], 2).is_err());
        assert!(Segments::of_sorted(&[0, 2], 2).is_err());
        assert!(Segments::new(vec![1, 2]).is_err());
        assert!(Gather::new(vec![3], 3).unwrap_err().to_string().contains("row 3 of 3"));
    }
}
