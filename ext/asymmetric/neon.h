/* Sum of an int8 query over the set sign bits of a row, 16 bytes at a time, in the order of avx2.h.
 * A lane gains at most 127 a step, 8 steps a block, 32 blocks for 4096 bits: 32512 fits. */
static inline void layout_query(const int8_t *query, uint32_t words, int8_t *layout)
{
    for (uint32_t block = 0; block < (words + 1) / 2; ++block)
        for (uint32_t plane = 0; plane < 8; ++plane)
            for (uint32_t lane = 0; lane < 16; ++lane) {
                uint32_t at = 128 * block + 8 * lane + plane;
                layout[128 * block + 16 * plane + lane] = at < 64 * words ? query[at] : 0;
            }
}

static inline int32_t asymmetric_one(const int8_t *layout, const uint8_t *sign_bits, uint32_t words)
{
    int16x8_t low = vdupq_n_s16(0), high = vdupq_n_s16(0);
    for (uint32_t block = 0; block < (words + 1) / 2; ++block) {
        const int8_t *values = layout + 128 * block;
        uint8x16_t bits = 2 * block + 2 <= words
                              ? vld1q_u8(sign_bits + 16 * block)
                              : vcombine_u8(vld1_u8(sign_bits + 16 * block), vdup_n_u8(0));
        for (int plane = 0; plane < 8; ++plane) {
            int8x16_t set = vreinterpretq_s8_u8(vandq_u8(bits, vdupq_n_u8(1)));
            int8x16_t value = vld1q_s8(values + 16 * plane);
            low = vmlal_s8(low, vget_low_s8(set), vget_low_s8(value));
            high = vmlal_s8(high, vget_high_s8(set), vget_high_s8(value));
            bits = vshrq_n_u8(bits, 1);
        }
    }
    return vaddlvq_s16(low) + vaddlvq_s16(high);
}
