"""A store whose map is small."""

from __future__ import annotations

from tests.lmdb_env.stored import env

__all__ = ["env"]
