"""What VectorDBBench asks of a user who measures tv5core."""

from pydantic import BaseModel

from ..api import DBCaseConfig, DBConfig, IndexType, MetricType

_METRICS = {MetricType.COSINE: "cosine", MetricType.IP: "ip", MetricType.DP: "ip"}


class Tv5coreConfig(DBConfig):
    """Where the index is kept."""

    path: str = "/tmp/tv5core-vectordb-bench"

    def to_dict(self) -> dict:
        return {"path": self.path}


class Tv5coreIndexConfig(BaseModel, DBCaseConfig):
    """How the index is built and searched; without settings those of an index by default."""

    index: IndexType = IndexType.AUTOINDEX
    metric_type: MetricType = MetricType.COSINE
    connectivity: int = 16
    expansion_add: int = 64
    rescoring: str = "auto"
    expansion_search: int | None = None
    oversampling: float | None = None
    error_margin: float | None = None

    def index_param(self) -> dict:
        if self.metric_type not in _METRICS:
            raise ValueError(f"expected COSINE, IP or DP, got {self.metric_type}")
        return {
            "metric": _METRICS[self.metric_type],
            "connectivity": self.connectivity,
            "expansion_add": self.expansion_add,
            "rescoring": self.rescoring,
        }

    def search_param(self) -> dict:
        names = ("expansion_search", "oversampling", "error_margin")
        given = {name: getattr(self, name) for name in names}
        return {name: value for name, value in given.items() if value is not None}
