"""The full check after each reopening."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.catalog.documents import problems
from tests.crash import model
from tests.crash.model import Kind, State
from tests.crash.worker import open_catalog
from tv5core.catalog import Catalog
from tv5core.embedding.documents import essentials
from tv5core.embedding.embedder import unit_rows
from tv5core.store import Store, embeddings, generations, titles
from tv5core.store.aliases import aliases
from tv5core.store.meta import checkpoints
from tv5core.types import Title
from tv5core.vectors import planner as searching

F32 = npt.NDArray[np.float32]
_OF_SECOND = " of the second space"


class Findings:
    """What a check found, as JSON can hold it."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.matched = -1
        self.facts: dict[str, Any] = {}

    def say(self, violation: str) -> None:
        """Record a violation, a long one shortened."""
        self.violations.append(violation[:1000])

    def expect(self, truth: object, violation: str) -> None:
        """Record a violation unless a condition holds."""
        if not truth:
            self.say(violation)

    def as_dict(self) -> dict[str, Any]:
        """Return everything."""
        return {"violations": self.violations, "matched": self.matched, **self.facts}


# -- damage -------------------------------------------------------------------------------


def _truncate(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data))]


def _flip(data: bytearray, chance: random.Random) -> bytearray:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _zero(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data))
    length = min(len(data) - start, chance.choice([1, 64, 4096]))
    data[start : start + length] = bytes(length)
    return data


def _noise(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data))
    piece = chance.randbytes(min(64, len(data) - start))
    data[start : start + len(piece)] = piece
    return data


def _longer(data: bytearray, chance: random.Random) -> bytearray:
    return data + bytes(chance.randrange(1, 100))


_DAMAGE: tuple[Callable[[bytearray, random.Random], bytearray], ...] = (
    _truncate,
    _flip,
    _flip,
    _zero,
    _noise,
    _longer,
)


def damage(folder: Path, chance: random.Random) -> list[str]:
    """Damage one or two of the index files the catalogue needs; return their names."""
    needed = _needed(folder)
    done = []
    for name in chance.sample(needed, min(len(needed), chance.choice([1, 1, 2]))):
        path = folder / name
        before = path.read_bytes()
        if chance.random() < 0.2:
            path.unlink()
        else:
            after = before
            while after == before:
                after = bytes(chance.choice(_DAMAGE)(bytearray(before), chance))
            path.write_bytes(after)
        done.append(name)
    return done


def _needed(folder: Path) -> list[str]:
    store = Store.open(folder, create=False, read_only=True, metric="cosine", rescoring="int8")
    try:
        return sorted(n for n in generations.file_names(store.meta) if (folder / n).exists())
    finally:
        store.close()


# -- the store ----------------------------------------------------------------------------


class Contents:
    """Everything in a catalogue, read from LMDB directly in one transaction."""

    def __init__(self, catalog: Catalog) -> None:
        store = catalog._store
        with store.read() as txn:
            self.meta = store.refresh(txn)
            raw, dbs = txn.raw, txn.dbs
            self.by_row = {
                int.from_bytes(key): titles.decode(bytes(value))
                for key, value in raw.cursor(dbs.titles)
            }
            self.ids = {
                str(key, "utf-8"): int.from_bytes(v) for key, v in raw.cursor(dbs.derived["ids"])
            }
            self.aliases = {
                (str(key, "utf-8"), int.from_bytes(v))
                for key, v in raw.cursor(dbs.derived["aliases"])
            }
            self.pending = {int.from_bytes(key) for key, _ in raw.cursor(dbs.pending)}
            rows = embeddings.rows(txn, self.meta.space)
            found = embeddings.gather(txn, self.meta.space, rows, self.meta.dim)
            self.rows, self.vectors = found.rows, found.vectors
            self.marks = dict(checkpoints(txn))

    def vector_of(self) -> dict[str, F32]:
        """Return vectors by id; rows without a title by a name of their own."""
        names = (self.by_row[r].id if r in self.by_row else f"?{r}" for r in self.rows.tolist())
        return dict(zip(names, self.vectors, strict=True))


