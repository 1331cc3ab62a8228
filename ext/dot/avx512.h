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

/* Add the values of each of four vectors up: by pairs of vectors, then by lanes. */
static inline __attribute__((always_inline)) __m128i sums_of_four(__m512i a, __m512i b, __m512i c,
                                                                  __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all),
                                    _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

static inline __attribute__((always_inline)) void dot_four_i8(const int8_t *row,
                                                              const int16_t *const *queries,
                                                              size_t dim, int32_t *out)
{
    __m512i a = _mm512_setzero_si512(), b = a, c = a, d = a, values;
    size_t i = 0;
    for (; i + 32 <= dim; i += 32) {
        values = _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(row + i)));
        a = _mm512_dpwssd_epi32(a, values, _mm512_loadu_si512(queries[0] + i));
        b = _mm512_dpwssd_epi32(b, values, _mm512_loadu_si512(queries[1] + i));
        c = _mm512_dpwssd_epi32(c, values, _mm512_loadu_si512(queries[2] + i));
        d = _mm512_dpwssd_epi32(d, values, _mm512_loadu_si512(queries[3] + i));
    }
    if (i < dim) {
        __mmask32 there = ((uint32_t)1 << (dim - i)) - 1;
        values = _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8(there, row + i));
        a = _mm512_dpwssd_epi32(a, values, _mm512_maskz_loadu_epi16(there, queries[0] + i));
        b = _mm512_dpwssd_epi32(b, values, _mm512_maskz_loadu_epi16(there, queries[1] + i));
        c = _mm512_dpwssd_epi32(c, values, _mm512_maskz_loadu_epi16(there, queries[2] + i));
        d = _mm512_dpwssd_epi32(d, values, _mm512_maskz_loadu_epi16(there, queries[3] + i));
    }
    _mm_storeu_si128((__m128i *)(void *)out, sums_of_four(a, b, c, d));
}

static inline __attribute__((always_inline)) void load_half(const uint16_t *from, float *to)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm256_storeu_ps(to, _mm256_cvtph_ps(half));
}
