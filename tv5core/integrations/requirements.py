"""What to install where a framework is missing."""

from __future__ import annotations

__all__ = ["missing"]


def missing(extra: str, error: ModuleNotFoundError) -> ModuleNotFoundError:
    """Return the error to raise where an extra's framework cannot be imported."""
    return ModuleNotFoundError(
        f"expected {error.name} for tv5core.integrations.{extra.replace('-', '_')}, got none: "
        f"pip install 'tv5core[{extra}]'",
        name=error.name,
    )
