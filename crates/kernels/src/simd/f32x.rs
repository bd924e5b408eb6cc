//! Single precision: 4 lanes (SSE2), 8 (AVX2 with FMA), 16 (AVX-512F).

use super::Simd;
use std::arch::x86_64::*;

/// Bits of 1.0 and of the sign; shift that puts an integer into the exponent field.
const ONE: i32 = 0x3f80_0000;
const SIGN: i32 = i32::MIN;
const MANTISSA: i32 = 0x007f_ffff;
/// `2^23`, whose low mantissa bits count units.
const UNIT_BITS: i32 = 0x4b00_0000;
const UNIT: f32 = 8_388_608.0;

macro_rules! single {
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
            type E = f32;
            const LANES: usize = $lanes;
            const WIDE: bool = $wide;
            $($masked)*
            #[inline(always)]
            unsafe fn load(p: *const f32) -> Self {
                unsafe { Self($load(p)) }
            }
            #[inline(always)]
            unsafe fn store(self, p: *mut f32) {
                unsafe { $store(p, self.0) }
            }
            #[inline(always)]
            fn splat(x: f32) -> Self {
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
            fn first(self) -> f32 {
                unsafe { $first(self.0) }
            }
            #[inline(always)]
            fn sum(self) -> f32 {
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
                unsafe { Self($of_int($addi($shl::<23>($to_int(self.0)), $set1i(ONE)))) }
            }
            #[inline(always)]
            fn exponent_mantissa(self) -> (Self, Self) {
                unsafe {
                    let bits = $to_int(self.0);
                    let biased = $of_int($or($shr::<23>(bits), $set1i(UNIT_BITS)));
                    let mantissa = $of_int($or($and(bits, $set1i(MANTISSA)), $set1i(ONE)));
                    (Self($sub(biased, $set1(UNIT + 127.0))), Self(mantissa))
                }
            }
        }
    };
}

single!(
    F32x4, __m128, __m128i, 4, false, _mm_loadu_ps, _mm_storeu_ps, _mm_set1_ps, _mm_add_ps,
    _mm_sub_ps, _mm_mul_ps, _mm_div_ps, _mm_max_ps, _mm_min_ps, _mm_sqrt_ps, _mm_castps_si128,
    _mm_castsi128_ps, _mm_set1_epi32, _mm_and_si128, _mm_andnot_si128, _mm_or_si128, _mm_add_epi32,
    _mm_slli_epi32, _mm_srli_epi32, _mm_cvtss_f32,
    fma(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c),
    select(x, y, yes, no) {
        let mask = _mm_cmplt_ps(x, y);
        _mm_or_ps(_mm_and_ps(mask, yes), _mm_andnot_ps(mask, no))
    },
    sum(x) {
        let pair = _mm_add_ps(x, _mm_movehl_ps(x, x));
        _mm_cvtss_f32(_mm_add_ss(pair, _mm_shuffle_ps::<1>(pair, pair)))
    }
);

single!(
    F32x8, __m256, __m256i, 8, false, _mm256_loadu_ps, _mm256_storeu_ps, _mm256_set1_ps,
    _mm256_add_ps, _mm256_sub_ps, _mm256_mul_ps, _mm256_div_ps, _mm256_max_ps, _mm256_min_ps,
    _mm256_sqrt_ps, _mm256_castps_si256, _mm256_castsi256_ps, _mm256_set1_epi32, _mm256_and_si256,
    _mm256_andnot_si256, _mm256_or_si256, _mm256_add_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_cvtss_f32,
    fma(a, b, c) _mm256_fmadd_ps(a, b, c),
    select(x, y, yes, no) _mm256_blendv_ps(no, yes, _mm256_cmp_ps::<_CMP_LT_OQ>(x, y)),
    sum(x) F32x4(_mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x))).sum()
);

single!(
    F32x16, __m512, __m512i, 16, true, _mm512_loadu_ps, _mm512_storeu_ps, _mm512_set1_ps,
    _mm512_add_ps, _mm512_sub_ps, _mm512_mul_ps, _mm512_div_ps, _mm512_max_ps, _mm512_min_ps,
    _mm512_sqrt_ps, _mm512_castps_si512, _mm512_castsi512_ps, _mm512_set1_epi32, _mm512_and_si512,
    _mm512_andnot_si512, _mm512_or_si512, _mm512_add_epi32, _mm512_slli_epi32, _mm512_srli_epi32,
    _mm512_cvtss_f32,
    fma(a, b, c) _mm512_fmadd_ps(a, b, c),
    select(x, y, yes, no) _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_LT_OQ>(x, y), no, yes),
    sum(x) {
        let upper = _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x)));
        F32x8(_mm256_add_ps(_mm512_castps512_ps256(x), upper)).sum()
    },
    #[inline(always)]
    unsafe fn load_first(p: *const f32, n: usize) -> Self {
        unsafe { Self(_mm512_maskz_loadu_ps(((1u32 << n) - 1) as u16, p)) }
    },
    #[inline(always)]
    unsafe fn store_first(self, p: *mut f32, n: usize) {
        unsafe { _mm512_mask_storeu_ps(p, ((1u32 << n) - 1) as u16, self.0) }
    }
);
