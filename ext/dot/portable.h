/* Exact products of int8 rows with an int16 query; unsigned sums wrap as the vector units' do. */
static inline int32_t dot_one_i8(const int8_t *row, const int16_t *query, size_t dim)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < dim; ++i)
        sum += (uint32_t)(row[i] * query[i]);
    return (int32_t)sum;
}

/* Products of one row with four queries: a row is read, and made wider, once for all. */
static inline void dot_four_i8(const int8_t *row, const int16_t *const *queries, size_t dim,
                               int32_t *out)
{
    for (int query = 0; query < 4; ++query)
        out[query] = dot_one_i8(row, queries[query], dim);
}

/* IEEE half to single: shift the fields into place and scale, which also handles subnormals. */
static inline float half_to_float(uint16_t half)
{
    union {
        uint32_t bits;
        float value;
    } magnitude = {(uint32_t)(half & 0x7fff) << 13}, bias = {0x77800000u}; /* 2^112 */
    magnitude.value *= bias.value;
    if ((half & 0x7c00) == 0x7c00)
        magnitude.bits |= 0x7f800000u;
    magnitude.bits |= (uint32_t)(half & 0x8000) << 16;
    return magnitude.value;
}

static inline void load_half(const uint16_t *from, float *to)
{
    for (int i = 0; i < 8; ++i)
        to[i] = half_to_float(from[i]);
}
