"""Users of locust: draw requests of a scenario, and write down every answer.

Configured by the variable TV5_LOAD, a file of JSON: ``scenario``, ``pace_s`` (0 for no thinking
time), ``ids``, ``uniform``, ``seed``, ``out``; and ``path``, the only one to ask for, or null.
"""

from __future__ import annotations

import itertools
import json
import os
import time
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, events, task

from benchmarks.load.scenarios import QUERIES, SCENARIOS, Asked, Pace, Population

_GIVEN = json.loads(Path(os.environ["TV5_LOAD"]).read_text())
_SCENARIO = SCENARIOS[_GIVEN["scenario"]]
_ROWS: list[tuple[float, str, float, int, str]] = []
_NUMBERS = itertools.count()


class Visitor(FastHttpUser):
    """One user."""

    connection_timeout, network_timeout = 30.0, 30.0

    def on_start(self) -> None:
        """Give the user a mind of its own."""
        seed = next(_NUMBERS) + _GIVEN["seed"]
        self.population = Population(_GIVEN["ids"], seed, is_uniform=_GIVEN["uniform"])
        begin_s = 0.0
        if not _SCENARIO.together:  # people do not all ask in the same moment of their minute
            begin_s = self.population.random.random() * _GIVEN["pace_s"]
        self.pace = Pace(_GIVEN["pace_s"], time.perf_counter() + begin_s)
        gevent.sleep(begin_s)

    def wait_time(self) -> float:
        """Return the seconds until the next request is due."""
        return self.pace.wait_s(time.perf_counter())

    @task
    def ask(self) -> None:
        """Send the next request."""
        asked = _SCENARIO.ask(self.population)
        if _GIVEN["path"] is not None:
            asked = Asked("bare", _GIVEN["path"])
        elif _SCENARIO.together:
            asked = Asked("search", f"/v1/search?q={QUERIES[int(time.time()) % len(QUERIES)]}")
        begun = time.perf_counter()
        options: dict[str, Any] = {"name": asked.kind}
        if asked.body is None:
            answer = self.client.get(asked.path, **options)
        else:
            answer = self.client.post(asked.path, json=asked.body, **options)
        took_ms = (time.perf_counter() - begun) * 1e3
        tier = str((answer.headers or {}).get("X-Tv5-Tier", ""))
        _ROWS.append((time.time(), asked.kind, took_ms, answer.status_code, tier))


@events.quitting.add_listener
def _write(**_: object) -> None:
    Path(_GIVEN["out"]).write_text(json.dumps(_ROWS))
