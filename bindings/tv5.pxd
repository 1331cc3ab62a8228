# The C contract (ext/include/tv5), as far as the bindings use it.
from libc.stdint cimport (
    int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t,
)

cdef extern from "tv5/rows.h" nogil:
    ctypedef enum tv5_kind:
        TV5_INT8
        TV5_FLOAT16
        TV5_FLOAT32

    ctypedef struct tv5_rows:
        const void *values
        const float *scales
        size_t count, dim
        tv5_kind kind
        uint32_t factors
        const int8_t *residuals

cdef extern from "tv5/walk.h" nogil:
    enum:
        TV5_NONE
        TV5_SCRATCH_LAYOUT
        TV5_LINK_SLACK
        TV5_FILTERED_PROBES

    ctypedef struct tv5_graph:
        const uint8_t *codes
        const uint32_t *links
        const uint8_t *packed
        uint64_t packed_count
        uint32_t width
        const uint8_t *centroids
        const uint32_t *offsets
        uint32_t rows, words, degree, lists, stride, probes
        float mean_rescale

    ctypedef struct tv5_query:
        const int8_t *values
        float scale
        int32_t total
        float base
        const uint64_t *lists

    ctypedef struct tv5_scratch:
        int8_t *layout
        uint8_t *visited
        uint64_t *pool
        uint64_t *bridges
        uint64_t *lists
        uint32_t *neighbors

    ctypedef struct tv5_walk_options:
        uint32_t expansion_search, candidates, k
        float error_margin
        const uint8_t *allow
        uint32_t allowed, bridges, budget
        const tv5_rows *rows

cdef extern from "tv5/values.h" nogil:
    ctypedef struct tv5_values:
        const uint32_t *offsets
        const void *values
        const uint8_t *roles
        const uint32_t *groups
        size_t total, value_count
        uint32_t width
        uint8_t mask

cdef extern from "tv5/link.h" nogil:
    ctypedef struct tv5_linker:
        const int8_t *values
        const float *scales
        const float *squares
        const uint32_t *positions
        uint32_t *links
        uint32_t rows, dim, degree, pruned_degree, max_degree

    ctypedef struct tv5_reverse_links:
        const uint32_t *targets
        const int64_t *offsets
        const uint32_t *sources

    ctypedef struct tv5_link_scratch:
        uint64_t *list
        int16_t *wide

