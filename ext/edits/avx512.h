/* Which of 8 signatures lack at most so many bits of the word's, and have at most so many others. */
static inline uint32_t near_signatures(const uint64_t *signatures, uint64_t word, int edits)
{
    __m512i some = _mm512_loadu_si512(signatures), own = _mm512_set1_epi64((long long)word);
    __m512i lacks = _mm512_popcnt_epi64(_mm512_andnot_si512(some, own));
    __m512i has = _mm512_popcnt_epi64(_mm512_andnot_si512(own, some));
    return (uint32_t)_mm512_cmple_epu64_mask(lacks, _mm512_set1_epi64(edits)) &
           (uint32_t)_mm512_cmple_epu64_mask(has, _mm512_set1_epi64(edits));
}
