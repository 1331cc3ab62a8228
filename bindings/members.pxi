# Which rows have some keys, and which rows have one of them.

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


cdef Py_ssize_t find_each(const int64_t *keys, const uint32_t *by_key, Py_ssize_t n,
                          const int64_t *wanted, Py_ssize_t count, int64_t *out) noexcept nogil:
    """Return the first place read in ``by_key`` whose row is out of range, or -1.

    Keys are distinct, and few numbers between the first and the last are nobody's, so that the
    differences to both leave few places: a binary search of a million reads forty numbers that are
    in no cache.
    """
    cdef Py_ssize_t i, low, high, middle
    cdef int64_t first, last
    cdef uint64_t missing
    for i in range(count):
        out[i] = -1
    if not n or not count:
        return -1
    if by_key[0] >= n or by_key[n - 1] >= n:
        return 0 if by_key[0] >= n else n - 1
    first, last = keys[by_key[0]], keys[by_key[n - 1]]
    for i in range(count):
        if not first <= wanted[i] <= last:
            continue
        low, high = 0, n - 1
        missing = <uint64_t>wanted[i] - <uint64_t>first
        if missing < <uint64_t>high:
            high = <Py_ssize_t>missing
        missing = <uint64_t>last - <uint64_t>wanted[i]
        if missing < <uint64_t>(n - 1):
            low = min(high, n - 1 - <Py_ssize_t>missing)
        while low < high:
            middle = (low + high) // 2
            if by_key[middle] >= n:
                return middle
            if keys[by_key[middle]] < wanted[i]:
                low = middle + 1
            else:
                high = middle
        if by_key[low] >= n:
            return low
        if keys[by_key[low]] == wanted[i]:
            out[i] = by_key[low]
    return -1
