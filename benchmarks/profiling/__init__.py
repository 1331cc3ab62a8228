"""Where the time of one search goes.

- ``profiler``: all stages of one index, or one stage again and again.
- ``stages``: each stage through the kernel that a search calls.
- ``full_precision``: the same searches by a float32 graph and a float32 scan.
- ``against``: usearch and FAISS at full precision, in stages of their own.
- ``hnswlib_walk``: how many vectors hnswlib compares, by walking its saved links.
- ``table``: the profile for people, and as JSON; ``page``: as HTML with plots.
"""
