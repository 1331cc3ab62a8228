"""BackgroundCheck: compare a mapped file with its checksums while searches read it already."""

from __future__ import annotations

import threading

from tv5core.errors import CorruptFileError
from tv5core.files import SectionFile

__all__ = ["BackgroundCheck"]


class BackgroundCheck:
    """One pass over a file in a thread of its own, and what it has found.

    Attributes
    ----------
    damage : CorruptFileError or None
        What is wrong with the file, once that is known.
    """

    def __init__(self, file: SectionFile) -> None:
        self._file = file
        self.damage: CorruptFileError | None = None
        self.renew()

    def renew(self) -> None:
        """Begin; in the child of a fork begin anew, as its thread is gone."""
        self._stop, self._ended = threading.Event(), threading.Event()
        self._sound = False
        name = f"tv5-verify-{self._file.path.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def wait(self, timeout_s: float | None) -> bool:
        """Tell whether the whole file was found sound by then; raise what is wrong with it."""
        self._ended.wait(timeout_s)
        self.raise_damage()
        return self._sound

    def raise_damage(self) -> None:
        """Raise an error of its own for each caller, so that tracebacks do not pile up."""
        if self.damage is not None:
            raise CorruptFileError(str(self.damage))

    def stop(self) -> None:
        """Give up after the present block; does not wait."""
        self._stop.set()

    def _run(self) -> None:
        try:
            for _ in self._file.checked_blocks():
                if self._stop.is_set():
                    return
            self._sound = True
        except CorruptFileError as error:
            self.damage = error
        finally:
            self._ended.set()
