# Validation of arguments. Native code checks nothing, so everything it relies on is checked here.

cdef enum:
    MAX_ROWS = 0x7fffffff  # a row number has 31 bits (ext/select/select.inc)
    MAX_K = 1 << 30
    MAX_DEGREE = 65535  # a record has 16 bits for the length of its list


cdef int check_equal(Py_ssize_t expected, Py_ssize_t got, str what) except -1:
    if expected != got:
        raise ValueError(f"expected {what} to be {expected}, got {got}")
    return 0


cdef int check_range(Py_ssize_t got, Py_ssize_t low, Py_ssize_t high, str what) except -1:
    if got < low or got > high:
        raise ValueError(f"expected {what} from {low} to {high}, got {got}")
    return 0


cdef int check_at_least(Py_ssize_t least, Py_ssize_t got, str what) except -1:
    if got < least:
        raise ValueError(f"expected {what} to be at least {least}, got {got}")
    return 0


cdef int check_bits(Py_ssize_t bits) except -1:
    """Codes are read in words of 64 bits."""
    if bits % 64:
        raise ValueError(f"expected a multiple of 64 bits, got {bits}")
    return check_range(bits, 64, TV5_MAX_DIM, "bits")


cdef int check_offsets(const int64_t *offsets, Py_ssize_t n, Py_ssize_t end) except -1:
    """Offsets ascend within 0 to ``end``."""
    cdef Py_ssize_t i
    for i in range(n - 1):
        if offsets[i] > offsets[i + 1]:
            raise ValueError(f"expected ascending offsets, got {offsets[i]} and {offsets[i + 1]}")
    if n and (offsets[0] < 0 or offsets[n - 1] > end):
        raise ValueError(f"expected offsets 0 to {end}, got {offsets[0]} to {offsets[n - 1]}")
    return 0


cdef int check_strictly_ascending(const uint32_t *rows, Py_ssize_t n, const char *what) except -1:
    cdef Py_ssize_t i
    for i in range(n - 1):
        if rows[i] >= rows[i + 1]:
            raise ValueError(f"expected {what.decode()} in ascending order, each once, "
                             f"got {rows[i]} and {rows[i + 1]}")
    return 0


cdef int check_rows_below(const uint32_t *rows, Py_ssize_t n, Py_ssize_t end) except -1:
    cdef Py_ssize_t i
    for i in range(n):
        if rows[i] >= end:
            raise ValueError(f"expected rows below {end}, got {rows[i]}")
    return 0
