/* Scans and rescoring: the same rows in the same order, with and without bitmaps. */
#include <string.h>

#include "support.h"

static const size_t row_counts[] = {0, 1, 7, 8, 9, 63, 64, 65, 130, 300};
static const uint32_t wanted[] = {1, 2, 10, 64, 400};
static const int densities[] = {-1, 0, 3, 60, 100};
#define LENGTH(array) (sizeof array / sizeof *array)

static tv5_top_k best_of(uint32_t k)
{
    return (tv5_top_k){room(8 * (size_t)k), k, room(4 * (size_t)k), room(4 * (size_t)k)};
}

static void same_best(const char *what, const tv5_top_k *got, const tv5_top_k *want)
{
    same_bytes(what, got->rows, want->rows, 4 * (size_t)got->k);
    same_floats(what, got->scores, want->scores, got->k);
}

static uint8_t *codes_of(size_t n, uint32_t words, flavour kind)
{
    size_t stride = 8 * (size_t)words + 8;
    uint8_t *out = bytes(n * stride);
    float *factors = floats(2 * n, kind);
    for (size_t i = 0; i < n; ++i)
        memcpy(out + i * stride + 8 * words, factors + 2 * i, 8);
    return out;
}

static void one_scan(const tv5_kernels *table, const tv5_kernels *reference, size_t n,
                     uint32_t words, flavour kind)
{
    tv5_query query = {integers(64 * (size_t)words, -127, 127), 0.01f, 77, 0.25f, NULL};
    size_t stride = 8 * (size_t)words + 8;
    uint8_t *codes = codes_of(n, words, kind);
    for (size_t d = 0; d < LENGTH(densities); ++d)
        for (size_t w = 0; w < LENGTH(wanted); ++w) {
            uint8_t *allow = densities[d] < 0 ? NULL : bitmap(n, (uint32_t)densities[d]);
            tv5_top_k got = best_of(wanted[w]), want = best_of(wanted[w]);
            note("%zu codes of %u words, flavour %d, density %d, k %u", n, (unsigned)words,
                 (int)kind, densities[d], (unsigned)wanted[w]);
            table->scan_codes(codes, n, stride, words, &query, allow, &got);
            reference->scan_codes(codes, n, stride, words, &query, allow, &want);
            same_best("scan_codes", &got, &want);
        }
    release_all();
}

static void check_scan_codes(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const uint32_t words[] = {1, 2, 3, 12, 13, 64};
    for (size_t w = 0; w < LENGTH(words); ++w)
        for (size_t i = 0; i < LENGTH(row_counts); ++i)
            for (flavour kind = NORMAL; kind < FLAVOURS; kind += 2)
                one_scan(table, reference, row_counts[i], words[w], kind);
}

static tv5_rows rows_of(size_t n, size_t dim, tv5_kind kind, flavour values)
{
    tv5_rows rows = {NULL, NULL, n, dim, kind, 1, NULL};
    if (kind == TV5_INT8) {
        rows.values = integers(n * dim, -127, 127);
        rows.factors = 1 + below(2);
        rows.scales = floats(n * rows.factors, values);
        rows.residuals = below(2) ? integers(n * dim, -127, 127) : NULL;
    } else if (kind == TV5_FLOAT16) {
        rows.values = halves(n * dim, values);
    } else {
        rows.values = floats(n * dim, values);
    }
    return rows;
}

/* Four queries at once, in two steps, against each alone. */
static void same_together(const tv5_kernels *table, const tv5_kernels *reference,
                          const tv5_rows *rows, const float *queries, const uint8_t *allow,
                          uint32_t k, size_t half)
{
    tv5_top_k got[TV5_TOGETHER], want = best_of(k);
    uint32_t sizes[TV5_TOGETHER] = {0};
    for (int i = 0; i < TV5_TOGETHER; ++i)
        got[i] = best_of(k);
    if (half)
        table->scan_rows_together(rows, 0, half, queries, allow, got, sizes);
    table->scan_rows_together(rows, half, rows->count, queries, allow, got, sizes);
    for (int i = 0; i < TV5_TOGETHER; ++i) {
        reference->scan_rows(rows, 0, rows->count, queries + i * rows->dim, allow, &want, 0);
        same_best("scan_rows_together", got + i, &want);
    }
}

