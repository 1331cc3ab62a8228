"""Rounds in turns: settings at a recall, who goes first, and what is kept."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.measure.curves import Mode
from benchmarks.measure.paired import OperatingPoint, Reference, measure_paired
from benchmarks.results import Curve, PeerResult, Point

MODE = Mode("title", 10, 100, [0])


def points(*pairs: tuple[float, float]) -> list[Point]:
    return [Point({"ef": qps}, recall, qps, [qps]) for recall, qps in pairs]


class Process:
    """Answers at the speed that the setting names, and writes down who was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self._name, self._log = name, log

    def ask(self, op: str, **arguments: Any) -> Any:
        self._log.append(self._name if op == "speed" else f"{self._name} {op}")
        return {"qps": arguments["setting"]["ef"]} if op == "speed" else None

    def close(self) -> None:
        self._log.append(f"{self._name} close")


def reference(log: list[str], *pairs: tuple[float, float]) -> Reference:
    curves = [Curve("title", 10, 100, 1, points(*pairs))]
    result = PeerResult("ours", "ours", "x", "1", {}, "measured", curves=curves)
    return Reference(Process("ours", log), result)  # type: ignore[arg-type]


def test_settings_on_both_sides_of_a_recall() -> None:
    some = points((0.9, 1000.0), (1.0, 100.0), (0.85, 900.0))
    between = OperatingPoint.at(some, 0.95)
    assert between is not None
    assert between.settings == [{"ef": 1000.0}, {"ef": 100.0}]
    assert between.weight == pytest.approx(0.5)
    qps = between.qps(Process("peer", []), MODE)  # type: ignore[arg-type]
    assert qps == pytest.approx(math.sqrt(1000 * 100))


@pytest.mark.parametrize(("recall", "ef"), [(0.8, 1000.0), (0.9, 1000.0), (1.0, 100.0)])
def test_one_setting_where_it_is_enough(recall: float, ef: float) -> None:
    assert OperatingPoint.at(points((0.9, 1000.0), (1.0, 100.0)), recall) == OperatingPoint(
        [{"ef": ef}], 0.0
    )


def test_a_recall_out_of_reach_has_no_settings() -> None:
    assert OperatingPoint.at(points((0.9, 1000.0)), 0.95) is None
    assert OperatingPoint.at([], 0.95) is None


def test_rounds_begin_with_each_side_in_turn() -> None:
    log: list[str] = []
    ours, peer = reference(log, (0.95, 500.0)), Process("peer", log)
    curve = Curve("title", 10, 100, 1, points((0.95, 200.0)))
    paired = measure_paired(peer, ours, MODE, curve, 0.95, 3)  # type: ignore[arg-type]
    assert paired is not None
    assert log == ["ours open", "ours", "peer", "peer", "ours", "ours", "peer"]
    assert paired.reference_qps == pytest.approx([500.0] * 3)
    assert paired.qps == pytest.approx([200.0] * 3)
    assert (paired.reference, paired.recall) == ("ours", 0.95)
    ours.close()
    assert log[-1] == "ours close"


def test_nothing_is_paired_where_one_side_does_not_get_there() -> None:
    log: list[str] = []
    ours, peer = reference(log, (0.95, 500.0)), Process("peer", log)
    curve = Curve("title", 10, 100, 1, points((0.99, 200.0)))
    assert measure_paired(peer, ours, MODE, curve, 0.99, 3) is None  # type: ignore[arg-type]
    short = Curve("title", 10, 100, 1, points((0.9, 200.0)))
    assert measure_paired(peer, ours, MODE, short, 0.95, 3) is None  # type: ignore[arg-type]
    text = Mode("text", 10, 100, [0])
    assert measure_paired(peer, ours, text, curve, 0.95, 3) is None  # type: ignore[arg-type]
    assert log == ["ours open"]
