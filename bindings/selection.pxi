# Memory and results of top-k selection.

cdef class TopK:
    """Results of selecting the k best of each query, and the lists they are selected in."""

    cdef object rows, scores
    cdef View rows_view, scores_view
    cdef uint64_t *list
    cdef uint32_t *sizes  # rows in each query's list, where there is one for each
    cdef uint32_t k
    cdef bint shared

    def __cinit__(self, Py_ssize_t queries, k, Py_ssize_t lists=1):
        check_range(k, 1, MAX_K, "k")
        self.k, self.shared = k, lists <= 1
        self.rows = _EMPTY((queries, k), _U32)
        self.scores = _EMPTY((queries, k), _F32)
        self.rows_view = view(self.rows, "rows", 2, c'I', PyBUF_WRITABLE)
        self.scores_view = view(self.scores, "scores", 2, c'f', PyBUF_WRITABLE)
        self.list = <uint64_t *>malloc(<size_t>self.k * max(1, lists) * sizeof(uint64_t))
        self.sizes = <uint32_t *>calloc(max(1, queries), sizeof(uint32_t))
        if self.list is NULL or self.sizes is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.list)
        free(self.sizes)

    cdef inline tv5_top_k of(self, Py_ssize_t query) noexcept nogil:
        """Return where the results of one query go; queries share the list, or have their own."""
        cdef tv5_top_k top
        top.list, top.k = self.list, self.k
        if not self.shared:
            top.list = self.list + query * <Py_ssize_t>self.k
        top.rows = <uint32_t *>self.rows_view.buffer.buf + query * self.k
        top.scores = <float *>self.scores_view.buffer.buf + query * self.k
        return top
