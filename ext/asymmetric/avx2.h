/* Sum of an int8 query over the set sign bits of a row, 32 bytes at a time.
 *
 * Keeping bit j of every byte yields, for j = 0 .. 7, the bits j, 8 + j, 16 + j ...: with the query
 * stored in that order, no byte has to be moved. A multiply-add sums pairs of value times 2^j into
 * 16 bits, and four running sums hold the multiples of 1, 2, 4 and 8 until they are shifted back,
 * which needs one shift a block (of the upper half bytes) instead of seven.
 */
/* Transpose 32 bytes' 8 values each: neighbours pair up, then twos, fours and eights of them. The
 * halves of a vector hold values for sign bits 16 bytes apart, so they end up 16 lanes apart. */
static inline void layout_block(const int8_t *query, int8_t *layout)
{
    const __m256i pair = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15));
    __m256i pairs[8], fours[8];
    for (int i = 0; i < 8; ++i) {
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(query + 16 * i));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(query + 128 + 16 * i));
        pairs[i] = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), pair);
    }
    for (int i = 0; i < 4; ++i) {
        fours[i] = _mm256_unpacklo_epi16(pairs[2 * i], pairs[2 * i + 1]);
        fours[i + 4] = _mm256_unpackhi_epi16(pairs[2 * i], pairs[2 * i + 1]);
    }
    for (int half = 0; half < 2; ++half) {
        const __m256i *from = fours + 4 * half;
        __m256i *to = (__m256i *)(void *)(layout + 128 * half);
        for (int odd = 0; odd < 2; ++odd) {
            __m256i a = odd ? _mm256_unpackhi_epi32(from[0], from[1])
                            : _mm256_unpacklo_epi32(from[0], from[1]);
            __m256i b = odd ? _mm256_unpackhi_epi32(from[2], from[3])
                            : _mm256_unpacklo_epi32(from[2], from[3]);
            _mm256_store_si256(to + 2 * odd, _mm256_unpacklo_epi64(a, b));
            _mm256_store_si256(to + 2 * odd + 1, _mm256_unpackhi_epi64(a, b));
        }
    }
}

static inline void layout_query(const int8_t *query, uint32_t words, int8_t *layout)
{
    int8_t rest[256] = {0};
    uint32_t word = 0;
    for (; word + 4 <= words; word += 4)
        layout_block(query + 64 * word, layout + 64 * word);
    if (word < words) {
        __builtin_memcpy(rest, query + 64 * word, 64 * (size_t)(words - word));
        layout_block(rest, layout + 64 * word);
    }
}

/* Bit `plane` of the upper and the lower half of each byte: two planes that share a factor. */
#define TV5_PLANE_PAIR(low, high, plane, layout)                                                  \
    _mm256_add_epi16(                                                                             \
        _mm256_maddubs_epi16(_mm256_and_si256(low, _mm256_set1_epi8(1 << (plane))),               \
                             _mm256_load_si256((const __m256i *)(layout) + (plane))),             \
        _mm256_maddubs_epi16(_mm256_and_si256(high, _mm256_set1_epi8(1 << (plane))),              \
                             _mm256_load_si256((const __m256i *)(layout) + (plane) + 4)))

static inline __attribute__((always_inline)) void asymmetric_block(const int8_t *layout,
                                                                   __m256i low, __m256i sums[4])
{
    __m256i high = _mm256_srli_epi16(low, 4);
    sums[0] = _mm256_add_epi16(sums[0], TV5_PLANE_PAIR(low, high, 0, layout));
    sums[1] = _mm256_add_epi16(sums[1], TV5_PLANE_PAIR(low, high, 1, layout));
    sums[2] = _mm256_add_epi16(sums[2], TV5_PLANE_PAIR(low, high, 2, layout));
    sums[3] = _mm256_add_epi16(sums[3], TV5_PLANE_PAIR(low, high, 3, layout));
}

/* The last 8, 16 or 24 bytes, padded with zeros; nothing is read past them, which may be the end of
 * a page. */
static inline __attribute__((always_inline)) __m256i asymmetric_tail(const uint8_t *sign_bits,
                                                                     uint32_t words)
{
    const __m256i lanes = _mm256_setr_epi64x(0, 1, 2, 3);
    __m256i there = _mm256_cmpgt_epi64(_mm256_set1_epi64x((long long)words), lanes);
    return _mm256_maskload_epi64((const long long *)(const void *)sign_bits, there);
}

/* Up to 32 words: a sum gets 16 pairs of at most 2 * 8 * 128 in magnitude, negative: -32768 fits,
 * and shifted back, four sums of 4096 do. */
static inline __attribute__((always_inline)) __m256i asymmetric_part(const int8_t *layout,
                                                                     const uint8_t *sign_bits,
                                                                     uint32_t words)
{
    __m256i zero = _mm256_setzero_si256(), sums[4] = {zero, zero, zero, zero}, all;
    uint32_t word = 0;
    for (; word + 4 <= words; word += 4) {
        __m256i block = _mm256_loadu_si256((const __m256i *)(const void *)(sign_bits + 8 * word));
        asymmetric_block(layout + 64 * word, block, sums);
    }
    if (word < words)
        asymmetric_block(layout + 64 * word,
                         asymmetric_tail(sign_bits + 8 * word, words - word), sums);
    all = _mm256_add_epi16(
        _mm256_add_epi16(sums[0], _mm256_srai_epi16(sums[1], 1)),
        _mm256_add_epi16(_mm256_srai_epi16(sums[2], 2), _mm256_srai_epi16(sums[3], 3)));
    return _mm256_madd_epi16(all, _mm256_set1_epi16(1));
}

static inline __attribute__((always_inline)) int32_t asymmetric_one(const int8_t *layout,
                                                                    const uint8_t *sign_bits,
                                                                    uint32_t words)
{
    __m256i sum = _mm256_setzero_si256();
    __m128i half;
    for (; words > 32; words -= 32, layout += 2048, sign_bits += 256)
        sum = _mm256_add_epi32(sum, asymmetric_part(layout, sign_bits, 32));
    sum = _mm256_add_epi32(sum, asymmetric_part(layout, sign_bits, words));
    half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4e));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xb1));
    return _mm_cvtsi128_si32(half);
}
