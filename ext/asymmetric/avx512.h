/* Sum of an int8 query over the set sign bits of a row: 64 bits are a mask over 64 values, which
 * VNNI sums with ones. Two sums hide the latency of the dot product. */
static inline void layout_query(const int8_t *query, uint32_t words, int8_t *layout)
{
    memcpy(layout, query, 64 * (size_t)words);
}

static inline __attribute__((always_inline)) __m512i asymmetric_word(__m512i sum,
                                                                     const int8_t *layout,
                                                                     const uint8_t *sign_bits)
{
    uint64_t bits;
    memcpy(&bits, sign_bits, sizeof bits);
    return _mm512_dpbusd_epi32(sum, _mm512_set1_epi8(1),
                               _mm512_maskz_loadu_epi8((__mmask64)bits, layout));
}

static inline __attribute__((always_inline)) int32_t asymmetric_one(const int8_t *layout,
                                                                    const uint8_t *sign_bits,
                                                                    uint32_t words)
{
    __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
    uint32_t word = 0;
    for (; word + 2 <= words; word += 2) {
        even = asymmetric_word(even, layout + 64 * word, sign_bits + 8 * word);
        odd = asymmetric_word(odd, layout + 64 * word + 64, sign_bits + 8 * word + 8);
    }
    if (word < words)
        even = asymmetric_word(even, layout + 64 * word, sign_bits + 8 * word);
    return _mm512_reduce_add_epi32(_mm512_add_epi32(even, odd));
}
