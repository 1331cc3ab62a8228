"""Sizes in words."""

from __future__ import annotations

from tv5core.cli.output import size


def test_sizes() -> None:
    shown = {0: "0 B", 999: "999 B", 1000: "1.0 kB", 159_178_004: "159.2 MB", 10**13: "10.0 TB"}
    assert {count: size(count) for count in shown} == shown
