/* Links of a graph, selected by distances between stored rows.
 *
 * A graph grows by batches of rows. Each row of a batch searches the graph so far for candidates
 * (walk.h). Candidates and present links are pruned: in ascending distance, each is kept that is
 * closer to the row than to any kept before it (the relative neighbourhood rule, as in HNSW's
 * SELECT-NEIGHBORS-HEURISTIC; Malkov and Yashunin, 2018, algorithm 4; here on distances between
 * int8 rows). Then the rows kept get links back: where a list has room, the link is appended; a
 * list that would grow past max_degree is pruned again.
 *
 * Both steps write only the lists of the rows they are given, so threads share the work and the
 * result does not depend on how many there are.
 */
#ifndef TV5_LINK_H
#define TV5_LINK_H

#include <stdint.h>

typedef struct tv5_linker {
    const int8_t *values;      /* by position, dim each */
    const float *scales;       /* by position */
    const float *squares;      /* by position: squared lengths */
    const uint32_t *positions; /* rows: the position of each row among the values */
    uint32_t *links;           /* rows * degree; a value at or past `rows` ends a list */
    uint32_t rows, dim, degree;
    uint32_t pruned_degree; /* links that pruning leaves a row, at most */
    uint32_t max_degree;    /* links of a row before it is pruned, pruned_degree .. degree */
} tv5_linker;

/* Links to add: from targets[i] to sources[offsets[i]] .. sources[offsets[i + 1] - 1]. */
typedef struct tv5_reverse_links {
    const uint32_t *targets; /* ascending */
    const int64_t *offsets;
    const uint32_t *sources;
} tv5_reverse_links;

typedef struct tv5_link_scratch {
    uint64_t *list; /* one more than the most links and candidates, or sources, of a row */
    int16_t *wide;  /* dim: the values of one row, as dot_one_i8 takes a query */
} tv5_link_scratch;

#endif
