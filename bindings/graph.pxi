# The graph, and walks over it.

cdef class NativeGraph:
    """A sealed graph, searched in place by any number of threads."""

    cdef Backend backend
    cdef View codes, links, centroids, offsets
    cdef tv5_graph graph
    cdef list idle

    def __init__(self, Backend backend, codes, links, centroids, offsets, Py_ssize_t probes,
                 Py_ssize_t bits):
        self.backend, self.idle = backend, []
        self.codes = view(codes, "codes", 2, c'B')
        self.centroids = view(centroids, "centroids", 2, c'B')
        self.offsets = view(offsets, "offsets", 1, c'I')
        check_bits(bits)
        check_at_least(bits // 8 + 8, self.codes.size(1), "bytes of a code")
        check_range(self.codes.size(0), 1, MAX_ROWS, "rows")
        check_equal(self.codes.size(1), self.centroids.size(1), "bytes of a centroid")
        check_range(self.centroids.size(0), 1, self.codes.size(0), "centroids")
        check_equal(self.centroids.size(0) + 1, self.offsets.size(0), "length of offsets")
        check_range(probes, 1, self.centroids.size(0), "probes")
        self.graph.codes = <const uint8_t *>self.codes.buffer.buf
        self.graph.centroids = <const uint8_t *>self.centroids.buffer.buf
        self.graph.offsets = <const uint32_t *>self.offsets.buffer.buf
        self.graph.rows = self.codes.size(0)
        self.graph.words, self.graph.stride = bits // 64, self.codes.size(1)
        self.graph.lists, self.graph.probes = self.centroids.size(0), probes
        # A list without rows would leave a walk without entry points.
        check_strictly_ascending(self.graph.offsets, self.graph.lists + 1, "offsets")
        check_range(self.graph.offsets[0], 0, 0, "the first offset")
        check_range(self.graph.offsets[self.graph.lists], 1, self.graph.rows, "the last offset")
        self.graph.mean_rescale = mean_rescale(codes, bits)
        if isinstance(links, tuple):
            self._packed_links(links)
        else:
            self._padded_links(links)

    @property
    def scratch_bytes(self):
        """Bytes of scratch memory kept for later walks."""
        return sum(
            self.graph.rows // 8 + TV5_SCRATCH_LAYOUT + 8 * (
                self.graph.degree + TV5_FILTERED_PROBES * self.graph.probes)
            + 8 * (scratch.pool_size + scratch.bridges_size + scratch.candidates_size)
            for scratch in self.idle
        )

    def walk(self, prepared, expansion_search, candidates, row_filter=None, k=None,
             error_margin=None):
        check_range(candidates, 1, MAX_K, "candidates")
        cdef PreparedView p = PreparedView(prepared)
        cdef TopK top = TopK(p.count, candidates)
        cdef tv5_walk_options options
        cdef Scratch scratch
        cdef View a
        cdef Py_ssize_t start, size, place, i
        cdef tv5_top_k to
        check_equal(64 * self.graph.words, p.bits, "bits of the queries")
        options = self._options(expansion_search, top.k, top.k if k is None else k, error_margin)
        a = self._filter(&options, row_filter)
        reads = _EMPTY(p.count, _I32)
        cdef View r = view(reads, "reads", 1, c'i', PyBUF_WRITABLE)
        scratch = self._scratch(options)
        cdef QueryBatch batch = QueryBatch(p.count, self.graph.probes, p.bits, False)
        with nogil:
            start = 0
            while start < p.count:
                size = min(p.count - start, BATCH)
                for i in range(size):
                    batch.queries[i] = p.query(start + i)
                batch.sort(self.backend.k, &self.graph, size)
                for place in range(size):
                    i = batch.at(place)
                    to = top.of(start + i)
                    (<int32_t *>r.buffer.buf)[start + i] = self.backend.k.walk(
                        &self.graph, &batch.queries[i], &options, &scratch.memory, to.rows,
                        to.scores)
                start += size
        self.idle.append(scratch)
        return top.rows, top.scores, reads

    def upper_bounds(self, prepared, rows, estimates, float error_margin):
        cdef PreparedView p = PreparedView(prepared)
        cdef View r = view(rows, "rows", 2, c'I'), e = view(estimates, "estimates", 2, c'f')
        cdef tv5_query query
        cdef Py_ssize_t i, m = r.size(1)
        cdef const uint32_t *ids = <const uint32_t *>r.buffer.buf
        check_equal(64 * self.graph.words, p.bits, "bits of the queries")
        check_equal(p.count, r.size(0), "queries of rows")
        check_equal(p.count, e.size(0), "queries of estimates")
        check_equal(m, e.size(1), "length of estimates")
        for i in range(p.count * m):
            if ids[i] != TV5_NONE:
                check_range(ids[i], 0, self.graph.rows - 1, "rows")
        out = estimates.copy()
        cdef View o = view(out, "out", 2, c'f', PyBUF_WRITABLE)
        with nogil:
            for i in range(p.count):
                query = p.query(i)
                self.backend.k.upper_bounds(&self.graph, &query, error_margin, ids + i * m, m,
                                            <float *>o.buffer.buf + i * m)
        return out

    def searcher(self, center, signs, rows, scales, rotated_center=None, row_center=None,
                 residuals=None):
        return NativeSearcher(self, center, signs, rows, scales, rotated_center, row_center,
                              residuals)

    cdef int _padded_links(self, links) except -1:
        self.links = view(links, "links", 2, c'I')
        check_equal(self.graph.rows, self.links.size(0), "rows of links")
        check_range(self.links.size(1), 1, MAX_DEGREE, "links of a row")
        self.graph.links = <const uint32_t *>self.links.buffer.buf
        self.graph.degree = self.links.size(1)
        return 0

    cdef int _packed_links(self, links) except -1:
        cdef Py_ssize_t width, degree
        check_equal(3, len(links), "parts of packed links")
        data, width, degree = links
        self.links = view(data, "links", 1, c'B')
        check_range(width, 1, 4, "bytes of a link")
        check_range(degree, 1, MAX_DEGREE, "links of a row")
        check_at_least(TV5_LINK_SLACK, self.links.size(0), "bytes of links")
        check_at_least(8 * self.graph.words + 16, self.graph.stride, "bytes of a record")
        self.graph.links, self.graph.degree, self.graph.width = NULL, degree, width
        self.graph.packed = <const uint8_t *>self.links.buffer.buf
        self.graph.packed_count = (self.links.size(0) - TV5_LINK_SLACK) // width
        return 0

    cdef tv5_walk_options _options(self, Py_ssize_t pool, Py_ssize_t candidates, Py_ssize_t k,
                                   error_margin) except *:
        cdef tv5_walk_options options
        check_range(pool, 1, MAX_K, "expansion_search")
        check_range(k, 1, candidates, "k")
        # A pool never holds more than all rows.
        options.expansion_search = min(pool, self.graph.rows)
        options.candidates, options.k, options.allow, options.rows = candidates, k, NULL, NULL
        options.allowed, options.bridges, options.budget = 0, 0, 0
        options.error_margin = INFINITY if error_margin is None else error_margin
        if not options.error_margin >= 0:
            raise ValueError(f"expected error_margin >= 0, got {error_margin}")
        return options

    cdef View _filter(self, tv5_walk_options *options, row_filter):
        """Set which rows may be returned; the bitmap is read as long as the result is held."""
        cdef View bits
        if row_filter is None:
            return None
        check_equal(4, len(row_filter), "parts of a row filter")
        allow, allowed, bridges, budget = row_filter
        bits = view(allow, "allow", 1, c'B')
        options.allow = bitmap_of(bits, self.graph.rows)
        check_range(allowed, 0, self.graph.rows, "allowed rows")
        check_range(bridges, 0, MAX_K, "bridges")
        check_range(budget, 0, MAX_K, "budget")
        options.allowed, options.budget = allowed, budget
        options.bridges = min(bridges, self.graph.rows)
        return bits

    cdef Scratch _scratch(self, tv5_walk_options options):
        cdef Scratch scratch
        # list.pop and append are atomic under the GIL: no two threads share a scratch.
        try:
            scratch = self.idle.pop()
        except IndexError:
            scratch = Scratch(self.graph.rows, self.graph.degree, self.graph.probes)
        scratch.reserve(options.expansion_search, options.bridges)
        return scratch
