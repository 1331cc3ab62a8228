static inline __attribute__((always_inline)) int32_t dot_one_i8(const int8_t *row,
                                                                const int16_t *query, size_t dim)
{
    __m256i a = _mm256_setzero_si256(), b = _mm256_setzero_si256();
    __m128i half;
    size_t i = 0;
    uint32_t sum;
    for (; i + 32 <= dim; i += 32) {
        __m256i values = _mm256_loadu_si256((const __m256i *)(const void *)(row + i));
        __m256i low = _mm256_cvtepi8_epi16(_mm256_castsi256_si128(values));
        __m256i high = _mm256_cvtepi8_epi16(_mm256_extracti128_si256(values, 1));
        __m256i q = _mm256_loadu_si256((const __m256i *)(const void *)(query + i));
        __m256i r = _mm256_loadu_si256((const __m256i *)(const void *)(query + i + 16));
        a = _mm256_add_epi32(a, _mm256_madd_epi16(low, q));
        b = _mm256_add_epi32(b, _mm256_madd_epi16(high, r));
    }
    a = _mm256_add_epi32(a, b);
    half = _mm_add_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    sum = (uint32_t)_mm_cvtsi128_si32(half);
    for (; i < dim; ++i)
        sum += (uint32_t)(row[i] * query[i]);
    return (int32_t)sum;
}

static inline __attribute__((always_inline)) void load_half(const uint16_t *from, float *to)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm256_storeu_ps(to, _mm256_cvtph_ps(half));
}
