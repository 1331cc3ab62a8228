# The functions of one instruction set.

# Of a single row, the next three take less time than releasing the GIL, which threads that search
# one query at a time compete for: callers keep the GIL then.

cdef void squared_norms_of(const tv5_kernels *kernels, const float *x, Py_ssize_t n,
                           Py_ssize_t dim, float *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        kernels.dot_f32(x + i * dim, 1, dim, x + i * dim, out + i)


cdef void normalize_by(const float *x, Py_ssize_t n, Py_ssize_t dim, const float *squares,
                       float *out) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef float inverse
    for i in range(n):
        inverse = <float>1 / sqrtf(squares[i])
        for j in range(dim):
            out[i * dim + j] = x[i * dim + j] * inverse


cdef Py_ssize_t look_up(const int64_t *keys, Py_ssize_t n, const uint32_t *rows,
                        Py_ssize_t count, int64_t *out) noexcept nogil:
    """Return the index of the first row out of range, or ``count``."""
    cdef Py_ssize_t i
    for i in range(count):
        if rows[i] == TV5_NONE:
            out[i] = -1
        elif rows[i] >= n:
            return i
        else:
            out[i] = keys[rows[i]]
    return count


cdef class Backend(Scans):
    """The kernels of one instruction set.

    Raises
    ------
    ImportError
        This processor or build has no backend of that name.
    """

    def __cinit__(self, str name):
        self.k = tv5_find(name.encode())
        if self.k is NULL:
            raise ImportError(f"expected kernels among {available()}, got {name!r}")

    @property
    def NAME(self):
        return self.k.name.decode()

    def hamming(self, sign_bits, query):
        cdef View c = view(sign_bits, "sign_bits", 2, c'B'), q = view(query, "query", 1, c'B')
        check_equal(c.size(1), q.size(0), "bytes of the query")
        out = _EMPTY(c.size(0), _I32)
        cdef View o = view(out, "out", 1, c'i', PyBUF_WRITABLE)
        with nogil:
            self.k.hamming(<const uint8_t *>c.buffer.buf, c.buffer.shape[0], c.buffer.shape[1],
                           <const uint8_t *>q.buffer.buf, <int32_t *>o.buffer.buf)
        return out

    def rotate(self, x, center, signs):
        cdef View v = view(x, "x", 2, c'f')
        cdef Rotation r = Rotation(center, signs)
        check_equal(r.rotation.dim, v.size(1), "dimensions")
        out = _EMPTY((v.size(0), r.rotation.bits), _F32)
        cdef View o = view(out, "out", 2, c'f', PyBUF_WRITABLE)
        with nogil:
            self.k.rotate(&r.rotation, <const float *>v.buffer.buf, v.buffer.shape[0],
                          <float *>o.buffer.buf)
        return out

    def squared_norms(self, x):
        cdef View v = view(x, "x", 2, c'f')
        out = _EMPTY(v.size(0), _F32)
        cdef View o = view(out, "out", 1, c'f', PyBUF_WRITABLE)
        if v.size(0) == 1:
            squared_norms_of(self.k, <const float *>v.buffer.buf, 1, v.size(1),
                             <float *>o.buffer.buf)
            return out
        with nogil:
            squared_norms_of(self.k, <const float *>v.buffer.buf, v.buffer.shape[0],
                             v.buffer.shape[1], <float *>o.buffer.buf)
        return out

    def normalize(self, x):
        cdef View v = view(x, "x", 2, c'f')
        cdef Py_ssize_t n = v.size(0), dim = v.size(1)
        rows, squares = _EMPTY((n, dim), _F32), _EMPTY(n, _F32)
        cdef View r = view(rows, "rows", 2, c'f', PyBUF_WRITABLE)
        cdef View s = view(squares, "squares", 1, c'f', PyBUF_WRITABLE)
        cdef const float *given = <const float *>v.buffer.buf
        cdef float *square = <float *>s.buffer.buf
        if n == 1:
            squared_norms_of(self.k, given, n, dim, square)
            normalize_by(given, n, dim, square, <float *>r.buffer.buf)
            return rows, squares
        with nogil:
            squared_norms_of(self.k, given, n, dim, square)
            normalize_by(given, n, dim, square, <float *>r.buffer.buf)
        return rows, squares

    def gather(self, keys, rows):
        cdef View k = view(keys, "keys", 1, c'l'), r = view(rows, "rows", 2, c'I')
        cdef Py_ssize_t n = k.size(0), count = r.size(0) * r.size(1), bad
        cdef const uint32_t *ids = <const uint32_t *>r.buffer.buf
        cdef const int64_t *all_keys = <const int64_t *>k.buffer.buf
        out = _EMPTY((r.size(0), r.size(1)), _I64)
        cdef View o = view(out, "out", 2, c'l', PyBUF_WRITABLE)
        if r.size(0) == 1:
            bad = look_up(all_keys, n, ids, count, <int64_t *>o.buffer.buf)
        else:
            with nogil:
                bad = look_up(all_keys, n, ids, count, <int64_t *>o.buffer.buf)
        if bad < count:
            check_range(ids[bad], 0, n - 1, "rows")
        return out

    def find_keys(self, keys, by_key, wanted):
        cdef View k = view(keys, "keys", 1, c'l'), b = view(by_key, "by_key", 1, c'I')
        cdef View w = view(wanted, "wanted", 1, c'l')
        cdef Py_ssize_t n = k.size(0), count = w.size(0), bad
        check_equal(b.size(0), n, "rows in by_key")
        out = _EMPTY(count, _I64)
        cdef View o = view(out, "out", 1, c'l', PyBUF_WRITABLE)
        with nogil:
            bad = find_each(<const int64_t *>k.buffer.buf, <const uint32_t *>b.buffer.buf, n,
                            <const int64_t *>w.buffer.buf, count, <int64_t *>o.buffer.buf)
        if bad >= 0:
            check_range((<const uint32_t *>b.buffer.buf)[bad], 0, n - 1, "by_key")
        return out

    def rows_with_keys(self, keys, wanted):
        cdef View k = view(keys, "keys", 1, c'l'), w = view(wanted, "wanted", 1, c'l')
        cdef Py_ssize_t n = k.size(0)
        cdef KeySet some = KeySet(w, n)
        out = _ZEROS((n + 7) // 8, _U8)
        cdef View o = view(out, "out", 1, c'B', PyBUF_WRITABLE)
        with nogil:
            some.look_up(<const int64_t *>k.buffer.buf, n, <uint8_t *>o.buffer.buf)
        return out

    def encode(self, rotated):
        cdef View v = view(rotated, "rotated", 2, c'f')
        cdef Py_ssize_t n = v.size(0), bits = v.size(1)
        check_bits(bits)
        sign_bits = _EMPTY((n, bits // 8), _U8)
        absolute, square = _EMPTY(n, _F32), _EMPTY(n, _F32)
        cdef View c = view(sign_bits, "sign_bits", 2, c'B', PyBUF_WRITABLE)
        cdef View a = view(absolute, "absolute", 1, c'f', PyBUF_WRITABLE)
        cdef View s = view(square, "square", 1, c'f', PyBUF_WRITABLE)
        with nogil:
            self.k.encode(<const float *>v.buffer.buf, n, bits, <uint8_t *>c.buffer.buf,
                          <float *>a.buffer.buf, <float *>s.buffer.buf)
        return sign_bits, absolute, square

    def quantize_i8(self, x):
        return self._quantize(x, _I8, c'b')

    def quantize_i16(self, x):
        return self._quantize(x, _I16, c'h')

    cdef _quantize(self, x, dtype, char kind):
        cdef View v = view(x, "x", 2, c'f')
        cdef Py_ssize_t n = v.size(0), dim = v.size(1)
        check_range(dim, 1, TV5_MAX_DIM, "dimensions")
        values, scale = _EMPTY((n, dim), dtype), _EMPTY(n, _F32)
        cdef View o = view(values, "values", 2, kind, PyBUF_WRITABLE)
        cdef View s = view(scale, "scale", 1, c'f', PyBUF_WRITABLE)
        with nogil:
            if kind == c'b':
                self.k.quantize_i8(<const float *>v.buffer.buf, n, dim, <int8_t *>o.buffer.buf,
                                   <float *>s.buffer.buf)
            else:
                self.k.quantize_i16(<const float *>v.buffer.buf, n, dim, <int16_t *>o.buffer.buf,
                                    <float *>s.buffer.buf)
        return values, scale

    def quantize_rows(self, x, bint finer=False):
        cdef View v = view(x, "x", 2, c'f'), r
        cdef Py_ssize_t n = v.size(0), dim = v.size(1)
        cdef int8_t *finest = NULL
        check_range(dim, 1, TV5_MAX_DIM, "dimensions")
        values, scale, residuals = _EMPTY((n, dim), _I8), _EMPTY(n, _F32), None
        cdef View o = view(values, "values", 2, c'b', PyBUF_WRITABLE)
        cdef View s = view(scale, "scale", 1, c'f', PyBUF_WRITABLE)
        if finer:
            residuals = _EMPTY((n, dim), _I8)
            r = view(residuals, "residuals", 2, c'b', PyBUF_WRITABLE)
            finest = <int8_t *>r.buffer.buf
        with nogil:
            self.k.quantize_rows(<const float *>v.buffer.buf, n, dim, <int8_t *>o.buffer.buf,
                                 finest, <float *>s.buffer.buf)
        return values, residuals, scale

    def prepare(self, queries, center, signs):
        cdef View v = view(queries, "queries", 2, c'f')
        cdef Rotation r = Rotation(center, signs)
        cdef Py_ssize_t n = v.size(0)
        check_equal(r.rotation.dim, v.size(1), "dimensions")
        values, scale = _EMPTY((n, r.rotation.bits), _I8), _EMPTY(n, _F32)
        total, base = _EMPTY(n, _I32), _EMPTY(n, _F32)
        cdef View o = view(values, "values", 2, c'b', PyBUF_WRITABLE)
        cdef View s = view(scale, "scale", 1, c'f', PyBUF_WRITABLE)
        cdef View t = view(total, "total", 1, c'i', PyBUF_WRITABLE)
        cdef View b = view(base, "base", 1, c'f', PyBUF_WRITABLE)
        with nogil:
            self.k.prepare(&r.rotation, <const float *>v.buffer.buf, n, <int8_t *>o.buffer.buf,
                           <float *>s.buffer.buf, <int32_t *>t.buffer.buf, <float *>b.buffer.buf)
        return Prepared(values, scale, total, base)

    def asymmetric(self, query, sign_bits):
        cdef View q = view(query, "query", 1, c'b'), c = view(sign_bits, "sign_bits", 2, c'B')
        check_bits(q.size(0))
        check_equal(q.size(0), 8 * c.size(1), "sign bits of a row")
        out = _EMPTY(c.size(0), _I32)
        cdef View o = view(out, "out", 1, c'i', PyBUF_WRITABLE)
        with nogil:
            self.k.asymmetric(<const int8_t *>q.buffer.buf, <const uint8_t *>c.buffer.buf,
                              c.buffer.shape[0], q.buffer.shape[0] // 64, <int32_t *>o.buffer.buf)
        return out

    def dot(self, rows, query):
        cdef View v = view(rows, "rows", 2, c'?')
        cdef char kind = v.format()
        cdef View q = view(query, "query", 1, c'h' if kind == c'b' else c'f')
        cdef Py_ssize_t n = v.size(0), dim = v.size(1)
        check_equal(dim, q.size(0), "dimensions")
        if kind != c'b' and kind != c'e' and kind != c'f':
            raise TypeError(f"expected rows of int8, float16 or float32, got {rows.dtype}")
        out = _EMPTY(n, _I32 if kind == c'b' else _F32)
        cdef View o = view(out, "out", 1, c'i' if kind == c'b' else c'f', PyBUF_WRITABLE)
        with nogil:
            if kind == c'b':
                self.k.dot_i8(<const int8_t *>v.buffer.buf, n, dim, <const int16_t *>q.buffer.buf,
                              <int32_t *>o.buffer.buf)
            elif kind == c'e':
                self.k.dot_f16(<const uint16_t *>v.buffer.buf, n, dim, <const float *>q.buffer.buf,
                               <float *>o.buffer.buf)
            else:
                self.k.dot_f32(<const float *>v.buffer.buf, n, dim, <const float *>q.buffer.buf,
                               <float *>o.buffer.buf)
        return out

    def decode_postings(self, blocks, starts, counts):
        cdef BlocksView b = BlocksView(blocks)
        cdef ListsView lists = ListsView(b, starts, counts)
        cdef Py_ssize_t i, at = 0
        documents, frequencies = _EMPTY(lists.total, _U32), _EMPTY(lists.total, _U8)
        cdef View d = view(documents, "documents", 1, c'I', PyBUF_WRITABLE)
        cdef View f = view(frequencies, "frequencies", 1, c'B', PyBUF_WRITABLE)
        with nogil:
            for i in range(lists.size):
                self.k.decode_list(&b.blocks, lists.starts[i], lists.counts[i],
                                   <uint32_t *>d.buffer.buf + at, <uint8_t *>f.buffer.buf + at)
                at += lists.counts[i]
        return documents, frequencies

    def count_documents(self, blocks, starts, counts, n, alive=None):
        cdef BlocksView b = BlocksView(blocks)
        cdef ListsView lists = ListsView(b, starts, counts)
        cdef Py_ssize_t i
        cdef size_t size = n, found = 0
        cdef View bits
        check_range(n, 0, MAX_ROWS, "n")
        if alive is None:
            marks = _ZEROS((n + 7) // 8, _U8)
        else:  # as if those that are not alive were counted before
            bits = view(alive, "alive", 1, c'B')
            bitmap_of(bits, n)
            marks = ~alive[: (n + 7) // 8]
        cdef View m = view(marks, "marks", 1, c'B', PyBUF_WRITABLE)
        with nogil:
            for i in range(lists.size):
                found += self.k.mark_list(&b.blocks, lists.starts[i], lists.counts[i], size,
                                          <uint8_t *>m.buffer.buf)
        return found

    def score_postings(self, blocks, lists, words, essential, groups, lengths, norms, allow=None):
        cdef BlocksView b = BlocksView(blocks)
        cdef Scoring s = Scoring(b, lists, words, essential, groups, lengths, norms, allow)
        cdef size_t found
        cdef tv5_scored out
        documents = _EMPTY(s.capacity, _U32)
        scores, masks = _EMPTY((groups, s.capacity), _F32), _EMPTY((groups, s.capacity), _U64)
        cdef View d = view(documents, "documents", 1, c'I', PyBUF_WRITABLE)
        cdef View v = view(scores, "scores", 2, c'f', PyBUF_WRITABLE)
        cdef View m = view(masks, "masks", 2, c'L', PyBUF_WRITABLE)
        out.documents, out.scores = <uint32_t *>d.buffer.buf, <float *>v.buffer.buf
        out.masks, out.capacity = <uint64_t *>m.buffer.buf, s.capacity
        with nogil:
            found = self.k.score_postings(&b.blocks, &s.query, s.cursors, s.window, &out)
        return (documents[:found], np.ascontiguousarray(scores[:, :found]),
                np.ascontiguousarray(masks[:, :found]))

    def within_edits(self, word, signature, edits, signatures, terms, offsets, data):
        cdef View w = view(word, "word", 1, c'I'), s = view(signatures, "signatures", 1, c'L')
        cdef View t = view(terms, "terms", 1, c'I'), o = view(offsets, "offsets", 1, c'I')
        cdef View x = view(data, "data", 1, c'B')
        cdef tv5_near near
        cdef size_t count
        check_range(w.size(0), 1, TV5_MAX_LETTERS, "letters of the word")
        check_range(edits, 1, 2, "edits")
        check_at_least(1, o.size(0), "length of offsets")
        check_equal(s.size(0), t.size(0), "length of terms")
        near.word, near.length = <const uint32_t *>w.buffer.buf, w.size(0)
        near.edits, near.signature = edits, signature
        near.signatures, near.count = <const uint64_t *>s.buffer.buf, s.size(0)
        near.terms = <const uint32_t *>t.buffer.buf
        near.offsets, near.term_count = <const uint32_t *>o.buffer.buf, o.size(0) - 1
        near.data, near.bytes = <const uint8_t *>x.buffer.buf, x.size(0)
        found, distances = _EMPTY(s.size(0), _U32), _EMPTY(s.size(0), _U8)
        cdef View f = view(found, "found", 1, c'I', PyBUF_WRITABLE)
        cdef View d = view(distances, "distances", 1, c'B', PyBUF_WRITABLE)
        with nogil:
            count = self.k.within_edits(&near, <uint32_t *>f.buffer.buf, <uint8_t *>d.buffer.buf)
        return found[:count].copy(), distances[:count].copy()

    def prefixes_within_edits(self, word, edits, allow, offsets, data):
        cdef View w = view(word, "word", 1, c'I'), a = view(allow, "allow", 1, c'B')
        cdef View o = view(offsets, "offsets", 1, c'I'), x = view(data, "data", 1, c'B')
        cdef tv5_terms terms
        cdef size_t count
        check_range(w.size(0), 1, TV5_MAX_LETTERS, "letters of the word")
        check_range(edits, 1, 2, "edits")
        check_at_least(1, o.size(0), "length of offsets")
        terms.word, terms.length, terms.edits = <const uint32_t *>w.buffer.buf, w.size(0), edits
        terms.offsets, terms.count = <const uint32_t *>o.buffer.buf, o.size(0) - 1
        terms.allow = bitmap_of(a, terms.count)
        terms.data, terms.bytes = <const uint8_t *>x.buffer.buf, x.size(0)
        found, distances = _EMPTY(terms.count, _U32), _EMPTY(terms.count, _U8)
        cdef View f = view(found, "found", 1, c'I', PyBUF_WRITABLE)
        cdef View d = view(distances, "distances", 1, c'B', PyBUF_WRITABLE)
        with nogil:
            count = self.k.prefixes_within_edits(&terms, <uint32_t *>f.buffer.buf,
                                                 <uint8_t *>d.buffer.buf)
        return found[:count].copy(), distances[:count].copy()

    def top_scores(self, scores, k):
        cdef View s = view(scores, "scores", 1, c'f')
        cdef TopK top = TopK(1, k)
        cdef tv5_top_k to = top.of(0)
        check_range(s.size(0), 0, MAX_ROWS, "scores")
        with nogil:
            self.k.top_scores(<const float *>s.buffer.buf, s.buffer.shape[0], &to)
        return top.rows[0], top.scores[0]

    def count_values(self, lists, mask, bits, n, groups):
        return values_counted(self.k, lists, mask, bits, n, groups)

    def invert_values(self, lists, n, count):
        return values_inverted(self.k, lists, n, count)

    def take_values(self, lists, documents, targets, values, roles):
        take_into(self.k, lists, documents, targets, values, roles)

    def graph(self, codes, links, centroids, offsets, probes, bits):
        return NativeGraph(self, codes, links, centroids, offsets, probes, bits)

    def linker(self, rows, links, pruned_degree, max_degree):
        return NativeLinker(self, rows, links, pruned_degree, max_degree)
