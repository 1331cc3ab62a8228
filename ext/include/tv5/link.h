/* Better links for a built graph, by distances between stored rows.
 *
 * A graph built over sign bits links rows that only seem near. Here each row looks at its links
 * and theirs, takes those nearest by its code, and keeps of these, from the nearest on, each that
 * is nearer to the row than to any kept before it (the relative neighbourhood rule, as in HNSW's
 * own heuristic; Malkov and Yashunin, 2018, algorithm 4, on distances between int8 rows). A second
 * pass adds the reverse of every link kept and, where that is more than fits, applies the rule
 * again.
 *
 * Both passes work on a range of rows and write only that range, so that threads share the work
 * and the result does not depend on how many they are.
 */
#ifndef TV5_LINK_H
#define TV5_LINK_H

#include <stdint.h>

typedef struct tv5_linker {
    const uint8_t *codes;  /* rows * bytes */
    const int8_t *values;  /* rows * dim */
    const float *scales;   /* rows */
    const float *squares;  /* rows; squared lengths */
    const uint32_t *links; /* rows * degree; one at or past `rows` ends a list */
    uint32_t rows, bytes, dim, degree;
} tv5_linker;

/* Who links to whom: sources[offsets[r]] .. sources[offsets[r + 1] - 1] link to row r. */
typedef struct tv5_reverse {
    const int64_t *offsets; /* rows + 1 */
    const uint32_t *sources;
} tv5_reverse;

typedef struct tv5_link_scratch {
    uint32_t *marks;     /* rows, zero at first */
    uint32_t *found;     /* degree * (degree + 1) + 1 */
    uint16_t *distances; /* degree * (degree + 1) + 1 */
    uint32_t *counts;    /* 8 * bytes + 1 */
    uint64_t *list;      /* `shortlist` entries */
    int16_t *wide;       /* dim */
} tv5_link_scratch;

typedef struct tv5_link_options {
    uint32_t start, stop; /* rows to work on */
    uint32_t shortlist;   /* candidates compared by distance */
    uint32_t room;        /* links written a row, padded with TV5_NONE */
} tv5_link_options;

#endif
