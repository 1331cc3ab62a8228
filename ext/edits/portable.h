/* Which of 8 signatures lack at most so many bits of the word's, and have at most so many others. */
static inline uint32_t near_signatures(const uint64_t *signatures, uint64_t word, int edits)
{
    uint32_t found = 0;
    for (int i = 0; i < 8; ++i)
        found |= (uint32_t)(__builtin_popcountll(word & ~signatures[i]) <= edits &&
                            __builtin_popcountll(signatures[i] & ~word) <= edits)
                 << i;
    return found;
}
