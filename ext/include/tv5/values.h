/* Values of documents, to be counted or arranged anew. */
#ifndef TV5_VALUES_H
#define TV5_VALUES_H

#include <stddef.h>
#include <stdint.h>

/* Document d has values[j] for j from offsets[d] up to offsets[d + 1], at most `total`; without
 * offsets it has values[d] alone. */
typedef struct tv5_values {
    const uint32_t *offsets; /* documents + 1; or NULL */
    const void *values;      /* total, `width` bytes each: 1, 2 or 4 */
    const uint8_t *roles;    /* total; or NULL */
    const uint32_t *groups;  /* value_count: what a value counts as; or NULL for itself */
    size_t total, value_count;
    uint32_t width;
    uint8_t mask; /* a value counts if one of these bits is set in its role */
} tv5_values;

#endif
