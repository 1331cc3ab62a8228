/* Stored rows, for exact scores. */
#ifndef TV5_ROWS_H
#define TV5_ROWS_H

#include <stddef.h>

typedef enum tv5_kind { TV5_INT8, TV5_FLOAT16, TV5_FLOAT32 } tv5_kind;

typedef struct tv5_rows {
    const void *values;  /* count * dim of `kind` */
    const float *scales; /* count, for TV5_INT8; else NULL */
    size_t count, dim;
    tv5_kind kind;
} tv5_rows;

#endif
