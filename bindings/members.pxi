# Which rows have one of some keys.

cdef class KeySet:
    """Keys to look up: bits of all numbers up to the largest where that takes little memory, else
    a hash table with open addressing (Knuth, volume 3, 6.4, algorithm L; multiplicative hashing).
    """

    cdef uint8_t *bits
    cdef int64_t *slots
    cdef int64_t largest
    cdef uint64_t mask
    cdef int shift

    def __cinit__(self, View keys, Py_ssize_t rows):
        cdef const int64_t *given = <const int64_t *>keys.buffer.buf
        cdef Py_ssize_t i, count = keys.size(0)
        self.largest = -1
        for i in range(count):
            self.largest = max(self.largest, given[i])
        if self.largest // 64 <= count + rows:
            self.bits = <uint8_t *>calloc(<size_t>(self.largest // 8) + 1, 1)
            if self.bits is NULL:
                raise MemoryError
        else:
            self._make_slots(count)
        with nogil:
            self._add(given, count)

    cdef int _make_slots(self, Py_ssize_t count) except -1:
        cdef size_t size = 64
        self.shift = 58
        while size < <size_t>(2 * count):
            size, self.shift = 2 * size, self.shift - 1
        self.slots = <int64_t *>malloc(size * sizeof(int64_t))
        if self.slots is NULL:
            raise MemoryError
        memset(self.slots, 0xff, size * sizeof(int64_t))
        self.mask = size - 1
        return 0

    def __dealloc__(self):
        free(self.bits)
        free(self.slots)

    cdef inline uint64_t _slot(self, int64_t key) noexcept nogil:
        """Return the slot that holds a key, or the free one where it belongs."""
        cdef uint64_t at = (<uint64_t>key * <uint64_t>0x9e3779b97f4a7c15) >> self.shift
        while self.slots[at] != key and self.slots[at] >= 0:
            at = (at + 1) & self.mask
        return at

    cdef void _add(self, const int64_t *keys, Py_ssize_t count) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(count):
            if keys[i] < 0:
                continue
            if self.bits is not NULL:
                self.bits[keys[i] >> 3] |= <uint8_t>(1 << (keys[i] & 7))
            else:
                self.slots[self._slot(keys[i])] = keys[i]

    cdef inline bint _has(self, int64_t key) noexcept nogil:
        if self.bits is not NULL:
            return 0 <= key <= self.largest and self.bits[key >> 3] >> (key & 7) & 1
        return key >= 0 and self.slots[self._slot(key)] == key

    cdef void look_up(self, const int64_t *keys, Py_ssize_t n, uint8_t *out) noexcept nogil:
        """Set the bits of the rows whose keys are here, in little bit order."""
        cdef Py_ssize_t row
        for row in range(n):
            out[row >> 3] |= <uint8_t>(self._has(keys[row]) << (row & 7))
