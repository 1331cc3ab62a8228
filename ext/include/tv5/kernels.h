/* The contract of the native kernels.
 *
 * Plain C11: nothing here allocates, fails, or knows of Python. Callers validate first. Every table
 * computes the same bits, floats included, as the NumPy implementation (tv5core/kernels/_numpy):
 * sums of floats have 32 running lanes folded in halves, products are rounded before they are
 * added, and candidates are ordered by descending score, then ascending row.
 *
 * The code of a row is its sign bits (8 * words bytes), two floats, f_add and f_rescale, and
 * padding to `stride` bytes. ext/README.md is the map of the sources.
 */
#ifndef TV5_KERNELS_H
#define TV5_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "tv5/link.h"
#include "tv5/postings.h"
#include "tv5/rows.h"
#include "tv5/values.h"
#include "tv5/walk.h"

#define TV5_LANES 32
#define TV5_MAX_DIM 4096
#define TV5_TOGETHER 4 /* queries by which a scan scores a row at once */

/* Rows to score exactly. With upper bounds, a row whose bound is below the k-th best score so far
 * is skipped. */
typedef struct tv5_candidates {
    const uint32_t *rows;      /* count; TV5_NONE is skipped */
    const float *upper_bounds; /* count: upper bounds of the exact scores; or NULL */
    size_t count;
} tv5_candidates;

/* Memory and results of selecting the k best rows. */
typedef struct tv5_top_k {
    uint64_t *list; /* scratch, k scored rows */
    uint32_t k;
    uint32_t *rows; /* k, padded with TV5_NONE */
    float *scores;  /* k, padded with -inf */
} tv5_top_k;

typedef struct tv5_codes {
    const uint8_t *codes; /* count * stride */
    size_t count, stride;
    uint32_t words;
} tv5_codes;

typedef struct tv5_rotation {
    const float *center; /* dim */
    const float *signs;  /* rounds * bits, +-1 */
    size_t dim, rounds, bits;
} tv5_rotation;

