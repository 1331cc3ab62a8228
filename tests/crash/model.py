"""What a catalogue must hold after any crash: a plain model, and the operations on both.

Titles and vectors are functions of an id and a version number, so the model is two numbers a
title, so that a title that is found can be checked for being whole.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tv5core.catalog.spaces.fitting import QUICK_TITLES
from tv5core.types import Offer, Person, Title

F32 = npt.NDArray[np.float32]

DIM = 24
CHUNK = 16
"""Titles a transaction takes in these tests; see ``worker.shrink``."""

_WORDS = [f"{a}{b}{c}" for a in "bdfgklmnprst" for b in "aeiou" for c in ("nor", "lim", "set", "x")]
_LONG = 7  # every so many versions, a title too large for one page


@dataclass(frozen=True)
class Kind:
    """What kind of catalogue a campaign works on."""

    embeds: bool  # makes its own vectors ("lsa")
    metric: str
    rescoring: str
    second: bool = False  # has a second space


def title(id: str, version: int) -> Title:
    """Make the title of an id at a version; everything in it depends on both."""
    chance = random.Random(f"{id}/{version}")
    number = int(id.split(":")[1])
    words = 900 if version % _LONG == _LONG - 1 else chance.randrange(4, 40)
    return Title(
        id,
        "show" if number % 3 == 0 else "movie",
        f"{chance.choice(_WORDS).title()} {number}",
        year=None if number % 11 == 0 else 1950 + (number + version) % 70,
        overview=" ".join(chance.choices(_WORDS, k=words)),
        genres=tuple(chance.sample(["Drama", "Comedy", "Horror", "Crime"], k=2)),
        cast=(Person(f"Person {chance.randrange(50)}", f"Role {version}"),),
        offers=(Offer(f"provider{chance.randrange(4)}", "US", price=version / 4),),
        external_ids={"imdb": f"tt{number:07d}", "justwatch": f"tm{number}v{version}"},
        popularity=version,
    )


def vector(id: str, version: int) -> F32:
    """Make the vector given with an id at a version."""
    chance = np.random.default_rng([int(id.split(":")[1]), ord(id[-1]), version])
    return chance.standard_normal(DIM, dtype=np.float32)


def embedded(texts: list[str]) -> F32:
    """Embed texts in a second space: float32[n, DIM], for each text a vector of its own."""
    seeds = [zlib.crc32(text.encode()) for text in texts]
    rows = [np.random.default_rng(seed).standard_normal(DIM, dtype=np.float32) for seed in seeds]
    return np.stack(rows) if rows else np.empty((0, DIM), np.float32)


@dataclass(frozen=True)
class State:
    """What a catalogue holds.

    Attributes
    ----------
    titles : dict of str to int
        The version of each title.
    vectors : dict of str to int
        The version of each vector that was given.
    pending : frozenset of str
        Ids that must wait to be embedded; where the catalogue embeds, those that may.
    marks : dict of str to bytes
        Checkpoints.
    fitted : bool
        Whether the catalogue's own embedder is known to be fitted.
    """

    titles: dict[str, int] = field(default_factory=dict)
    vectors: dict[str, int] = field(default_factory=dict)
    pending: frozenset[str] = frozenset()
    marks: dict[str, bytes] = field(default_factory=dict)
    fitted: bool = False


@dataclass(frozen=True)
class Op:
    """One call of the writer.

    Attributes
    ----------
    name : str
        Of the method of ``Catalog``; also "open" and "close".
    items : tuple of (name, version)
        To add.
    ids : tuple of str
        To delete.
    embed : bool
        As in ``Catalog.add``; where the catalogue is given vectors, False leaves them out.
    mark : int
        Value of the checkpoint stored with the last title; 0 for none.
    """

    name: str
    items: tuple[tuple[str, int], ...] = ()
    ids: tuple[str, ...] = ()
    embed: bool = True
    mark: int = 0


def apply(state: State, op: Op, kind: Kind) -> State:
    """Return the state after an operation that returned."""
    return outcomes(state, op, kind)[-1]


def outcomes(state: State, op: Op, kind: Kind) -> list[State]:
    """Return the states an operation may leave when it is cut short: one for each transaction."""
    if op.name == "add":
        return _added(state, op, kind)
    if op.name == "delete":
        found = [state]
        for at in range(0, len(op.ids), CHUNK):
            found.append(_deleted(found[-1], op.ids[at : at + CHUNK]))
        return found
    if kind.embeds and op.name in {"seal", "refit", "embed_pending"}:
        # Its pending titles are embedded some at a time; "may wait" covers all of them.
        return [
            state,
            replace(state, pending=frozenset(), fitted=state.fitted or bool(state.titles)),
        ]
    return [state]


def _added(state: State, op: Op, kind: Kind) -> list[State]:
    found = [state]
    starts = range(0, len(op.items), CHUNK)
    for at in starts:
        now = _with(found[-1], op.items[at : at + CHUNK], op, kind)
        if at == starts[-1]:
            now = _marked(now, op)
        found.append(now)
    if not op.items:
        found.append(_marked(state, op))
    if kind.embeds and op.embed and op.items:
        # Those of a catalogue not fitted yet wait until the whole call is done, and longer where
        # the first fit is in the background: where many wait that this call did not add.
        fitted = state.fitted or len(found[-1].titles) <= max(QUICK_TITLES, 2 * len(op.items))
        ids = frozenset(name for name, _ in op.items) if fitted else frozenset()
        found.append(replace(found[-1], pending=found[-1].pending - ids, fitted=fitted))
    return found


def _marked(state: State, op: Op) -> State:
    if not op.mark:
        return state
    return replace(state, marks={**state.marks, "import": str(op.mark).encode()})


def _with(state: State, items: tuple[tuple[str, int], ...], op: Op, kind: Kind) -> State:
    ids = frozenset(name for name, _ in items)
    changed = frozenset(name for name, version in items if state.titles.get(name) != version)
    titles = {**state.titles, **dict(items)}
    if kind.embeds:
        return replace(state, titles=titles, pending=state.pending | ids)
    if op.embed:
        vectors = {**state.vectors, **dict(items)}
        return replace(state, titles=titles, vectors=vectors, pending=state.pending - ids)
    return replace(state, titles=titles, pending=state.pending | changed)


def _deleted(state: State, ids: tuple[str, ...]) -> State:
    gone = set(ids)
    return replace(
        state,
        titles={name: v for name, v in state.titles.items() if name not in gone},
        vectors={name: v for name, v in state.vectors.items() if name not in gone},
        pending=state.pending - gone,
    )


def pair(number: int) -> tuple[str, str]:
    """Name two titles that are always changed together, so that readers can see tearing."""
    return f"t:{number}:a", f"t:{number}:b"


def choose(chance: random.Random, state: State, *, most: int, methods: list[str]) -> Op:
    """Choose the next operation of a mixed load.

    Parameters
    ----------
    most : int
        Titles the catalogue may grow to, about.
    methods : list of str
        Calls that may be made besides "add" and "delete".
    """
    draw = chance.random()
    if draw < 0.5 or len(state.titles) < most // 4:
        return _additions(chance, state, most)
    if draw < 0.68 and state.titles:
        numbers = {int(name.split(":")[1]) for name in state.titles}
        some = chance.sample(sorted(numbers), min(len(numbers), chance.choice([1, 3, 20])))
        return Op("delete", ids=tuple(name for number in some for name in pair(number)))
    return Op(chance.choice(methods)) if draw < 0.97 else Op("add", mark=chance.randrange(1, 10**6))


def _additions(chance: random.Random, state: State, most: int) -> Op:
    size = chance.choice([1, 2, 8, 8, 30, 30])
    numbers = chance.sample(range(most // 2), min(size, most // 2))
    items = []
    for number in numbers:
        version = state.titles.get(pair(number)[0], -1) + chance.choice([1, 1, 1, 2])
        items += [(name, version) for name in pair(number)]
    mark = chance.randrange(1, 10**6) if chance.random() < 0.2 else 0
    # Without any vector yet, titles left without would make the catalogue embed them itself.
    embed = not state.vectors or chance.random() < 0.85
    return Op("add", tuple(items), embed=embed, mark=mark)


def describe(op: Op | None) -> str:
    """Describe an operation in a few words."""
    if op is None:
        return "nothing"
    size = len(op.items) or len(op.ids)
    return f"{op.name} of {size}" if size else op.name


def as_dict(op: Op) -> dict[str, Any]:
    """Turn an operation into what JSON can hold."""
    return {"name": op.name, "items": op.items, "ids": op.ids, "embed": op.embed, "mark": op.mark}


def from_dict(data: dict[str, Any]) -> Op:
    """Restore an operation."""
    items = tuple((name, version) for name, version in data["items"])
    return Op(data["name"], items, tuple(data["ids"]), data["embed"], data["mark"])