def difference(contents: Contents, state: State, kind: Kind) -> str:
    """Say how contents differ from a state; empty where they agree."""
    got = {title.id: title for title in contents.by_row.values()}
    if got.keys() != state.titles.keys():
        lost, more = state.titles.keys() - got.keys(), got.keys() - state.titles.keys()
        return f"lost {sorted(lost)[:6]}, more than expected {sorted(more)[:6]}"
    for name, version in state.titles.items():
        if got[name] != model.title(name, version):
            return f"{name}: expected version {version}, got {got[name].popularity}"
    if contents.marks != state.marks:
        return f"expected checkpoints {state.marks}, got {contents.marks}"
    pending = {contents.by_row[row].id for row in contents.pending if row in contents.by_row}
    if kind.embeds:
        late = pending - state.pending
        return f"acknowledged as embedded, but wait: {sorted(late)[:6]}" if late else ""
    if pending != state.pending:
        return f"expected pending {sorted(state.pending)[:6]}, got {sorted(pending)[:6]}"
    return _vector_difference(contents.vector_of(), state)


def _vector_difference(got: dict[str, F32], state: State) -> str:
    if got.keys() != state.vectors.keys():
        return f"expected vectors of {len(state.vectors)} titles, got {len(got)}"
    for name, version in state.vectors.items():
        if got[name].tobytes() != model.vector(name, version).tobytes():
            return f"{name}: expected the vector of version {version}, got another"
    return ""


def check_derived(contents: Contents, found: Findings) -> None:
    """Compare ids, aliases and pending marks with the titles."""
    rows = contents.by_row.items()
    found.expect(contents.ids == {t.id: row for row, t in rows}, "ids do not lead to their titles")
    want = {(alias, row) for row, title in rows for alias in aliases(title)}
    found.expect(contents.aliases == want, f"aliases differ: {list(contents.aliases ^ want)[:4]}")
    found.expect(contents.pending <= contents.by_row.keys(), "rows wait that have no title")
    orphans = set(contents.rows.tolist()) - contents.by_row.keys()
    found.expect(not orphans, f"vectors without titles: {sorted(orphans)[:6]}")


def check_embedded(catalog: Catalog, contents: Contents, found: Findings) -> None:
    """Compare the vectors a catalogue made with those its embedder makes now."""
    done = [(r, t) for r, t in contents.by_row.items() if r not in contents.pending]
    embedder = catalog._text.embedder(catalog._manager.current())
    if embedder is None:
        found.expect(not done, f"{len(done)} titles count as embedded before there is an embedder")
        return
    made = embedder.embed_titles([title for _, title in done])
    want = {row: v for (row, _), v in zip(done, made, strict=True) if v.any()}
    have = dict(zip(contents.rows.tolist(), contents.vectors, strict=True))
    for row, vector in want.items():
        # Sums run in another order where other titles are embedded in the same call.
        if row not in have or not np.allclose(have[row], vector, atol=1e-4):
            found.say(f"row {row}: the vector stored is not its title's")
            return
    extra = have.keys() - want.keys() - contents.pending
    found.expect(not extra, f"rows with a vector their text does not give: {sorted(extra)[:6]}")


