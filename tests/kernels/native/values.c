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

static void one_arrangement(const tv5_kernels *table, const tv5_kernels *reference, size_t n,
                            uint32_t width)
{
    size_t groups = 1 + below(40), room_of = below(400);
    tv5_values values = some_values(n, width, groups);
    uint32_t *named = room(4 * groups), *targets = room(4 * n);
    int64_t *documents = room(8 * n);
    for (size_t v = 0; v < groups; ++v)
        named[v] = any_bits();
    for (size_t i = 0; i < n; ++i) {
        documents[i] = below((uint32_t)n);
        targets[i] = below((uint32_t)room_of + 9);
    }
    uint32_t *outs[2];
    uint8_t *roles[2];
    for (int which = 0; which < 2; ++which) {
        const tv5_kernels *kernels = which ? reference : table;
        uint32_t *cursors = room(4 * groups), *inverted = room(4 * values.total);
        uint8_t *beside = room(values.total);
        outs[which] = room(4 * (room_of + groups + values.total));
        roles[which] = room(room_of + values.total);
        memset(inverted, 0, 4 * values.total);
        memset(beside, 0, values.total);
        for (size_t v = 0; v < groups; ++v)
            cursors[v] = (uint32_t)(v * values.total / groups);
        kernels->invert_values(&values, n, cursors, inverted, beside);
        tv5_values renamed = values;
        renamed.groups = named;
        memset(outs[which], 0, 4 * room_of);
        memset(roles[which], 0, room_of);
        kernels->take_values(&renamed, documents, targets, n, outs[which], roles[which], room_of);
        memcpy(outs[which] + room_of, cursors, 4 * groups);
        memcpy(outs[which] + room_of + groups, inverted, 4 * values.total);
        memcpy(roles[which] + room_of, beside, values.total);
    }
    note("%zu documents, width %u, %zu values", n, (unsigned)width, values.total);
    same_bytes("values arranged", outs[0], outs[1], 4 * (room_of + groups + values.total));
    same_bytes("roles arranged", roles[0], roles[1], room_of + values.total);
    release_all();
}

static void check_arrangements(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t i = 0; i < LENGTH(document_counts); ++i)
        for (uint32_t width = 1; width <= 4; width *= 2)
            for (int round = 0; round < 40; ++round)
                one_arrangement(table, reference, document_counts[i], width);
}

const check value_checks[] = {
    {"values", check_values}, {"arrangements", check_arrangements}, {NULL, NULL},
};
