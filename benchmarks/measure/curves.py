"""Recall against speed: survey all knobs once, then time the settings worth it in rounds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.peers.base import Setting
from benchmarks.process.client import Client
from benchmarks.results import Curve, Point

__all__ = ["Mode", "cheapest", "front", "measure_curve", "speed", "survey", "worth_timing"]

ENOUGH = 0.995
_NEAR = 0.9  # of the front's speed
_FLAT = 0.0005  # recall that two steps up a ladder must gain
_FEWEST_RECALL = 0.5  # below it nobody would search, once something better is there
_MAX_S = 15.0


@dataclass(frozen=True)
class Mode:
    """Which queries are asked and how."""

    queries: str
    k: int
    batch: int
    """Queries a call: all of them, or one."""
    cores: list[int]
    min_s: float = 0.3
    """How long to ask at least, in a timed round."""

    def described(self) -> str:
        """Return it in words."""
        calls = "single calls" if self.batch == 1 else "batches"
        return f"recall@{self.k} of {self.queries} queries, {calls}, {len(self.cores)} thread(s)"


def measure_curve(
    client: Client,
    mode: Mode,
    points: list[Point],
    rounds: int,
    target: float,
    most: int = 16,
) -> Curve:
    """Time the best of some surveyed points, round after round.

    At most ``most`` points on or near the front are timed, those around the target recall before
    others; the rest keep their survey as their only round. Points without one are all timed.
    """
    known = all(point.rounds for point in points)
    chosen = worth_timing(points, target, most) if known else points
    near = {_key(point.setting) for point in chosen}
    timed: dict[str, list[float]] = {key: [] for key in near}
    for _ in range(rounds):
        for point in points:
            if _key(point.setting) in near:
                answer = speed(client, mode, point.setting, mode.min_s)
                timed[_key(point.setting)].append(answer["qps"])
    return Curve(
        queries=mode.queries,
        k=mode.k,
        batch=mode.batch,
        threads=len(mode.cores),
        points=[
            _retimed(point, timed.get(_key(point.setting)) or point.rounds) for point in points
        ],
    )


def survey(client: Client, mode: Mode, ladders: list[list[Setting]]) -> list[Point]:
    """Ask all queries once at each setting, up each ladder until more cost gains nothing."""
    points: list[Point] = []
    for ladder in ladders:
        recalls: list[float] = []
        for setting in ladder:
            answer = speed(client, mode, setting, 0.0)
            points.append(Point(setting, answer["recall"], answer["qps"], [answer["qps"]]))
            recalls.append(answer["recall"])
            flat = len(recalls) > 2 and recalls[-1] - recalls[-3] < _FLAT
            if recalls[-1] >= ENOUGH or flat:
                break
    return points


def front(points: list[Point]) -> list[Point]:
    """Return the points that no other beats in both recall and speed, fastest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (-p.qps, -p.recall)):
        if not best or point.recall > best[-1].recall:
            best.append(point)
    return best


def near_front(points: list[Point]) -> list[Point]:
    """Return the points on the front or within a tenth of its speed, in the order given."""
    edge = front(points)
    high = max(point.recall for point in points)
    floor = min(_FEWEST_RECALL, high)
    return [
        point
        for point in points
        if point.recall >= floor
        and point.qps >= _NEAR * max((p.qps for p in edge if p.recall >= point.recall), default=0.0)
    ]


def cheapest(points: list[Point], target: float) -> Point:
    """Return the fastest point that reaches the target, or else the one of highest recall."""
    reaching = [point for point in points if point.recall >= target]
    if reaching:
        return max(reaching, key=lambda p: p.qps)
    return max(points, key=lambda p: (p.recall, p.qps))


def worth_timing(points: list[Point], target: float, most: int) -> list[Point]:
    """Return the ends of the front, the cheapest at the target, and others near both."""
    edge = front(points)
    first = [cheapest(points, target), edge[0], edge[-1]]
    others = sorted(near_front(points), key=lambda p: abs(p.recall - target))
    wanted = dict.fromkeys(_key(point.setting) for point in [*first, *others])
    chosen = set(list(wanted)[:most])
    return [point for point in points if _key(point.setting) in chosen]


def as_calls(points: list[Point]) -> list[Point]:
    """Return points whose speeds are not known yet in another way of asking; recall stays."""
    return [Point(point.setting, point.recall, 0.0, []) for point in points]


def _retimed(point: Point, rounds: list[float]) -> Point:
    return Point(point.setting, point.recall, max(rounds), rounds)


def speed(client: Client, mode: Mode, setting: Setting, min_s: float) -> dict[str, float]:
    """Search with one setting for a while; return "qps" and, of batches, "recall"."""
    answer: dict[str, float] = client.ask(
        "speed",
        queries=mode.queries,
        k=mode.k,
        batch=mode.batch > 1,
        setting=setting,
        cores=mode.cores,
        min_s=min_s,
        max_s=_MAX_S,
    )
    return answer


def _key(setting: Setting) -> str:
    return repr(sorted(setting.items()))
