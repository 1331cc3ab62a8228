"""pytest-benchmark suites: ``pytest benchmarks/``, small unless ``--full`` is given.

Each checks its result, so a kernel that got fast by being wrong fails. To compare two states::

    pytest benchmarks/ --benchmark-json before.json
    pytest benchmarks/ --benchmark-json after.json
    python -m benchmarks compare before.json after.json
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

# Last, so that an installed tv5core goes before the checkout's: it is `benchmarks` that is wanted.
sys.path.append(str(Path(__file__).resolve().parents[1]))

from benchmarks.data.generator import TitleLike
from tv5core import kernels
from tv5core.vectors import VectorIndex
from tv5core.vectors.graph import SealedGraph

F32 = npt.NDArray[np.float32]

_SMALL_S, _FULL_S = 0.05, 1.0  # spent on rounds of one benchmark, at least five of them


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--full`` and ``--turns``."""
    parser.addoption("--full", action="store_true", help="larger data and more rounds")
    parser.addoption("--turns", type=int, default=2, help="times to go through all benchmarks")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Have every benchmark run once a turn.

    Turns are far apart in time, so the difference between them shows what a machine shared with
    others does to a benchmark, which rounds in a row do not.
    """
    metafunc.fixturenames.append("turn")
    metafunc.parametrize("turn", range(metafunc.config.getoption("--turns")), ids="turn{}".format)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Limit the time a benchmark takes, and put one turn after the other."""
    seconds = _FULL_S if config.getoption("--full") else _SMALL_S
    for item in items:
        item.add_marker(pytest.mark.benchmark(max_time=seconds, min_rounds=5, warmup=False))
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    turn = item.callspec.params["turn"] if isinstance(item, pytest.Function) else 0
    return turn if isinstance(turn, int) else 0


@pytest.fixture(scope="session")
def full(request: pytest.FixtureRequest) -> bool:
    """Return whether larger data was asked for."""
    return bool(request.config.getoption("--full"))


@pytest.fixture(scope="session", params=kernels.available()[:-1] or ["numpy"])
def path(request: pytest.FixtureRequest) -> Any:
    """Return the kernels of every instruction set of this processor."""
    return kernels.backend(request.param)


@pytest.fixture(scope="session")
def twin() -> Any:
    """Return the kernels in NumPy that all others must equal to the bit."""
    return kernels.backend("numpy")


@pytest.fixture(scope="session")
def drawn(full: bool) -> TitleLike:
    """Describe the vectors to index."""
    return TitleLike(100_000 if full else 5_000, dim=768, queries=200)


@pytest.fixture(scope="session")
def vectors(drawn: TitleLike) -> F32:
    """Return vectors to index."""
    return np.concatenate([*drawn.blocks()])


@pytest.fixture(scope="session")
def queries(drawn: TitleLike) -> F32:
    """Return held-out queries."""
    return drawn.title_queries()


@pytest.fixture(scope="session")
def index_folder(vectors: F32, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build an index over the vectors, the same at each run unless it is a large one."""
    folder = tmp_path_factory.mktemp("index") / "index"
    threads = 1 if len(vectors) < 50_000 else 0
    VectorIndex.build(vectors, path=folder, threads=threads).close()
    return folder


@pytest.fixture(scope="session")
def index(index_folder: Path) -> Iterator[VectorIndex]:
    """Open the index."""
    with VectorIndex.open(index_folder) as opened:
        yield opened


@pytest.fixture(scope="session")
def sealed(index_folder: Path) -> SealedGraph:
    """Map the index's files."""
    files = (next(index_folder.glob(f"{part}.*.tv5")) for part in ("graph", "rows"))
    return SealedGraph.open(*files)
