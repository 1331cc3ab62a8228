static inline __attribute__((always_inline)) uint32_t sum_of_eight(__m256i sums)
{
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return (uint32_t)_mm_cvtsi128_si32(half);
}

static inline __attribute__((always_inline)) int32_t dot_one_i8(const int8_t *row,
                                                                const int16_t *query, size_t dim)
{
    __m256i a = _mm256_setzero_si256(), b = _mm256_setzero_si256();
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
    sum = sum_of_eight(_mm256_add_epi32(a, b));
    for (; i < dim; ++i)
        sum += (uint32_t)(row[i] * query[i]);
    return (int32_t)sum;
}

static inline __attribute__((always_inline)) __m256i times(__m256i values, const int16_t *query)
{
    return _mm256_madd_epi16(values, _mm256_loadu_si256((const __m256i *)(const void *)query));
}

static inline __attribute__((always_inline)) void dot_four_i8(const int8_t *row,
                                                              const int16_t *const *queries,
                                                              size_t dim, int32_t *out)
{
    __m256i a = _mm256_setzero_si256(), b = a, c = a, d = a;
    size_t i = 0;
    for (; i + 16 <= dim; i += 16) {
        __m128i narrow = _mm_loadu_si128((const __m128i *)(const void *)(row + i));
        __m256i values = _mm256_cvtepi8_epi16(narrow);
        a = _mm256_add_epi32(a, times(values, queries[0] + i));
        b = _mm256_add_epi32(b, times(values, queries[1] + i));
        c = _mm256_add_epi32(c, times(values, queries[2] + i));
        d = _mm256_add_epi32(d, times(values, queries[3] + i));
    }
    uint32_t sums[4] = {sum_of_eight(a), sum_of_eight(b), sum_of_eight(c), sum_of_eight(d)};
    for (; i < dim; ++i)
        for (int query = 0; query < 4; ++query)
            sums[query] += (uint32_t)(row[i] * queries[query][i]);
    for (int query = 0; query < 4; ++query)
        out[query] = (int32_t)sums[query];
}

static inline __attribute__((always_inline)) void load_half(const uint16_t *from, float *to)
{
    __m128i half = _mm_loadu_si128((const __m128i *)(const void *)from);
    _mm256_storeu_ps(to, _mm256_cvtph_ps(half));
}
