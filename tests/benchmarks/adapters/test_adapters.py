"""The adapters for others' benchmarks, within stand-ins of the packages they are copied into."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import benchmarks
from tests.vectors.conftest import brute_force, clustered
from tv5core import recall_at_k

ADAPTERS = Path(benchmarks.__file__).parent / "adapters"
ROWS, QUERIES = clustered(2_000, 32), clustered(40, 32, seed=1)

BASE = "class BaseANN:\n    def done(self): ...\n"
API = """
from enum import StrEnum

class MetricType(StrEnum):
    L2, COSINE, IP, DP = "L2", "COSINE", "IP", "DP"

class IndexType(StrEnum):
    AUTOINDEX = "AUTOINDEX"

class DBCaseConfig: ...
class VectorDB: ...

from pydantic import BaseModel
class DBConfig(BaseModel): ...
"""
FILTER = """
from enum import StrEnum

class FilterOp(StrEnum):
    NumGE, StrEqual, NonFilter = "NumGE", "Label", "NonFilter"
"""


def package(root: Path, *files: tuple[str, str]) -> None:
    for name, text in files:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        for folder in path.relative_to(root).parents[:-1]:
            (root / folder / "__init__.py").touch()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [n for n in sys.modules if n.split(".")[0] in ("ann_benchmarks", "vectordb_bench")]:
        del sys.modules[name]


# -- ann-benchmarks -----------------------------------------------------------------------


@pytest.fixture
def algorithm(root: Path) -> Any:
    package(root, ("ann_benchmarks/algorithms/base/module.py", BASE))
    shutil.copytree(ADAPTERS / "ann_benchmarks_tv5core", root / "ann_benchmarks/algorithms/tv5core")
    return importlib.import_module("ann_benchmarks.algorithms.tv5core.module").Tv5core


def group(name: str) -> tuple[dict[str, Any], list[Any]]:
    """Read a run group of the configuration, as ann-benchmarks does."""
    yaml = pytest.importorskip("yaml")
    said = yaml.safe_load((ADAPTERS / "ann_benchmarks_tv5core/config.yml").read_text())
    (definition,) = said["float"]["any"]
    assert definition["constructor"] == "Tv5core"
    assert definition["module"] == "ann_benchmarks.algorithms.tv5core"
    chosen = definition["run_groups"][name]
    return chosen["arg_groups"][0], [some[-1] for some in chosen["query_args"]]


@pytest.mark.parametrize("metric", ["angular", "dot"])
@pytest.mark.parametrize("name", ["small", "exact-rows"])
def test_ann_benchmarks(algorithm: Any, metric: str, name: str) -> None:
    parameters, arguments = group(name)
    rows = ROWS.copy()
    rows[17] = 0
    algo = algorithm(metric, parameters)
    algo.fit(rows if metric == "angular" else ROWS)
    algo.set_query_arguments(*arguments)
    single = np.array([algo.query(q, 10) for q in QUERIES])
    algo.batch_query(QUERIES, 10)
    np.testing.assert_array_equal(np.array(algo.get_batch_results()), single)
    true = brute_force(ROWS, QUERIES, 10, "cosine" if metric == "angular" else "ip")
    assert recall_at_k(single, true.astype(np.int64)) > 0.9
    assert all(len(set(found.tolist())) == 10 for found in single)
    assert str(arguments[0]) in algo.name
    assert algo.get_additional()["kernels"]
    algo.done()


def test_ann_benchmarks_has_no_euclidean(algorithm: Any) -> None:
    with pytest.raises(ValueError, match="expected a metric of angular, dot, got 'euclidean'"):
        algorithm("euclidean", {})


# -- VectorDBBench ------------------------------------------------------------------------


@pytest.fixture
def client(root: Path) -> Any:
    pytest.importorskip("pydantic")
    package(
        root,
        ("vectordb_bench/backend/filter.py", FILTER),
        ("vectordb_bench/backend/clients/api.py", API),
    )
    where = root / "vectordb_bench/backend/clients/tv5core"
    shutil.copytree(ADAPTERS / "vectordb_bench_tv5core", where)
    name = "vectordb_bench.backend.clients.tv5core"
    return importlib.import_module(f"{name}.tv5core_client"), importlib.import_module(
        f"{name}.config"
    )


class Ask:
    """A filter by id, or none."""

    def __init__(self, type_: str, least: int = 0) -> None:
        self.type, self.int_value = type_, least


@pytest.mark.parametrize("metric", ["COSINE", "IP"])
def test_vectordb_bench(client: Any, metric: str, tmp_path: Path) -> None:
    module, config = client
    where = config.Tv5coreConfig(path=str(tmp_path / "db")).to_dict()
    case = config.Tv5coreIndexConfig(metric_type=metric, expansion_search=300, oversampling=10)

    def made(*, drop_old: bool = False) -> Any:
        return module.Tv5core(32, where, case, drop_old=drop_old)

    loading = made(drop_old=True)
    with loading.init():
        for at in range(0, len(ROWS), 500):
            some = ROWS[at : at + 500].tolist()
            assert loading.insert_embeddings(some, list(range(at, at + 500))) == (500, None)
    with loading.init():
        loading.optimize(len(ROWS))
    searching = made()
    true = brute_force(ROWS, QUERIES, 10, "cosine" if metric == "COSINE" else "ip")
    with searching.init():
        found = np.array([searching.search_embedding(q.tolist(), 10) for q in QUERIES])
        assert recall_at_k(found, true.astype(np.int64)) > 0.9
        searching.prepare_filter(Ask("NumGE", 1_990))
        few = searching.search_embedding(QUERIES[0].tolist(), 100)
        assert sorted(few) == list(range(1_990, 2_000))
        searching.prepare_filter(Ask("NonFilter"))
        assert searching.search_embedding(QUERIES[0].tolist(), 10) == found[0].tolist()
        with pytest.raises(ValueError, match="expected no filter or one by id"):
            searching.prepare_filter(Ask("Label"))
    again = made(drop_old=True)
    with again.init():
        count, error = again.insert_embeddings([[0.0] * 32], [1])
        assert count == 0
        assert "expected a length above zero" in str(error)


def test_vectordb_bench_has_no_euclidean(client: Any) -> None:
    _, config = client
    with pytest.raises(ValueError, match="expected COSINE, IP or DP, got L2"):
        config.Tv5coreIndexConfig(metric_type="L2").index_param()
