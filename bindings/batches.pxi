# Batches of queries, sorted so that near queries are searched one after another.

cdef enum:
    BATCH = 1024  # queries sorted together; rotated, they take 3 MB at 768 dimensions


cdef int by_value(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t *>a)[0]
    cdef uint64_t y = (<const uint64_t *>b)[0]
    return (x > y) - (x < y)


cdef inline void prepare_rotated(
    const tv5_kernels *kernels, const tv5_rotation *rotation, const float *rotated_center,
    const float *query, float *rotated, int8_t *values, tv5_query *out,
) noexcept nogil:
    """Prepare a query as the ``prepare`` kernel does, and return it rotated, not centred, too."""
    cdef size_t i
    cdef int32_t total = 0
    kernels.rotate(rotation, query, 1, rotated)
    kernels.quantize_i8(rotated, 1, rotation.bits, values, &out.scale)
    kernels.dot_f32(query, 1, rotation.dim, rotation.center, &out.base)
    for i in range(rotation.bits):
        total += values[i]
    for i in range(rotation.bits):
        rotated[i] = rotated[i] + rotated_center[i]
    out.values, out.total = values, total


cdef class QueryBatch:
    """Queries in the order of the lists where their walks begin: near ones read the same rows."""

    cdef tv5_query *queries
    cdef uint64_t *lists
    cdef uint64_t *order
    cdef int8_t *values
    cdef float *rotated
    cdef float *left_out  # of each score, where stored rows leave a centre out

    def __cinit__(self, Py_ssize_t count, size_t probes, Py_ssize_t bits, bint prepares):
        cdef size_t size = max(1, min(count, BATCH))
        self.queries = <tv5_query *>malloc(size * sizeof(tv5_query))
        self.lists = <uint64_t *>malloc(size * probes * sizeof(uint64_t))
        self.order = <uint64_t *>malloc(size * sizeof(uint64_t))
        if self.queries is NULL or self.lists is NULL or self.order is NULL:
            raise MemoryError
        if prepares:
            self.values = <int8_t *>malloc(size * bits)
            self.rotated = <float *>malloc(size * bits * sizeof(float))
            self.left_out = <float *>malloc(size * sizeof(float))
            if self.values is NULL or self.rotated is NULL or self.left_out is NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.queries)
        free(self.lists)
        free(self.order)
        free(self.values)
        free(self.rotated)
        free(self.left_out)

    cdef void prepare(self, const tv5_kernels *kernels, const tv5_rotation *rotation,
                      const float *rotated_center, const float *raw,
                      Py_ssize_t count) noexcept nogil:
        """Prepare queries; given the rotated centre, keep them rotated for rescoring, too."""
        cdef Py_ssize_t i, bits = rotation.bits
        cdef tv5_query *query
        for i in range(count):
            query = &self.queries[i]
            query.values, query.lists = self.values + i * bits, NULL
            if rotated_center is NULL:
                kernels.prepare(rotation, raw + i * rotation.dim, 1, self.values + i * bits,
                                &query.scale, &query.total, &query.base)
            else:
                prepare_rotated(kernels, rotation, rotated_center, raw + i * rotation.dim,
                                self.rotated + i * bits, self.values + i * bits, query)

    cdef void leave_out(self, const tv5_kernels *kernels, const tv5_rotation *rotation,
                        const float *row_center, bint plain, const float *raw,
                        Py_ssize_t count) noexcept nogil:
        """Take the part that stored rows leave out from estimates, and where queries are not
        rotated for them, from the queries."""
        cdef Py_ssize_t i, j, dim = rotation.dim
        cdef float *out
        for i in range(count):
            kernels.dot_f32(raw + i * dim, 1, dim, row_center, self.left_out + i)
            self.queries[i].base = self.queries[i].base - self.left_out[i]
            if plain:
                out = self.rotated + i * <Py_ssize_t>rotation.bits
                for j in range(dim):
                    out[j] = raw[i * dim + j] - row_center[j]

    cdef void sort(self, const tv5_kernels *kernels, const tv5_graph *graph,
                   Py_ssize_t count) noexcept nogil:
        """Sort queries by their nearest lists, where there are several queries."""
        cdef Py_ssize_t i
        cdef uint64_t *lists
        self.order[0] = 0
        if count == 1:
            return
        for i in range(count):
            lists = self.lists + i * graph.probes
            kernels.nearest_lists(graph, &self.queries[i], lists)
            self.queries[i].lists = lists
            self.order[i] = lists[0] << 32 | <uint64_t>i
        qsort(self.order, count, sizeof(uint64_t), by_value)

    cdef inline Py_ssize_t at(self, Py_ssize_t place) noexcept nogil:
        """Return the query at a place of the order."""
        return self.order[place] & TV5_NONE
