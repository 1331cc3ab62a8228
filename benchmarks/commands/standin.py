"""Run a stand-in for TMDB that knows every id, for demonstrations and for load.

::

    python -m benchmarks standin --port 8765 &
    TV5_TMDB_URL=http://127.0.0.1:8765/3 tv5 serve --demo

It answers 429 above its contract, and invents titles: like those that ship, by other names. Needs
the checkout, as it is part of the tests.
"""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.load.standin import serve

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--control-port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds of each answer")
    parser.add_argument("--contract", type=int, default=50, help="requests in any second")
    parser.add_argument("--json", action="store_true", help="print the addresses as JSON")


def main(options: argparse.Namespace) -> int:
    """Serve until interrupted."""
    ports = options.port, options.control_port
    asyncio.run(serve(*ports, options.latency, options.contract, as_json=options.json))
    return 0
