"""tv5core as a client of VectorDBBench: ``tv5core_client`` and ``config``."""
