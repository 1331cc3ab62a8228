# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""Bindings of the native kernels: validate, allocate, release the GIL, call.

Methods of ``Backend`` have the names, arguments and results of the functions in
``tv5core/kernels/_numpy.py``. Arrays are taken through the buffer protocol, which is part of the
stable ABI, so the module needs no NumPy headers and one build serves all versions of Python.
"""
from cpython.buffer cimport (
    PyBUF_C_CONTIGUOUS, PyBUF_FORMAT, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer,
)
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)
from libc.math cimport INFINITY, sqrtf
from libc.stdlib cimport free, malloc, qsort
from tv5 cimport *

cdef extern from "<stdlib.h>" nogil:
    void *aligned_alloc(size_t alignment, size_t size)

cdef extern from "gil.h" nogil:
    void gil_free()
    void gil_back()
    void gil_await()

import numpy as np

from tv5core.kernels._shared import Prepared, mean_rescale

_EMPTY = np.empty
_F32, _I32, _U32, _U8 = (np.dtype(t) for t in ("float32", "int32", "uint32", "uint8"))
_I8, _I16, _I64 = np.dtype("int8"), np.dtype("int16"), np.dtype("int64")


cdef class View:
    """One buffer, held while native code uses it."""

    cdef Py_buffer buffer
    cdef bint held

    def __dealloc__(self):
        if self.held:
            PyBuffer_Release(&self.buffer)

    cdef inline Py_ssize_t size(self, int axis) noexcept:
        return self.buffer.shape[axis]

    cdef inline char format(self) noexcept:
        return self.buffer.format[0]


cdef View view(object array, str name, int ndim, char kind, int flags=0):
    """Take a C-contiguous buffer of the given format and number of axes ('?' for any format)."""
    cdef View v = View.__new__(View)
    try:
        PyObject_GetBuffer(array, &v.buffer, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags)
    except (BufferError, ValueError) as error:
        raise ValueError(f"expected {name} to be contiguous in C order, got {error}") from None
    v.held = True
    if v.buffer.ndim != ndim:
        raise ValueError(f"expected {name} to have {ndim} axes, got {v.buffer.ndim}")
    if kind != c'?' and (v.buffer.format[0] != kind or v.buffer.format[1] != 0):
        raise TypeError(
            f"expected {name} of format {chr(kind)!r}, got {v.buffer.format.decode()!r}"
        )
    return v


cdef int same(Py_ssize_t want, Py_ssize_t got, str what) except -1:
    if want != got:
        raise ValueError(f"expected {what} to be {want}, got {got}")
    return 0


cdef int within(Py_ssize_t got, Py_ssize_t low, Py_ssize_t high, str what) except -1:
    if got < low or got > high:
        raise ValueError(f"expected {what} from {low} to {high}, got {got}")
    return 0


cdef int at_least(Py_ssize_t want, Py_ssize_t got, str what) except -1:
    if got < want:
        raise ValueError(f"expected {what} to be at least {want}, got {got}")
    return 0


cdef int whole_words(Py_ssize_t bits) except -1:
    if bits % 64:
        raise ValueError(f"expected a multiple of 64 bits, got {bits}")
    return within(bits, 64, TV5_MAX_DIM, "bits")


cdef class PreparedView:
    """Queries made ready for the estimator."""

    cdef View values, scale, total, base
    cdef Py_ssize_t count, bits

    def __init__(self, prepared):
        self.values = view(prepared[0], "values", 2, c'b')
        self.scale = view(prepared[1], "scale", 1, c'f')
        self.total = view(prepared[2], "total", 1, c'i')
        self.base = view(prepared[3], "base", 1, c'f')
        self.count, self.bits = self.values.size(0), self.values.size(1)
        whole_words(self.bits)
        same(self.count, self.scale.size(0), "length of scale")
        same(self.count, self.total.size(0), "length of total")
        same(self.count, self.base.size(0), "length of base")

    cdef inline tv5_walk_query query(self, Py_ssize_t i) noexcept nogil:
        cdef tv5_walk_query q
        q.values = <const int8_t *>self.values.buffer.buf + i * self.bits
        q.scale = (<const float *>self.scale.buffer.buf)[i]
        q.total = (<const int32_t *>self.total.buffer.buf)[i]
        q.base = (<const float *>self.base.buffer.buf)[i]
        q.lists = NULL
        return q


cdef class RowsView:
    """Stored rows, with scales where they are int8."""

    cdef View values, scales
    cdef tv5_rows rows

    def __init__(self, values, scales):
        self.values = view(values, "rows", 2, c'?')
        cdef char kind = self.values.format()
        if kind == c'b':
            self.rows.kind = TV5_INT8
        elif kind == c'e':
            self.rows.kind = TV5_FLOAT16
        elif kind == c'f':
            self.rows.kind = TV5_FLOAT32
        else:
            raise TypeError(f"expected rows of int8, float16 or float32, got {values.dtype}")
        if (scales is None) == (self.rows.kind == TV5_INT8):
            raise ValueError("expected scales for int8 rows, and only for those")
        self.rows.values = self.values.buffer.buf
        self.rows.count, self.rows.dim = self.values.size(0), self.values.size(1)
        within(self.values.size(1), 1, TV5_MAX_DIM, "dimensions")
        if scales is not None:
            self.scales = view(scales, "scales", 1, c'f')
            same(self.values.size(0), self.scales.size(0), "length of scales")
            self.rows.scales = <const float *>self.scales.buffer.buf


cdef const uint8_t *bitmap(View allow, Py_ssize_t n) except? NULL:
    if allow.size(0) < (n + 7) // 8:
        raise ValueError(f"expected a bitmap of {(n + 7) // 8} bytes, got {allow.size(0)}")
    return <const uint8_t *>allow.buffer.buf


cdef class Best:
    """Results of selections, and the list they are made in."""

    cdef object rows, scores
    cdef View rows_view, scores_view
    cdef uint64_t *list
    cdef uint32_t k

    def __cinit__(self, Py_ssize_t queries, k, str name="k"):
        within(k, 1, 1 << 30, name)
        self.k = k
        self.rows = _EMPTY((queries, k), _U32)
        self.scores = _EMPTY((queries, k), _F32)
        self.rows_view = view(self.rows, "rows", 2, c'I', PyBUF_WRITABLE)
        self.scores_view = view(self.scores, "scores", 2, c'f', PyBUF_WRITABLE)
        self.list = <uint64_t *>malloc(<size_t>self.k * sizeof(uint64_t))
        if self.list is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.list)

    cdef inline tv5_best at(self, Py_ssize_t i) noexcept nogil:
        cdef tv5_best best
        best.list, best.k = self.list, self.k
        best.rows = <uint32_t *>self.rows_view.buffer.buf + i * self.k
        best.scores = <float *>self.scores_view.buffer.buf + i * self.k
        return best


def available():
    """Return the names of the paths this processor can run, best first."""
    names = []
    cdef const char *name = tv5_available(0)
    while name is not NULL:
        names.append(name.decode())
        name = tv5_available(len(names))
    return tuple(names)


# Of one row these take less time than giving the GIL up, which threads of single queries fight for:
# below they keep it.

cdef void squares_of(const tv5_kernels *kernels, const float *x, Py_ssize_t n, Py_ssize_t dim,
                     float *out) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        kernels.dot_f32(x + i * dim, 1, dim, x + i * dim, out + i)


cdef void scale_to_unit(const float *x, Py_ssize_t n, Py_ssize_t dim, const float *squares,
                        float *out) noexcept nogil:
    cdef Py_ssize_t i, j
    cdef float inverse
    for i in range(n):
        inverse = <float>1 / sqrtf(squares[i])
        for j in range(dim):
            out[i * dim + j] = x[i * dim + j] * inverse


cdef Py_ssize_t look_up(const int64_t *keys, Py_ssize_t most, const uint32_t *rows,
                        Py_ssize_t count, int64_t *out) noexcept nogil:
    """Return where the first row out of range is; ``count`` where there is none."""
    cdef Py_ssize_t i
    for i in range(count):
        if rows[i] == TV5_NONE:
            out[i] = -1
        elif rows[i] >= most:
            return i
        else:
            out[i] = keys[rows[i]]
    return count


cdef class Backend:
    """The kernels of one instruction set.

    Raises
    ------
    ImportError
        This processor or build has no such path.
    """

    cdef const tv5_kernels *k

    def __cinit__(self, str name):
        self.k = tv5_find(name.encode())
        if self.k is NULL:
            raise ImportError(f"expected kernels among {available()}, got {name!r}")

    @property
    def NAME(self):
        return self.k.name.decode()

    def hamming(self, codes, query):
        cdef View c = view(codes, "codes", 2, c'B'), q = view(query, "query", 1, c'B')
        same(c.size(1), q.size(0), "bytes of the query")
        out = _EMPTY(c.size(0), _I32)
        cdef View o = view(out, "out", 1, c'i', PyBUF_WRITABLE)
        with nogil:
            self.k.hamming(<const uint8_t *>c.buffer.buf, c.buffer.shape[0], c.buffer.shape[1],
                           <const uint8_t *>q.buffer.buf, <int32_t *>o.buffer.buf)
        return out

    def rotate(self, x, center, signs):
        cdef View v = view(x, "x", 2, c'f')
        cdef Rotation r = Rotation(center, signs)
        same(r.rotation.dim, v.size(1), "dimensions")
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
            squares_of(self.k, <const float *>v.buffer.buf, 1, v.size(1), <float *>o.buffer.buf)
            return out
        with nogil:
            squares_of(self.k, <const float *>v.buffer.buf, v.buffer.shape[0], v.buffer.shape[1],
                       <float *>o.buffer.buf)
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
            squares_of(self.k, given, n, dim, square)
            scale_to_unit(given, n, dim, square, <float *>r.buffer.buf)
            return rows, squares
        with nogil:
            squares_of(self.k, given, n, dim, square)
            scale_to_unit(given, n, dim, square, <float *>r.buffer.buf)
        return rows, squares

    def gather(self, keys, rows):
        cdef View k = view(keys, "keys", 1, c'l'), r = view(rows, "rows", 2, c'I')
        cdef Py_ssize_t most = k.size(0), count = r.size(0) * r.size(1), bad
        cdef const uint32_t *places = <const uint32_t *>r.buffer.buf
        cdef const int64_t *all_keys = <const int64_t *>k.buffer.buf
        out = _EMPTY((r.size(0), r.size(1)), _I64)
        cdef View o = view(out, "out", 2, c'l', PyBUF_WRITABLE)
        if r.size(0) == 1:
            bad = look_up(all_keys, most, places, count, <int64_t *>o.buffer.buf)
        else:
            with nogil:
                bad = look_up(all_keys, most, places, count, <int64_t *>o.buffer.buf)
        if bad < count:
            within(places[bad], 0, most - 1, "rows")
        return out

    def encode(self, rotated):
        cdef View v = view(rotated, "rotated", 2, c'f')
        cdef Py_ssize_t n = v.size(0), bits = v.size(1)
        whole_words(bits)
        codes = _EMPTY((n, bits // 8), _U8)
        absolute, square = _EMPTY(n, _F32), _EMPTY(n, _F32)
        cdef View c = view(codes, "codes", 2, c'B', PyBUF_WRITABLE)
        cdef View a = view(absolute, "absolute", 1, c'f', PyBUF_WRITABLE)
        cdef View s = view(square, "square", 1, c'f', PyBUF_WRITABLE)
        with nogil:
            self.k.encode(<const float *>v.buffer.buf, n, bits, <uint8_t *>c.buffer.buf,
                          <float *>a.buffer.buf, <float *>s.buffer.buf)
        return codes, absolute, square

    def quantize_i8(self, x):
        return self._quantize(x, _I8, c'b')

    def quantize_i16(self, x):
        return self._quantize(x, _I16, c'h')

    cdef _quantize(self, x, dtype, char kind):
        cdef View v = view(x, "x", 2, c'f')
        cdef Py_ssize_t n = v.size(0), dim = v.size(1)
        within(dim, 1, TV5_MAX_DIM, "dimensions")
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

    def prepare(self, queries, center, signs):
        cdef View v = view(queries, "queries", 2, c'f')
        cdef Rotation r = Rotation(center, signs)
        cdef Py_ssize_t n = v.size(0)
        same(r.rotation.dim, v.size(1), "dimensions")
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

    def asymmetric(self, query, codes):
        cdef View q = view(query, "query", 1, c'b'), c = view(codes, "codes", 2, c'B')
        whole_words(q.size(0))
        same(q.size(0), 8 * c.size(1), "bits of the codes")
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
        same(dim, q.size(0), "dimensions")
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

    def scan_codes(self, records, prepared, k, allow=None):
        cdef View v = view(records, "records", 2, c'B')
        cdef PreparedView p = PreparedView(prepared)
        cdef Best best = Best(p.count, k)
        cdef Py_ssize_t i
        cdef View a
        cdef const uint8_t *bits = NULL
        cdef tv5_walk_query query
        cdef tv5_best to
        at_least(p.bits // 8 + 8, v.size(1), "bytes of a record")
        within(v.size(0), 0, (<Py_ssize_t>1 << 31) - 1, "records")
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            bits = bitmap(a, v.size(0))
        with nogil:
            for i in range(p.count):
                query, to = p.query(i), best.at(i)
                self.k.scan_codes(<const uint8_t *>v.buffer.buf, v.buffer.shape[0],
                                  v.buffer.shape[1], p.bits // 64, &query, bits, &to)
        return best.rows, best.scores

    def scan_rows(self, rows, scales, queries, k, allow=None):
        cdef RowsView v = RowsView(rows, scales)
        cdef View q = view(queries, "queries", 2, c'f')
        cdef Best best = Best(q.size(0), k)
        cdef Py_ssize_t i
        cdef View a
        cdef const uint8_t *bits = NULL
        cdef tv5_best to
        same(v.rows.dim, q.size(1), "dimensions")
        within(v.rows.count, 0, (<Py_ssize_t>1 << 31) - 1, "rows")
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            bits = bitmap(a, v.rows.count)
        with nogil:
            for i in range(q.buffer.shape[0]):
                to = best.at(i)
                self.k.scan_rows(&v.rows, <const float *>q.buffer.buf + i * v.rows.dim, bits, &to)
        return best.rows, best.scores

    def rescore(self, rows, scales, queries, candidates, k, upper_bounds=None):
        cdef RowsView v = RowsView(rows, scales)
        cdef View q = view(queries, "queries", 2, c'f'), c = view(candidates, "candidates", 2, c'I')
        cdef Best best = Best(q.size(0), k)
        cdef Py_ssize_t i, m = c.size(1)
        cdef const uint32_t *some = <const uint32_t *>c.buffer.buf
        cdef tv5_candidates those
        cdef tv5_best to
        cdef View u
        cdef const float *bounds = NULL
        same(v.rows.dim, q.size(1), "dimensions")
        same(q.size(0), c.size(0), "rows of candidates")
        if upper_bounds is not None:
            u = view(upper_bounds, "upper_bounds", 2, c'f')
            same(c.size(0), u.size(0), "rows of upper_bounds")
            same(m, u.size(1), "length of upper_bounds")
            bounds = <const float *>u.buffer.buf
        for i in range(q.size(0) * m):
            if some[i] >= v.rows.count and some[i] != TV5_NONE:
                raise ValueError(f"expected candidates below {v.rows.count}, got {some[i]}")
        with nogil:
            for i in range(q.buffer.shape[0]):
                to = best.at(i)
                those.rows, those.count, those.upper_bounds = some + i * m, m, NULL
                if bounds is not NULL:
                    those.upper_bounds = bounds + i * m
                self.k.rescore(&v.rows, <const float *>q.buffer.buf + i * v.rows.dim, &those, &to)
        return best.rows, best.scores

    def graph(self, records, links, centroids, offsets, probes, bits):
        return NativeGraph(self, records, links, centroids, offsets, probes, bits)

    def linker(self, rows, links, room, limit):
        return NativeLinker(self, rows, links, room, limit)


cdef int ascending(const int64_t *offsets, Py_ssize_t n, Py_ssize_t end) except -1:
    cdef Py_ssize_t i
    for i in range(n - 1):
        if offsets[i] > offsets[i + 1]:
            raise ValueError(f"expected ascending offsets, got {offsets[i]} and {offsets[i + 1]}")
    if n and (offsets[0] < 0 or offsets[n - 1] > end):
        raise ValueError(f"expected offsets 0 to {end}, got {offsets[0]} to {offsets[n - 1]}")
    return 0


cdef int each_once(const uint32_t *rows, Py_ssize_t n, const char *what) except -1:
    cdef Py_ssize_t i
    for i in range(n - 1):
        if rows[i] >= rows[i + 1]:
            raise ValueError(f"expected {what.decode()} in ascending order, each once, got {rows[i]} "
                             f"and {rows[i + 1]}")
    return 0


cdef int below(const uint32_t *rows, Py_ssize_t n, Py_ssize_t end) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if rows[i] >= end:
            raise ValueError(f"expected rows below {end}, got {rows[i]}")
    return 0


cdef class LinkScratch:
    """Memory for choosing the links of one row after another."""

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
    """Chooses links by distance, in place; threads may work on different rows at once."""

    cdef Backend backend
    cdef View positions, squares, links
    cdef RowsView stored
    cdef tv5_linker linker

    def __init__(self, Backend backend, rows, links, Py_ssize_t room, Py_ssize_t limit):
        values, scales, squares, positions = rows
        self.backend = backend
        self.stored = RowsView(values, scales)
        if self.stored.rows.kind != TV5_INT8:
            raise TypeError(f"expected rows of int8, got {values.dtype}")
        self.squares = view(squares, "squares", 1, c'f')
        self.positions = view(positions, "positions", 1, c'I')
        self.links = view(links, "links", 2, c'I', PyBUF_WRITABLE)
        cdef Py_ssize_t n = self.positions.size(0)
        within(n, 1, (<Py_ssize_t>1 << 31) - 1, "rows")
        same(n, self.links.size(0), "rows of links")
        same(self.stored.rows.count, self.squares.size(0), "length of squares")
        within(self.links.size(1), 1, 4096, "links a row")
        within(room, 1, self.links.size(1), "room")
        within(limit, room, self.links.size(1), "limit")
        below(<const uint32_t *>self.positions.buffer.buf, n, self.stored.rows.count)
        self.linker.values = <const int8_t *>self.stored.rows.values
        self.linker.scales = self.stored.rows.scales
        self.linker.squares = <const float *>self.squares.buffer.buf
        self.linker.positions = <const uint32_t *>self.positions.buffer.buf
        self.linker.links = <uint32_t *>self.links.buffer.buf
        self.linker.rows, self.linker.dim = n, self.stored.rows.dim
        self.linker.degree, self.linker.room, self.linker.limit = self.links.size(1), room, limit

    def select_neighbors(self, candidates, Py_ssize_t start):
        cdef View c = view(candidates, "candidates", 2, c'I')
        within(start, 0, self.linker.rows, "start")
        within(c.size(0), 0, <Py_ssize_t>self.linker.rows - start, "rows of candidates")
        within(c.size(1), 0, 65536, "candidates a row")
        cdef LinkScratch scratch = LinkScratch(self.linker.degree + c.size(1), self.linker.dim)
        with nogil:
            self.backend.k.select_neighbors(
                &self.linker, <const uint32_t *>c.buffer.buf, c.buffer.shape[1], start,
                start + c.buffer.shape[0], &scratch.memory)

    def add_reverse_links(self, targets, offsets, sources, Py_ssize_t start, Py_ssize_t stop):
        cdef View t = view(targets, "targets", 1, c'I'), o = view(offsets, "offsets", 1, c'l')
        cdef View s = view(sources, "sources", 1, c'I')
        cdef tv5_reverse reverse
        cdef Py_ssize_t i, most = 0
        same(t.size(0) + 1, o.size(0), "length of offsets")
        within(start, 0, t.size(0), "start")
        within(stop, start, t.size(0), "stop")
        reverse.targets = <const uint32_t *>t.buffer.buf
        reverse.offsets = <const int64_t *>o.buffer.buf
        reverse.sources = <const uint32_t *>s.buffer.buf
        each_once(reverse.targets + start, stop - start, "targets")
        below(reverse.targets + start, stop - start, self.linker.rows)
        ascending(reverse.offsets + start, stop - start + 1, s.size(0))
        below(reverse.sources + reverse.offsets[start],
              reverse.offsets[stop] - reverse.offsets[start], self.linker.rows)
        for i in range(start, stop):
            most = max(most, reverse.offsets[i + 1] - reverse.offsets[i])
        cdef LinkScratch scratch = LinkScratch(self.linker.degree + most, self.linker.dim)
        with nogil:
            self.backend.k.add_reverse_links(&self.linker, &reverse, start, stop, &scratch.memory)


cdef inline void prepare_turned(
    const tv5_kernels *kernels, const tv5_rotation *rotation, const float *rotated_center,
    const float *query, float *turned, int8_t *values, tv5_walk_query *out,
) noexcept nogil:
    """Prepare a query as ``prepare`` does, and keep it in ``turned``, rotated but not centred."""
    cdef size_t i
    cdef int32_t total = 0
    kernels.rotate(rotation, query, 1, turned)
    kernels.quantize_i8(turned, 1, rotation.bits, values, &out.scale)
    kernels.dot_f32(query, 1, rotation.dim, rotation.center, &out.base)
    for i in range(rotation.bits):
        total += values[i]
    for i in range(rotation.bits):
        turned[i] = turned[i] + rotated_center[i]
    out.values, out.total = values, total


cdef class Rotation:
    """Centre and signs."""

    cdef View center, signs
    cdef tv5_rotation rotation

    def __init__(self, center, signs):
        self.center = view(center, "center", 1, c'f')
        self.signs = view(signs, "signs", 2, c'f')
        whole_words(self.signs.size(1))
        within(self.center.size(0), 1, self.signs.size(1), "dimensions of the center")
        self.rotation.center = <const float *>self.center.buffer.buf
        self.rotation.signs = <const float *>self.signs.buffer.buf
        self.rotation.dim, self.rotation.bits = self.center.size(0), self.signs.size(1)
        self.rotation.rounds = self.signs.size(0)


cdef class Scratch:
    """Memory of one walking thread, kept for the next walk."""

    cdef tv5_scratch memory
    cdef uint32_t *candidates
    cdef float *estimates
    cdef readonly size_t pool_room, kept_room, candidate_room

    def __cinit__(self, size_t rows, size_t degree, size_t probes):
        self.memory.lists = <uint64_t *>malloc(probes * sizeof(uint64_t))
        self.memory.layout = <int8_t *>aligned_alloc(64, TV5_SCRATCH_LAYOUT)
        self.memory.marks = <uint8_t *>malloc((rows + 7) // 8)
        self.memory.fresh = <uint32_t *>malloc(2 * (degree + 1) * sizeof(uint32_t))
        if (self.memory.layout is NULL or self.memory.marks is NULL or self.memory.fresh is NULL
                or self.memory.lists is NULL):
            raise MemoryError

    def __dealloc__(self):
        free(self.memory.lists)
        free(self.memory.layout)
        free(self.memory.marks)
        free(self.memory.fresh)
        free(self.memory.pool)
        free(self.memory.kept)
        free(self.candidates)
        free(self.estimates)

    cdef int reserve_candidates(self, size_t candidates) except -1:
        if candidates > self.candidate_room:
            free(self.candidates)
            free(self.estimates)
            self.candidate_room = 0
            self.candidates = <uint32_t *>malloc(candidates * sizeof(uint32_t))
            self.estimates = <float *>malloc(candidates * sizeof(float))
            if self.candidates is NULL or self.estimates is NULL:
                raise MemoryError
            self.candidate_room = candidates
        return 0

    cdef int reserve(self, size_t pool, size_t kept) except -1:
        if pool > self.pool_room:
            free(self.memory.pool)
            self.pool_room = 0
            self.memory.pool = <uint64_t *>malloc(pool * sizeof(uint64_t))
            if self.memory.pool is NULL:
                raise MemoryError
            self.pool_room = pool
        if kept > self.kept_room:
            free(self.memory.kept)
            self.kept_room = 0
            self.memory.kept = <uint64_t *>malloc(kept * sizeof(uint64_t))
            if self.memory.kept is NULL:
                raise MemoryError
            self.kept_room = kept
        return 0


cdef enum:
    TURNS = 1024  # queries put in order together; rotated, they are 3 MB at 768-D


cdef int by_value(const void *a, const void *b) noexcept nogil:
    cdef uint64_t x = (<const uint64_t *>a)[0]
    cdef uint64_t y = (<const uint64_t *>b)[0]
    return (x > y) - (x < y)


cdef class Turns:
    """Queries in the order of the lists where their walks begin: near ones read the same rows."""

    cdef tv5_walk_query *queries
    cdef uint64_t *lists
    cdef uint64_t *order
    cdef int8_t *values
    cdef float *turned

    def __cinit__(self, Py_ssize_t count, size_t probes, Py_ssize_t bits, bint prepares):
        cdef size_t room = max(1, min(count, TURNS))
        self.queries = <tv5_walk_query *>malloc(room * sizeof(tv5_walk_query))
        self.lists = <uint64_t *>malloc(room * probes * sizeof(uint64_t))
        self.order = <uint64_t *>malloc(room * sizeof(uint64_t))
        if self.queries is NULL or self.lists is NULL or self.order is NULL:
            raise MemoryError
        if prepares:
            self.values = <int8_t *>malloc(room * bits)
            self.turned = <float *>malloc(room * bits * sizeof(float))
            if self.values is NULL or self.turned is NULL:
                raise MemoryError

    def __dealloc__(self):
        free(self.queries)
        free(self.lists)
        free(self.order)
        free(self.values)
        free(self.turned)

    cdef void prepare(self, const tv5_kernels *kernels, const tv5_rotation *rotation,
                      const float *added, const float *raw, Py_ssize_t count) noexcept nogil:
        """Make queries ready; rotated, they are also kept, and moved, where that is asked for."""
        cdef Py_ssize_t i, bits = rotation.bits
        cdef tv5_walk_query *query
        for i in range(count):
            query = &self.queries[i]
            query.values, query.lists = self.values + i * bits, NULL
            if added is NULL:
                kernels.prepare(rotation, raw + i * rotation.dim, 1, self.values + i * bits,
                                &query.scale, &query.total, &query.base)
            else:
                prepare_turned(kernels, rotation, added, raw + i * rotation.dim,
                               self.turned + i * bits, self.values + i * bits, query)

    cdef void arrange(self, const tv5_kernels *kernels, const tv5_graph *graph,
                      Py_ssize_t count) noexcept nogil:
        """Put queries in order, where there are several."""
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


cdef class NativeGraph:
    """A sealed graph, walked in place by any number of threads."""

    cdef Backend backend
    cdef View records, links, centroids, offsets
    cdef tv5_graph graph
    cdef list idle

    def __init__(self, Backend backend, records, links, centroids, offsets, Py_ssize_t probes,
                 Py_ssize_t bits):
        self.backend, self.idle = backend, []
        self.records = view(records, "records", 2, c'B')
        self.links = view(links, "links", 2, c'I')
        self.centroids = view(centroids, "centroids", 2, c'B')
        self.offsets = view(offsets, "offsets", 1, c'I')
        whole_words(bits)
        at_least(bits // 8 + 8, self.records.size(1), "bytes of a record")
        within(self.records.size(0), 1, (<Py_ssize_t>1 << 31) - 1, "rows")
        same(self.records.size(0), self.links.size(0), "rows of links")
        within(self.links.size(1), 1, 65536, "links a row")
        same(self.records.size(1), self.centroids.size(1), "bytes of a centroid")
        within(self.centroids.size(0), 1, self.records.size(0), "centroids")
        same(self.centroids.size(0) + 1, self.offsets.size(0), "length of offsets")
        within(probes, 1, self.centroids.size(0), "probes")
        self.graph.records = <const uint8_t *>self.records.buffer.buf
        self.graph.links = <const uint32_t *>self.links.buffer.buf
        self.graph.centroids = <const uint8_t *>self.centroids.buffer.buf
        self.graph.offsets = <const uint32_t *>self.offsets.buffer.buf
        self.graph.rows = self.records.size(0)
        self.graph.words, self.graph.stride = bits // 64, self.records.size(1)
        self.graph.degree = self.links.size(1)
        self.graph.lists, self.graph.probes = self.centroids.size(0), probes
        # A list without rows would leave a walk without a beginning.
        each_once(self.graph.offsets, self.graph.lists + 1, "offsets")
        within(self.graph.offsets[0], 0, 0, "the first offset")
        within(self.graph.offsets[self.graph.lists], 1, self.graph.rows, "the last offset")
        self.graph.mean_rescale = mean_rescale(records, bits)

    @property
    def scratch_bytes(self):
        """Bytes kept for walking threads."""
        return sum(
            self.graph.rows // 8 + TV5_SCRATCH_LAYOUT + 8 * (self.graph.degree + self.graph.probes)
            + 8 * (scratch.pool_room + scratch.kept_room + scratch.candidate_room)
            for scratch in self.idle
        )

    def walk(self, prepared, expansion_search, candidates, allow=None, k=None,
             error_margin=None):
        cdef PreparedView p = PreparedView(prepared)
        cdef Best best = Best(p.count, candidates, "candidates")
        cdef tv5_walk_options options
        cdef Scratch scratch
        cdef View a
        cdef Py_ssize_t start, some, turn, i
        cdef tv5_best to
        same(64 * self.graph.words, p.bits, "bits of the queries")
        options = self._options(expansion_search, best.k, best.k if k is None else k, error_margin)
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            options.allow = bitmap(a, self.graph.rows)
        visited = _EMPTY(p.count, _I32)
        cdef View v = view(visited, "visited", 1, c'i', PyBUF_WRITABLE)
        scratch = self._scratch(options)
        cdef Turns turns = Turns(p.count, self.graph.probes, p.bits, False)
        with nogil:
            start = 0
            while start < p.count:
                some = min(p.count - start, TURNS)
                for i in range(some):
                    turns.queries[i] = p.query(start + i)
                turns.arrange(self.backend.k, &self.graph, some)
                for turn in range(some):
                    i = turns.order[turn] & TV5_NONE
                    to = best.at(start + i)
                    (<int32_t *>v.buffer.buf)[start + i] = self.backend.k.walk(
                        &self.graph, &turns.queries[i], &options, &scratch.memory, to.rows,
                        to.scores)
                start += some
        self.idle.append(scratch)
        return best.rows, best.scores, visited

    def upper_bounds(self, prepared, rows, estimates, float error_margin):
        cdef PreparedView p = PreparedView(prepared)
        cdef View r = view(rows, "rows", 2, c'I'), e = view(estimates, "estimates", 2, c'f')
        cdef tv5_walk_query query
        cdef Py_ssize_t i, m = r.size(1)
        same(64 * self.graph.words, p.bits, "bits of the queries")
        same(p.count, r.size(0), "queries of rows")
        same(p.count, e.size(0), "queries of estimates")
        same(m, e.size(1), "length of estimates")
        for i in range(p.count * m):
            if (<const uint32_t *>r.buffer.buf)[i] != TV5_NONE:
                within((<const uint32_t *>r.buffer.buf)[i], 0, self.graph.rows - 1, "rows")
        out = estimates.copy()
        cdef View o = view(out, "out", 2, c'f', PyBUF_WRITABLE)
        with nogil:
            for i in range(p.count):
                query = p.query(i)
                self.backend.k.upper_bounds(&self.graph, &query, error_margin,
                                            <const uint32_t *>r.buffer.buf + i * m, m,
                                      <float *>o.buffer.buf + i * m)
        return out

    cdef tv5_walk_options _options(self, Py_ssize_t pool, Py_ssize_t candidates, Py_ssize_t k,
                                   error_margin) except *:
        cdef tv5_walk_options options
        within(pool, 1, 1 << 30, "expansion_search")
        within(k, 1, candidates, "k")
        # A pool never holds more than all rows.
        options.expansion_search, options.candidates = min(pool, self.graph.rows), candidates
        options.k, options.allow, options.rows = k, NULL, NULL
        options.error_margin = INFINITY if error_margin is None else error_margin
        if not options.error_margin >= 0:
            raise ValueError(f"expected error_margin >= 0, got {error_margin}")
        return options

    cdef Scratch _scratch(self, tv5_walk_options options):
        cdef Scratch scratch
        # list.pop and append are atomic under the GIL: no two threads share a scratch.
        try:
            scratch = self.idle.pop()
        except IndexError:
            scratch = Scratch(self.graph.rows, self.graph.degree, self.graph.probes)
        scratch.reserve(options.expansion_search,
                        options.candidates if options.allow is not NULL else 0)
        return scratch

    def searcher(self, center, signs, rows, scales, rotated_center=None):
        return NativeSearcher(self, center, signs, rows, scales, rotated_center)


cdef class NativeSearcher:
    """A graph with its rotation and its stored rows, searched by any number of threads."""

    cdef NativeGraph graph
    cdef Rotation rotation
    cdef RowsView stored
    cdef View rotated_center
    cdef const float *added

    def __init__(self, NativeGraph graph, center, signs, rows, scales, rotated_center):
        cdef Rotation r = Rotation(center, signs)
        self.graph, self.rotation, self.stored = graph, r, RowsView(rows, scales)
        self.added = NULL
        if rotated_center is not None:
            self.rotated_center = view(rotated_center, "rotated_center", 1, c'f')
            same(r.rotation.bits, self.rotated_center.size(0), "length of rotated_center")
            self.added = <const float *>self.rotated_center.buffer.buf
        same(r.rotation.dim if rotated_center is None else r.rotation.bits, self.stored.rows.dim,
             "dimensions of the stored rows")
        same(graph.graph.rows, self.stored.rows.count, "stored rows")
        same(64 * graph.graph.words, r.rotation.bits, "bits of the rotation")

    def search(self, queries, expansion_search, candidates, k, allow=None, error_margin=None):
        cdef View q = view(queries, "queries", 2, c'f')
        cdef Best best = Best(q.size(0), k)
        cdef NativeGraph owner = self.graph
        cdef const tv5_kernels *kernels = owner.backend.k
        cdef const tv5_graph *graph = &owner.graph
        cdef const tv5_rotation *rotation = &self.rotation.rotation
        cdef tv5_walk_options options
        cdef tv5_walk_query *query
        cdef tv5_best to
        cdef tv5_candidates those
        cdef View a
        cdef Py_ssize_t start, some, turn, i, n = q.size(0), bits = rotation.bits
        cdef const float *raw
        cdef const float *exact
        cdef bint bounded = error_margin is not None
        same(rotation.dim, q.size(1), "dimensions")
        within(candidates, 1, 1 << 30, "candidates")
        options = owner._options(expansion_search, candidates, min(best.k, candidates),
                                 error_margin)
        if allow is not None:
            a = view(allow, "allow", 1, c'B')
            options.allow = bitmap(a, graph.rows)
        options.rows = &self.stored.rows
        cdef Turns turns = Turns(n, graph.probes, bits, True)
        cdef Scratch scratch = owner._scratch(options)
        scratch.reserve_candidates(options.candidates)
        with nogil:
            gil_free()
            start = 0
            while start < n:
                some = min(n - start, TURNS)
                raw = <const float *>q.buffer.buf + start * rotation.dim
                turns.prepare(kernels, rotation, self.added, raw, some)
                turns.arrange(kernels, graph, some)
                for turn in range(some):
                    i = turns.order[turn] & TV5_NONE
                    query, to = &turns.queries[i], best.at(start + i)
                    exact = turns.turned + i * bits
                    if self.added is NULL:
                        exact = raw + i * rotation.dim
                    kernels.walk(graph, query, &options, &scratch.memory, scratch.candidates,
                                 scratch.estimates)
                    those.rows, those.count, those.upper_bounds = (
                        scratch.candidates, options.candidates, NULL)
                    if bounded:
                        kernels.upper_bounds(graph, query, options.error_margin, scratch.candidates,
                                             options.candidates, scratch.estimates)
                        those.upper_bounds = scratch.estimates
                    kernels.rescore(&self.stored.rows, exact, &those, &to)
                start += some
            gil_await()
        gil_back()
        owner.idle.append(scratch)
        return best.rows, best.scores
