# Selection of links.

cdef class LinkScratch:
    """Scratch memory for selecting the links of one row after another."""

    cdef tv5_link_scratch memory

    def __cinit__(self, size_t most, size_t dim):
        self.memory.list = <uint64_t *>malloc((most + 1) * sizeof(uint64_t))
        self.memory.wide = <int16_t *>malloc(dim * sizeof(int16_t))
        if self.memory.list is NULL or self.memory.wide is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.memory.list)
        free(self.memory.wide)


cdef class NativeLinker:
    """Selects links by distance, in place; threads may work on different rows at once."""

    cdef Backend backend
    cdef View positions, squares, links
    cdef RowsView stored
    cdef tv5_linker linker

    def __init__(self, Backend backend, rows, links, Py_ssize_t pruned_degree,
                 Py_ssize_t max_degree):
        values, scales, squares, positions = rows
        self.backend = backend
        self.stored = RowsView(values, scales)
        if self.stored.rows.kind != TV5_INT8:
            raise TypeError(f"expected rows of int8, got {values.dtype}")
        if self.stored.rows.factors != 1:
            raise ValueError("expected scales to have 1 axes, got 2")
        self.squares = view(squares, "squares", 1, c'f')
        self.positions = view(positions, "positions", 1, c'I')
        self.links = view(links, "links", 2, c'I', PyBUF_WRITABLE)
        cdef Py_ssize_t n = self.positions.size(0)
        check_range(n, 1, MAX_ROWS, "rows")
        check_equal(n, self.links.size(0), "rows of links")
        check_equal(self.stored.rows.count, self.squares.size(0), "length of squares")
        check_range(self.links.size(1), 1, 4096, "links of a row")
        check_range(pruned_degree, 1, self.links.size(1), "pruned_degree")
        check_range(max_degree, pruned_degree, self.links.size(1), "max_degree")
        check_rows_below(<const uint32_t *>self.positions.buffer.buf, n, self.stored.rows.count)
        self.linker.values = <const int8_t *>self.stored.rows.values
        self.linker.scales = self.stored.rows.scales
        self.linker.squares = <const float *>self.squares.buffer.buf
        self.linker.positions = <const uint32_t *>self.positions.buffer.buf
        self.linker.links = <uint32_t *>self.links.buffer.buf
        self.linker.rows, self.linker.dim = n, self.stored.rows.dim
        self.linker.degree = self.links.size(1)
        self.linker.pruned_degree, self.linker.max_degree = pruned_degree, max_degree

    def select_neighbors(self, candidates, Py_ssize_t start):
        cdef View c = view(candidates, "candidates", 2, c'I')
        check_range(start, 0, self.linker.rows, "start")
        check_range(c.size(0), 0, <Py_ssize_t>self.linker.rows - start, "rows of candidates")
        check_range(c.size(1), 0, 65536, "candidates of a row")
        cdef LinkScratch scratch = LinkScratch(self.linker.degree + c.size(1), self.linker.dim)
        with nogil:
            self.backend.k.select_neighbors(
                &self.linker, <const uint32_t *>c.buffer.buf, c.buffer.shape[1], start,
                start + c.buffer.shape[0], &scratch.memory)

    def add_reverse_links(self, targets, offsets, sources, Py_ssize_t start, Py_ssize_t stop):
        cdef View t = view(targets, "targets", 1, c'I'), o = view(offsets, "offsets", 1, c'l')
        cdef View s = view(sources, "sources", 1, c'I')
        cdef tv5_reverse_links reverse
        cdef Py_ssize_t i, most = 0
        check_equal(t.size(0) + 1, o.size(0), "length of offsets")
        check_range(start, 0, t.size(0), "start")
        check_range(stop, start, t.size(0), "stop")
        reverse.targets = <const uint32_t *>t.buffer.buf
        reverse.offsets = <const int64_t *>o.buffer.buf
        reverse.sources = <const uint32_t *>s.buffer.buf
        check_strictly_ascending(reverse.targets + start, stop - start, "targets")
        check_rows_below(reverse.targets + start, stop - start, self.linker.rows)
        check_offsets(reverse.offsets + start, stop - start + 1, s.size(0))
        check_rows_below(reverse.sources + reverse.offsets[start],
                         reverse.offsets[stop] - reverse.offsets[start], self.linker.rows)
        for i in range(start, stop):
            most = max(most, reverse.offsets[i + 1] - reverse.offsets[i])
        cdef LinkScratch scratch = LinkScratch(self.linker.degree + most, self.linker.dim)
        with nogil:
            self.backend.k.add_reverse_links(&self.linker, &reverse, start, stop, &scratch.memory)
