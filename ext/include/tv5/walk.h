/* Best-first search over a sealed graph.
 *
 * A walk keeps a candidate pool: the expansion_search best rows met so far, by estimated inner
 * product (HNSW's SEARCH-LAYER, Malkov and Yashunin, 2018, algorithm 2, with ef =
 * expansion_search). It expands the best row of the pool that is not expanded yet: its neighbours
 * that were not visited before are estimated and enter the pool.
 *
 * Instead of upper levels, a walk has entry points: a random sample of the rows, numbered first, is
 * grouped into lists around centroids. The `probes` lists nearest to the query are scanned, and
 * the best of their rows are where the walk starts.
 *
 * A walk ends when every row of the pool is expanded. With an error margin it ends earlier: rows
 * whose estimates are more than error_margin standard deviations of an estimate's error below the
 * k-th best are neither expanded nor returned (after the adaptive beam search of Al-Jazzazi and
 * others, 2025, which uses a share of the distance instead).
 *
 * Where a bitmap says which rows may be returned, these alone fill the pool, and the k-th best of
 * them is what the margin is behind. Other rows lead on all the same, as bridges: they wait beside
 * the pool, take none of its room, and the best row of both is expanded next, until none is within
 * the margin or better than the worst row of a full pool. The walk begins at allowed rows of the
 * nearest lists that have any. It gives up, and returns no row, once it has read more codes than its
 * budget, or at once where the lists around the query say that the filter leaves out so many rows
 * around it that it would, or where rows are left out there and the pool, full of rows within the
 * margin, has no room for all that may be answers. Reading the codes of all allowed rows is better
 * then.
 *
 * Every row has `degree` links at most. While a graph grows, lists are padded to that with TV5_NONE.
 * In a sealed one they are packed one behind the other, as little-endian numbers of `width` bytes,
 * and the row's record says behind its code where its list begins and how long it is (as compressed
 * sparse rows do): that costs no read, since the record has been read when a row is expanded. A link
 * at or past `rows` ends a list, and what a record says is cut to the list's bounds, so no content of
 * a file leads out of bounds.
 */
#ifndef TV5_WALK_H
#define TV5_WALK_H

#include <stdint.h>

#include "tv5/rows.h"

#define TV5_NONE UINT32_MAX
/* Bytes that follow the last packed link, so that each is read as four. */
#define TV5_LINK_SLACK 4
#define TV5_SCRATCH_LAYOUT (4096 + 256)

/* A filtered walk looks for its entry points in so many times as many lists, until it has met so
 * many allowed rows for each probe. */
#define TV5_FILTERED_PROBES 16
#define TV5_ENTRY_ROWS 24
/* What a row that is left out around the query costs, in codes read. */
#define TV5_READS_LEFT_OUT 2
/* Bridges better than the k-th answer, beyond those expected, that are suspicious. */
#define TV5_CROWD 16
/* The least error margin where rows are left out around the query. */
#define TV5_LEFT_OUT_MARGIN 3.0f

typedef struct tv5_graph {
    const uint8_t *codes;     /* rows * stride */
    const uint32_t *links;    /* rows * degree; NULL: the links are packed */
    const uint8_t *packed;    /* packed_count * width bytes, and TV5_LINK_SLACK more */
    uint64_t packed_count;
    uint32_t width; /* bytes of a packed link, 1 to 4 */
    const uint8_t *centroids; /* lists * stride: codes of the centroids */
    const uint32_t *offsets;  /* lists + 1, ascending: where the rows of each list begin */
    uint32_t rows, words, degree, lists, stride;
    uint32_t probes;    /* lists scanned for entry points, at least 1 */
    float mean_rescale; /* mean f_rescale of the codes; used with an error margin only */
} tv5_graph;

/* One query, prepared for the asymmetric estimator. */
typedef struct tv5_query {
    const int8_t *values; /* 64 * words */
    float scale;
    int32_t total;
    float base;
    const uint64_t *lists; /* the lists to scan, from nearest_lists; NULL: the walk selects them */
} tv5_query;

/* Scratch memory of one walking thread; nothing in it outlives a walk. */
typedef struct tv5_scratch {
    int8_t *layout;      /* TV5_SCRATCH_LAYOUT bytes, 64-byte aligned: see layout_query */
    uint8_t *visited;    /* (rows + 7) / 8: bitmap of visited rows */
    uint64_t *pool;      /* expansion_search */
    uint64_t *bridges;   /* bridges; used with a bitmap only */
    uint64_t *lists;     /* TV5_FILTERED_PROBES * probes */
    uint32_t *neighbors; /* 2 * degree */
} tv5_scratch;

typedef struct tv5_walk_options {
    uint32_t expansion_search;
    uint32_t candidates;  /* rows to return */
    uint32_t k;           /* number of answers asked for, 1 to candidates */
    float error_margin;   /* in standard deviations of an estimate's error; INFINITY: none */
    const uint8_t *allow; /* bitmap of rows that may be returned, little bit order, or NULL */
    uint32_t allowed;     /* rows that may be returned; this and the next two with a bitmap only */
    uint32_t bridges;     /* other rows that may wait to be expanded; may be 0 */
    uint32_t budget;      /* codes that may be read; a walk that would need more returns no row */
    const tv5_rows *rows; /* stored rows to prefetch for rescoring after the walk, or NULL */
} tv5_walk_options;

/* Write the best rows and their estimates, padded with TV5_NONE and -inf; return the number of
 * codes read, those of centroids included. */
typedef uint32_t tv5_walk_fn(const tv5_graph *graph, const tv5_query *query,
                             const tv5_walk_options *options, tv5_scratch *scratch,
                             uint32_t *rows, float *scores);

#endif
