"""tv5core for ann-benchmarks; see ``README.md`` of the folder above."""

import numpy as np

from tv5core import VectorIndex, kernels

from ..base.module import BaseANN

METRICS = {"angular": "cosine", "dot": "ip"}


class Tv5core(BaseANN):
    """One-bit codes walked in a graph, then exact scores from stored rows.

    Parameters
    ----------
    metric : {"angular", "dot"}
    method_param : dict
        ``connectivity``, ``expansion_add`` and ``rescoring`` of ``VectorIndex.build``.
    """

    def __init__(self, metric, method_param):
        if metric not in METRICS:
            raise ValueError(f"expected a metric of {', '.join(METRICS)}, got {metric!r}")
        self._metric, self._options = METRICS[metric], dict(method_param)
        self._index, self._settings, self._found = None, {}, None
        self.name = f"tv5core({method_param})"

    def fit(self, X):
        rows = np.ascontiguousarray(X, np.float32)
        keys = np.flatnonzero(rows.any(axis=1))  # rows of zeros have no direction
        given = rows if len(keys) == len(rows) else rows[keys]
        self._index = VectorIndex.build(given, keys, metric=self._metric, **self._options)

    def set_query_arguments(self, expansion_search, oversampling, error_margin=None):
        self._settings = {
            "expansion_search": expansion_search,
            "oversampling": oversampling,
            "error_margin": error_margin,
        }
        self.name = f"tv5core({self._options}, {self._settings})"

    def query(self, q, n):
        keys = self._index.search(q, n, **self._settings).keys
        return keys[keys >= 0]

    def batch_query(self, X, n):
        self._found = self._index.search(X, n, threads=0, **self._settings).keys

    def get_batch_results(self):
        return [keys[keys >= 0] for keys in self._found]

    def get_additional(self):
        return {"kernels": kernels.active()}

    def done(self):
        if self._index is not None:
            self._index.close()
