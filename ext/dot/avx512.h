static inline __attribute__((always_inline)) int32_t dot_one_i8(const int8_t *row,
                                                                const int16_t *query, size_t dim)
{
    __m512i sum = _mm512_setzero_si512();
    for (size_t i = 0; i < dim; i += 32) {
        size_t left = dim - i;
        __mmask32 there = left >= 32 ? ~(uint32_t)0 : ((uint32_t)1 << left) - 1;
        __m512i values = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(there, row + i));
        sum = _mm512_dpwssd_epi32(sum, values, _mm512_maskz_loadu_epi16(there, query + i));
    }
    return _mm512_reduce_add_epi32(sum);
}

static inline __attribute__((always_inline)) void load_half(const uint16_t *from, float *to)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm256_storeu_ps(to, _mm256_cvtph_ps(half));
}