static void one_rescore(const tv5_kernels *table, const tv5_kernels *reference, size_t n,
                        size_t dim, tv5_kind kind, flavour values)
{
    tv5_rows rows = rows_of(n, dim, kind, values);
    float *query = floats(TV5_TOGETHER * dim, values);
    uint32_t *some = room(4 * 50);
    float *upper_bounds = floats(50, values);
    for (size_t i = 0; i < 50; ++i)
        some[i] = n && below(5) ? below((uint32_t)n) : TV5_NONE;
    for (size_t w = 0; w < LENGTH(wanted); ++w) {
        uint8_t *allow = w % 2 ? NULL : bitmap(n, 30);
        tv5_top_k got = best_of(wanted[w]), want = best_of(wanted[w]);
        note("%zu rows of %zu, kind %d, flavour %d, k %u", n, dim, (int)kind, (int)values,
             (unsigned)wanted[w]);
        /* In two steps, as for many queries. */
        size_t half = n ? below((uint32_t)n) : 0;
        uint32_t listed = half ? table->scan_rows(&rows, 0, half, query, allow, &got, 0) : 0;
        table->scan_rows(&rows, half, n, query, allow, &got, listed);
        reference->scan_rows(&rows, 0, n, query, allow, &want, 0);
        same_best("scan_rows", &got, &want);
        same_together(table, reference, &rows, query, allow, wanted[w], half);
        tv5_candidates candidates = {some, w % 3 ? upper_bounds : NULL, w ? 50 : 0};
        table->rescore(&rows, query, &candidates, &got);
        reference->rescore(&rows, query, &candidates, &want);
        same_best("rescore", &got, &want);
    }
    release_all();
}

static void check_rows(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const size_t dims[] = {1, 8, 31, 33, 100, 768};
    for (size_t d = 0; d < LENGTH(dims); ++d)
        for (size_t i = 0; i < LENGTH(row_counts); ++i)
            for (tv5_kind kind = TV5_INT8; kind <= TV5_FLOAT32; ++kind)
                for (flavour values = NORMAL; values < FLAVOURS; values += 3)
                    one_rescore(table, reference, row_counts[i], dims[d], kind, values);
}

/* Enough rows that some wait more than once. */
static void one_bounded(const tv5_kernels *table, const tv5_kernels *reference, size_t n,
                        uint32_t words, tv5_kind kind)
{
    tv5_query query = {integers(64 * (size_t)words, -127, 127), 0.01f, 77, 0.25f, NULL};
    tv5_codes codes = {codes_of(n, words, NORMAL), n, 8 * (size_t)words + 8, words};
    tv5_rows rows = rows_of(n, 33, kind, NORMAL);
    float *exact = floats(33, NORMAL);
    for (size_t d = 0; d < LENGTH(densities); ++d)
        for (size_t w = 0; w < LENGTH(wanted); w += 2) {
            uint8_t *allow = densities[d] < 0 ? NULL : bitmap(n, (uint32_t)densities[d]);
            tv5_top_k got = best_of(wanted[w]), want = best_of(wanted[w]);
            float margin = (float)below(3);
            note("%zu codes of %u words, density %d, k %u, margin %g", n, (unsigned)words,
                 densities[d], (unsigned)wanted[w], (double)margin);
            table->scan_bounded(&codes, &rows, &query, exact, margin, allow, &got);
            reference->scan_bounded(&codes, &rows, &query, exact, margin, allow, &want);
            same_best("scan_bounded", &got, &want);
        }
    release_all();
}

static void check_scan_bounded(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const uint32_t words[] = {1, 3, 12, 64};
    static const size_t counts[] = {0, 1, 63, 64, 65, 300, 5000};
    for (size_t w = 0; w < LENGTH(words); ++w)
        for (size_t i = 0; i < LENGTH(counts); ++i)
            for (tv5_kind kind = TV5_INT8; kind <= TV5_FLOAT32; ++kind)
                one_bounded(table, reference, counts[i], words[w], kind);
}

const check selection_checks[] = {
    {"scan_codes", check_scan_codes},
    {"rows", check_rows},
    {"scan_bounded", check_scan_bounded},
    {NULL, NULL},
};
