"""List the peers, the versions of their libraries, and which are not installed."""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchmarks.peers import registry
from benchmarks.peers.base import Shape

__all__ = ["add_arguments", "main"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this command's options."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(options: argparse.Namespace) -> int:
    """Print them."""
    listed: list[dict[str, Any]] = []
    for name in registry.NAMES:
        peer = registry.make(name, Shape(100_000, 768, "cosine"))
        reason = registry.missing(peer)
        version = None if reason else peer.version()
        row: dict[str, Any] = {
            "name": name,
            "label": peer.label,
            "library": peer.library,
            "version": version,
        }
        listed.append(row | {"reason": reason, "parameters": peer.parameters})
    if options.json:
        print(json.dumps(listed, indent=2))
        return 0
    for row in listed:
        print(f"{row['name']:<17} {row['label']:<48} {row['version'] or row['reason']}")
    return 0
