/* Sum of an int8 query over the set sign bits of a row. */
static inline void layout_query(const int8_t *query, uint32_t words, int8_t *layout)
{
    __builtin_memcpy(layout, query, 64 * (size_t)words);
}

static inline int32_t asymmetric_one(const int8_t *layout, const uint8_t *sign_bits, uint32_t words)
{
    int32_t sum = 0;
    for (uint32_t byte = 0; byte < 8 * words; ++byte)
        for (int bit = 0; bit < 8; ++bit)
            sum += layout[8 * byte + bit] & -(sign_bits[byte] >> bit & 1);
    return sum;
}
