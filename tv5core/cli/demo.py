"""``tv5 demo``: a catalogue of the shipped titles, a few questions, and how long each took."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NamedTuple

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


class _Figures(NamedTuple):
    titles: int
    built_s: float
    answers: list[tuple[str, Sequence[Hit], float]]
    like: Sequence[Hit]
    timings: dict[str, tuple[float, float]]


def demo(
    catalog: Annotated[
        Path | None,
        typer.Option("--catalog", "-c", help="Keep the catalogue here; else it is temporary."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Build a catalogue of well-known titles and run a few searches; needs no network."""
    with _folder(catalog) as path, Catalog.open(path) as opened:
        figures = _measure(opened, quiet=as_json)
    if as_json:
        print_json(_as_json(figures))
        return
    _print(figures)
    if catalog is not None:
        print(f'next: tv5 search --catalog {catalog} "{QUERIES[0]}"')


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="tv5-demo-") as name:
        yield Path(name) / "catalog"


def _measure(opened: Catalog, *, quiet: bool) -> _Figures:
    started = time.perf_counter()
    with progress(quiet=quiet) as report:
        opened.add(demo_titles(), progress=report)
        opened.seal(progress=report)
    built_s = time.perf_counter() - started
    return _Figures(
        opened.count(),
        built_s,
        [_ask(opened, query) for query in QUERIES],
        opened.similar(_LIKE, 5).hits,
        _timings(opened),
    )


def _ask(opened: Catalog, query: str) -> tuple[str, Sequence[Hit], float]:
    started = time.perf_counter()
    hits = opened.search(query, 3).hits
    return query, hits, (time.perf_counter() - started) * 1e3


def _timings(opened: Catalog) -> dict[str, tuple[float, float]]:
    """Time searches by text and by ready vector: p50 and p99 in milliseconds."""
    vectors = opened.embed_queries(QUERIES)
    times_ms: dict[str, list[float]] = {"text": [], "vector": []}
    for i in range(_ROUNDS):
        for name, query in (
            ("text", QUERIES[i % len(QUERIES)]),
            ("vector", vectors[i % len(vectors)]),
        ):
            started = time.perf_counter()
            opened.search(query, 10)
            times_ms[name].append((time.perf_counter() - started) * 1e3)
    return {
        name: (statistics.median(some), float(np.quantile(some, 0.99)))
        for name, some in times_ms.items()
    }


def _print(figures: _Figures) -> None:
    print_status(
        f"{figures.titles} titles, ready in {figures.built_s:.1f} s; kernels: {kernels.active()}"
    )
    for query, hits, took_ms in figures.answers:
        print()
        print_hits(hits, f"{query!r} in {took_ms:.1f} ms")
    print()
    print_hits(figures.like, f"like {_LIKE}")
    print()
    text, vector = figures.timings["text"], figures.timings["vector"]
    print(
        f"searches, p50 / p99 of {_ROUNDS}: by text {text[0]:.2f} / {text[1]:.2f} ms, "
        f"by vector {vector[0]:.2f} / {vector[1]:.2f} ms"
    )


def _as_json(figures: _Figures) -> dict[str, Any]:
    return {
        "titles": figures.titles,
        "seconds_to_build": round(figures.built_s, 3),
        "kernels": kernels.active(),
        "answers": [
            {"query": query, "milliseconds": round(took_ms, 3), "hits": _short(hits)}
            for query, hits, took_ms in figures.answers
        ],
        "similar": {"id": _LIKE, "hits": _short(figures.like)},
        "milliseconds": {
            name: {"p50": round(p50, 4), "p99": round(p99, 4)}
            for name, (p50, p99) in figures.timings.items()
        },
    }


def _short(hits: Sequence[Hit]) -> list[dict[str, Any]]:
    return [
        {"id": hit.id, "score": round(hit.score, 4), "title": title_line(hit.title)} for hit in hits
    ]


COMMANDS = (demo,)
