"""Raise an exception at one chosen step of tv5core's code, as a signal handler may.

Steps are the places where the interpreter looks for signals: entering a function, after a call of
one written in C (a commit, say), and, more finely than it does, before every line.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import tv5core

_ROOT = str(Path(tv5core.__file__).parent)
# What only makes new values of its arguments leaves nothing half done, in very many steps.
_PURE = tuple(f"{_ROOT}/{part}/" for part in ("analysis", "columns", "lexical"))


class Interrupted(BaseException):
    """Raised here only."""


@cache
def _leaving(code: CodeType) -> frozenset[int]:
    """Return where ``with`` calls ``__exit__``: the interpreter looks for no signal just there."""
    steps = list(dis.get_instructions(code))
    return frozenset(
        one.offset
        for place, one in enumerate(steps)
        if one.opname in ("PUSH_EXC_INFO", "WITH_EXCEPT_START")
        or [s.argrepr for s in steps[place : place + 3]] == ["None"] * 3
    )


def _counts(frame: FrameType) -> bool:
    name = frame.f_code.co_filename
    return name.startswith(_ROOT) and not name.startswith(_PURE)


class Injector:
    """Count the steps of a call, and raise at one of them.

    Parameters
    ----------
    at : int
        The step; more than there are for none.
    """

    def __init__(self, at: int) -> None:
        self._left = at

    @property
    def raised(self) -> bool:
        """Whether the step was reached."""
        return self._left <= 0

    def run(self, work: Callable[[], object]) -> None:
        """Call, and ignore the exception this raises."""
        sys.settrace(self._trace)
        sys.setprofile(self._profile)
        try:
            work()
        except Interrupted:
            pass
        finally:
            sys.setprofile(None)
            sys.settrace(None)

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise Interrupted

    def _trace(self, frame: FrameType, event: str, _: object) -> Callable[..., object] | None:
        if not _counts(frame):
            return None
        if event == "line" and frame.f_lasti not in _leaving(frame.f_code):
            self._step()
        return self._trace

    def _profile(self, frame: FrameType, event: str, called: object) -> None:
        if not _counts(frame) or self._left <= 0:
            return
        if event in ("call", "c_return") and getattr(called, "__name__", "") not in _IGNORED:
            self._step()


_IGNORED = {"setprofile", "settrace"}
