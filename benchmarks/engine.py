"""tv5core's index against a full-precision HNSW, in one run on the same data.

::

    python -m benchmarks.engine                        # 100,000 generated rows
    python -m benchmarks.engine --size 20000 --json out.json

Both indexes search one query at a time batch on one thread, over a sweep of their knobs; the two
take turns, round after round, so that a machine whose speed drifts hurts both alike, and the best
round of each counts. Speeds are compared at the same recall, interpolated along each curve.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from itertools import product
from pathlib import Path
from typing import Any

import hnswlib
import msgspec
import numpy as np
import numpy.typing as npt

from benchmarks.datasets import Dataset, Generated, default_cache, prepare
from benchmarks.truth import hardness, neighbours
from tv5core import kernels
from tv5core.vectors import VectorIndex, recall_at_k

I64 = npt.NDArray[np.int64]
K = 10
TARGET = 0.95
PEER = "hnswlib"
POOLS = (48, 64, 80, 96, 128, 192, 256, 384)
OVERSAMPLING = (4.0, 5.0, 6.0, 8.0, 10.0)
WIDTHS = (16, 32, 48, 64, 96, 128, 192, 256, 384, 512)
ROUNDS = 3


def main() -> None:
    """Measure and print; write JSON where asked."""
    options = _options()
    data = prepare(Generated(options.size, seed=options.seed), default_cache(), _say)
    with tempfile.TemporaryDirectory() as folder:
        report = measure(data, Path(folder) / "index")
    _print(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="tv5core against hnswlib")
    parser.add_argument("--size", type=int, default=100_000, help="generated rows")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    if options.size < 2_000:
        parser.error(f"expected --size of at least 2000, got {options.size}")
    return options


def measure(data: Dataset, path: Path) -> dict[str, Any]:
    """Build both indexes and sweep them."""
    _say(f"{data.name}: exact neighbours of {len(data.queries['title'])} queries")
    truth, cosines = neighbours(data)
    truth = truth[:, :K]
    indexes, seconds = {}, {}
    for rescoring in ("int8", "float16"):
        name = f"tv5core {rescoring}"
        _say(f"building {name}")
        indexes[name], seconds[name] = _timed(
            partial(VectorIndex.build, data.vectors, path=path / rescoring, rescoring=rescoring)
        )
    _say(f"building {PEER}")
    peer, seconds[PEER] = _timed(lambda: _build_peer(data))
    _say("searching")
    curves = _sweep(data, truth, indexes, peer)
    at = {name: _speed_at(curve, TARGET) for name, curve in curves.items()}
    index = indexes["tv5core int8"]
    memory = index.memory()
    n = len(data.vectors)
    return {
        "data": data.name,
        "hardness": hardness(cosines)._asdict(),
        "versions": {name: version(name) for name in ("tv5core", "hnswlib", "usearch", "numpy")},
        "machine": {"processor": platform.machine(), "kernels": kernels.active()},
        "build_seconds": seconds,
        "bytes_a_vector": {
            "graph": memory["graph"]["total"] / n,
            "codes": memory["codes"]["total"] / n,
            "keys": memory["keys"]["total"] / n,
            "rescoring": memory["rescoring"]["total"] / n,
        },
        "curves": curves,
        "qps_at_target": at,
        "ratio_at_target": {name: _ratio(at[name], at[PEER]) for name in indexes},
        "threads": _threads(index, data),
    }


def _timed(make: Callable[[], Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    made = make()
    return made, time.perf_counter() - started


def _build_peer(data: Dataset) -> Any:
    peer = hnswlib.Index("ip", data.vectors.shape[1])
    peer.init_index(len(data.vectors), M=16, ef_construction=200)
    peer.add_items(data.vectors)
    return peer


def _sweep(
    data: Dataset, truth: I64, indexes: dict[str, VectorIndex], peer: Any
) -> dict[str, list[Any]]:
    """Return for each index its (setting, recall, QPS), the best of all rounds."""

    def ours(index: VectorIndex, pool: int, oversampling: float) -> I64:
        found = index.search(
            data.queries["title"], K, expansion_search=pool, oversampling=oversampling
        )
        return found.keys

    def theirs(width: int) -> I64:
        peer.set_ef(width)
        labels: I64 = peer.knn_query(data.queries["title"], K, num_threads=1)[0].astype(np.int64)
        return labels

    trials: list[tuple[str, str, Callable[[], I64]]] = []
    for (name, index), pool, oversampling in product(indexes.items(), POOLS, OVERSAMPLING):
        if oversampling * K <= pool:
            setting = f"expansion_search={pool} oversampling={oversampling:g}"
            trials.append((name, setting, partial(ours, index, pool, oversampling)))
    trials += [(PEER, f"ef={width}", partial(theirs, width)) for width in WIDTHS]
    best: dict[tuple[str, str], tuple[float, float]] = {}
    for _ in range(ROUNDS):
        for name, setting, search in trials:
            keys, seconds = _timed(search)
            qps = len(data.queries["title"]) / seconds
            recall, before = best.get((name, setting), (recall_at_k(keys, truth), 0.0))
            best[name, setting] = (recall, max(before, qps))
    curves: dict[str, list[Any]] = {name: [] for name in (*indexes, PEER)}
    for (name, setting), (recall, qps) in best.items():
        curves[name].append({"setting": setting, "recall": recall, "qps": qps})
    return curves


def _speed_at(curve: list[Any], recall: float) -> float | None:
    """Interpolate a curve's Pareto front at a recall; None where it does not get there."""
    front: list[tuple[float, float]] = []
    for point in sorted(curve, key=lambda p: (-p["qps"], -p["recall"])):
        if not front or point["recall"] > front[-1][0]:
            front.append((point["recall"], point["qps"]))
    if front[-1][0] < recall:
        return None
    if front[0][0] >= recall:
        return front[0][1]
    recalls, speeds = zip(*front, strict=True)
    return float(np.exp(np.interp(recall, recalls, np.log(speeds))))


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or theirs is None else ours / theirs


