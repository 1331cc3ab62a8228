/* Stored rows, for exact scores. */
#ifndef TV5_ROWS_H
#define TV5_ROWS_H

#include <stddef.h>
#include <stdint.h>

typedef enum tv5_kind { TV5_INT8, TV5_FLOAT16, TV5_FLOAT32 } tv5_kind;

/* A row of int8 is its scale times its values, in full precision plus the scale / TV5_FINER times
 * its residuals. What is added to its score is the part that the values leave out. */
#define TV5_FINER 254

typedef struct tv5_rows {
    const void *values;  /* count * dim of `kind` */
    const float *scales; /* count * factors, for TV5_INT8; else NULL */
    size_t count, dim;
    tv5_kind kind;
    uint32_t factors;        /* floats a row in scales: 1, or 2 where each scale is followed by
                              * what is added to scores */
    const int8_t *residuals; /* count * dim, for TV5_INT8; or NULL */
} tv5_rows;

#endif
