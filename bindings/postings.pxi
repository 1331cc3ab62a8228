# Posting lists: blocks that are checked before native code reads them, and memory of scoring.

cdef class BlocksView:
    """Blocks of postings."""

    cdef View first, offsets, widths, data
    cdef tv5_blocks blocks
    cdef Py_ssize_t count

    def __init__(self, blocks):
        self.first = view(blocks[0], "first", 1, c'I')
        self.offsets = view(blocks[1], "offsets", 1, c'I')
        self.widths = view(blocks[2], "widths", 1, c'B')
        self.data = view(blocks[3], "data", 1, c'B')
        self.count = self.first.size(0)
        check_equal(self.count + 1, self.offsets.size(0), "length of offsets")
        check_equal(self.count, self.widths.size(0), "length of widths")
        self.blocks.first = <const uint32_t *>self.first.buffer.buf
        self.blocks.offsets = <const uint32_t *>self.offsets.buffer.buf
        self.blocks.widths = <const uint8_t *>self.widths.buffer.buf
        self.blocks.data = <const uint8_t *>self.data.buffer.buf

    cdef int check(self, Py_ssize_t start, Py_ssize_t postings) except -1:
        """Check the blocks of one list: where they lie, and that they hold the differences."""
        cdef Py_ssize_t block, left = postings, size
        cdef size_t begin, end
        check_range(start + (postings + TV5_POSTING_BLOCK - 1) // TV5_POSTING_BLOCK, 0, self.count,
                    "the end of a list")
        for block in range(start, self.count):
            if left <= 0:
                break
            size = min(left, TV5_POSTING_BLOCK)
            begin, end = self.blocks.offsets[block], self.blocks.offsets[block + 1]
            if end > <size_t>self.data.size(0) or begin + self.blocks.widths[block] * (
                    size - 1) > end or self.blocks.widths[block] > 4:
                raise ValueError(f"expected a block of its size, got block {block} of another")
            left -= size
        return 0


cdef class ListsView:
    """Posting lists of some blocks, checked."""

    cdef View starts_view, counts_view
    cdef const uint32_t *starts
    cdef const uint32_t *counts
    cdef Py_ssize_t size, total

    def __init__(self, BlocksView blocks, starts, counts):
        cdef Py_ssize_t i
        self.starts_view = view(starts, "starts", 1, c'I')
        self.counts_view = view(counts, "counts", 1, c'I')
        self.size = self.starts_view.size(0)
        check_equal(self.size, self.counts_view.size(0), "length of counts")
        self.starts = <const uint32_t *>self.starts_view.buffer.buf
        self.counts = <const uint32_t *>self.counts_view.buffer.buf
        self.total = 0
        for i in range(self.size):
            blocks.check(self.starts[i], self.counts[i])
            self.total += self.counts[i]


cdef class Scoring:
    """A query's lists and words, and the memory that scoring them takes."""

    cdef View lengths, norms, allow
    cdef ListsView view_of_lists
    cdef tv5_scoring query
    cdef tv5_list *lists
    cdef tv5_scored_word *words
    cdef tv5_cursor *cursors
    cdef tv5_window *window
    cdef Py_ssize_t capacity

    def __init__(self, BlocksView blocks, lists, words, essential, groups, lengths, norms, allow):
        self.lengths = view(lengths, "lengths", 2, c'B')
        self.norms = view(norms, "norms", 2, c'f')
        self.view_of_lists = ListsView(blocks, lists[0], lists[1])
        check_range(self.lengths.size(1), 0, MAX_ROWS, "documents")
        check_equal(self.lengths.size(0), self.norms.size(0), "fields of norms")
        check_equal(256, self.norms.size(1), "lengths of norms")
        check_range(groups, 1, TV5_MAX_GROUPS, "groups")
        self._take_lists(lists)
        self._take_words(words, groups)
        check_range(essential, 0, self.query.word_count, "essential")
        self.query.essential, self.query.groups = essential, groups
        self.query.n = self.lengths.size(1)
        self.query.lengths = <const uint8_t *>self.lengths.buffer.buf
        self.query.norms = <const float *>self.norms.buffer.buf
        if allow is not None:
            self.allow = view(allow, "allow", 1, c'B')
            self.query.allow = bitmap_of(self.allow, self.lengths.size(1))
        self.capacity = min(self._found_at_most(), self.lengths.size(1))
        self.window = <tv5_window *>calloc(1, sizeof(tv5_window))
        if self.window is NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.lists)
        free(self.words)
        free(self.cursors)
        free(self.window)

    cdef Py_ssize_t _found_at_most(self) noexcept:
        """Return how many postings the words have that find documents."""
        cdef Py_ssize_t i, total = 0
        if self.query.essential:
            for i in range(self.words[self.query.essential - 1].end):
                total += self.view_of_lists.counts[i]
        return total

    cdef int _take_lists(self, given) except -1:
        cdef View fields = view(given[2], "fields", 1, c'B')
        cdef View weights = view(given[3], "weights", 1, c'f')
        cdef Py_ssize_t i, count = self.view_of_lists.size
        check_equal(count, fields.size(0), "length of fields")
        check_equal(count, weights.size(0), "length of weights")
        self.lists = <tv5_list *>malloc(max(1, count) * sizeof(tv5_list))
        self.cursors = <tv5_cursor *>malloc(max(1, count) * sizeof(tv5_cursor))
        if self.lists is NULL or self.cursors is NULL:
            raise MemoryError
        for i in range(count):
            self.lists[i].start = self.view_of_lists.starts[i]
            self.lists[i].count = self.view_of_lists.counts[i]
            self.lists[i].field = (<const uint8_t *>fields.buffer.buf)[i]
            self.lists[i].weight = (<const float *>weights.buffer.buf)[i]
            check_range(self.lists[i].field, 0, self.lengths.size(0) - 1, "fields")
            self.cursors[i].block, self.cursors[i].left = self.lists[i].start, self.lists[i].count
            self.cursors[i].at = self.cursors[i].size = 0
        self.query.lists = self.lists
        return 0

    cdef int _take_words(self, given, Py_ssize_t groups) except -1:
        cdef View ends = view(given[0], "ends", 1, c'I'), group = view(given[1], "groups", 1, c'B')
        cdef View bits = view(given[2], "bits", 1, c'B'), scales = view(given[3], "scales", 1, c'f')
        cdef View saturations = view(given[4], "saturations", 1, c'f')
        cdef Py_ssize_t i, end = 0, count = ends.size(0)
        for some in (group, bits, scales, saturations):
            check_equal(count, (<View>some).size(0), "length of what words have")
        self.words = <tv5_scored_word *>malloc(max(1, count) * sizeof(tv5_scored_word))
        if self.words is NULL:
            raise MemoryError
        for i in range(count):
            self.words[i].end = (<const uint32_t *>ends.buffer.buf)[i]
            self.words[i].group = (<const uint8_t *>group.buffer.buf)[i]
            self.words[i].bit = (<const uint8_t *>bits.buffer.buf)[i]
            self.words[i].scale = (<const float *>scales.buffer.buf)[i]
            self.words[i].saturation = (<const float *>saturations.buffer.buf)[i]
            check_range(self.words[i].end, end, self.view_of_lists.size, "ends")
            check_range(self.words[i].group, 0, groups - 1, "groups")
            check_range(self.words[i].bit, 0, 63, "bits")
            end = self.words[i].end
        self.query.words, self.query.word_count = self.words, count
        return 0
