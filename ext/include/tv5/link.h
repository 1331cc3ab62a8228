/* Links of a graph, chosen by distances between stored rows.
 *
 * A graph grows a batch of rows at a time. Each row of a batch looks for its neighbours in the
 * graph so far (walk.h); of these and of what it is linked to already it keeps, from the nearest
 * on, each that is nearer to the row than to any kept before it (the relative neighbourhood rule,
 * as in HNSW's own heuristic; Malkov and Yashunin, 2018, algorithm 4, on distances between int8
 * rows). Then the rows kept are linked back to it: where a list has room a link is just added; a
 * list that would grow past its limit goes through the rule again.
 *
 * Both steps write only the lists of the rows they are given, so that threads share the work and
 * the result does not depend on how many they are.
 */
#ifndef TV5_LINK_H
#define TV5_LINK_H

#include <stdint.h>

typedef struct tv5_linker {
    const int8_t *values;   /* by place, dim each */
    const float *scales;    /* by place */
    const float *squares;   /* by place; squared lengths */
    const uint32_t *positions; /* rows; where a row's values are */
    uint32_t *links;        /* rows * degree; one at or past `rows` ends a list */
    uint32_t rows, dim, degree;
    uint32_t room;  /* links that the rule keeps */
    uint32_t limit; /* links that a list may have before it is applied, room .. degree */
} tv5_linker;

/* Who links to whom: sources[offsets[i]] .. sources[offsets[i + 1] - 1] to targets[i]. */
typedef struct tv5_reverse {
    const uint32_t *targets; /* ascending */
    const int64_t *offsets;
    const uint32_t *sources;
} tv5_reverse;

typedef struct tv5_link_scratch {
    uint64_t *list;  /* one more than the most links and candidates, or sources, of a row */
    int16_t *wide;   /* dim */
} tv5_link_scratch;

#endif
