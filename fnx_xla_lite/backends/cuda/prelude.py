"""Prelude: the CUDA C that every source starts with: types and what C lacks.

It includes no header but needs CUDA's built-in functions; a host compiler with a shim for those
takes it too.
"""

TYPES = r"""
typedef signed char i8; typedef short i16; typedef int i32; typedef long long i64;
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64;
#define FNX __device__ __forceinline__

template <class To, class From> FNX To fnx_bits(From x) {
  static_assert(sizeof(To) == sizeof(From), "bit casts keep the width");
  To y;
  memcpy(&y, &x, sizeof(To));
  return y;
}
template <class T> FNX bool fnx_is_signed() { return T(-1) < T(0); }
template <class T> FNX u64 fnx_mask() { return ~0ull >> (64 - 8 * sizeof(T)); }
"""

INTEGERS = r"""
template <class T> FNX T fnx_divide(T x, T y) {  // toward zero; all ones for y = 0
  if (y == T(0)) return T(-1);
  if (fnx_is_signed<T>() && y == T(-1)) return T(0 - (u64)x);
  return T(x / y);
}
template <class T> FNX T fnx_remainder(T x, T y) {  // sign of x; x for y = 0
  if (y == T(0)) return x;
  if (fnx_is_signed<T>() && y == T(-1)) return T(0);
  return T(x % y);
}
template <class T> FNX T fnx_shift_left(T x, T y) {
  return (u64)y < 8 * sizeof(T) ? T((u64)x << (u64)y) : T(0);
}
template <class T> FNX T fnx_shift_right_logical(T x, T y) {
  return (u64)y < 8 * sizeof(T) ? T(((u64)x & fnx_mask<T>()) >> (u64)y) : T(0);
}
template <class T> FNX T fnx_shift_right_arithmetic(T x, T y) {
  const u64 last = 8 * sizeof(T) - 1, amount = (u64)y < last ? (u64)y : last;
  const u64 up = 63 - last;
  return T(((i64)((u64)x << up) >> up) >> amount);
}
template <class T> FNX T fnx_popcnt(T x) { return T(__popcll((u64)x & fnx_mask<T>())); }
template <class T> FNX T fnx_count_leading_zeros(T x) {
  return T(__clzll((u64)x & fnx_mask<T>()) - (64 - 8 * (int)sizeof(T)));
}
template <class T> FNX T fnx_integer_power(T x, T y) {  // a negative exponent truncates
  if (fnx_is_signed<T>() && y < T(0)) {
    if (x == T(1)) return x;
    return x == T(-1) ? (y & 1 ? x : T(1)) : T(0);
  }
  u64 base = (u64)x, result = 1;
  for (u64 rest = (u64)y & fnx_mask<T>(); rest; rest >>= 1) {
    if (rest & 1) result *= base;
    base *= base;
  }
  return T(result);
}
template <class T> FNX T fnx_integer_sign(T x) { return T((x > T(0)) - (x < T(0))); }
template <class T> FNX T fnx_integer_abs(T x) { return x < T(0) ? T(0 - (u64)x) : x; }
template <class T> FNX T fnx_integer_maximum(T x, T y) { return x > y ? x : y; }
template <class T> FNX T fnx_integer_minimum(T x, T y) { return x < y ? x : y; }
template <class T> FNX i64 fnx_clamp_index(T x, i64 low, i64 high) {
  if (!fnx_is_signed<T>() && (u64)x > (u64)high) return high;
  return (i64)x < low ? low : (i64)x > high ? high : (i64)x;
}
"""

FLOATS = r"""
template <class T> FNX T fnx_maximum(T x, T y) {  // NaN wins, and 0 over -0
  if (x != x) return x;
  if (x == y) return signbit(x) ? y : x;
  return x > y ? x : y;
}
template <class T> FNX T fnx_minimum(T x, T y) {  // NaN wins, and -0 over 0
  if (x != x) return x;
  if (x == y) return signbit(x) ? x : y;
  return x < y ? x : y;
}
FNX float fnx_max_f32(float x, float y) { return y != y ? y : fnx_maximum(x, y); }
FNX double fnx_max_f64(double x, double y) { return y != y ? y : fnx_maximum(x, y); }
FNX float fnx_min_f32(float x, float y) { return y != y ? y : fnx_minimum(x, y); }
FNX double fnx_min_f64(double x, double y) { return y != y ? y : fnx_minimum(x, y); }
FNX float fnx_sign(float x) { return x == 0 || x != x ? x : copysignf(1.0f, x); }
FNX double fnx_sign(double x) { return x == 0 || x != x ? x : copysign(1.0, x); }
FNX float fnx_logistic(float x) {
  const float e = expf(-fabsf(x));
  return (x < 0 ? e : 1.0f) / (1.0f + e);
}
FNX double fnx_logistic(double x) {
  const double e = exp(-fabs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}
FNX double fnx_digamma_positive(double x) {
  double total = 0;
  for (; x < 10; x += 1) total -= 1 / x;  // digamma(x + 1) = digamma(x) + 1/x
  const double s = 1 / (x * x);
  const double series = s * (1 / 12.0 - s * (1 / 120.0 - s * (1 / 252.0 - s * (1 / 240.0
      - s * (1 / 132.0 - s * (691 / 32760.0 - s / 12.0))))));
  return total + (log(x) - 0.5 / x - series);
}
FNX double fnx_digamma(double x) {
  const double pi = 3.14159265358979323846;
  if (x == 0) return copysign(fnx_bits<double>(0x7ff0000000000000ull), -x);
  if (x > 0) return x < 1e300 ? fnx_digamma_positive(x) : log(x);
  const double part = x - rint(x);
  if (part == 0 || x != x) return fnx_bits<double>(0x7ff8000000000000ull);
  return fnx_digamma_positive(1 - x) - pi / tan(pi * part);
}
FNX float fnx_digamma(float x) { return (float)fnx_digamma((double)x); }
template <class T, class F> FNX T fnx_to_integer(F x) {  // truncates and saturates, NaN gives 0
  const u64 half = 1ull << (8 * sizeof(T) - 1);
  const bool s = fnx_is_signed<T>();
  const F high = s ? F(half) : F(half) * F(2), low = s ? -F(half) : F(0);
  if (x != x) return T(0);
  if (x >= high) return T(s ? half - 1 : ~0ull);
  if (x <= low) return T(s ? half : 0);
  return T(x);
}
"""

