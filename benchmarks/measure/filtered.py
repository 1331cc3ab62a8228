"""Search among a share of the rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from benchmarks.peers.base import Mask, Setting
from benchmarks.results import Filtered

if TYPE_CHECKING:
    from benchmarks.client import Client

__all__ = ["SELECTIVITIES", "mask", "measure_filtered"]

SELECTIVITIES = (0.001, 0.01, 0.1, 0.5, 1.0)
_FEWEST = 10
_MAX_S = 5.0


def mask(rows: int, selectivity: float, seed: int) -> Mask:
    """Draw which rows are allowed: that share of them, and at least ten."""
    rng = np.random.default_rng((seed, int(selectivity * 1_000_000)))
    allowed = np.zeros(rows, bool)
    count = min(rows, max(_FEWEST, round(rows * selectivity)))
    allowed[rng.permutation(rows)[:count]] = True
    return allowed


def measure_filtered(
    client: Client, settings: list[Setting], cores: list[int], target: float, seed: int
) -> list[Filtered]:
    """Take, for each selectivity, the first setting that reaches the target, or else the best.

    ``settings`` ascend in cost, from the cheapest that reaches the target without a filter.
    """
    return [_one(client, settings, cores, target, seed, share) for share in SELECTIVITIES]


def _one(
    client: Client,
    settings: list[Setting],
    cores: list[int],
    target: float,
    seed: int,
    share: float,
) -> Filtered:
    best: Filtered | None = None
    for setting in settings:
        told = client.ask(
            "filtered", selectivity=share, seed=seed, setting=setting, cores=cores, max_s=_MAX_S
        )
        tried = Filtered(share, setting, told["recall"], told["qps"])
        if best is None or tried.recall > best.recall:
            best = tried
        if tried.recall >= target:
            return tried
    if best is None:
        raise ValueError("expected settings to search with, got none")
    return best
