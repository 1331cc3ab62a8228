"""``tv5 demo``: a catalogue of the shipped titles, a few questions, and how long each took."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from tv5core import kernels
from tv5core.catalog import Catalog
from tv5core.cli.output import AsJson, print_hits, print_json, print_status, progress, title_line
from tv5core.data import demo_titles
from tv5core.types import Hit

__all__ = ["COMMANDS", "QUERIES"]

QUERIES = (
    "thief who steals secrets through dreams",
    "toys come alive when the owner leaves",
    "shark terrorises a beach town",
    "chemistry teacher turns to making drugs",
    "detective hunts artificial humans in a rainy future city",
)
_LIKE = "tmdb:movie:603"
_ROUNDS = 200


def demo(
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", "-c", help="Keep the catalogue here; else it is temporary."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a catalogue of well-known titles and run a few searches; needs no network."""
    with _folder(catalog) as path, Catalog.open(path) as opened:
        started = time.perf_counter()
        with progress(quiet=as_json) as report:
            opened.add(demo_titles(), progress=report)
            opened.seal(progress=report)
        built_s = time.perf_counter() - started
        answers = [_ask(opened, query) for query in QUERIES]
        like = opened.similar(_LIKE, 5)
        timings = _timings(opened)
        count = opened.count()
    if as_json:
        print_json(_as_json(count, built_s, answers, like, timings))
        return
    print_status(f"{count} titles, ready in {built_s:.1f} s; kernels: {kernels.active()}")
    for query, hits, took_ms in answers:
        print()
        print_hits(hits, f"{query!r} in {took_ms:.1f} ms")
    print()
    print_hits(like, f"like {_LIKE}")
    print()
    print(
        f"searches, p50 / p99 of {_ROUNDS}: by text {timings['text'][0]:.2f} / "
        f"{timings['text'][1]:.2f} ms, by vector {timings['vector'][0]:.2f} / "
        f"{timings['vector'][1]:.2f} ms"
    )
    if catalog is not None:
        print(f'next: tv5 search --catalog {catalog} "{QUERIES[0]}"')


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="tv5-demo-") as name:
        yield Path(name) / "catalog"


def _ask(opened: Catalog, query: str) -> tuple[str, list[Hit], float]:
    started = time.perf_counter()
    hits = opened.search(query, 3)
    return query, hits, (time.perf_counter() - started) * 1e3


def _timings(opened: Catalog) -> dict[str, tuple[float, float]]:
    """Time searches by text and by ready vector: p50 and p99 in milliseconds."""
    vectors = opened.embed_queries(QUERIES)
    taken: dict[str, list[float]] = {"text": [], "vector": []}
    for i in range(_ROUNDS):
        for name, query in (
            ("text", QUERIES[i % len(QUERIES)]),
            ("vector", vectors[i % len(vectors)]),
        ):
            started = time.perf_counter()
            opened.search(query, 10)
            taken[name].append((time.perf_counter() - started) * 1e3)
    return {
        name: (statistics.median(some), float(np.quantile(some, 0.99)))
        for name, some in taken.items()
    }


def _as_json(
    count: int,
    built_s: float,
    answers: list[tuple[str, list[Hit], float]],
    like: list[Hit],
    timings: dict[str, tuple[float, float]],
) -> dict[str, Any]:
    return {
        "titles": count,
        "seconds_to_build": round(built_s, 3),
        "kernels": kernels.active(),
        "answers": [
            {"query": query, "milliseconds": round(took_ms, 3), "hits": _short(hits)}
            for query, hits, took_ms in answers
        ],
        "similar": {"id": _LIKE, "hits": _short(like)},
        "milliseconds": {
            name: {"p50": round(p50, 4), "p99": round(p99, 4)}
            for name, (p50, p99) in timings.items()
        },
    }


def _short(hits: list[Hit]) -> list[dict[str, Any]]:
    return [
        {"id": hit.id, "score": round(hit.score, 4), "title": title_line(hit.title)} for hit in hits
    ]


COMMANDS = (demo,)