cdef extern from "tv5/kernels.h" nogil:
    enum:
        TV5_MAX_DIM
        TV5_TOGETHER

    ctypedef struct tv5_candidates:
        const uint32_t *rows
        const float *upper_bounds
        size_t count

    ctypedef struct tv5_top_k:
        uint64_t *list
        uint32_t k
        uint32_t *rows
        float *scores

    ctypedef struct tv5_codes:
        const uint8_t *codes
        size_t count, stride
        uint32_t words

    ctypedef struct tv5_rotation:
        const float *center
        const float *signs
        size_t dim, rounds, bits

    ctypedef struct tv5_blocks:
        const uint32_t *first
        const uint32_t *offsets
        const uint8_t *widths
        const uint8_t *data

    ctypedef struct tv5_list:
        uint32_t start, count
        float weight
        uint8_t field

    ctypedef struct tv5_scored_word:
        uint32_t end
        float scale, saturation
        uint8_t group, bit

    ctypedef struct tv5_scoring:
        const tv5_list *lists
        const tv5_scored_word *words
        uint32_t word_count, essential, groups
        const uint8_t *lengths
        const float *norms
        const uint8_t *allow
        size_t n

    ctypedef struct tv5_cursor:
        uint32_t block, left, at, size

    ctypedef struct tv5_window:
        pass

    ctypedef struct tv5_scored:
        uint32_t *documents
        float *scores
        uint64_t *masks
        size_t capacity

    ctypedef struct tv5_near:
        const uint32_t *word
        uint32_t length, edits
        uint64_t signature
        const uint64_t *signatures
        const uint32_t *terms
        size_t count
        const uint32_t *offsets
        size_t term_count
        const uint8_t *data
        size_t bytes

    ctypedef struct tv5_terms:
        const uint32_t *word
        uint32_t length, edits
        const uint8_t *allow
        const uint32_t *offsets
        size_t count
        const uint8_t *data
        size_t bytes

    enum:
        TV5_POSTING_BLOCK
        TV5_MAX_GROUPS
        TV5_MAX_LETTERS

    ctypedef struct tv5_kernels:
        const char *name
        void (*hamming)(const uint8_t *, size_t, size_t, const uint8_t *, int32_t *) noexcept nogil
        void (*rotate)(const tv5_rotation *, const float *, size_t, float *) noexcept nogil
        void (*encode)(const float *, size_t, size_t, uint8_t *, float *, float *) noexcept nogil
        void (*quantize_i8)(const float *, size_t, size_t, int8_t *, float *) noexcept nogil
        void (*quantize_i16)(const float *, size_t, size_t, int16_t *, float *) noexcept nogil
        void (*quantize_rows)(const float *, size_t, size_t, int8_t *, int8_t *,
                              float *) noexcept nogil
        void (*prepare)(const tv5_rotation *, const float *, size_t, int8_t *, float *, int32_t *,
                        float *) noexcept nogil
        void (*asymmetric)(const int8_t *, const uint8_t *, size_t, uint32_t,
                           int32_t *) noexcept nogil
        void (*dot_i8)(const int8_t *, size_t, size_t, const int16_t *, int32_t *) noexcept nogil
        void (*dot_f16)(const uint16_t *, size_t, size_t, const float *, float *) noexcept nogil
        void (*dot_f32)(const float *, size_t, size_t, const float *, float *) noexcept nogil
        void (*scan_codes)(const uint8_t *, size_t, size_t, uint32_t, const tv5_query *,
                           const uint8_t *, const tv5_top_k *) noexcept nogil
        uint32_t (*scan_rows)(const tv5_rows *, size_t, size_t, const float *, const uint8_t *,
                              const tv5_top_k *, uint32_t) noexcept nogil
        void (*scan_rows_together)(const tv5_rows *, size_t, size_t, const float *,
                                   const uint8_t *, const tv5_top_k *, uint32_t *) noexcept nogil
        uint32_t (*scan_bounded)(const tv5_codes *, const tv5_rows *, const tv5_query *,
                                 const float *, float, const uint8_t *,
                                 const tv5_top_k *) noexcept nogil
        uint32_t (*rescore)(const tv5_rows *, const float *, const tv5_candidates *,
                            const tv5_top_k *) noexcept nogil
        void (*upper_bounds)(const tv5_graph *, const tv5_query *, float, const uint32_t *, size_t,
                       float *) noexcept nogil
        void (*nearest_lists)(const tv5_graph *, const tv5_query *, uint64_t *) noexcept nogil
        uint32_t (*walk)(const tv5_graph *, const tv5_query *, const tv5_walk_options *,
                         tv5_scratch *, uint32_t *, float *) noexcept nogil
        void (*select_neighbors)(const tv5_linker *, const uint32_t *, uint32_t, uint32_t, uint32_t,
                             tv5_link_scratch *) noexcept nogil
        void (*add_reverse_links)(const tv5_linker *, const tv5_reverse_links *, uint32_t, uint32_t,
                           tv5_link_scratch *) noexcept nogil

        void (*decode_list)(const tv5_blocks *, uint32_t, uint32_t, uint32_t *,
                            uint8_t *) noexcept nogil
        size_t (*mark_list)(const tv5_blocks *, uint32_t, uint32_t, size_t,
                            uint8_t *) noexcept nogil
        size_t (*score_postings)(const tv5_blocks *, const tv5_scoring *, tv5_cursor *,
                                 tv5_window *, const tv5_scored *) noexcept nogil
        size_t (*within_edits)(const tv5_near *, uint32_t *, uint8_t *) noexcept nogil
        size_t (*prefixes_within_edits)(const tv5_terms *, uint32_t *, uint8_t *) noexcept nogil
        void (*top_scores)(const float *, size_t, const tv5_top_k *) noexcept nogil
        void (*count_values)(const tv5_values *, const uint8_t *, size_t, uint32_t *,
                             size_t) noexcept nogil
        void (*invert_values)(const tv5_values *, size_t, uint32_t *, uint32_t *,
                              uint8_t *) noexcept nogil
        void (*take_values)(const tv5_values *, const int64_t *, const uint32_t *, size_t,
                            uint32_t *, uint8_t *, size_t) noexcept nogil

    const tv5_kernels *tv5_find(const char *name)
    const char *tv5_available(size_t i)
