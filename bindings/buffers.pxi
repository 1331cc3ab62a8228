# Arrays that native code reads or writes, held for as long as it does.

cdef class View:
    """One buffer, held until this object is freed."""

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


cdef const uint8_t *bitmap_of(View allow, Py_ssize_t n) except? NULL:
    """Return the bytes of a bitmap of ``n`` rows."""
    if allow.size(0) < (n + 7) // 8:
        raise ValueError(f"expected a bitmap of {(n + 7) // 8} bytes, got {allow.size(0)}")
    return <const uint8_t *>allow.buffer.buf


cdef class PreparedView:
    """Queries prepared for the estimator."""

    cdef View values, scale, total, base
    cdef Py_ssize_t count, bits

    def __init__(self, prepared):
        self.values = view(prepared[0], "values", 2, c'b')
        self.scale = view(prepared[1], "scale", 1, c'f')
        self.total = view(prepared[2], "total", 1, c'i')
        self.base = view(prepared[3], "base", 1, c'f')
        self.count, self.bits = self.values.size(0), self.values.size(1)
        check_bits(self.bits)
        check_equal(self.count, self.scale.size(0), "length of scale")
        check_equal(self.count, self.total.size(0), "length of total")
        check_equal(self.count, self.base.size(0), "length of base")

    cdef inline tv5_query query(self, Py_ssize_t i) noexcept nogil:
        cdef tv5_query q
        q.values = <const int8_t *>self.values.buffer.buf + i * self.bits
        q.scale = (<const float *>self.scale.buffer.buf)[i]
        q.total = (<const int32_t *>self.total.buffer.buf)[i]
        q.base = (<const float *>self.base.buffer.buf)[i]
        q.lists = NULL
        return q


cdef class RowsView:
    """Stored rows, with scales and perhaps residuals where they are int8."""

    cdef View values, scales, residuals
    cdef tv5_rows rows

    def __init__(self, values, scales, residuals=None):
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
        check_range(self.values.size(1), 1, TV5_MAX_DIM, "dimensions")
        if scales is not None:
            shape = getattr(scales, "shape", ())
            paired = len(shape) == 2 and shape[1] == 2
            self.scales = view(scales, "scales", 2 if paired else 1, c'f')
            check_equal(self.values.size(0), self.scales.size(0), "length of scales")
            self.rows.scales = <const float *>self.scales.buffer.buf
            self.rows.factors = 2 if paired else 1
        self.rows.residuals = NULL
        if residuals is not None:
            if self.rows.kind != TV5_INT8:
                raise ValueError("expected residuals of int8 rows only")
            self.residuals = view(residuals, "residuals", 2, c'b')
            check_equal(self.values.size(0), self.residuals.size(0), "rows of residuals")
            check_equal(self.values.size(1), self.residuals.size(1), "dimensions of residuals")
            self.rows.residuals = <const int8_t *>self.residuals.buffer.buf


cdef class Rotation:
    """The centre and the random signs of a rotation."""

    cdef View center, signs
    cdef tv5_rotation rotation

    def __init__(self, center, signs):
        self.center = view(center, "center", 1, c'f')
        self.signs = view(signs, "signs", 2, c'f')
        check_bits(self.signs.size(1))
        check_range(self.center.size(0), 1, self.signs.size(1), "dimensions of the center")
        self.rotation.center = <const float *>self.center.buffer.buf
        self.rotation.signs = <const float *>self.signs.buffer.buf
        self.rotation.dim, self.rotation.bits = self.center.size(0), self.signs.size(1)
        self.rotation.rounds = self.signs.size(0)