typedef struct tv5_kernels {
    const char *name;
    /* Count the bits in which n rows of sign bits, `bytes` each, differ from a query. */
    void (*hamming)(const uint8_t *sign_bits, size_t n, size_t bytes, const uint8_t *query,
                    int32_t *out);
    /* Centre, pad and rotate n rows of dim to n rows of bits. */
    void (*rotate)(const tv5_rotation *rotation, const float *x, size_t n, float *out);
    /* Sign bits of n rotated rows, and their sums of |x| and x^2. */
    void (*encode)(const float *rotated, size_t n, size_t bits, uint8_t *sign_bits,
                   float *absolute, float *square);
    /* Round n rows to integers, with one scale per row. */
    void (*quantize_i8)(const float *x, size_t n, size_t dim, int8_t *out, float *scale);
    void (*quantize_i16)(const float *x, size_t n, size_t dim, int16_t *out, float *scale);
    /* Round n rows to stored rows: values, residuals (or NULL) and scales. */
    void (*quantize_rows)(const float *x, size_t n, size_t dim, int8_t *values, int8_t *residuals,
                          float *scale);
    /* Prepare n queries for the estimator: centre, rotate, quantize. */
    void (*prepare)(const tv5_rotation *rotation, const float *queries, size_t n, int8_t *values,
                    float *scale, int32_t *total, float *base);
    /* Sum the query's values over the set bits of n rows of 8 * words bytes. */
    void (*asymmetric)(const int8_t *query, const uint8_t *sign_bits, size_t n, uint32_t words,
                       int32_t *out);
    /* Inner products of n rows with one query; the query is int16 for int8 rows, else float. */
    void (*dot_i8)(const int8_t *rows, size_t n, size_t dim, const int16_t *query, int32_t *out);
    void (*dot_f16)(const uint16_t *rows, size_t n, size_t dim, const float *query, float *out);
    void (*dot_f32)(const float *rows, size_t n, size_t dim, const float *query, float *out);
    /* Estimate all (allowed) of n rows from their codes, `stride` bytes apart; keep the k best. */
    void (*scan_codes)(const uint8_t *codes, size_t n, size_t stride, uint32_t words,
                       const tv5_query *query, const uint8_t *allow, const tv5_top_k *top);
    /* Score the (allowed) rows start .. stop - 1 exactly; keep the k best in the list, which holds
     * `size` of the rows before them; return how many it holds now. Results are written where
     * `stop` is the number of rows. So a caller with many queries reads rows once for all. */
    uint32_t (*scan_rows)(const tv5_rows *rows, size_t start, size_t stop, const float *query,
                          const uint8_t *allow, const tv5_top_k *top, uint32_t size);
    /* The same for TV5_TOGETHER queries: each row is read and made wider once for all. */
    void (*scan_rows_together)(const tv5_rows *rows, size_t start, size_t stop,
                               const float *queries, const uint8_t *allow, const tv5_top_k *tops,
                               uint32_t *sizes);
    /* Score all (allowed) rows exactly whose estimates plus `error_margin` standard deviations of
     * their errors reach the k-th best exact score so far; keep the k best. `exact` is the query
     * that the stored rows take. Return how many were scored. */
    uint32_t (*scan_bounded)(const tv5_codes *codes, const tv5_rows *rows, const tv5_query *query,
                             const float *exact, float error_margin, const uint8_t *allow,
                             const tv5_top_k *top);
    /* Score candidates exactly; keep the k best. Return how many were scored. */
    uint32_t (*rescore)(const tv5_rows *rows, const float *query,
                        const tv5_candidates *candidates, const tv5_top_k *top);
    /* Add `error_margin` standard deviations of the error to the estimates of m rows. */
    void (*upper_bounds)(const tv5_graph *graph, const tv5_query *query, float error_margin,
                         const uint32_t *rows, size_t m, float *estimates);
    /* Select the `probes` lists nearest to a query, nearest first, as scored rows
     * (select/select.inc) with list numbers for rows: tv5_query.lists. */
    void (*nearest_lists)(const tv5_graph *graph, const tv5_query *query, uint64_t *lists);
    /* Best-first search over a graph; see tv5/walk.h. */
    tv5_walk_fn *walk;
    /* Select links for the rows start .. stop - 1 among their links and candidates, `width` each
     * (values at or past `rows` are skipped). */
    void (*select_neighbors)(const tv5_linker *linker, const uint32_t *candidates, uint32_t width,
                             uint32_t start, uint32_t stop, tv5_link_scratch *scratch);
    /* Link the targets start .. stop - 1 to their sources. */
    void (*add_reverse_links)(const tv5_linker *linker, const tv5_reverse_links *reverse,
                              uint32_t start, uint32_t stop, tv5_link_scratch *scratch);
    /* Decode a list of `count` postings from block `start` on. */
    void (*decode_list)(const tv5_blocks *blocks, uint32_t start, uint32_t count,
                        uint32_t *documents, uint8_t *frequencies);
    /* Set the bits of a list's documents below n; return how many were not set before. */
    size_t (*mark_list)(const tv5_blocks *blocks, uint32_t start, uint32_t count, size_t n,
                        uint8_t *bits);
    /* Score the documents of a query's lists; return how many there are. One cursor for each list,
     * at its beginning. */
    size_t (*score_postings)(const tv5_blocks *blocks, const tv5_scoring *query,
                             tv5_cursor *cursors, tv5_window *window, const tv5_scored *out);
    /* Find the terms within edits of a word; return how many there are. */
    size_t (*within_edits)(const tv5_near *near, uint32_t *found, uint8_t *distances);
    /* Find the terms of which a beginning is within edits of a word; return how many there are. */
    size_t (*prefixes_within_edits)(const tv5_terms *terms, uint32_t *found, uint8_t *distances);
    /* Select the k best of n scores, by descending score, then ascending place. */
    void (*top_scores)(const float *scores, size_t n, const tv5_top_k *top);
    /* Count the documents below n of a bitmap by the groups of their values; adds to `counts`. */
    void (*count_values)(const tv5_values *values, const uint8_t *bits, size_t n, uint32_t *counts,
                         size_t groups);
    /* Arrange n documents by value; cursors[v] is where the documents of value v begin. */
    void (*invert_values)(const tv5_values *values, size_t n, uint32_t *cursors,
                          uint32_t *documents, uint8_t *roles);
    /* Copy the values of `count` documents, as what groups says they become, to their targets. */
    void (*take_values)(const tv5_values *values, const int64_t *documents,
                        const uint32_t *targets, size_t count, uint32_t *out, uint8_t *roles,
                        size_t room);
} tv5_kernels;

/* The table of this name, or NULL where this build or processor has none. */
const tv5_kernels *tv5_find(const char *name);

/* The i-th name that tv5_find knows here, best first; NULL past the last. */
const char *tv5_available(size_t i);

#endif
