# Values of documents, checked, and what is made of them.

cdef class ValuesView:
    """Values of ``n`` documents."""

    cdef View values_view, offsets, roles, groups
    cdef tv5_values values
    cdef Py_ssize_t n

    def __init__(self, lists, mask, Py_ssize_t n):
        check_range(n, 0, MAX_ROWS, "n")
        check_range(mask, 0, 255, "mask")
        self.n = n
        self.values_view = view(lists[1], "values", 1, c'?')
        self.values.values = self.values_view.buffer.buf
        self.values.total, self.values.width = self.values_view.size(0), self.width()
        self.values.mask = mask
        if lists[0] is not None:
            self.offsets = view(lists[0], "offsets", 1, c'I')
            check_equal(n + 1, self.offsets.size(0), "length of offsets")
            self.values.offsets = <const uint32_t *>self.offsets.buffer.buf
        if lists[2] is not None:
            self.roles = view(lists[2], "roles", 1, c'B')
            check_equal(self.values_view.size(0), self.roles.size(0), "length of roles")
            self.values.roles = <const uint8_t *>self.roles.buffer.buf
        if lists[3] is not None:
            self.groups = view(lists[3], "groups", 1, c'I')
            self.values.groups = <const uint32_t *>self.groups.buffer.buf
            self.values.value_count = self.groups.size(0)

    cdef uint32_t width(self) except 0:
        cdef char kind = self.values_view.format()
        if kind == c'B':
            return 1
        if kind == c'H':
            return 2
        if kind == c'I':
            return 4
        raise TypeError(f"expected values of format 'B', 'H' or 'I', got {chr(kind)!r}")


cdef object values_counted(const tv5_kernels *kernels, lists, mask, bits, n, groups):
    cdef ValuesView v = ValuesView(lists, mask, n)
    cdef View b = view(bits, "bits", 1, c'B')
    cdef size_t size = n
    check_range(groups, 0, MAX_ROWS, "groups")
    bitmap_of(b, n)
    counts = np.zeros(groups, _U32)
    cdef View c = view(counts, "counts", 1, c'I', PyBUF_WRITABLE)
    with nogil:
        kernels.count_values(&v.values, <const uint8_t *>b.buffer.buf, size,
                             <uint32_t *>c.buffer.buf, c.buffer.shape[0])
    return counts


cdef object values_inverted(const tv5_kernels *kernels, lists, n, count):
    cdef ValuesView v = ValuesView(lists, 0, n)
    cdef size_t size = n
    cdef View r
    check_range(count, 0, MAX_ROWS, "count")
    counts = np.bincount(lists[1], minlength=count)
    check_equal(count, len(counts), "number of values")
    ends = np.concatenate([[0], np.cumsum(counts)]).astype(_U32)
    documents, roles = _EMPTY(v.values.total, _U32), None
    v.values.value_count, v.values.groups = count, NULL
    cursors = ends.copy()
    cdef View c = view(cursors, "cursors", 1, c'I', PyBUF_WRITABLE)
    cdef View d = view(documents, "documents", 1, c'I', PyBUF_WRITABLE)
    if lists[2] is not None:
        roles = _EMPTY(v.values.total, _U8)
        r = view(roles, "roles", 1, c'B', PyBUF_WRITABLE)
    with nogil:
        kernels.invert_values(&v.values, size, <uint32_t *>c.buffer.buf,
                             <uint32_t *>d.buffer.buf,
                             <uint8_t *>r.buffer.buf if v.values.roles else NULL)
    return ends, documents, roles


cdef int take_into(const tv5_kernels *kernels, lists, documents, targets, values,
                   roles) except -1:
    cdef View d = view(documents, "documents", 1, c'l')
    cdef View t = view(targets, "targets", 1, c'I')
    cdef View x = view(values, "values", 1, c'I', PyBUF_WRITABLE), r
    cdef ValuesView v = ValuesView(lists, 0, len(lists[1 if lists[0] is None else 0]) - (
        lists[0] is not None))
    cdef Py_ssize_t i, n = v.n
    check_equal(d.size(0), t.size(0), "length of targets")
    for i in range(d.size(0)):
        check_range((<const int64_t *>d.buffer.buf)[i], 0, n - 1, "documents")
    if v.values.groups is NULL:
        raise ValueError("expected groups of values, got None")
    if lists[2] is not None:
        r = view(roles, "roles", 1, c'B', PyBUF_WRITABLE)
        check_equal(x.size(0), r.size(0), "length of roles")
    with nogil:
        kernels.take_values(&v.values, <const int64_t *>d.buffer.buf,
                           <const uint32_t *>t.buffer.buf, d.buffer.shape[0],
                           <uint32_t *>x.buffer.buf,
                           <uint8_t *>r.buffer.buf if v.values.roles else NULL,
                           x.buffer.shape[0])
    return 0
