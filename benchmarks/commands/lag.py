"""How late a gateway's event loop is, under load and while its catalogue is sealed.

::

    python -m benchmarks lag --catalog FOLDER --seconds 15

The gateway runs in this process; 50 users ask it 25 times a second. Something sleeps for 5 ms again
and again; what it oversleeps is the lag. Exit code 1 where p99 is over 10 ms while another process
seals, as the writer of ``tv5 serve`` does. Sealing in this process is shown for those who embed it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.load.lagging import TARGET_MS, measure_lag
from tv5core.server.process.serving import make_demo_catalog

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--catalog", type=Path, help="by default the demo's")
    parser.add_argument("--seconds", type=float, default=15.0, help="of a phase without sealing")
    parser.add_argument("--changed", type=int, default=500, help="titles stored before a sealing")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory(prefix="tv5-lag-") as made:
        catalog = options.catalog
        if catalog is None:
            catalog = Path(made) / "demo"
            make_demo_catalog(catalog)
        rows = _run(catalog, options)
    if options.json:
        print(json.dumps(rows, indent=1))
    else:
        names = list(rows[0])
        print("| " + " | ".join(name.replace("_", " ") for name in names) + " |")
        print("|---" + "|--:" * (len(names) - 1) + "|")
        for row in rows:
            print("| " + " | ".join(str(row[name]) for name in names) + " |")
    late_ms = {row["phase"]: row["p99_ms"] for row in rows}
    return 1 if late_ms["while another process seals"] > TARGET_MS else 0


def _run(catalog: Path, options: argparse.Namespace) -> list[dict[str, Any]]:
    measuring = measure_lag(catalog, seconds=options.seconds, changed=options.changed)
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.run(measuring)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measuring)
