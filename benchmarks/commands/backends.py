"""The same vectors behind each backend of a catalogue: recall, latency, memory.

::

    python -m benchmarks backends --size 100k
    python -m benchmarks backends --size 20k --backends own,qdrant --asked 50

Each backend has a process of its own. A catalogue takes the vectors (titles have a name and a
year), waits until they are where they belong, and is sealed; then vectors are searched for one by
one, all titles and those of one year in ten. ``own`` is tv5core's index; ``milvus`` is Milvus's
client over gRPC to ``milvus-lite server``, ``qdrant`` is Qdrant's client in its local mode:
stand-ins, both of them pure Python, exact, and no measure of the servers. ``--urls`` names
collections of servers to measure as well. What is resident here includes pages of mapped files:
``data.mdb``, the own index, and the vectors that are read.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.data.datasets import Dataset, load
from benchmarks.data.options import add_source_arguments, prepare_from
from benchmarks.data.truth import neighbours
from benchmarks.process.milvus_lite import MilvusLite
from benchmarks.progress import say
from tv5core import Catalog, Title

__all__ = ["add_arguments", "main"]

_K, _BLOCK, _YEARS = 10, 10_000, 10
_NAMES = ("own", "qdrant", "milvus")
_PATIENCE = "timeout_s=600"
_COLUMNS = "backend|vectors|filled s|recall@10|p50 ms|p95 ms|filtered recall@10|p50 ms"
_COLUMNS += "|resident here MB|server MB|data.mdb MB"
_HEAD = (f"| {_COLUMNS.replace('|', ' | ')} |", "|---" + "|--:" * _COLUMNS.count("|") + "|")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    add_source_arguments(parser)
    parser.add_argument("--backends", default=",".join(_NAMES), help="own, qdrant, milvus")
    parser.add_argument("--urls", default="", help="collections of real servers, comma-separated")
    parser.add_argument("--asked", type=int, default=100, help="queries (100)")
    parser.add_argument("--kind", choices=("title", "text"), default="title", help="of queries")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print a table; exit status 2 for bad input."""
    try:
        dataset = prepare_from(options)
        names = _chosen(options.backends)
        neighbours(dataset, options.kind, progress=say)  # kept beside the data
    except ValueError as error:
        say(f"error: {error}")
        return 2
    rows = []
    for name in [*names, *filter(None, options.urls.split(","))]:
        say(f"{name}: filling and searching")
        rows.append(_in_a_process(name, dataset.folder, options.kind, options.asked))
    print(json.dumps(rows, indent=1) if options.json else _table(rows))
    return 0


def _chosen(text: str) -> list[str]:
    names = [name for name in text.split(",") if name]
    if unknown := set(names) - set(_NAMES):
        raise ValueError(f"expected --backends among {', '.join(_NAMES)}, got {unknown.pop()}")
    return names


def _in_a_process(name: str, data: Path, kind: str, asked: int) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_measured, args=(theirs, name, data, kind, asked))
    process.start()
    theirs.close()
    try:
        row: dict[str, Any] = ours.recv()
    finally:
        process.join()
    return row


def _measured(to: Any, name: str, data: Path, kind: str, asked: int) -> None:
    dataset = load(data)
    with tempfile.TemporaryDirectory() as folder:
        server = MilvusLite(Path(folder) / "milvus") if name == "milvus" else None
        if server is not None:
            server.start()
        try:
            url = _url(name, Path(folder), server)
            to.send(_row(name, dataset, url, server, Path(folder), kind, asked))
        finally:
            if server is not None:
                server.stop()


def _url(name: str, folder: Path, server: MilvusLite | None) -> str | None:
    if server is not None:
        return f"{server.url}/films?{_PATIENCE}"
    if name == "qdrant":
        return f"qdrant+memory://{folder.name}/films"
    return None if name == "own" else name


def _row(
    name: str,
    dataset: Dataset,
    url: str | None,
    server: MilvusLite | None,
    folder: Path,
    kind: str,
    asked: int,
) -> dict[str, Any]:
    vectors, queries = dataset.vectors, dataset.queries[kind][:asked]
    before = _resident_mb("self")
    with Catalog.open(folder / "c", embedder=None, auto_seal=False, vectors=url) as catalog:
        began = time.perf_counter()
        for start in range(0, len(vectors), _BLOCK):
            stop = min(start + _BLOCK, len(vectors))
            catalog.add(_titles(start, stop), np.asarray(vectors[start:stop]))
        catalog.wait()
        catalog.seal()
        catalog.wait()
        filled_s = time.perf_counter() - began
        waiting = catalog.info()["elsewhere"].get("waiting", 0)
        if waiting:
            raise RuntimeError(f"{name}: {waiting} vectors were not taken: {catalog.info()}")
        plain = _searched(catalog, dataset, queries, kind, None)
        filtered = _searched(catalog, dataset, queries, kind, 3)
        return {
            "backend": name,
            "vectors": len(vectors),
            "filled_s": filled_s,
            **plain,
            **{f"filtered_{key}": value for key, value in filtered.items()},
            "process_mb": _resident_mb("self") - before,
            "server_mb": 0.0 if server is None else _resident_mb(str(server.pid)),
            "data_mb": (folder / "c" / "data.mdb").stat().st_size / 1e6,
        }


def _titles(start: int, stop: int) -> list[Title]:
    return [
        Title(f"t:{i}", "movie", f"Film {i}", year=2000 + i % _YEARS) for i in range(start, stop)
    ]


def _searched(
    catalog: Catalog, dataset: Dataset, queries: Any, kind: str, year: int | None
) -> dict[str, float]:
    """Search, all titles or those of a year; the first queries warm up."""
    where = None if year is None else f"year:{2000 + year}"
    mask = None if year is None else np.arange(len(dataset.vectors)) % _YEARS == year
    true, _ = neighbours(dataset, kind, _K, allowed=mask)
    for query in queries[:3]:
        catalog.search(query, _K, where=where)
    times, shares = [], []
    for place, query in enumerate(queries):
        began = time.perf_counter()
        found = catalog.search(query, _K, where=where)
        times.append(1e3 * (time.perf_counter() - began))
        rows = [int(hit.id[2:]) for hit in found]
        shares.append(np.isin(rows, true[place, :_K]).sum() / _K)
    p50, p95 = np.percentile(times, (50, 95))
    return {"recall": float(np.mean(shares)), "p50_ms": float(p50), "p95_ms": float(p95)}


def _resident_mb(process: str) -> float:
    for line in Path(f"/proc/{process}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1e3
    return 0.0


def _table(rows: list[dict[str, Any]]) -> str:
    lines = [
        f"| {r['backend']} | {r['vectors']:,} | {r['filled_s']:.0f} | {r['recall']:.3f} "
        f"| {r['p50_ms']:.2f} | {r['p95_ms']:.2f} | {r['filtered_recall']:.3f} "
        f"| {r['filtered_p50_ms']:.2f} | {r['process_mb']:.0f} | {r['server_mb']:.0f} "
        f"| {r['data_mb']:.0f} |"
        for r in rows
    ]
    packages = ("tv5core", "qdrant-client", "pymilvus", "milvus-lite")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    stand_ins = "qdrant: its client's local mode; milvus: milvus-lite behind gRPC; stand-ins both"
    return "\n".join([*_HEAD, *lines, "", stand_ins, versions])
