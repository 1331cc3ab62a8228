/* AVX-512 on any x86-64: SIMDe's portable intrinsics under their native names.
 *
 * ext/isa/avx512.c includes this in place of <immintrin.h> when TV5_EMULATE_AVX512 is defined, so
 * that the very same source is tested where no processor runs it. SIMDe 0.7 lacks the few
 * intrinsics below; they are written out here from the definitions in Intel's guide.
 */
#ifndef TV5_EMULATE_AVX512_H
#define TV5_EMULATE_AVX512_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>

#include <stdint.h>
#include <string.h>

typedef uint32_t __mmask32;
typedef uint64_t __mmask64;

/* Masked loads must not touch what is masked out: here, as there, nothing else is read. */
#define TV5_MASKED_LOAD(name, vector, mask, element)                                               \
    static inline vector name(mask there, const void *from)                                       \
    {                                                                                             \
        element lanes[sizeof(vector) / sizeof(element)];                                          \
        vector out;                                                                               \
        for (size_t i = 0; i < sizeof lanes / sizeof *lanes; ++i) {                               \
            lanes[i] = 0;                                                                         \
            if (there >> i & 1)                                                                   \
                memcpy(lanes + i, (const char *)from + i * sizeof(element), sizeof(element));     \
        }                                                                                         \
        memcpy(&out, lanes, sizeof out);                                                          \
        return out;                                                                               \
    }

TV5_MASKED_LOAD(_mm512_maskz_loadu_epi8, __m512i, __mmask64, int8_t)
TV5_MASKED_LOAD(_mm512_maskz_loadu_epi16, __m512i, __mmask32, int16_t)
TV5_MASKED_LOAD(_mm256_maskz_loadu_epi8, __m256i, __mmask32, int8_t)

static inline int32_t _mm512_reduce_add_epi32(__m512i x)
{
    uint32_t lanes[16], sum = 0;
    memcpy(lanes, &x, sizeof lanes);
    for (int i = 0; i < 16; ++i)
        sum += lanes[i];
    return (int32_t)sum;
}

static inline int64_t _mm512_reduce_add_epi64(__m512i x)
{
    uint64_t lanes[8], sum = 0;
    memcpy(lanes, &x, sizeof lanes);
    for (int i = 0; i < 8; ++i)
        sum += lanes[i];
    return (int64_t)sum;
}

#endif