def check_second(catalog: Catalog, contents: Contents, found: Findings) -> None:
    """Compare the second space, brought up to date, with what its embedder makes of the titles."""
    catalog.wait()
    with catalog._store.read() as txn:
        meta = catalog._store.refresh(txn)
        record = meta.second
        if record is None or not record.complete or record.seq != meta.last_seq:
            found.say(f"the second space stays behind: {record}, journal {meta.last_seq}")
            return
        have = embeddings.gather(txn, record.space, embeddings.rows(txn, record.space), record.dim)
    texts = [essentials(title) for title in contents.by_row.values()]
    want = dict(zip(contents.by_row, unit_rows(model.embedded(texts)), strict=True))
    got = dict(zip(have.rows.tolist(), have.vectors, strict=True))
    differ = [row for row in want.keys() | got.keys() if not _alike(want.get(row), got.get(row))]
    found.expect(not differ, f"second space: rows {sorted(differ)[:6]} of other vectors")
    index = catalog._second.index.current()
    seen = set() if index is None else set(np.asarray(index.keys()).tolist())
    found.expect(seen == want.keys(), f"second index: {sorted(seen ^ want.keys())[:6]}")
    for row in list(want)[:: max(1, len(want) // 8)]:
        nearest = [] if index is None else index.search(want[row], 1, exact=True).keys.tolist()
        found.expect(nearest == [row], f"second index: {nearest} is nearest to row {row}")


def _alike(one: F32 | None, other: F32 | None) -> bool:
    return one is not None and other is not None and bool(np.allclose(one, other, atol=1e-6))


# -- searching ----------------------------------------------------------------------------


@contextmanager
def walking() -> Iterator[None]:
    """Walk graphs of any size instead of scanning small ones."""
    before = searching._EXACT_ROWS, searching._SCAN_COST
    searching._EXACT_ROWS, searching._SCAN_COST = -1, 1e9
    try:
        yield
    finally:
        searching._EXACT_ROWS, searching._SCAN_COST = before


def true_scores(vectors: F32, queries: F32, metric: str) -> npt.NDArray[np.float64]:
    """Return every row's score for every query: float64[queries, rows]."""
    rows = vectors.astype(np.float64)
    if metric == "cosine":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    scores: npt.NDArray[np.float64] = queries.astype(np.float64) @ rows.T
    return scores


def recall(catalog: Catalog, contents: Contents, chance: random.Random, k: int = 10) -> float:
    """Measure recall@k of a walk, seen from outside: what is found against brute force.

    An answer counts where its true score is no lower than that of the k-th best: titles of one
    text have equal vectors, and which of those is found says nothing.
    """
    rows = contents.rows.tolist()
    picked = chance.sample(range(len(rows)), min(12, len(rows)))
    noise = np.random.default_rng(len(rows)).standard_normal((len(picked), contents.meta.dim))
    scale = np.abs(contents.vectors).mean()
    queries = (contents.vectors[picked] + 0.3 * scale * noise).astype(np.float32)
    scores = true_scores(contents.vectors, queries, contents.meta.metric)
    place = {contents.by_row[row].id: at for at, row in enumerate(rows)}
    wanted = min(k, len(rows))
    with walking():
        got = catalog.search_many(queries, k)
    hits = 0
    for some, line in zip(got, scores, strict=True):
        least = np.sort(line)[-wanted] - 1e-6 * abs(line).max()
        names = {hit.id for hit in some} & place.keys()
        hits += sum(line[place[name]] >= least for name in names)
    return float(hits / (wanted * len(picked)))


def check_searches(
    catalog: Catalog, contents: Contents, kind: Kind, chance: random.Random, found: Findings
) -> None:
    """Search for everything, for the nearest, by text and by id."""
    if not len(contents.rows) or not set(contents.rows.tolist()) <= contents.by_row.keys():
        return  # a vector without a title was reported already
    have = {contents.by_row[row].id for row in contents.rows.tolist() if row in contents.by_row}
    query = contents.vectors[chance.randrange(len(contents.rows))]
    everything = {hit.id for hit in catalog.search(query, len(contents.rows) + 5)}
    found.expect(everything == have, f"a search for all misses {sorted(have - everything)[:6]}")
    measured = recall(catalog, contents, chance)
    found.facts["recall"] = measured
    found.expect(measured >= 0.9, f"recall of the recovered graph is {measured:.3f}")
    some = chance.choice(sorted(have))
    found.expect(catalog.get(some).id == some, f"{some} is not found by id")
    if kind.embeds:
        found.expect(catalog.search(catalog.get(some).overview), "a search by text finds nothing")


# -- all of it ----------------------------------------------------------------------------


def check(
    folder: Path,
    kind: Kind,
    candidates: Sequence[State],
    *,
    seed: int,
    damaged: bool,
    lingering: Sequence[str] = (),
) -> dict[str, Any]:
    """Reopen a catalogue after a crash and check everything.

    Parameters
    ----------
    candidates : sequence of State
        What it may hold: what was acknowledged, or some of what was not besides.
    damaged : bool
        Whether to damage index files first.
    lingering : sequence of str
        Files damaged before that nothing has replaced yet.

    Returns
    -------
    dict
        ``violations``, ``matched`` (the candidate found) and figures.
    """
    chance, found = random.Random(seed), Findings()
    hurt = damage(folder, chance) if damaged and (folder / "data.mdb").exists() else []
    bad = set(hurt) | set(lingering)
    if chance.random() < 0.3 and (folder / "data.mdb").exists():
        _check_reader(folder, kind, candidates, found)
    start = time.perf_counter()
    with open_catalog(folder, kind) as catalog:
        found.facts["open_s"] = time.perf_counter() - start
        contents = _check_contents(catalog, kind, candidates, found)
        reported = list(catalog._manager.recovered)
        needed = generations.file_names(contents.meta)
        verified = _check_verified(catalog, bad, found)
        # Where an older file was damaged and what replaced it came at once, nobody needs to know.
        # (Sealing in the background may have replaced it meanwhile.)
        needed &= generations.file_names(catalog._store.meta)
        _check_reported([n for n in hurt if n in needed], reported, verified, found)
        found.expect(bad or not reported, f"recovered what nobody damaged: {reported}")
        if kind.embeds:
            catalog.wait()  # a due fit that opening began: it makes every vector anew
            contents = Contents(catalog)
            check_embedded(catalog, contents, found)
        _check_documents(catalog, found)
        if kind.second:
            check_second(catalog, contents, found)
        check_searches(catalog, contents, kind, chance, found)
        _check_readers_gone(catalog, found)
        if chance.random() < 0.15:
            _seal_and_check(catalog, kind, bad, chance, found)
            needed = generations.file_names(catalog._store.meta)
    found.facts |= {"damaged": hurt, "lingering": sorted(bad & needed), "recovered": reported}
    return found.as_dict()


def _check_contents(
    catalog: Catalog, kind: Kind, candidates: Sequence[State], found: Findings
) -> Contents:
    contents = Contents(catalog)
    differences = [difference(contents, state, kind) for state in candidates]
    if "" in differences:
        # The last that fits: of two that differ in what may wait only, the stricter one.
        found.matched = len(differences) - 1 - differences[::-1].index("")
    else:
        found.say(f"neither what was acknowledged nor what was not: {differences}")
    check_derived(contents, found)
    return contents


def _check_reader(folder: Path, kind: Kind, candidates: Sequence[State], found: Findings) -> None:
    try:
        catalog = open_catalog(folder, kind, read_only=True)
    except Exception as error:
        found.expect(not candidates[0].titles, f"a reader cannot open it: {error!r}")
        return
    with catalog:
        contents = Contents(catalog)
        fits = any(not difference(contents, state, kind) for state in candidates)
        found.expect(fits, "a reader sees neither what was acknowledged nor what was not")
        _check_documents(catalog, found)
        if len(contents.rows):
            hits = catalog.search(contents.vectors[0], 3)
            found.expect(hits, "a reader's search finds nothing")


def _check_documents(catalog: Catalog, found: Findings) -> None:
    """Compare the documents that a search sees with the titles."""
    wrong = problems(catalog)
    found.expect(not wrong, f"documents: {wrong[:4]}")


def _check_verified(catalog: Catalog, bad: set[str], found: Findings) -> list[str]:
    report = catalog.verify()
    unexpected = [p for p in report.problems if not any(name in p for name in bad)]
    found.expect(not unexpected, f"verify: {unexpected[:4]}")
    return list(report.problems)


def _check_reported(
    hurt: Sequence[str], reported: list[str], problems: list[str], found: Findings
) -> None:
    said = "\n".join(reported + problems)
    silent = [name for name in hurt if name not in said and not _named_by_number(name, said)]
    found.facts["undetected"] = len(silent)
    found.expect(not silent, f"damage was not reported: {silent}; output: {said[:300]}")


def _named_by_number(name: str, said: str) -> bool:
    part, number, _ = name.split(".")
    sentences = (f"generation {int(number)}{of} cannot be used" for of in ("", _OF_SECOND))
    return part != "lsa" and any(sentence in said for sentence in sentences)


def _check_readers_gone(catalog: Catalog, found: Findings) -> None:
    raw, _ = catalog._store.environment._ready()
    holders = {int(line.split()[0]) for line in raw.readers().splitlines()[1:]}
    found.expect(holders <= {os.getpid()}, f"killed readers left places: {holders}")


def _seal_and_check(
    catalog: Catalog, kind: Kind, bad: set[str], chance: random.Random, found: Findings
) -> None:
    before = {t.id: t for t in _titles(catalog)}
    catalog.seal()
    found.expect({t.id: t for t in _titles(catalog)} == before, "sealing changed titles")
    _check_verified(catalog, bad, found)
    _check_documents(catalog, found)
    check_searches(catalog, Contents(catalog), kind, chance, found)


def _titles(catalog: Catalog) -> list[Title]:
    return [title for title in catalog.get_many(catalog.ids()) if title is not None]
