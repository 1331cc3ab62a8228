"""tv5core for benchmarks that others run: to be copied into their trees, not imported from here.

- ``ann_benchmarks_tv5core``: an algorithm for ann-benchmarks (``module.py``, ``config.yml``,
  ``Dockerfile``), copied to its ``ann_benchmarks/algorithms/tv5core``.
- ``vectordb_bench_tv5core``: a client for VectorDBBench (``tv5core_client.py``, ``config.py``),
  copied to its ``vectordb_bench/backend/clients/tv5core``.

``README.md`` beside this says how. Both use nothing but the public interface.
"""
