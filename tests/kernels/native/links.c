/* Choosing links and linking back, over lists that are damaged, full or repeat themselves. */
#include <string.h>

#include "support.h"

enum { SPARE = 3 }; /* rows that are stored and not in the graph */

typedef struct given {
    tv5_linker linker;
    uint32_t *candidates, width, start, stop;
    tv5_reverse_links reverse;
    uint32_t targets, most;
} given;

static int8_t *values_of(size_t rows, size_t dim)
{
    int8_t *values = integers(rows * dim, -127, 127);
    for (size_t i = 1; i < rows; ++i)
        if (below(4) == 0) /* distances of zero, and ties */
            memcpy(values + i * dim, values, dim);
    return values;
}

static uint32_t *some_rows(size_t count, uint32_t rows, uint32_t beyond)
{
    uint32_t *out = room(4 * count);
    for (size_t i = 0; i < count; ++i)
        out[i] = below(100) < beyond ? (below(2) ? TV5_NONE : rows) : below(rows);
    return out;
}

static tv5_linker linker_of(uint32_t rows, uint32_t dim, uint32_t degree)
{
    size_t stored = rows + SPARE;
    float *scales = room(4 * stored), *squares = room(4 * stored);
    uint32_t *places = room(4 * (size_t)rows), kept = 1 + below(degree);
    int8_t *values = values_of(stored, dim);
    for (uint32_t i = 0; i < rows; ++i)
        places[i] = (i * 7 + 1) % (uint32_t)stored; /* some share a place */
    for (size_t i = 0; i < stored; ++i) {
        int32_t sum = 0;
        for (size_t j = 0; j < dim; ++j)
            sum += values[i * dim + j] * values[i * dim + j];
        scales[i] = 0.01f;
        squares[i] = (float)sum * (0.01f * 0.01f);
    }
    return (tv5_linker){.values = values,
                        .scales = scales,
                        .squares = squares,
                        .positions = places,
                        .links = some_rows((size_t)rows * degree, rows, 15),
                        .rows = rows,
                        .dim = dim,
                        .degree = degree,
                        .pruned_degree = kept,
                        .max_degree = kept + below(degree - kept + 1)};
}

static void draw_reverse(given *all, uint32_t rows)
{
    uint32_t *targets = room(4 * (size_t)rows), count = 0;
    int64_t *offsets = room(8 * ((size_t)rows + 1));
    offsets[0] = 0;
    for (uint32_t row = 0; row < rows; ++row)
        if (below(3)) {
            uint32_t sources = below(9);
            targets[count] = row;
            offsets[count + 1] = offsets[count] + sources;
            all->most = sources > all->most ? sources : all->most;
            ++count;
        }
    all->reverse = (tv5_reverse_links){targets, offsets, some_rows((size_t)offsets[count], rows, 0)};
    all->targets = count;
}

/* Let a table work on links of its own. */
static uint32_t *worked(const tv5_kernels *table, const given *all)
{
    tv5_linker linker = all->linker;
    size_t size = 4 * (size_t)linker.rows * linker.degree;
    tv5_link_scratch chosen = {room(8 * ((size_t)linker.degree + all->width + 1)),
                               room(2 * (size_t)linker.dim)};
    tv5_link_scratch joined = {room(8 * ((size_t)linker.degree + all->most + 1)), chosen.wide};
    linker.links = room(size);
    memcpy(linker.links, all->linker.links, size);
    table->select_neighbors(&linker, all->candidates, all->width, all->start, all->stop, &chosen);
    table->add_reverse_links(&linker, &all->reverse, 0, all->targets, &joined);
    return linker.links;
}

static void one_graph(const tv5_kernels *table, const tv5_kernels *reference, uint32_t dim)
{
    uint32_t rows = 1 + below(80), degree = 1 + below(12);
    given all = {.linker = linker_of(rows, dim, degree), .width = below(20)};
    all.start = below(rows);
    all.stop = all.start + below(rows - all.start + 1);
    all.candidates = some_rows((size_t)(all.stop - all.start) * all.width, rows, 10);
    draw_reverse(&all, rows);
    note("%u rows of %u, %u links, room %u, limit %u, %u candidates", (unsigned)rows,
         (unsigned)dim, (unsigned)degree, (unsigned)all.linker.pruned_degree, (unsigned)all.linker.max_degree,
         (unsigned)all.width);
    same_bytes("links", worked(table, &all), worked(reference, &all),
               4 * (size_t)rows * degree);
    release_all();
}

static void check_links(const tv5_kernels *table, const tv5_kernels *reference)
{
    static const uint32_t dims[] = {1, 8, 31, 32, 33, 64, 100, 768};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; ++d)
        for (int i = 0; i < 40; ++i)
            one_graph(table, reference, dims[d]);
}

const check link_checks[] = {{"links", check_links}, {NULL, NULL}};
