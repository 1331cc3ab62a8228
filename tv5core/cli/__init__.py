"""The ``tv5`` command.

``app``
    All commands, and errors as exit codes. Start here.
``search``, ``browse``
    ``search``, ``suggest``, ``facets``; ``similar``, ``show``.
``recommending``, ``interactions``
    ``recommend``, ``browse``, ``trending``; ``learn``, from CSV.
``importing``, ``export``, ``collections``
    ``import`` and ``export``: files in, files out; the same with Qdrant and Milvus.
``maintenance``, ``verify``, ``backup``
    ``info``, ``seal``, ``optimize``, ``upgrade``; ``verify``; ``backup``, ``restore`` and
    ``snapshots``.
``embedding``
    ``embed``: a second space.
``upstream``, ``syncing``, ``sync_progress``
    ``fetch`` and ``sync``: their options, what they do, and their live display.
``postgres``, ``catalog_sink``
    ``sync postgres``: a table followed; a catalogue as it sees one.
``cache``, ``vectors``
    ``tv5 cache``; ``tv5 vectors``: indexes without titles.
``demo``, ``serve``, ``gateway``, ``mcp``
    ``tv5 demo``; ``tv5 serve``; ``tv5 warm`` and ``tv5 check``; ``tv5 mcp``.
``doctor``, ``diagnosis``
    ``tv5 doctor``: what the machine has, and what is wrong.
``output``
    What every command shares: consoles, JSON, tables, progress, the catalogue option.

Exit codes: 0 done; 1 the command ran and something is wrong (an unknown id, rejected rows, a
failed check); 2 wrong usage (bad option, no catalogue there). Results go to standard output,
everything else to standard error.
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
