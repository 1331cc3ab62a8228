"""What all campaigns of rounds count."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Figures"]


@dataclass
class Figures:
    """Rounds, what was wrong in them, and how long they took."""

    rounds: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """How many there were."""
        return self.rounds
