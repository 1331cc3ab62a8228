# Scratch memory of walks.

cdef class Scratch:
    """Scratch memory of one walking thread, kept for later walks."""

    cdef tv5_scratch memory
    cdef uint32_t *candidates
    cdef float *estimates
    cdef readonly size_t pool_size, bridges_size, candidates_size  # elements allocated

    def __cinit__(self, size_t rows, size_t degree, size_t probes):
        self.memory.lists = <uint64_t *>malloc(
            TV5_FILTERED_PROBES * probes * sizeof(uint64_t))
        self.memory.layout = <int8_t *>aligned_alloc(64, TV5_SCRATCH_LAYOUT)
        self.memory.visited = <uint8_t *>malloc((rows + 7) // 8)
        self.memory.neighbors = <uint32_t *>malloc(2 * (degree + 1) * sizeof(uint32_t))
        if (self.memory.layout is NULL or self.memory.visited is NULL
                or self.memory.neighbors is NULL or self.memory.lists is NULL):
            raise MemoryError

    def __dealloc__(self):
        free(self.memory.lists)
        free(self.memory.layout)
        free(self.memory.visited)
        free(self.memory.neighbors)
        free(self.memory.pool)
        free(self.memory.bridges)
        free(self.candidates)
        free(self.estimates)

    cdef int reserve_candidates(self, size_t candidates) except -1:
        if candidates > self.candidates_size:
            free(self.candidates)
            free(self.estimates)
            self.candidates_size = 0
            self.candidates = <uint32_t *>malloc(candidates * sizeof(uint32_t))
            self.estimates = <float *>malloc(candidates * sizeof(float))
            if self.candidates is NULL or self.estimates is NULL:
                raise MemoryError
            self.candidates_size = candidates
        return 0

    cdef int reserve(self, size_t pool, size_t bridges) except -1:
        if pool > self.pool_size:
            free(self.memory.pool)
            self.pool_size = 0
            self.memory.pool = <uint64_t *>malloc(pool * sizeof(uint64_t))
            if self.memory.pool is NULL:
                raise MemoryError
            self.pool_size = pool
        if bridges > self.bridges_size:
            free(self.memory.bridges)
            self.bridges_size = 0
            self.memory.bridges = <uint64_t *>malloc(bridges * sizeof(uint64_t))
            if self.memory.bridges is NULL:
                raise MemoryError
            self.bridges_size = bridges
        return 0
