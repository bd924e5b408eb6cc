//! Double precision: 2 lanes (SSE2), 4 (AVX2 with FMA), 8 (AVX-512F).

use super::Simd;
use std::arch::x86_64::*;

/// Bits of 1.0 and of the sign; shift that puts an integer into the exponent field.
const ONE: i64 = 0x3ff0_0000_0000_0000;
const SIGN: i64 = i64::MIN;
const MANTISSA: i64 = 0x000f_ffff_ffff_ffff;
/// `2^52`, whose low mantissa bits count units.
const UNIT_BITS: i64 = 0x4330_0000_0000_0000;
const UNIT: f64 = 4_503_599_627_370_496.0;

macro_rules! double {
    ($name:ident, $reg:ty, $int:ty, $lanes:literal, $wide:literal,
     $load:ident, $store:ident, $set1:ident, $add:ident, $sub:ident, $mul:ident, $div:ident,
     $max:ident, $min:ident, $sqrt:ident, $to_int:ident, $of_int:ident, $set1i:ident,
     $and:ident, $andnot:ident, $or:ident, $addi:ident, $shl:ident, $shr:ident, $first:ident,
     fma($a:ident, $b:ident, $c:ident) $fma:expr,
     select($x:ident, $y:ident, $yes:ident, $no:ident) $select:expr,
     sum($all:ident) $sum:expr
     $(, $masked:item)*) => {
        #[derive(Clone, Copy)]
        pub struct $name($reg);

        // SAFETY of every block: reached only inside a function with this type's target feature
        // (see `crate::isa`); pointers are the caller's duty.
        impl Simd for $name {
            type E = f64;
            const LANES: usize = $lanes;
            const WIDE: bool = $wide;
            $($masked)*
            #[inline(always)]
            unsafe fn load(p: *const f64) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f64) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            fn splat(x: f64) -> Self {
                unsafe { Self($set1(x)) }
            }
            #[inline(always)]
            fn add(self, b: Self) -> Self {
                unsafe { Self($add(self.0, b.0)) }
            }
            #[inline(always)]
            fn sub(self, b: Self) -> Self {
                unsafe { Self($sub(self.0, b.0)) }
            }
            #[inline(always)]
            fn mul(self, b: Self) -> Self {
                unsafe { Self($mul(self.0, b.0)) }
            }
            #[inline(always)]
            fn div(self, b: Self) -> Self {
                unsafe { Self($div(self.0, b.0)) }
            }
            #[inline(always)]
            fn first(self) -> f64 {
                unsafe { $first(self.0) }
            }
            #[inline(always)]
            fn sum(self) -> f64 {
                let $all = self.0;
                unsafe { $sum }
            }
            #[inline(always)]
            fn fma(self, b: Self, c: Self) -> Self {
                let ($a, $b, $c) = (self.0, b.0, c.0);
                unsafe { Self($fma) }
            }
            #[inline(always)]
            fn max(self, b: Self) -> Self {
                unsafe { Self($max(self.0, b.0)) }
            }
            #[inline(always)]
            fn min(self, b: Self) -> Self {
                unsafe { Self($min(self.0, b.0)) }
            }
            #[inline(always)]
            fn sqrt(self) -> Self {
                unsafe { Self($sqrt(self.0)) }
            }
            #[inline(always)]
            fn abs(self) -> Self {
                unsafe { Self($of_int($andnot($set1i(SIGN), $to_int(self.0)))) }
            }
            #[inline(always)]
            fn select_lt(self, b: Self, yes: Self, no: Self) -> Self {
                let ($x, $y, $yes, $no) = (self.0, b.0, yes.0, no.0);
                unsafe { Self($select) }
            }
            #[inline(always)]
            fn pow2_of_shifted(self) -> Self {
                unsafe { Self($of_int($addi($shl::<52>($to_int(self.0)), $set1i(ONE)))) }
            }
            #[inline(always)]
            fn exponent_mantissa(self) -> (Self, Self) {
                unsafe {
                    let bits = $to_int(self.0);
                    let biased = $of_int($or($shr::<52>(bits), $set1i(UNIT_BITS)));
                    let mantissa = $of_int($or($and(bits, $set1i(MANTISSA)), $set1i(ONE)));
                    (Self($sub(biased, $set1(UNIT + 1023.0))), Self(mantissa))
                }
            }
        }
    };
}

double!(
    F64x2, __m128d, __m128i, 2, false, _mm_loadu_pd, _mm_storeu_pd, _mm_set1_pd, _mm_add_pd,
    _mm_sub_pd, _mm_mul_pd, _mm_div_pd, _mm_max_pd, _mm_min_pd, _mm_sqrt_pd, _mm_castpd_si128,
    _mm_castsi128_pd, _mm_set1_epi64x, _mm_and_si128, _mm_andnot_si128, _mm_or_si128, _mm_add_epi64,
    _mm_slli_epi64, _mm_srli_epi64, _mm_cvtsd_f64,
    fma(a, b, c) _mm_add_pd(_mm_mul_pd(a, b), c),
    select(x, y, yes, no) {
        let mask = _mm_cmplt_pd(x, y);
        _mm_or_pd(_mm_and_pd(mask, yes), _mm_andnot_pd(mask, no))
    },
    sum(x) _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
);

double!(
    F64x4, __m256d, __m256i, 4, false, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_set1_pd,
    _mm256_add_pd, _mm256_sub_pd, _mm256_mul_pd, _mm256_div_pd, _mm256_max_pd, _mm256_min_pd,
    _mm256_sqrt_pd, _mm256_castpd_si256, _mm256_castsi256_pd, _mm256_set1_epi64x, _mm256_and_si256,
    _mm256_andnot_si256, _mm256_or_si256, _mm256_add_epi64, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_cvtsd_f64,
    fma(a, b, c) _mm256_fmadd_pd(a, b, c),
    select(x, y, yes, no) _mm256_blendv_pd(no, yes, _mm256_cmp_pd::<_CMP_LT_OQ>(x, y)),
    sum(x) F64x2(_mm_add_pd(_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x))).sum()
);

double!(
    F64x8, __m512d, __m512i, 8, true, _mm512_loadu_pd, _mm512_storeu_pd, _mm512_set1_pd,
    _mm512_add_pd, _mm512_sub_pd, _mm512_mul_pd, _mm512_div_pd, _mm512_max_pd, _mm512_min_pd,
    _mm512_sqrt_pd, _mm512_castpd_si512, _mm512_castsi512_pd, _mm512_set1_epi64, _mm512_and_si512,
    _mm512_andnot_si512, _mm512_or_si512, _mm512_add_epi64, _mm512_slli_epi64, _mm512_srli_epi64,
    _mm512_cvtsd_f64,
    fma(a, b, c) _mm512_fmadd_pd(a, b, c),
    select(x, y, yes, no) _mm512_mask_blend_pd(_mm512_cmp_pd_mask::<_CMP_LT_OQ>(x, y), no, yes),
    sum(x) {
        let upper = _mm512_extractf64x4_pd::<1>(x);
        F64x4(_mm256_add_pd(_mm512_castpd512_pd256(x), upper)).sum()
    },
    #[inline(always)]
    unsafe fn load_first(p: *const f64, n: usize) -> Self {
        unsafe { Self(_mm512_maskz_loadu_pd(((1u32 << n) - 1) as u8, p)) }
    },
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f64, n: usize) {
        unsafe { _mm512_mask_storeu_pd(p, ((1u32 << n) - 1) as u8, self.0) }
    }
);
