/* The walk over random graphs, damaged ones among them. */
#include <math.h>
#include <string.h>

#include "support.h"

/* Lists of any length, padded; a few links lead nowhere where `damaged`. */
static uint32_t *links_of(size_t rows, uint32_t width, uint32_t limit, int damaged)
{
    uint32_t *links = room(4 * rows * width);
    for (size_t row = 0; row < rows; ++row) {
        uint32_t length = below(width + 1);
        for (uint32_t i = 0; i < width; ++i) {
            uint32_t to = i < length ? below(limit) : TV5_NONE;
            links[row * width + i] = damaged && below(20) == 0 ? any_bits() : to;
        }
    }
    return links;
}

static uint8_t *codes_of(size_t rows, uint32_t words, size_t stride)
{
    uint8_t *codes = bytes(rows * stride);
    float *factors = floats(2 * rows, below(2) ? NORMAL : INTEGERS);
    for (size_t i = 0; i < rows; ++i)
        memcpy(codes + i * stride + 8 * words, factors + 2 * i, 8);
    return codes;
}

/* Where each of some lists begins: none is empty, and together they are some of the rows. */
static uint32_t *offsets_of(uint32_t lists, uint32_t rows)
{
    uint32_t *offsets = room(4 * ((size_t)lists + 1));
    offsets[0] = 0;
    for (uint32_t i = 0; i < lists; ++i)
        offsets[i + 1] = offsets[i] + 1 + below((rows - offsets[i]) / (lists - i));
    return offsets;
}

/* Pack the links of a graph, and write behind each code where its list is; some places are any
 * bits where `damaged`. */
static void pack(tv5_graph *graph, int damaged)
{
    const uint32_t width = graph->rows > 256 ? 2 + below(3) : 1 + below(4);
    uint8_t *codes = (uint8_t *)graph->codes;
    uint64_t count = 0;
    uint32_t *packed = room(4 * (size_t)graph->rows * graph->degree + 1);
    for (uint32_t row = 0; row < graph->rows; ++row) {
        const uint64_t first = count;
        uint64_t place;
        for (uint32_t i = 0; i < graph->degree; ++i) {
            uint32_t to = graph->links[(size_t)row * graph->degree + i];
            if (to == TV5_NONE)
                break;
            packed[count++] = to;
        }
        place = damaged && below(8) == 0 ? (uint64_t)any_bits() << 32 | any_bits()
                                         : first | (count - first) << 48;
        memcpy(codes + (size_t)row * graph->stride + 8 * graph->words + 8, &place, sizeof place);
    }
    uint8_t *data = bytes((size_t)count * width + TV5_LINK_SLACK);
    for (uint64_t i = 0; i < count; ++i)
        memcpy(data + i * width, packed + i, width); /* little-endian, as everything here */
    graph->links = NULL;
    graph->packed = data;
    graph->packed_count = count;
    graph->width = width;
}

static tv5_graph padded_graph(uint32_t rows, uint32_t words, uint32_t degree, int damaged)
{
    size_t stride = 8 * (size_t)words + 16 + below(25);
    uint32_t lists = 1 + below(rows < 12 ? rows : 12);
    return (tv5_graph){.codes = codes_of(rows, words, stride),
                       .links = links_of(rows, degree, rows, damaged),
                       .centroids = codes_of(lists, words, stride),
                       .offsets = offsets_of(lists, rows),
                       .rows = rows,
                       .words = words,
                       .degree = degree,
                       .lists = lists,
                       .stride = (uint32_t)stride,
                       .probes = 1 + below(lists),
                       .mean_rescale = 0.5f};
}

/* A graph, its links packed in one of two. */
static tv5_graph graph_of(uint32_t rows, uint32_t words, uint32_t degree, int damaged)
{
    tv5_graph graph = padded_graph(rows, words, degree, damaged);
    if (below(2))
        pack(&graph, damaged);
    return graph;
}

static tv5_scratch scratch_of(const tv5_graph *graph, const tv5_walk_options *options)
{
    tv5_scratch scratch = {
        .layout = room(TV5_SCRATCH_LAYOUT),
        .visited = room((graph->rows + 7) / 8),
        .pool = room(8 * (size_t)options->expansion_search),
        .bridges = room(8 * (size_t)options->bridges),
        .lists = room(8 * TV5_FILTERED_PROBES * (size_t)graph->probes),
        .neighbors = room(8 * (size_t)graph->degree),
    };
    memset(scratch.visited, 0xa5, (graph->rows + 7) / 8); /* as another walk left them */
    return scratch;
}

static void one_graph(const tv5_kernels *table, const tv5_kernels *reference, uint32_t words,
                      int damaged)
{
    tv5_graph graph = graph_of(1 + below(200), words, 1 + below(16), damaged);
    tv5_walk_options options = {.expansion_search = 1 + below(graph.rows),
                                .candidates = 1 + below(40),
                                .bridges = below(2) * below(graph.rows)};
    tv5_rows stored = {integers((size_t)graph.rows * 8, -127, 127), floats(graph.rows, NORMAL),
                       graph.rows, 8, TV5_INT8, 1, NULL};
    tv5_scratch mine = scratch_of(&graph, &options), other = scratch_of(&graph, &options);
    uint32_t *got = room(4 * options.candidates), *want = room(4 * options.candidates);
    float *scores = room(4 * options.candidates), *scores2 = room(4 * options.candidates);
    for (int i = 0; i < 12; ++i) {
        tv5_query query = {integers(64 * (size_t)words, -127, 127), 0.01f, -5, 0.5f, NULL};
        uint64_t *lists = room(8 * (size_t)graph.probes), *lists2 = room(8 * (size_t)graph.probes);
        uint32_t read;
        options.allow = i % 3 ? NULL : bitmap(graph.rows, 40);
        options.allowed = below(graph.rows + 1);
        options.budget = below(2) ? below(2 * graph.rows) : UINT32_MAX;
        options.k = 1 + below(options.candidates);
        options.error_margin = i % 4 ? 0.1f * (float)below(30) : INFINITY;
        note("%u rows of %u words, pool %u, k %u, error margin %g, walk %d", (unsigned)graph.rows,
             (unsigned)words, (unsigned)options.expansion_search, (unsigned)options.candidates,
             (double)options.error_margin, i);
        table->nearest_lists(&graph, &query, lists);
        reference->nearest_lists(&graph, &query, lists2);
        same_bytes("nearest lists", lists, lists2, 8 * (size_t)graph.probes);
        query.lists = i % 2 ? lists : NULL;
        options.rows = i % 2 ? &stored : NULL;
        read = table->walk(&graph, &query, &options, &mine, got, scores);
        query.lists = NULL; /* the same where the walk chooses them itself */
        if (read != reference->walk(&graph, &query, &options, &other, want, scores2))
            same_bytes("codes read", "a", "b", 1);
        same_bytes("walk: rows", got, want, 4 * options.candidates);
        same_floats("walk: scores", scores, scores2, options.candidates);
    }
    release_all();
}

static void check_walk(const tv5_kernels *table, const tv5_kernels *reference)
{
    for (uint32_t words = 1; words <= 64; words = words < 14 ? words + 1 : words + 10)
        for (int i = 0; i < 20; ++i)
            one_graph(table, reference, words, i % 4 == 3);
}

const check walk_checks[] = {{"walk", check_walk}, {NULL, NULL}};
