"""Ask engines every query of a half, score and time their answers."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from benchmarks.machine.processor import machine
from benchmarks.relevance import generated, judgements
from benchmarks.relevance.engines.base import Corpus, Engine
from benchmarks.relevance.judgements import Query, Unresolved
from benchmarks.relevance.measures import (
    MEASURES,
    Estimate,
    K,
    Scores,
    estimate,
    mean_of_groups,
    score,
)
from benchmarks.relevance.titles import Titles
from benchmarks.results import Machine

__all__ = [
    "GROUPS",
    "EngineResult",
    "Failure",
    "GroupResult",
    "Queries",
    "Run",
    "evaluate",
    "joined",
    "load",
    "read",
]

GROUPS = (
    "exact", "ambiguous", "typo", "partial", "numeric", "other-language", "non-latin", "people",
    "character", "plot", "mood", "filters", "franchise", "nonsense",
)  # fmt: skip
"""In the order of the report."""

_WARM_UP = 30


class GroupResult(msgspec.Struct, frozen=True):
    """An engine's measures on a group of queries, or on all groups, each counting alike."""

    queries: int
    success_1: Estimate
    success_10: Estimate
    mrr: Estimate
    ndcg_10: Estimate


class EngineResult(msgspec.Struct, frozen=True):
    """What was measured of an engine; ``reason`` where it could not run."""

    name: str
    label: str
    version: str = ""
    reason: str | None = None
    build_s: float = 0.0
    overall: GroupResult | None = None
    groups: dict[str, GroupResult] = {}
    p50_s: float = 0.0
    p95_s: float = 0.0


class Failure(msgspec.Struct, frozen=True):
    """A query that an engine did not answer first, and what it answered."""

    engine: str
    group: str
    text: str
    answers: list[str]


class Run(msgspec.Struct, frozen=True):
    """A run over one half."""

    half: str
    titles: int
    titles_checksum: str
    queries_checksum: str
    as_published: bool
    """Whether the titles and generated queries are those of the published figures."""
    unresolved: list[str]
    seed: int
    machine: Machine
    created: str
    engines: list[EngineResult]


@dataclass(frozen=True)
class Queries:
    """The queries of a half, resolved against titles."""

    half: str
    all: Sequence[Query]
    unresolved: Sequence[Unresolved]
    checksum: str


def load(half: str, titles: Titles, groups: Sequence[str] = ()) -> Queries:
    """Read and make the queries of a half.

    Raises
    ------
    ValueError
        A set is malformed.
    """
    made = generated.generate(half, titles)
    written, missing = judgements.resolve(half, titles)
    chosen = [query for query in (*made, *written) if not groups or query.group in groups]
    return Queries(half, chosen, missing, generated.checksum(made, titles))


def evaluate(
    queries: Queries,
    titles: Titles,
    catalog: Path,
    engines: Sequence[type[Engine]],
    say: Callable[[str], None],
    failed: Callable[[Failure], None] = lambda _: None,
) -> Run:
    """Run every engine; one that fails to start is reported with its reason."""
    results = [_run_engine(each, queries, titles, catalog, say, failed) for each in engines]
    known = generated.CHECKSUMS
    return Run(
        half=queries.half,
        titles=len(titles),
        titles_checksum=titles.checksum,
        queries_checksum=queries.checksum,
        as_published=(titles.checksum, queries.checksum) == (known["titles"], known[queries.half]),
        unresolved=[f"{each.group}: {each.text}: {each.reason}" for each in queries.unresolved],
        seed=generated.SEED,
        machine=machine(),
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        engines=results,
    )


def read(path: Path) -> Run:
    """Read a run that was written as JSON.

    Raises
    ------
    ValueError
        It is none.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Run)
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"expected a run as JSON in {path}, got {error}") from error


def joined(run: Run, earlier: Run, order: Sequence[str]) -> Run:
    """Return a run with the engines of an earlier one that it lacks, in an order of names.

    Raises
    ------
    ValueError
        The runs asked other queries, or asked them of other titles.
    """
    same = [(each.half, each.titles_checksum, each.queries_checksum) for each in (run, earlier)]
    counts = {e.overall.queries for each in (run, earlier) for e in each.engines if e.overall}
    if same[0] != same[1] or len(counts) > 1:
        raise ValueError(f"expected an earlier run of the same queries, {same[0]}, got {same[1]}")
    mine = {engine.name for engine in run.engines}
    others = [engine for engine in earlier.engines if engine.name not in mine]
    ordered = sorted([*run.engines, *others], key=lambda engine: order.index(engine.name))
    return msgspec.structs.replace(run, engines=ordered)


def _run_engine(
    kind: type[Engine],
    queries: Queries,
    titles: Titles,
    catalog: Path,
    say: Callable[[str], None],
    failed: Callable[[Failure], None],
) -> EngineResult:
    reason = kind.missing()
    if reason is not None:
        say(f"{kind.name}: skipped, {reason}")
        return EngineResult(kind.name, kind.label, reason=reason)
    work = Path(tempfile.mkdtemp(prefix=f"relevance-{kind.name}-"))
    engine = kind()
    try:
        started = time.perf_counter()
        engine.build(Corpus(titles.all, catalog, work, say))
        built = time.perf_counter() - started
        say(f"{kind.name}: ready after {built:.1f} s, {len(queries.all):,} queries")
        return _ask(engine, queries, titles, built, failed)
    finally:
        engine.close()
        shutil.rmtree(work, ignore_errors=True)


def _ask(
    engine: Engine,
    queries: Queries,
    titles: Titles,
    build_s: float,
    failed: Callable[[Failure], None],
) -> EngineResult:
    for query in queries.all[:: max(1, len(queries.all) // _WARM_UP)]:
        engine.search(query.text, K)
    groups: defaultdict[str, list[Scores]] = defaultdict(list)
    seconds = []
    for query in queries.all:
        started = time.perf_counter()
        answers = engine.search(query.text, K)
        seconds.append(time.perf_counter() - started)
        found = score(query.want, answers)
        groups[query.group].append(found)
        if not found.success_1 or not found.success_10:
            failed(Failure(engine.name, query.group, query.text, _named(answers, titles)))
    listed = [groups[name] for name in GROUPS if name in groups]
    p50, p95 = np.quantile(seconds, (0.5, 0.95))
    return EngineResult(
        name=engine.name,
        label=engine.label,
        version=engine.version(),
        build_s=round(build_s, 3),
        overall=_measured(listed, lambda m: mean_of_groups(listed, m)),
        groups={name: _group(groups[name]) for name in GROUPS if name in groups},
        p50_s=float(p50),
        p95_s=float(p95),
    )


def _group(scores: list[Scores]) -> GroupResult:
    return _measured([scores], lambda measure: estimate(scores, measure))


def _measured(groups: list[list[Scores]], of: Callable[[str], Estimate]) -> GroupResult:
    return GroupResult(sum(map(len, groups)), *(of(measure) for measure in MEASURES))


def _named(answers: Sequence[str], titles: Titles) -> list[str]:
    found = [titles.by_id[answer] for answer in answers]
    return [f"{title.title} ({title.year})" for title in found]
