/* Walks and scans by several threads at once over one graph, while a writer appends live rows.
 *
 * For ThreadSanitizer (.ci/sanitize), and by itself: every thread must find, bit for bit, what one
 * thread alone found. Threads share the graph, the stored rows and the query, and nothing else: each
 * has its own scratch memory. Live rows work as in Python: a writer fills rows past the published
 * ones, then publishes them; readers scan the rows that are published when they start.
 *
 *     stress [TABLE]...
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "support.h"

enum { THREADS = 4, ROUNDS = 60, ROWS = 700, WORDS = 4, DEGREE = 12, LISTS = 5, K = 8, POOL = 48 };
enum { BITS = 64 * WORDS, STRIDE = 8 * WORDS + 8, LIVE_ROWS = 600 };

typedef struct answer {
    uint32_t walked[K], scanned[K], exact[K], bounded[K];
    float walked_scores[K], scanned_scores[K], exact_scores[K], bounded_scores[K];
} answer;

static struct shared {
    const tv5_kernels *table;
    tv5_graph graph;
    tv5_rows rows;
    tv5_query query;
    const float *exact_query;
    const uint8_t *allow;
    answer want;
    uint8_t *live;          /* LIVE_ROWS codes */
    const uint8_t *arriving; /* what the writer appends */
    atomic_uint published;
    atomic_int wrong;
} shared;

typedef struct reader {
    pthread_t thread;
    tv5_scratch scratch;
    uint64_t list[K];
} reader;

static void build(const tv5_kernels *table)
{
    uint32_t *links = room(4 * (size_t)ROWS * DEGREE), *offsets = room(4 * (LISTS + 1));
    uint8_t *codes = bytes((size_t)ROWS * STRIDE), *arriving = bytes((size_t)LIVE_ROWS * STRIDE);
    float *factors = floats(2 * (ROWS + LIVE_ROWS), NORMAL);
    for (size_t i = 0; i < ROWS; ++i)
        memcpy(codes + i * STRIDE + 8 * WORDS, factors + 2 * i, 8);
    for (size_t i = 0; i < LIVE_ROWS; ++i)
        memcpy(arriving + i * STRIDE + 8 * WORDS, factors + 2 * (ROWS + i), 8);
    for (size_t i = 0; i < (size_t)ROWS * DEGREE; ++i)
        links[i] = below(ROWS);
    for (uint32_t i = 0; i <= LISTS; ++i)
        offsets[i] = 8 * i;
    shared.table = table;
    /* The centroids are codes of rows, too. */
    shared.graph = (tv5_graph){.codes = codes,
                               .links = links,
                               .centroids = codes + (size_t)100 * STRIDE,
                               .offsets = offsets,
                               .rows = ROWS,
                               .words = WORDS,
                               .degree = DEGREE,
                               .lists = LISTS,
                               .stride = STRIDE,
                               .probes = 2,
                               .mean_rescale = 0.5f};
    shared.rows = (tv5_rows){floats((size_t)ROWS * BITS, NORMAL), NULL, ROWS, BITS, TV5_FLOAT32, 1,
                             NULL};
    shared.query = (tv5_query){integers(BITS, -127, 127), 0.01f, 7, 0.25f, NULL};
    shared.exact_query = floats(BITS, NORMAL);
    shared.allow = bitmap(ROWS, 70);
    shared.live = room((size_t)LIVE_ROWS * STRIDE);
    shared.arriving = arriving;
    atomic_store(&shared.published, 0);
}

static void prepare(reader *one)
{
    one->scratch = (tv5_scratch){
        .layout = room(TV5_SCRATCH_LAYOUT),
        .visited = room((ROWS + 7) / 8),
        .pool = room(8 * POOL),
        .bridges = room(8 * POOL),
        .lists = room(8 * 2 * TV5_FILTERED_PROBES),
        .neighbors = room(8 * DEGREE),
    };
}

