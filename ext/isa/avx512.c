/* AVX-512 with BW, DQ, VL, VNNI and VPOPCNTDQ: Ice Lake, Zen 4 and later.
 *
 * With TV5_EMULATE_AVX512 the same source is compiled against an emulation of the intrinsics, so
 * that it can be tested on any processor (tests/kernels/native).
 */
#if defined(__x86_64__)
#include "tv5/kernels.h"

#include <math.h>
#include <string.h>

#if defined(TV5_EMULATE_AVX512)
#include "emulate_avx512.h"
#else
#include <immintrin.h>
#if defined(__clang__)
#pragma clang attribute push(                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,"        \
                          "avx2,f16c,bmi,bmi2,popcnt"))),                                   \
    apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target(                                                                               \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vpopcntdq,avx2,f16c,bmi,bmi2,popcnt")
#endif
#endif

#include "../asymmetric/avx512.h"
#include "../dot/avx512.h"
#include "../edits/avx512.h"
#include "../hamming/avx512.h"

#define TV5_TABLE tv5_kernels_avx512
#define TV5_NAME "avx512"
#include "../kernels.inc"

#if !defined(TV5_EMULATE_AVX512)
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif
#else
typedef int tv5_no_avx512; /* a translation unit must not be empty */
#endif
