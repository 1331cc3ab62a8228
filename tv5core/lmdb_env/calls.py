"""Which calls are still running: how it is noticed that an exception cut something short.

An exception out of a signal handler (Ctrl-C, an alarm) may be raised between any two steps, also
in a ``finally`` or on the way into ``__exit__``. So what must not be missed is never left to a
step that comes last: who begins something notes the call, and who depends on it looks whether
that call still runs.
"""

from __future__ import annotations

import inspect
import sys
import threading
from types import FrameType
from typing import TypeAlias

__all__ = ["SUSPENDABLE", "Call", "UnfinishedCall", "is_running", "this_call"]

Call: TypeAlias = tuple[int, FrameType]
"""A thread and the frame of a function called in it."""

SUSPENDABLE = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
"""Flags of code whose frames may wait to be resumed, on no stack."""


def this_call(depth: int = 0) -> Call:
    """Return the caller's call, or that of a caller of it.

    For a generator or a coroutine, which may never be resumed, it is that of the function that
    runs it: what is noted so must end before that function does.

    Parameters
    ----------
    depth : int
        0 for the function that calls this one, 1 for its caller.
    """
    frame = sys._getframe(depth + 1)  # noqa: SLF001 - documented for this use
    while frame.f_code.co_flags & SUSPENDABLE and frame.f_back is not None:
        frame = frame.f_back
    return threading.get_ident(), frame


def is_running(call: Call) -> bool:
    """Return whether a call has not ended, neither by returning nor by an exception.

    The local variables of one that has ended are cleared, as a traceback may still refer to them:
    among them is the transaction that it left open.
    """
    try:
        call[1].clear()
    except RuntimeError:  # "cannot clear an executing frame"
        return True
    return False


class UnfinishedCall:
    """Tells whether a call that began something ended before it was done.

    ``begin`` is called before the first step, ``done`` after the last.

    Attributes
    ----------
    call : Call or None
        What began and is not done: None is the common case, to be looked at first.
    """

    __slots__ = ("call",)

    def __init__(self) -> None:
        self.call: Call | None = None

    def begin(self) -> None:
        """Note the caller's call."""
        self.call = this_call(1)

    def done(self) -> None:
        """Note that it is done."""
        self.call = None

    def was_interrupted(self) -> bool:
        """Return whether started work is unfinished although its call has ended."""
        call = self.call
        return call is not None and not is_running(call)
