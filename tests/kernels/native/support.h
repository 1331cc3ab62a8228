/* What the checks of the native driver share: random data, guarded memory, comparison by bits. */
#ifndef TV5_TEST_SUPPORT_H
#define TV5_TEST_SUPPORT_H

#include <stddef.h>
#include <stdint.h>

#include "tv5/kernels.h"

/* Random numbers, the same on every machine. */
void seed(uint64_t value);
uint32_t any_bits(void);
uint32_t below(uint32_t limit);

/* Memory whose last byte is followed by nothing that may be read: an inaccessible page, or the
 * sanitizer's red zone. It lives until release_all. `size` of 0 gives a pointer to no bytes. */
void *room(size_t size);
void release_all(void);

typedef enum flavour { NORMAL, WIDE, SUBNORMAL, HUGE_VALUES, ZEROS, INTEGERS, ANY_BITS, FLAVOURS } flavour;

uint8_t *bytes(size_t n);
int8_t *integers(size_t n, int least, int most);
float *floats(size_t n, flavour kind);
uint16_t *halves(size_t n, flavour kind);
float *signs_of(size_t n);
uint8_t *bitmap(size_t n, uint32_t percent);

/* Compare outputs; on a difference say which and end the program. */
void note(const char *format, ...) __attribute__((format(printf, 1, 2)));
void same_bytes(const char *what, const void *got, const void *want, size_t size);
void same_floats(const char *what, const float *got, const float *want, size_t n);

/* One check compares a table with the reference over all its tails. */
typedef struct check {
    const char *name;
    void (*run)(const tv5_kernels *table, const tv5_kernels *reference);
} check;

extern const check row_checks[], selection_checks[], walk_checks[], link_checks[],
    posting_checks[], value_checks[];

#endif
