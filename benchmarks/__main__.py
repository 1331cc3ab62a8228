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
    "run": ("benchmarks.run", "build, search and weigh peers"),
    "report": ("benchmarks.report", "write tables and plots of runs"),
    "profile": ("benchmarks.profile", "time the stages of one search"),
    "compare": ("benchmarks.compare", "compare two files of pytest-benchmark"),
    "data": ("benchmarks.data", "prepare vectors and tell how hard they are"),
    "peers": ("benchmarks.list_peers", "list peers, their versions, and which are not installed"),
}


def main(arguments: list[str]) -> int:
    """Run the command that the first argument names; its module is imported only then."""
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help"):
        print(f"{__doc__}\ncommands:")
        for command, (_, help_) in COMMANDS.items():
            print(f"  {command:<9} {help_}")
        return 0 if arguments else 2
    if name not in COMMANDS:
        print(f"error: expected one of {', '.join(COMMANDS)}, got {name!r}", file=sys.stderr)
        return 2
    module = import_module(COMMANDS[name][0])
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
