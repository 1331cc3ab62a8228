"""tv5core as an algorithm of ann-benchmarks: ``module``."""