static void ask(reader *one, answer *out)
{
    const tv5_walk_options options = {.expansion_search = POOL,
                                      .candidates = K,
                                      .k = K / 2,
                                      .error_margin = 2.0f,
                                      .allow = shared.allow,
                                      .allowed = ROWS / 2,
                                      .bridges = POOL,
                                      .budget = ROWS};
    const tv5_codes codes = {shared.graph.codes, ROWS, STRIDE, WORDS};
    tv5_top_k scanned = {one->list, K, out->scanned, out->scanned_scores};
    tv5_top_k exact = {one->list, K, out->exact, out->exact_scores};
    tv5_top_k bounded = {one->list, K, out->bounded, out->bounded_scores};
    shared.table->walk(&shared.graph, &shared.query, &options, &one->scratch, out->walked,
                       out->walked_scores);
    shared.table->scan_codes(shared.graph.codes, ROWS, STRIDE, WORDS, &shared.query,
                             shared.allow, &scanned);
    shared.table->scan_rows(&shared.rows, 0, ROWS, shared.exact_query, NULL, &exact, 0);
    shared.table->scan_bounded(&codes, &shared.rows, &shared.query, shared.exact_query, 2.0f,
                               shared.allow, &bounded);
}

/* The best of the published rows, against the same scan over what the writer takes them from. */
static int live_rows_are_right(reader *one)
{
    uint32_t n = atomic_load_explicit(&shared.published, memory_order_acquire);
    uint32_t got[K], want[K];
    float got_scores[K], want_scores[K];
    tv5_top_k here = {one->list, K, got, got_scores};
    shared.table->scan_codes(shared.live, n, STRIDE, WORDS, &shared.query, NULL, &here);
    tv5_top_k there = {one->list, K, want, want_scores};
    shared.table->scan_codes(shared.arriving, n, STRIDE, WORDS, &shared.query, NULL, &there);
    return !memcmp(got, want, sizeof got) && !memcmp(got_scores, want_scores, sizeof got_scores);
}

static void *read_all(void *given)
{
    reader *one = given;
    for (int i = 0; i < ROUNDS; ++i) {
        answer got;
        memset(&got, 0, sizeof got);
        ask(one, &got);
        if (memcmp(&got, &shared.want, sizeof got) || !live_rows_are_right(one))
            atomic_fetch_add(&shared.wrong, 1);
    }
    return NULL;
}

static void *append_all(void *unused)
{
    (void)unused;
    for (uint32_t n = 0; n < LIVE_ROWS; ++n) {
        memcpy(shared.live + (size_t)n * STRIDE, shared.arriving + (size_t)n * STRIDE, STRIDE);
        atomic_store_explicit(&shared.published, n + 1, memory_order_release);
    }
    return NULL;
}

static int run(const tv5_kernels *table)
{
    reader readers[THREADS + 1];
    pthread_t writer;
    seed(11);
    build(table);
    for (int i = 0; i <= THREADS; ++i)
        prepare(readers + i);
    memset(&shared.want, 0, sizeof shared.want);
    ask(readers + THREADS, &shared.want);
    for (int i = 0; i < THREADS; ++i)
        pthread_create(&readers[i].thread, NULL, read_all, readers + i);
    pthread_create(&writer, NULL, append_all, NULL);
    for (int i = 0; i < THREADS; ++i)
        pthread_join(readers[i].thread, NULL);
    pthread_join(writer, NULL);
    release_all();
    printf("%s: %d threads, %d rounds each: %s\n", table->name, THREADS, ROUNDS,
           atomic_load(&shared.wrong) ? "FAILED" : "ok");
    return atomic_load(&shared.wrong) != 0;
}

int main(int argc, char **argv)
{
    int failed = 0;
    if (argc < 2)
        for (size_t i = 0; tv5_available(i); ++i)
            failed |= run(tv5_find(tv5_available(i)));
    for (int i = 1; i < argc; ++i) {
        const tv5_kernels *table = tv5_find(argv[i]);
        if (!table)
            return fprintf(stderr, "FAILED: no table %s here\n", argv[i]), 1;
        failed |= run(table);
    }
    return failed;
}
