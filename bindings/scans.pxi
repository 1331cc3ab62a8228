# Scans and rescoring: selecting the k best rows of each query.

cdef enum:
    BLOCK_BYTES = 524288  # of rows that are scored by one query after another, within a cache
    LISTED = 4194304      # rows in the lists of all queries, at most; else one after another


cdef class Counted:
    """Where to write how many rows were scored for each query, if anywhere."""

    cdef View counts
    cdef int32_t *at

    def __init__(self, compared, Py_ssize_t queries):
        self.at = NULL
        if compared is not None:
            self.counts = view(compared, "compared", 1, c'i', PyBUF_WRITABLE)
            check_equal(queries, self.counts.size(0), "length of compared")
            self.at = <int32_t *>self.counts.buffer.buf

    cdef inline void set(self, Py_ssize_t i, uint32_t count) noexcept nogil:
        if self.at is not NULL:
            self.at[i] = count


cdef class Scans:
    """What a backend selects rows with."""

    cdef const tv5_kernels *k

    def scan_codes(self, codes, prepared, k, allow=None):
        cdef View v = view(codes, "codes", 2, c'B')
        cdef PreparedView p = PreparedView(prepared)
        cdef TopK top = TopK(p.count, k)
        cdef Py_ssize_t i
        cdef View a
        cdef const uint8_t *bits = NULL
        cdef tv5_query query
        cdef tv5_top_k to
        check_at_least(p.bits // 8 + 8, v.size(1), "bytes of a code")
        check_range(v.size(0), 0, MAX_ROWS, "codes")
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            bits = bitmap_of(a, v.size(0))
        with nogil:
            for i in range(p.count):
                query, to = p.query(i), top.of(i)
                self.k.scan_codes(<const uint8_t *>v.buffer.buf, v.buffer.shape[0],
                                  v.buffer.shape[1], p.bits // 64, &query, bits, &to)
        return top.rows, top.scores

    def scan_rows(self, rows, scales, queries, k, allow=None, residuals=None):
        cdef RowsView v = RowsView(rows, scales, residuals)
        cdef View q = view(queries, "queries", 2, c'f')
        cdef Py_ssize_t n = q.size(0), block = v.rows.count
        cdef View a
        cdef const uint8_t *bits = NULL
        check_equal(v.rows.dim, q.size(1), "dimensions")
        check_range(v.rows.count, 0, MAX_ROWS, "rows")
        check_range(k, 1, MAX_K, "k")
        if n > 1 and n * k <= LISTED:
            block = max(1, BLOCK_BYTES // (q.size(1) * v.values.buffer.itemsize))
        cdef TopK top = TopK(n, k, n if n * k <= LISTED else 1)
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            bits = bitmap_of(a, v.rows.count)
        with nogil:
            self._scan_rows(&v.rows, <const float *>q.buffer.buf, n, block, bits, top)
        return top.rows, top.scores

    cdef void _scan_rows(self, const tv5_rows *rows, const float *queries, Py_ssize_t n,
                         Py_ssize_t block, const uint8_t *bits, TopK top) noexcept nogil:
        """Score blocks of rows by all queries: a row is read from memory once."""
        cdef Py_ssize_t i, start = 0, stop
        cdef Py_ssize_t together = 0 if top.shared else n - n % TV5_TOGETHER
        cdef tv5_top_k to
        while True:
            stop = min(start + block, <Py_ssize_t>rows.count)
            for i in range(together // TV5_TOGETHER):
                self._scan_rows_together(rows, start, stop, queries, i * TV5_TOGETHER, bits, top)
            for i in range(together, n):
                to = top.of(i)
                top.sizes[i] = self.k.scan_rows(rows, start, stop, queries + i * rows.dim, bits,
                                                &to, top.sizes[i])
            start = stop
            if start >= <Py_ssize_t>rows.count:
                return

    cdef void _scan_rows_together(self, const tv5_rows *rows, Py_ssize_t start, Py_ssize_t stop,
                                  const float *queries, Py_ssize_t first, const uint8_t *bits,
                                  TopK top) noexcept nogil:
        """Score a block of rows by TV5_TOGETHER queries from the first on."""
        cdef Py_ssize_t i
        cdef tv5_top_k to[TV5_TOGETHER]
        for i in range(TV5_TOGETHER):
            to[i] = top.of(first + i)
        self.k.scan_rows_together(rows, start, stop, queries + first * rows.dim, bits, to,
                                  top.sizes + first)

    def scan_bounded(self, codes, prepared, rows, scales, queries, k, float error_margin,
                     allow=None, residuals=None, compared=None):
        cdef View c = view(codes, "codes", 2, c'B'), q = view(queries, "queries", 2, c'f')
        cdef PreparedView p = PreparedView(prepared)
        cdef RowsView v = RowsView(rows, scales, residuals)
        cdef TopK top = TopK(p.count, k)
        cdef Py_ssize_t i
        cdef View a
        cdef const uint8_t *bits = NULL
        cdef Counted counted = Counted(compared, p.count)
        cdef tv5_codes all_codes
        cdef tv5_query query
        cdef tv5_top_k to
        check_at_least(p.bits // 8 + 8, c.size(1), "bytes of a code")
        check_range(c.size(0), 0, MAX_ROWS, "codes")
        check_equal(c.size(0), v.rows.count, "stored rows")
        check_equal(p.count, q.size(0), "queries")
        check_equal(v.rows.dim, q.size(1), "dimensions")
        if not error_margin >= 0:
            raise ValueError(f"expected error_margin >= 0, got {error_margin}")
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            bits = bitmap_of(a, c.size(0))
        all_codes.codes, all_codes.words = <const uint8_t *>c.buffer.buf, p.bits // 64
        all_codes.count, all_codes.stride = c.size(0), c.size(1)
        with nogil:
            for i in range(p.count):
                query, to = p.query(i), top.of(i)
                counted.set(i, self.k.scan_bounded(
                    &all_codes, &v.rows, &query, <const float *>q.buffer.buf + i * v.rows.dim,
                    error_margin, bits, &to))
        return top.rows, top.scores

    def rescore(self, rows, scales, queries, candidates, k, upper_bounds=None, residuals=None,
                compared=None):
        cdef RowsView v = RowsView(rows, scales, residuals)
        cdef View q = view(queries, "queries", 2, c'f'), c = view(candidates, "candidates", 2, c'I')
        cdef TopK top = TopK(q.size(0), k)
        cdef Counted counted = Counted(compared, q.size(0))
        cdef Py_ssize_t i, m = c.size(1)
        cdef const uint32_t *ids = <const uint32_t *>c.buffer.buf
        cdef tv5_candidates found
        cdef tv5_top_k to
        cdef View u
        cdef const float *bounds = NULL
        check_equal(v.rows.dim, q.size(1), "dimensions")
        check_equal(q.size(0), c.size(0), "rows of candidates")
        if upper_bounds is not None:
            u = view(upper_bounds, "upper_bounds", 2, c'f')
            check_equal(c.size(0), u.size(0), "rows of upper_bounds")
            check_equal(m, u.size(1), "length of upper_bounds")
            bounds = <const float *>u.buffer.buf
        for i in range(q.size(0) * m):
            if ids[i] >= v.rows.count and ids[i] != TV5_NONE:
                raise ValueError(f"expected candidates below {v.rows.count}, got {ids[i]}")
        with nogil:
            for i in range(q.buffer.shape[0]):
                to = top.of(i)
                found.rows, found.count, found.upper_bounds = ids + i * m, m, NULL
                if bounds is not NULL:
                    found.upper_bounds = bounds + i * m
                counted.set(i, self.k.rescore(
                    &v.rows, <const float *>q.buffer.buf + i * v.rows.dim, &found, &to))
        return top.rows, top.scores
