"""Who uses environments in tests: somebody who is there throughout."""

from __future__ import annotations

from tv5core.lmdb_env.registry import Owner

__all__ = ["OWNER"]

OWNER = Owner()
