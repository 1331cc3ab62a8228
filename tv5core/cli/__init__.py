"""The ``tv5`` command.

Exit codes: 0 done; 1 the command ran and something is wrong (an unknown id, rejected rows, a
failed check); 2 it was asked wrongly (bad option, no catalogue there). Results go to standard
output, everything else to standard error.
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, or say what to install for it."""
    try:
        from tv5core.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in {"typer", "rich", "click"}:
            raise
        sys.exit(f"tv5 needs {error.name}: pip install 'tv5core[cli]'")
    run()
