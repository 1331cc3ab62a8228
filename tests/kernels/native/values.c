/* Counts by value: the same, whatever the arrays hold. */
#include <string.h>

#include "support.h"

static const size_t document_counts[] = {0, 1, 7, 8, 9, 63, 64, 65, 130, 300};
#define LENGTH(array) (sizeof array / sizeof *array)

/* Any values, of which some lie outside of what they point into. */
static tv5_values some_values(size_t n, uint32_t width, size_t groups)
{
    tv5_values values = {NULL, NULL, NULL, NULL, n, groups, width, (uint8_t)any_bits()};
    if (below(4)) {
        values.total = below((uint32_t)(3 * n + 1));
        uint32_t *offsets = room(4 * (n + 1));
        for (size_t d = 0; d <= n; ++d)
            offsets[d] = below(8) ? (uint32_t)(d * values.total / (n + 1)) : any_bits();
        values.offsets = offsets;
    }
    uint8_t *raw = bytes(values.total * width);
    for (size_t j = 0; j < values.total; ++j) {
        uint32_t value = below((uint32_t)groups + 2);
        memcpy(raw + j * width, &value, width);
    }
    values.values = raw;
    if (below(2))
        values.roles = bytes(values.total);
    if (below(2)) {
        uint32_t *named = room(4 * groups);
        for (size_t v = 0; v < groups; ++v)
            named[v] = below(5) ? (uint32_t)(v / 2) : below(2) ? TV5_NONE : any_bits();
        values.groups = named;
    }
    return values;
}

static void check_values(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const uint32_t widths[] = {1, 2, 4};
    for (size_t i = 0; i < LENGTH(document_counts); ++i)
        for (size_t w = 0; w < LENGTH(widths); ++w)
            for (int round = 0; round < 40; ++round) {
                size_t n = document_counts[i], groups = below(40);
                tv5_values values = some_values(n, widths[w], groups);
                uint8_t *bits = bitmap(n, below(101));
                uint32_t *got = room(4 * groups), *want = room(4 * groups);
                memset(got, 0, 4 * groups);
                memset(want, 0, 4 * groups);
                note("%zu documents, width %u, %zu groups", n, (unsigned)widths[w], groups);
                table->count_values(&values, bits, n, got, groups);
                reference->count_values(&values, bits, n, want, groups);
                same_bytes("count_values", got, want, 4 * groups);
                release_all();
            }
}

const check value_checks[] = {{"values", check_values}, {NULL, NULL}};
