"""tv5core for VectorDBBench; see ``README.md`` of the folder above."""

import shutil
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from vectordb_bench.backend.filter import FilterOp

from tv5core import Filter, VectorIndex
from tv5core.errors import NotACatalogError, Tv5Error

from ..api import VectorDB


class Tv5core(VectorDB):
    """An index in a folder: one process fills it, any number search it."""

    supported_filter_types = [FilterOp.NonFilter, FilterOp.NumGE]
    name = "tv5core"
    thread_safe = True

    def __init__(
        self, dim, db_config, db_case_config, collection_name="index", drop_old=False, **kwargs
    ):
        self.dim, self.case_config = dim, db_case_config
        self._folder = Path(db_config["path"]) / collection_name
        self._build, self._settings = db_case_config.index_param(), db_case_config.search_param()
        self._writer = self._reader = self._least = self._filter = None
        if drop_old:
            shutil.rmtree(self._folder, ignore_errors=True)

    @contextmanager
    def init(self):
        try:
            yield
        finally:
            self._leave()

    def _leave(self):
        """Seal what was inserted, so that other processes see it."""
        for index in (self._writer, self._reader):
            if index is not None:
                if index is self._writer and index.live_count:
                    index.seal()
                index.close()
        self._writer = self._reader = self._filter = None

    def insert_embeddings(
        self, embeddings, metadata, labels_data=None, tenant_labels_data=None, **kwargs
    ):
        try:
            self._writing().add(np.asarray(embeddings, np.float32), np.asarray(metadata, np.int64))
        except Tv5Error as error:
            return 0, error
        return len(metadata), None

    def optimize(self, data_size=None):
        writer = self._writing()
        if writer.live_count:
            writer.seal()

    def prepare_filter(self, filters):
        if filters.type not in self.supported_filter_types:
            raise ValueError(f"expected no filter or one by id, got {filters}")
        self._least = filters.int_value if filters.type == FilterOp.NumGE else None
        self._filter = None

    def search_embedding(self, query, k=100, payload_profile=None, tenant=None, **kwargs):
        if self._reader is None:
            self._reader = VectorIndex.open(self._folder)
        if self._least is not None and self._filter is None:
            keys = self._reader.keys()
            self._filter = Filter.of(keys[keys >= self._least])
        vector = np.asarray(query, np.float32)
        keys = self._reader.search(vector, k, allow=self._filter, **self._settings).keys
        return keys[keys >= 0].tolist()

    def _writing(self):
        if self._writer is None:
            try:
                self._writer = VectorIndex.open(self._folder, read_only=False)
            except NotACatalogError:
                nothing = np.empty((0, self.dim), np.float32)
                self._writer = VectorIndex.build(nothing, path=self._folder, **self._build)
        return self._writer
