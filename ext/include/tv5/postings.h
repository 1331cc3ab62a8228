/* Posting lists, and terms near a word. */
#ifndef TV5_POSTINGS_H
#define TV5_POSTINGS_H

#include <stddef.h>
#include <stdint.h>

#define TV5_POSTING_BLOCK 128
#define TV5_WINDOW 2048    /* documents scored at once: what is kept of them fits the caches */
#define TV5_MAX_GROUPS 4
#define TV5_MAX_LETTERS 64 /* characters of a word that is compared */

/* Blocks of postings. A value is 2 * document + (frequency > 1). The bytes of block b are those from
 * offsets[b] to offsets[b + 1]: the differences of its values but the first, widths[b] bytes each,
 * then the frequencies above 1. */
typedef struct tv5_blocks {
    const uint32_t *first;
    const uint32_t *offsets;
    const uint8_t *widths;
    const uint8_t *data;
} tv5_blocks;

typedef struct tv5_list {
    uint32_t start; /* its first block */
    uint32_t count; /* its postings */
    float weight;
    uint8_t field;
} tv5_list;

/* The lists of one word and group of fields: those from the end of the entry before it on. */
typedef struct tv5_scored_word {
    uint32_t end;
    float scale, saturation;
    uint8_t group, bit;
} tv5_scored_word;

typedef struct tv5_scoring {
    const tv5_list *lists;
    const tv5_scored_word *words;
    uint32_t word_count;
    uint32_t essential; /* words that may find documents; later ones only add to those found */
    uint32_t groups;
    const uint8_t *lengths; /* fields * n */
    const float *norms;     /* fields * 256 */
    const uint8_t *allow;   /* or NULL */
    size_t n;
} tv5_scoring;

/* Where a list has been read to. */
typedef struct tv5_cursor {
    uint32_t documents[TV5_POSTING_BLOCK];
    uint8_t frequencies[TV5_POSTING_BLOCK];
    uint32_t block, left; /* the next block, and the postings from it on */
    uint32_t at, size;    /* of the decoded block */
} tv5_cursor;

/* What is kept of one window; all zero before and after. */
typedef struct tv5_window {
    float sums[TV5_WINDOW];
    float scores[TV5_MAX_GROUPS][TV5_WINDOW];
    uint64_t masks[TV5_MAX_GROUPS][TV5_WINDOW];
} tv5_window;

/* Room for `capacity` documents: scores and masks are groups * capacity. */
typedef struct tv5_scored {
    uint32_t *documents;
    float *scores;
    uint64_t *masks;
    size_t capacity;
} tv5_scored;

typedef struct tv5_near {
    const uint32_t *word; /* code points */
    uint32_t length, edits;
    uint64_t signature;
    const uint64_t *signatures; /* of count terms */
    const uint32_t *terms;      /* their numbers */
    size_t count;
    const uint32_t *offsets; /* term_count + 1 */
    size_t term_count;
    const uint8_t *data;
    size_t bytes;
} tv5_near;

/* Sorted terms, and a word that beginnings of theirs are compared with. */
typedef struct tv5_terms {
    const uint32_t *word; /* code points */
    uint32_t length, edits;
    const uint8_t *allow;    /* bitmap of the terms that may be found */
    const uint32_t *offsets; /* count + 1 */
    size_t count;
    const uint8_t *data;
    size_t bytes;
} tv5_terms;

#endif