NARROW = r"""
// f64 to f32 rounded to odd, so that a second rounding is right
FNX float fnx_to_odd(double x) {
  const float near = (float)x;
  if (x != x || (double)near == x) return near;
  u32 bits = fnx_bits<u32>(near);
  if (fabs((double)near) > fabs(x)) bits -= 1;
  return fnx_bits<float>(bits | 1u);
}
FNX float fnx_to_odd(float x) { return x; }
template <class T> FNX float fnx_to_odd(T x) { return fnx_to_odd((double)x); }

FNX float fnx_drop_bits(float x, int count) {  // ties to even
  if (x != x) return x;
  const u32 bits = fnx_bits<u32>(x), half = (1u << (count - 1)) - 1u;
  return fnx_bits<float>((bits + half + ((bits >> count) & 1u)) & ~((1u << count) - 1u));
}
FNX float fnx_round_bf16(float x) { return fnx_drop_bits(x, 16); }
FNX u16 fnx_store_bf16(float x) { return (u16)(fnx_bits<u32>(x) >> 16); }
FNX float fnx_load_bf16(u16 x) { return fnx_bits<float>((u32)x << 16); }

#ifdef __CUDA_ARCH__
FNX u16 fnx_store_f16(float x) {
  u16 y;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(y) : "f"(x));
  return y;
}
FNX float fnx_load_f16(u16 x) {
  float y;
  asm("cvt.f32.f16 %0, %1;" : "=f"(y) : "h"(x));
  return y;
}
#else
FNX u16 fnx_store_f16(float x) { return fnx_bits<u16>((_Float16)x); }
FNX float fnx_load_f16(u16 x) { return (float)fnx_bits<_Float16>(x); }
#endif
FNX float fnx_round_f16(float x) { return fnx_load_f16(fnx_store_f16(x)); }

FNX float fnx_round_small(float x, int kept, float smallest_normal) {
  if (!(fabsf(x) < smallest_normal)) return fnx_drop_bits(x, 23 - kept);
  // adding and subtracting 1.5 * 2^23 spacings rounds to a multiple of the spacing
  const float magic = 12582912.0f * smallest_normal / (float)(1 << kept);
  return copysignf(__fadd_rn(__fadd_rn(x, magic), -magic), x);
}
FNX float fnx_round_f8E5M2(float x) {
  const float y = fnx_round_small(x, 2, 6.103515625e-05f);
  return fabsf(y) > 57344.0f ? copysignf(fnx_bits<float>(0x7f800000u), x) : y;
}
FNX u8 fnx_store_f8E5M2(float x) { return (u8)(fnx_store_f16(x) >> 8); }
FNX float fnx_load_f8E5M2(u8 x) { return fnx_load_f16((u16)(x << 8)); }
FNX float fnx_round_f8E4M3FN(float x) {  // no infinity: NaN beyond 448
  const float y = fnx_round_small(x, 3, 0.015625f);
  return fabsf(y) > 448.0f ? fnx_bits<float>(0x7fc00000u) : y;
}
FNX float fnx_load_f8E4M3FN(u8 x) {
  if ((x & 0x7f) == 0x7f) return fnx_bits<float>(0x7fc00000u);
  const float size = fnx_bits<float>((u32)(x & 0x7f) << 20) * 1.329227995784916e+36f;  // 2^120
  return x & 0x80 ? -size : size;
}
FNX u8 fnx_store_f8E4M3FN(float x) {
  const u32 sign = (fnx_bits<u32>(x) >> 24) & 0x80u;
  if (x != x) return (u8)(sign | 0x7f);
  return (u8)(sign | (fnx_bits<u32>(fabsf(x) * 7.52316384526264e-37f) >> 20));  // 2^-120
}
"""

PRELUDE = TYPES + INTEGERS + FLOATS + NARROW
