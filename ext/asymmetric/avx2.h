/* Sum of an int8 query over the set bits of a code, 32 bytes of code at a time.
 *
 * Shifting the code right by j and keeping the lowest bit of each byte yields, for j = 0 .. 7, the
 * bits j, 8 + j, 16 + j ...: with the query stored in that order, no byte has to be moved. A
 * multiply-add with these zeros and ones sums pairs into 16 bits: at most 254 a step, so that
 * 16 blocks of 8 steps stay within 32767 (16 * 8 * 254 = 32512).
 */
#define TV5_PLANES 8

static inline void layout_query(const int8_t *query, uint32_t words, int8_t *layout)
{
    for (uint32_t block = 0; block < (words + 3) / 4; ++block)
        for (uint32_t plane = 0; plane < TV5_PLANES; ++plane)
            for (uint32_t lane = 0; lane < 32; ++lane) {
                uint32_t at = 256 * block + 8 * lane + plane;
                layout[256 * block + 32 * plane + lane] = at < 64 * words ? query[at] : 0;
            }
}

/* One plane: pairs of (bit * value) in 16 bits. */
#define TV5_PLANE(code, plane, layout)                                                            \
    _mm256_maddubs_epi16(                                                                         \
        _mm256_and_si256(_mm256_srli_epi16(code, plane), _mm256_set1_epi8(1)),                    \
        _mm256_load_si256((const __m256i *)(layout) + (plane)))

static inline __attribute__((always_inline)) __m256i asymmetric_block(const int8_t *layout,
                                                                      __m256i code)
{
    __m256i a = _mm256_add_epi16(TV5_PLANE(code, 0, layout), TV5_PLANE(code, 1, layout));
    __m256i b = _mm256_add_epi16(TV5_PLANE(code, 2, layout), TV5_PLANE(code, 3, layout));
    __m256i c = _mm256_add_epi16(TV5_PLANE(code, 4, layout), TV5_PLANE(code, 5, layout));
    __m256i d = _mm256_add_epi16(TV5_PLANE(code, 6, layout), TV5_PLANE(code, 7, layout));
    return _mm256_add_epi16(_mm256_add_epi16(a, b), _mm256_add_epi16(c, d));
}

/* The last 8, 16 or 24 bytes of a code, zeros behind: a code may end where its page does. */
static inline __attribute__((always_inline)) __m256i asymmetric_tail(const uint8_t *code,
                                                                     uint32_t words)
{
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    __m256i there = _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)words), lanes);
    return _mm256_maskload_epi64((const long long *)(const void *)code, there);
}

static inline __attribute__((always_inline)) int32_t asymmetric_one(const int8_t *layout,
                                                                    const uint8_t *code,
                                                                    uint32_t words)
{
    const __m256i ones = _mm256_set1_epi16(1);
    __m256i sum = _mm256_setzero_si256(), pairs = _mm256_setzero_si256();
    __m128i half;
    for (uint32_t block = 0; block < words / 4; ++block) {
        __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)(code + 32 * block));
        pairs = _mm256_add_epi16(pairs, asymmetric_block(layout + 256 * block, bits));
        if (block % 16 == 15) {
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
            pairs = _mm256_setzero_si256();
        }
    }
    if (words % 4) {
        uint32_t block = words / 4;
        __m256i bits = asymmetric_tail(code + 32 * block, words % 4);
        pairs = _mm256_add_epi16(pairs, asymmetric_block(layout + 256 * block, bits));
    }
    sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}
