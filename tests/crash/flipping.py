"""A bit of ``data.mdb`` flips after a crash: the catalogue tells, or nothing differs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.crash import checking
from tests.crash.model import Kind, State
from tests.crash.worker import open_catalog
from tv5core.catalog import Catalog
from tv5core.errors import Tv5Error

VIOLATIONS = ("wrong answer", "foreign exception", "crashed")


def check(folder: Path, kind: Kind, candidates: Sequence[State], seed: int) -> dict[str, Any]:
    """Flip a bit of a catalogue that is sound, and classify what comes of it.

    Returns
    -------
    dict
        ``outcome``: harmless, detected, refused, or one of ``VIOLATIONS``; and ``why``.
    """
    chance = random.Random(seed)
    path = folder / "data.mdb"
    data = bytearray(path.read_bytes())
    at, bit = chance.randrange(len(data)), chance.randrange(8)
    data[at] ^= 1 << bit
    path.write_bytes(data)
    where = f"byte {at}, bit {bit}"
    try:
        with open_catalog(folder, kind, read_only=chance.random() < 0.5) as catalog:
            return _judge(catalog, kind, candidates, where)
    except Tv5Error as error:
        return {"outcome": "refused", "why": repr(error)}
    except Exception as error:
        return {"outcome": "foreign exception", "why": f"{where}: {error!r}"}


def _judge(catalog: Catalog, kind: Kind, candidates: Sequence[State], where: str) -> dict[str, Any]:
    try:
        contents = checking.Contents(catalog)
        differences = [checking.difference(contents, state, kind) for state in candidates]
    except Tv5Error as error:
        return {"outcome": "detected", "why": repr(error)}
    if catalog.info()["recovered"] or not catalog.verify().ok:
        return {"outcome": "detected", "why": ""}
    outcome = "harmless" if "" in differences else "wrong answer"
    return {"outcome": outcome, "why": f"{where}: {differences}"}
