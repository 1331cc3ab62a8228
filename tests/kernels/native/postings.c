/* Posting lists and terms near a word: the same documents, scores and terms over all tails. */
#include <string.h>

#include "support.h"

#define LENGTH(array) (sizeof array / sizeof *array)
enum { LISTS = 5 };

/* Lists with blocks of random widths and bytes, in buffers that end where they must. */
typedef struct lists {
    tv5_blocks blocks;
    uint32_t starts[LISTS], counts[LISTS];
} lists;

static lists lists_of(const uint32_t *counts, uint32_t most_width)
{
    uint8_t widths[64];
    uint32_t offsets[65] = {0}, block = 0;
    lists made = {{NULL, NULL, NULL, NULL}, {0}, {0}};
    for (int i = 0; i < LISTS; ++i) {
        made.starts[i] = block;
        made.counts[i] = counts[i];
        for (uint32_t left = counts[i]; left; ++block) {
            uint32_t size = left < TV5_POSTING_BLOCK ? left : TV5_POSTING_BLOCK;
            widths[block] = size > 1 ? (uint8_t)(1 + below(most_width)) : 0;
            offsets[block + 1] = offsets[block] + widths[block] * (size - 1) + below(size + 1);
            left -= size;
        }
    }
    uint32_t *first = room(4 * (size_t)block), *bounds = room(4 * (size_t)block + 4);
    for (uint32_t b = 0; b < block; ++b)
        first[b] = below(40000) * (b + 1);
    memcpy(bounds, offsets, 4 * (size_t)block + 4);
    uint8_t *kinds = room(block);
    memcpy(kinds, widths, block);
    made.blocks = (tv5_blocks){first, bounds, kinds, bytes(offsets[block])};
    return made;
}

static const uint32_t sizes[][LISTS] = {
    {0, 0, 0, 0, 0}, {1, 2, 0, 127, 128}, {129, 1, 1, 300, 256}, {400, 400, 400, 400, 400}};

static void check_decode(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t s = 0; s < LENGTH(sizes); ++s)
        for (uint32_t width = 1; width <= 4; ++width) {
            lists made = lists_of(sizes[s], width);
            note("sizes %zu, widths to %u", s, (unsigned)width);
            for (int i = 0; i < LISTS; ++i) {
                size_t n = made.counts[i];
                uint32_t *got = room(4 * n), *want = room(4 * n);
                uint8_t *often = room(n), *wanted = room(n);
                table->decode_list(&made.blocks, made.starts[i], made.counts[i], got, often);
                reference->decode_list(&made.blocks, made.starts[i], made.counts[i], want, wanted);
                same_bytes("documents", got, want, 4 * n);
                same_bytes("frequencies", often, wanted, n);
                uint8_t *marks = room(125), *marked = room(125);
                memset(marks, 0, 125);
                memset(marked, 0, 125);
                size_t added =
                    table->mark_list(&made.blocks, made.starts[i], made.counts[i], 997, marks);
                size_t expected = reference->mark_list(&made.blocks, made.starts[i],
                                                       made.counts[i], 997, marked);
                same_bytes("marked", &added, &expected, sizeof added);
                same_bytes("marks", marks, marked, 125);
            }
            release_all();
        }
}

static void run_score(const tv5_kernels *table, const lists *made, const tv5_scoring *query,
                      tv5_scored *out, size_t *count)
{
    tv5_cursor *cursors = room(LISTS * sizeof *cursors);
    tv5_window *window = room(sizeof *window);
    memset(cursors, 0, LISTS * sizeof *cursors);
    memset(window, 0, sizeof *window);
    for (int i = 0; i < LISTS; ++i) {
        cursors[i].block = made->starts[i];
        cursors[i].left = made->counts[i];
    }
    out->capacity = query->n;
    out->documents = room(4 * query->n);
    out->scores = room(4 * query->n * query->groups);
    out->masks = room(8 * query->n * query->groups);
    *count = table->score_postings(&made->blocks, query, cursors, window, out);
}

