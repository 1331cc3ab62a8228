/* AVX2 with F16C and the bit instructions that every processor with AVX2 has. */
#if defined(__x86_64__)
#include "tv5/kernels.h"

#include <immintrin.h>
#include <math.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(                                                                     \
    __attribute__((target("avx2,f16c,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,f16c,bmi,bmi2,popcnt")
#endif

#include "../asymmetric/avx2.h"
#include "../dot/avx2.h"
#include "../edits/portable.h"
#include "../hamming/portable.h"

#define TV5_TABLE tv5_kernels_avx2
#define TV5_NAME "avx2"
#include "../kernels.inc"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#else
typedef int tv5_no_avx2; /* a translation unit must not be empty */
#endif
