static inline int32_t dot_one_i8(const int8_t *row, const int16_t *query, size_t dim)
{
    int32x4_t a = vdupq_n_s32(0), b = vdupq_n_s32(0);
    size_t i = 0;
    uint32_t sum;
    for (; i + 8 <= dim; i += 8) {
        int16x8_t values = vmovl_s8(vld1_s8(row + i)), q = vld1q_s16(query + i);
        a = vmlal_s16(a, vget_low_s16(values), vget_low_s16(q));
        b = vmlal_s16(b, vget_high_s16(values), vget_high_s16(q));
    }
    sum = (uint32_t)vaddvq_s32(vaddq_s32(a, b));
    for (; i < dim; ++i)
        sum += (uint32_t)(row[i] * query[i]);
    return (int32_t)sum;
}

static inline void dot_four_i8(const int8_t *row, const int16_t *const *queries, size_t dim,
                               int32_t *out)
{
    for (int query = 0; query < 4; ++query)
        out[query] = dot_one_i8(row, queries[query], dim);
}

static inline void load_half(const uint16_t *from, float *to)
{
    uint16x8_t half = vld1q_u16(from);
    vst1q_f32(to, vcvt_f32_f16(vreinterpret_f16_u16(vget_low_u16(half))));
    vst1q_f32(to + 4, vcvt_f32_f16(vreinterpret_f16_u16(vget_high_u16(half))));
}