static void check_score(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const size_t documents[] = {0, 1, 63, 64, 2047, 2048, 2049, 9000, 50000};
    for (size_t s = 0; s < LENGTH(sizes); ++s)
        for (size_t d = 0; d < LENGTH(documents); ++d)
            for (uint32_t essential = 0; essential <= 3; ++essential) {
                lists made = lists_of(sizes[s], 1 + below(2));
                size_t n = documents[d], got_count, want_count;
                tv5_list all[LISTS];
                for (int i = 0; i < LISTS; ++i)
                    all[i] = (tv5_list){made.starts[i], made.counts[i], 0.5f + i, i % 2};
                tv5_scored_word words[] = {
                    {1, 2.5f, 1.2f, 0, 0}, {4, 1.5f, 0.6f, 1, 63}, {5, 0.5f, 0.9f, 1, 2}};
                tv5_scoring query = {all, words, 3, essential, 2, bytes(2 * n), floats(512, NORMAL),
                                     d % 2 ? bitmap(n, 40) : NULL, n};
                tv5_scored got, want;
                note("sizes %zu, %zu documents, %u essential", s, n, (unsigned)essential);
                run_score(table, &made, &query, &got, &got_count);
                run_score(reference, &made, &query, &want, &want_count);
                same_bytes("count", &got_count, &want_count, sizeof got_count);
                same_bytes("documents", got.documents, want.documents, 4 * got_count);
                for (uint32_t g = 0; g < 2; ++g) {
                    same_floats("scores", got.scores + g * n, want.scores + g * n, got_count);
                    same_bytes("masks", got.masks + g * n, want.masks + g * n, 8 * got_count);
                }
                release_all();
            }
}

static void check_edits(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (size_t step = 0; step <= 43; ++step)
        for (int kind = 0; kind < 4; ++kind) {
            size_t count = step <= 40 ? step : 3 * step; /* more than wait to be compared */
            uint32_t *offsets = room(4 * (count + 1)), *terms = room(4 * count), at = 0;
            uint64_t *signatures = room(8 * count);
            for (size_t i = 0; i < count; ++i) {
                terms[i] = below((uint32_t)count + 1);
                signatures[i] = (uint64_t)any_bits() & any_bits() & any_bits();
                offsets[i] = at;
                at += below(i % 9 ? 9 : 90);
            }
            offsets[count] = at;
            uint8_t *data = bytes(at);
            if (kind & 2)
                for (uint32_t i = 0; i < at; ++i)
                    data[i] = (uint8_t)('a' + data[i] % 3);
            uint32_t length = 1 + below(8), *word = room(4 * (size_t)length);
            for (uint32_t i = 0; i < length; ++i)
                word[i] = 'a' + below(3);
            tv5_near near = {word,  length, 1 + (uint32_t)(step % 2), any_bits() & 7,
                             signatures, terms,  count, offsets, count, data, at};
            tv5_terms sorted = {word, length, 1 + (uint32_t)(step % 2), bytes(count / 8 + 1),
                                offsets, count, data, at};
            uint32_t *got = room(4 * count), *want = room(4 * count);
            uint8_t *far = room(count), *wanted = room(count);
            note("%zu terms, kind %d", count, kind);
            size_t some = table->within_edits(&near, got, far);
            size_t others = reference->within_edits(&near, want, wanted);
            same_bytes("count", &some, &others, sizeof some);
            same_bytes("terms", got, want, 4 * some);
            same_bytes("distances", far, wanted, some);
            some = table->prefixes_within_edits(&sorted, got, far);
            others = reference->prefixes_within_edits(&sorted, want, wanted);
            same_bytes("count", &some, &others, sizeof some);
            same_bytes("terms", got, want, 4 * some);
            same_bytes("distances", far, wanted, some);
            release_all();
        }
}

static void check_top(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const size_t counts[] = {0, 1, 9, 64, 300};
    static const uint32_t wanted[] = {1, 10, 400};
    for (size_t c = 0; c < LENGTH(counts); ++c)
        for (size_t w = 0; w < LENGTH(wanted); ++w)
            for (flavour kind = NORMAL; kind < FLAVOURS; ++kind) {
                size_t k = wanted[w];
                float *scores = floats(counts[c], kind);
                tv5_top_k got = {room(8 * k), wanted[w], room(4 * k), room(4 * k)};
                tv5_top_k want = {room(8 * k), wanted[w], room(4 * k), room(4 * k)};
                note("%zu scores, k %u", counts[c], (unsigned)k);
                table->top_scores(scores, counts[c], &got);
                reference->top_scores(scores, counts[c], &want);
                same_bytes("places", got.rows, want.rows, 4 * k);
                same_floats("best", got.scores, want.scores, k);
                release_all();
            }
}

const check posting_checks[] = {{"decode", check_decode},
                                {"score", check_score},
                                {"edits", check_edits},
                                {"top", check_top},
                                {NULL, NULL}};
