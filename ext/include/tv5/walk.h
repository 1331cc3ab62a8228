/* Best-first walk over a sealed graph.
 *
 * A walk begins at entries: a random sample of the rows, numbered first and grouped into lists
 * around centroids. The lists whose centroids are nearest the query are scanned whole, and the
 * best of their rows are where the walk sets out from. Every row has `degree` links, padded with
 * TV5_NONE. Links at or past `rows` end a list, so that no content of a file leads out of bounds.
 *
 * A walk ends when its pool is expanded or, with a bound, when what is left of the pool is out of
 * reach: further behind the answer of rank `nearest` than so many standard deviations of an
 * estimate's error (after the adaptive beam search of Al-Jazzazi and others, 2025, which takes a
 * share of the distance instead).
 */
#ifndef TV5_WALK_H
#define TV5_WALK_H

#include <stdint.h>

#include "tv5/rows.h"

#define TV5_NONE UINT32_MAX
#define TV5_SCRATCH_LAYOUT (4096 + 256)

typedef struct tv5_graph {
    const uint8_t *records;   /* rows * stride: code, f_add, f_rescale, padding */
    const uint32_t *links;    /* rows * degree */
    const uint8_t *centroids; /* lists * stride, as records */
    const uint32_t *offsets;  /* lists + 1, ascending: where the rows of each list begin */
    uint32_t rows, words, degree, lists, stride;
    uint32_t probes; /* lists scanned, at least 1 */
    float mean_rescale;    /* mean f_rescale; used with a bound only */
} tv5_graph;

/* One query, prepared for the asymmetric estimator. */
typedef struct tv5_walk_query {
    const int8_t *values; /* 64 * words */
    float scale;
    int32_t total;
    float base;
    const uint64_t *lists; /* where to begin, from nearest_lists; NULL: the walk chooses */
} tv5_walk_query;

/* Memory of one walking thread; nothing in it outlives a walk. */
typedef struct tv5_scratch {
    int8_t *layout;  /* TV5_SCRATCH_LAYOUT bytes, 64-byte aligned */
    uint8_t *marks;  /* (rows + 7) / 8: bits of rows that this walk has seen */
    uint64_t *pool;  /* expansion_search */
    uint64_t *kept;  /* k; used with a bitmap only */
    uint64_t *lists; /* probes */
    uint32_t *fresh; /* 2 * degree */
} tv5_scratch;

typedef struct tv5_walk_options {
    uint32_t expansion_search;
    uint32_t candidates;  /* rows to return */
    uint32_t k;           /* answers asked for, 1 to candidates */
    float error_margin;   /* in standard deviations of an estimate's error; INFINITY: none */
    const uint8_t *allow; /* bitmap of rows that may be returned, little bit order, or NULL */
    const tv5_rows *rows; /* stored rows to fetch for an exact look after the walk, or NULL */
} tv5_walk_options;

/* Write the k best rows and their estimates, padded with TV5_NONE and -inf; return the number of
 * records read, those of centroids included. */
typedef uint32_t tv5_walk_fn(const tv5_graph *graph, const tv5_walk_query *query,
                             const tv5_walk_options *options, tv5_scratch *scratch,
                             uint32_t *rows, float *scores);

#endif