def _threads(index: VectorIndex, data: Dataset) -> dict[str, Any]:
    """Compare one and two Python threads on the calibrated index, in turns.

    A call with one query holds the GIL for a fifth of its time or so, one with 50 hardly at all.
    """
    settings = index.calibrate(data.queries["title"][::2], TARGET)

    def work(calls: int, batch: int) -> None:
        for i in range(calls):
            at = i * batch % (len(data.queries["title"]) - batch)
            index.search(data.queries["title"][at : at + batch], K)

    def qps(threads: int, calls: int, batch: int) -> float:
        crew = [threading.Thread(target=work, args=(calls, batch)) for _ in range(threads)]
        started = time.perf_counter()
        for thread in crew:
            thread.start()
        for thread in crew:
            thread.join()
        return threads * calls * batch / (time.perf_counter() - started)

    report: dict[str, Any] = {"settings": msgspec.to_builtins(settings)}
    for batch, calls in ((1, 3_000), (50, 100)):
        pairs = [(qps(1, calls, batch), qps(2, calls, batch)) for _ in range(7)]
        report[f"queries_a_call_{batch}"] = {
            "one_thread_qps": float(np.median([one for one, _ in pairs])),
            "two_threads_ratio": float(np.median([two / one for one, two in pairs])),
        }
    return report


def _say(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


def _print(report: dict[str, Any]) -> None:
    hard = report["hardness"]
    print(
        f"{report['data']}; cosine at 1/10/100: {hard['first']:.3f}/{hard['tenth']:.3f}/"
        f"{hard['hundredth']:.3f}, local dimension {hard['dimension']:.1f}; "
        f"kernels: {report['machine']['kernels']}"
    )
    for name, curve in report["curves"].items():
        print(f"{name}: built in {report['build_seconds'][name]:.1f} s")
        for point in sorted(curve, key=lambda p: p["recall"]):
            print(f"  {point['setting']:<42} {point['recall']:.4f} {point['qps']:>9,.0f} QPS")
    for name, speed in report["qps_at_target"].items():
        told = "not reached" if speed is None else f"{speed:,.0f} QPS"
        ratio = report["ratio_at_target"].get(name)
        print(f"{name} at recall {TARGET}: {told}{'' if ratio is None else f', {ratio:.2f}x'}")
    print("bytes a vector:", {k: round(v, 1) for k, v in report["bytes_a_vector"].items()})
    print("calibrated:", report["threads"]["settings"])
    for name, figures in report["threads"].items():
        if name != "settings":
            ratio, one = figures["two_threads_ratio"], figures["one_thread_qps"]
            print(f"{name}: one thread {one:,.0f} QPS, two threads {ratio:.2f}x")


if __name__ == "__main__":
    main()
