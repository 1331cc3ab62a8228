/* Operations that work row by row, for every tail. */
#include "support.h"

static const size_t counts[] = {0, 1, 3};
#define COUNTS (sizeof counts / sizeof *counts)

/* Small dimensions all, large ones around the steps of vectors and lanes. */
static size_t next_dim(size_t dim)
{
    size_t step = 32;
    if (dim < 200)
        return dim + 1;
    if (dim % step == 1)
        return dim + step - 2 > 4096 ? 4097 : dim + step - 2;
    return dim + 1;
}

static void check_hamming(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t size = 1; size <= 520; ++size)
        for (size_t c = 0; c < COUNTS; ++c, release_all()) {
            size_t n = counts[c];
            uint8_t *codes = bytes(n * size), *query = bytes(size);
            int32_t *got = room(4 * n), *want = room(4 * n);
            note("%zu bytes, %zu codes", size, n);
            table->hamming(codes, n, size, query, got);
            reference->hamming(codes, n, size, query, want);
            same_bytes("hamming", got, want, 4 * n);
        }
}

static void check_asymmetric(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (uint32_t words = 1; words <= 64; ++words)
        for (int extreme = -1; extreme <= 2; ++extreme, release_all()) {
            size_t n = 3, size = 8 * (size_t)words;
            int least = extreme == 1 ? 127 : -128, most = extreme == -1 ? -128 : 127;
            int8_t *query = integers(64 * (size_t)words, least, most);
            uint8_t *codes = bytes(n * size);
            int32_t *got = room(4 * n), *want = room(4 * n);
            for (size_t i = 0; extreme != 2 && i < n * size; ++i)
                codes[i] = 255;
            note("%u words, extreme %d", (unsigned)words, extreme);
            table->asymmetric(query, codes, n, words, got);
            reference->asymmetric(query, codes, n, words, want);
            same_bytes("asymmetric", got, want, 4 * n);
        }
}

static void check_rotate(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t dim = 8; dim <= 4096; dim = dim < 200 ? dim + 1 : dim + 61)
        for (flavour kind = 0; kind < FLAVOURS; kind += dim < 200 ? 1 : 3, release_all()) {
            size_t n = 2, bits = (dim + 63) / 64 * 64;
            tv5_rotation r = {floats(dim, NORMAL), signs_of(3 * bits), dim, 3, bits};
            float *x = floats(n * dim, kind), *got = room(4 * n * bits), *want = room(4 * n * bits);
            int8_t *values = room(n * bits), *values2 = room(n * bits);
            float *scale = room(8 * n), *scale2 = room(8 * n);
            int32_t *total = room(4 * n), *total2 = room(4 * n);
            note("%zu dimensions, flavour %d", dim, (int)kind);
            table->rotate(&r, x, n, got);
            reference->rotate(&r, x, n, want);
            same_floats("rotate", got, want, n * bits);
            table->prepare(&r, x, n, values, scale, total, scale + n);
            reference->prepare(&r, x, n, values2, scale2, total2, scale2 + n);
            same_bytes("prepare: values", values, values2, n * bits);
            same_bytes("prepare: total", total, total2, 4 * n);
            same_floats("prepare: scale and base", scale, scale2, 2 * n);
        }
}

static void check_encode(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (uint32_t words = 1; words <= 64; ++words)
        for (flavour kind = 0; kind < FLAVOURS; ++kind, release_all()) {
            size_t n = 2, bits = 64 * (size_t)words;
            float *x = floats(n * bits, kind), *got = room(8 * n), *want = room(8 * n);
            uint8_t *codes = room(n * bits / 8), *codes2 = room(n * bits / 8);
            note("%zu bits, flavour %d", bits, (int)kind);
            table->encode(x, n, bits, codes, got, got + n);
            reference->encode(x, n, bits, codes2, want, want + n);
            same_bytes("encode: codes", codes, codes2, n * bits / 8);
            same_floats("encode: sums", got, want, 2 * n);
        }
}

static void check_quantize(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t dim = 1; dim <= 4096; dim = next_dim(dim))
        for (flavour kind = 0; kind < FLAVOURS; ++kind, release_all()) {
            size_t n = 2;
            float *x = floats(n * dim, kind), *got = room(4 * n), *want = room(4 * n);
            int8_t *small = room(n * dim), *small2 = room(n * dim);
            int16_t *large = room(2 * n * dim), *large2 = room(2 * n * dim);
            note("%zu dimensions, flavour %d", dim, (int)kind);
            table->quantize_i8(x, n, dim, small, got);
            reference->quantize_i8(x, n, dim, small2, want);
            same_bytes("quantize_i8", small, small2, n * dim);
            same_floats("quantize_i8: scale", got, want, n);
            table->quantize_i16(x, n, dim, large, got);
            reference->quantize_i16(x, n, dim, large2, want);
            same_bytes("quantize_i16", large, large2, 2 * n * dim);
            same_floats("quantize_i16: scale", got, want, n);
            int8_t *left = dim % 2 ? room(n * dim) : NULL, *left2 = left ? room(n * dim) : NULL;
            table->quantize_rows(x, n, dim, small, left, got);
            reference->quantize_rows(x, n, dim, small2, left2, want);
            same_bytes("quantize_rows", small, small2, n * dim);
            same_bytes("quantize_rows: residuals", left, left2, left ? n * dim : 0);
            same_floats("quantize_rows: scale", got, want, n);
        }
}

static void check_dot(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t dim = 1; dim <= 4096; dim = next_dim(dim))
        for (flavour kind = 0; kind < FLAVOURS; ++kind, release_all()) {
            size_t n = 2;
            float *query = floats(dim, kind), *got = room(4 * n), *want = room(4 * n);
            int32_t *sums = room(4 * n), *sums2 = room(4 * n);
            int16_t *integer = (int16_t *)halves(dim, ANY_BITS);
            int8_t *small = integers(n * dim, -128, 127);
            uint16_t *half = halves(n * dim, kind);
            float *full = floats(n * dim, kind);
            note("%zu dimensions, flavour %d", dim, (int)kind);
            table->dot_i8(small, n, dim, integer, sums);
            reference->dot_i8(small, n, dim, integer, sums2);
            same_bytes("dot_i8", sums, sums2, 4 * n);
            table->dot_f16(half, n, dim, query, got);
            reference->dot_f16(half, n, dim, query, want);
            same_floats("dot_f16", got, want, n);
            table->dot_f32(full, n, dim, query, got);
            reference->dot_f32(full, n, dim, query, want);
            same_floats("dot_f32", got, want, n);
        }
}

const check row_checks[] = {
    {"hamming", check_hamming}, {"asymmetric", check_asymmetric}, {"rotate", check_rotate},
    {"encode", check_encode},   {"quantize", check_quantize},     {"dot", check_dot},
    {NULL, NULL},
};
