# Memory and results of top-k selection.

cdef class TopK:
    """Results of selecting the k best of each query, and the list they are selected in."""

    cdef object rows, scores
    cdef View rows_view, scores_view
    cdef uint64_t *list
    cdef uint32_t k

    def __cinit__(self, Py_ssize_t queries, k):
        check_range(k, 1, MAX_K, "k")
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

    cdef inline tv5_top_k of(self, Py_ssize_t query) noexcept nogil:
        """Return where the results of one query go; queries share the list."""
        cdef tv5_top_k top
        top.list, top.k = self.list, self.k
        top.rows = <uint32_t *>self.rows_view.buffer.buf + query * self.k
        top.scores = <float *>self.scores_view.buffer.buf + query * self.k
        return top
