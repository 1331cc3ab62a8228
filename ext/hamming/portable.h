/* Differing bits, 64 at a time; one instruction each where the target has a population count. */
static inline int32_t hamming_one(const uint8_t *a, const uint8_t *b, size_t bytes)
{
    int32_t bits = 0;
    size_t at = 0;
    for (; at + 8 <= bytes; at += 8) {
        uint64_t x, y;
        __builtin_memcpy(&x, a + at, 8);
        __builtin_memcpy(&y, b + at, 8);
        bits += __builtin_popcountll(x ^ y);
    }
    for (; at < bytes; ++at)
        bits += __builtin_popcount((unsigned)(a[at] ^ b[at]));
    return bits;
}
