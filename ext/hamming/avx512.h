/* Differing bits, 512 at a time (VPOPCNTDQ). */
static inline int32_t hamming_one(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t at = 0; at < bytes; at += 64) {
        size_t left = bytes - at;
        __mmask64 there = left >= 64 ? ~0ull : (1ull << left) - 1;
        __m512i x = _mm512_maskz_loadu_epi8(there, a + at);
        __m512i y = _mm512_maskz_loadu_epi8(there, b + at);
        sum = _mm512_add_epi64(sum, _mm512_popcnt_epi64(_mm512_xor_si512(x, y)));
    }
    return (int32_t)_mm512_reduce_add_epi64(sum);
}
