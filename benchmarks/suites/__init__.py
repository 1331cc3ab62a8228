"""pytest-benchmark suites.

``test_kernels``, ``test_quantize``, ``test_walk``, ``test_rescore``, ``test_store`` and
``test_cache`` time parts of tv5core, each checking its result; ``test_yardstick`` times work that
is none of tv5core's, which shows how the machine changed; ``test_full_precision`` times usearch
at full precision, to compare with. ``same`` compares results to the bit.
"""
