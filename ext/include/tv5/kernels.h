/* The contract of the native kernels.
 *
 * Plain C11: nothing here allocates, fails, or knows of Python. Callers validate first. Every table
 * computes the same bits, floats included, as the NumPy twin (tv5core/kernels/_numpy.py): sums of
 * floats have 32 running lanes folded in halves, products are rounded before they are added, and
 * candidates are ordered by descending score, then ascending row.
 *
 * The operations are templates (NAME/NAME.inc) over a few primitives that each instruction set
 * writes for itself (NAME/ISA.h); isa/ISA.c joins them in one translation unit, so that everything
 * inlines. dispatch.c alone knows which processor this is.
 */
#ifndef TV5_KERNELS_H
#define TV5_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "tv5/link.h"
#include "tv5/rows.h"
#include "tv5/walk.h"

#define TV5_LANES 32
#define TV5_MAX_DIM 4096

/* Rows to score exactly. Where `upper_bounds` tells the highest score that each can be thought to have,
 * those that then have no place among the best found before them are passed over. */
typedef struct tv5_candidates {
    const uint32_t *rows; /* count; TV5_NONE among them is skipped */
    const float *upper_bounds;   /* count, or NULL */
    size_t count;
} tv5_candidates;

/* Where a selection of the k best goes. */
typedef struct tv5_best {
    uint64_t *list; /* scratch, k entries */
    uint32_t k;
    uint32_t *rows; /* k, padded with TV5_NONE */
    float *scores;  /* k, padded with -inf */
} tv5_best;

typedef struct tv5_rotation {
    const float *center; /* dim */
    const float *signs;  /* rounds * bits, +-1 */
    size_t dim, rounds, bits;
} tv5_rotation;

typedef struct tv5_kernels {
    const char *name;
    /* Differing bits of one code and n. */
    void (*hamming)(const uint8_t *codes, size_t n, size_t bytes, const uint8_t *query,
                    int32_t *out);
    /* Centre, pad and rotate n rows of dim to n rows of bits. */
    void (*rotate)(const tv5_rotation *rotation, const float *x, size_t n, float *out);
    /* Sign bits of n rotated rows, and their sums of |x| and x^2. */
    void (*encode)(const float *rotated, size_t n, size_t bits, uint8_t *codes, float *absolute,
                   float *square);
    /* Round n rows to integers of at most `limit`, with one scale a row. */
    void (*quantize_i8)(const float *x, size_t n, size_t dim, int8_t *out, float *scale);
    void (*quantize_i16)(const float *x, size_t n, size_t dim, int16_t *out, float *scale);
    /* Make n queries ready for the estimator. */
    void (*prepare)(const tv5_rotation *rotation, const float *queries, size_t n, int8_t *values,
                    float *scale, int32_t *total, float *base);
    /* Sum the query's values over the set bits of n codes of 8 * words bytes. */
    void (*asymmetric)(const int8_t *query, const uint8_t *codes, size_t n, uint32_t words,
                       int32_t *out);
    /* Products of n rows with one query; the query is int16 for int8 rows, else float. */
    void (*dot_i8)(const int8_t *rows, size_t n, size_t dim, const int16_t *query, int32_t *out);
    void (*dot_f16)(const uint16_t *rows, size_t n, size_t dim, const float *query, float *out);
    void (*dot_f32)(const float *rows, size_t n, size_t dim, const float *query, float *out);
    /* Estimate all (allowed) of n records, `stride` bytes apart, and keep the best. */
    void (*scan_codes)(const uint8_t *records, size_t n, size_t stride, uint32_t words,
                       const tv5_walk_query *query, const uint8_t *allow, const tv5_best *best);
    /* Score all (allowed) rows exactly and keep the best. */
    void (*scan_rows)(const tv5_rows *rows, const float *query, const uint8_t *allow,
                      const tv5_best *best);
    /* Score candidates exactly and keep the best. */
    void (*rescore)(const tv5_rows *rows, const float *query, const tv5_candidates *candidates,
                    const tv5_best *best);
    /* Add `error_margin` standard deviations of the estimate's error to the estimates of m rows. */
    void (*upper_bounds)(const tv5_graph *graph, const tv5_walk_query *query, float error_margin,
                   const uint32_t *rows, size_t m, float *estimates);
    /* Choose the lists where the walk of a query begins: entries of as many as are scanned, the
     * nearest first (the high half ranks, the low half is twice the list). */
    void (*nearest_lists)(const tv5_graph *graph, const tv5_walk_query *query, uint64_t *lists);
    tv5_walk_fn *walk;
    /* Choose links for the rows start .. stop - 1 among their links and candidates, `width` each
     * (of which those at or past `rows` are passed over). */
    void (*select_neighbors)(const tv5_linker *linker, const uint32_t *candidates, uint32_t width,
                         uint32_t start, uint32_t stop, tv5_link_scratch *scratch);
    /* Link the targets start .. stop - 1 to their sources. */
    void (*add_reverse_links)(const tv5_linker *linker, const tv5_reverse *reverse, uint32_t start,
                       uint32_t stop, tv5_link_scratch *scratch);
} tv5_kernels;

/* The table of this name, or NULL where this build or processor has none. */
const tv5_kernels *tv5_find(const char *name);

/* The i-th name that tv5_find knows here, best first; NULL past the last. */
const char *tv5_available(size_t i);

#endif
