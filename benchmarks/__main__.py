"""Measure tv5core and others.

::

    python -m benchmarks run --size 100k --json out.json
    python -m benchmarks report out.json
    python -m benchmarks peers
"""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {
    "run": "build, search and weigh peers",
    "report": "write tables and plots of runs",
    "pictures": "draw the tables of benchmarks/README.md, for the documentation",
    "growth": "live rows walked and scanned; what adding and sealing them costs",
    "filters": "recall and latency under filters and deletions, peers beside",
    "profile": "time the stages of one search",
    "compare": "compare two files of pytest-benchmark",
    "data": "prepare vectors and describe how hard they are",
    "peers": "list peers, their versions, and which are not installed",
    "churn": "replace and delete titles, and check what piles up",
    "cache-memory": "the memory tier against other caches",
    "cache-mix": "a service's traffic through a cached catalogue",
    "relevance": "how well searches find what people mean, against full-text engines",
    "search": "speed of search by text over made-up titles, against full-text engines",
    "million": "what a sealed catalogue of a million takes and does, against what is required",
    "titles": "draw made-up titles, and compare them with real ones",
    "recommend": "recommendations for users of MovieLens, beside item-kNN, factorisation and EASE",
    "upstream": "what the limiter and the fetcher promise, against a stand-in",
    "standin": "a stand-in for TMDB, for demonstrations and load",
    "load": "a real gateway under users: service levels and criteria, judged",
    "soak": "a real gateway for half an hour: memory, descriptors and tasks stay flat",
    "chaos": "a real gateway while something is broken: what clients see, and for how long",
    "cold-start": "from nothing to the first answer of a gateway that only reads",
    "lag": "how late a gateway's event loop is while its catalogue is sealed",
    "backends": "the same vectors behind the own index, Qdrant and Milvus",
    "scale": "storage, memory and queries a second a component, target against measured",
    "knee": "requests a second of one worker at p99 < 50 ms, beside a bare handler",
    "upstream-sync": "tv5 sync tmdb against a stand-in: full speed, faults, a kill",
}
"""Each is a module of :mod:`benchmarks.commands`, named with underscores."""


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names; its module is imported only then."""
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"{__doc__}\ncommands:")
        for command, help_ in COMMANDS.items():
            print(f"  {command:<14} {help_}")
        return 0 if arguments else 2
    if name not in COMMANDS:
        print(f"error: expected one of {', '.join(COMMANDS)}, got {name!r}", file=sys.stderr)
        return 2
    module = import_module(f"benchmarks.commands.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks {name}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.add_arguments(parser)
    status: int = module.main(parser.parse_args(arguments[1:]))
    return status


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
