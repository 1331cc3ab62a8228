"""Search among a share of the rows."""

from __future__ import annotations

from benchmarks.data.filters import SELECTIVITIES
from benchmarks.peers.base import Setting
from benchmarks.process.client import Client
from benchmarks.results import Filtered

__all__ = ["measure_filtered"]

_MAX_S = 5.0


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
        answer = client.ask(
            "filtered", selectivity=share, seed=seed, setting=setting, cores=cores, max_s=_MAX_S
        )
        tried = Filtered(share, setting, answer["recall"], answer["qps"])
        if best is None or tried.recall > best.recall:
            best = tried
        if tried.recall >= target:
            return tried
    if best is None:
        raise ValueError("expected settings to search with, got none")
    return best
