# Prepare, walk and rescore in one call.

cdef class NativeSearcher:
    """A graph with its rotation and stored rows, searched by any number of threads."""

    cdef NativeGraph graph
    cdef Rotation rotation
    cdef RowsView stored
    cdef View rotated_center, row_center
    cdef const float *added  # the rotated centre, or NULL
    cdef const float *zero   # what the stored rows leave out, or NULL

    def __init__(self, NativeGraph graph, center, signs, rows, scales, rotated_center, row_center,
                 residuals):
        cdef Rotation r = Rotation(center, signs)
        self.graph, self.rotation, self.stored = graph, r, RowsView(rows, scales, residuals)
        self.zero = NULL
        if row_center is not None:
            self.row_center = view(row_center, "row_center", 1, c'f')
            check_equal(r.rotation.dim, self.row_center.size(0), "length of row_center")
            self.zero = <const float *>self.row_center.buffer.buf
        self.added = NULL
        if rotated_center is not None:
            self.rotated_center = view(rotated_center, "rotated_center", 1, c'f')
            check_equal(r.rotation.bits, self.rotated_center.size(0), "length of rotated_center")
            self.added = <const float *>self.rotated_center.buffer.buf
        check_equal(r.rotation.dim if rotated_center is None else r.rotation.bits,
                    self.stored.rows.dim, "dimensions of the stored rows")
        check_equal(graph.graph.rows, self.stored.rows.count, "stored rows")
        check_equal(64 * graph.graph.words, r.rotation.bits, "bits of the rotation")

    def search(self, queries, expansion_search, candidates, k, row_filter=None,
               error_margin=None):
        cdef View q = view(queries, "queries", 2, c'f')
        cdef TopK top = TopK(q.size(0), k)
        cdef tv5_walk_options options
        cdef View a
        cdef Py_ssize_t n = q.size(0)
        cdef tv5_graph *graph = &self.graph.graph
        check_equal(self.rotation.rotation.dim, q.size(1), "dimensions")
        check_range(candidates, 1, MAX_K, "candidates")
        options = self.graph._options(expansion_search, candidates, min(top.k, candidates),
                                      error_margin)
        a = self.graph._filter(&options, row_filter)
        options.rows = &self.stored.rows
        cdef bint bounded = error_margin is not None
        cdef QueryBatch batch = QueryBatch(n, graph.probes, self.rotation.rotation.bits, True)
        cdef Scratch scratch = self.graph._scratch(options)
        scratch.reserve_candidates(options.candidates)
        with nogil:
            gil_released()
            self._search(<const float *>q.buffer.buf, n, bounded, &options, top, batch, scratch)
            gil_spin()
        gil_acquired()
        self.graph.idle.append(scratch)
        return top.rows, top.scores

    cdef void _search(self, const float *queries, Py_ssize_t n, bint bounded,
                      const tv5_walk_options *options, TopK top, QueryBatch batch,
                      Scratch scratch) noexcept nogil:
        cdef const tv5_kernels *kernels = self.graph.backend.k
        cdef const tv5_graph *graph = &self.graph.graph
        cdef const tv5_rotation *rotation = &self.rotation.rotation
        cdef const float *raw
        cdef Py_ssize_t start = 0, size, place
        while start < n:
            size = min(n - start, BATCH)
            raw = queries + start * rotation.dim
            batch.prepare(kernels, rotation, self.added, raw, size)
            if self.zero is not NULL:
                batch.leave_out(kernels, rotation, self.zero, self.added is NULL, raw, size)
            batch.sort(kernels, graph, size)
            for place in range(size):
                self._search_one(batch, batch.at(place), raw, start, bounded, options, top, scratch)
            start += size

    cdef inline void _search_one(self, QueryBatch batch, Py_ssize_t i, const float *raw,
                                 Py_ssize_t start, bint bounded, const tv5_walk_options *options,
                                 TopK top, Scratch scratch) noexcept nogil:
        """Search query ``i`` of a batch that begins with query ``start``, whose floats ``raw`` are.
        """
        cdef const tv5_kernels *kernels = self.graph.backend.k
        cdef const tv5_graph *graph = &self.graph.graph
        cdef const tv5_rotation *rotation = &self.rotation.rotation
        cdef const tv5_query *query = &batch.queries[i]
        cdef const float *exact = batch.rotated + i * <Py_ssize_t>rotation.bits
        cdef tv5_top_k to = top.of(start + i)
        cdef tv5_candidates found
        cdef uint32_t place
        if self.added is NULL and self.zero is NULL:
            exact = raw + i * <Py_ssize_t>rotation.dim
        kernels.walk(graph, query, options, &scratch.memory, scratch.candidates, scratch.estimates)
        found.rows, found.count, found.upper_bounds = scratch.candidates, options.candidates, NULL
        if bounded:
            kernels.upper_bounds(graph, query, options.error_margin, scratch.candidates,
                                 options.candidates, scratch.estimates)
            found.upper_bounds = scratch.estimates
        kernels.rescore(&self.stored.rows, exact, &found, &to)
        if self.zero is not NULL:
            for place in range(to.k):
                to.scores[place] = to.scores[place] + batch.left_out[i]
