"""The libraries that are compared, one class each, tv5core among them.

- ``base``: the interface of a peer; ``registry``: peers by name.
- ``tv5core_index``; ``exact`` (a float32 scan).
- ``hnsw`` (hnswlib), ``usearch_index``, ``faiss_index``, ``qdrant``, ``zvec_index``, ``lance``.

A library is imported only in the process that measures it. A new peer is one class and one line in
``registry``.
"""
