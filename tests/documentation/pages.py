"""What is written for readers, taken apart: pages, their blocks of code, what those should print.

A page is run from top to bottom in one folder and one namespace, as a reader follows it. Comments,
which readers do not see, say what a page needs; each stands alone on the line before a block or
anywhere in the page:

``<!-- given: films -->``
    The folder ``films`` is there: a catalogue of the shipped titles. ``tmdb``: a stand-in for TMDB
    is reached by the environment. ``gateway``: one answers where the page writes 127.0.0.1:8080.
``<!-- needs: faiss -->``
    A module without which the page is skipped.
``<!-- not run: why -->``
    The next block is not run. Commands that install something never are.
``<!-- runs on: http://127.0.0.1:8080/healthz -->``
    The next block is a server: it is started, waited for, and stopped at the end of the page.
``<!-- port: 8080 -->``
    A number that stands for any free port, so that pages can be run beside each other.
``<!-- setup: sh`` (or ``python``), lines of code, ``-->``
    What is run before the page begins, such as making files that a reader has.

A block of ``text`` right behind a block that is run is what it prints; ``...`` stands for anything.
"""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]
PAGES = sorted([*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")])
IDS = [str(page.relative_to(CHECKOUT)) for page in PAGES]
RUN = {"python", "sh"}

_BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<reason>.+?) -->\n+|^<!-- runs on: (?P<address>.+?) -->\n+)?"
    r"^```(?P<language>[\w{}-]*)[^\n]*\n(?P<code>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
_INSTALLS = re.compile(r"(?:\.venv/bin/)?(?:pip |apt-get |python3 -m venv|git clone)")


@dataclass
class Block:
    """A fenced block: where its code begins, and what it should print, if the page says so."""

    language: str
    code: str
    line: int
    not_run: str | None
    address: str | None = None
    prints: str | None = None

    @property
    def is_run(self) -> bool:
        """Whether it is run: it is code, and neither marked nor for installing."""
        return self.language in RUN and not self.not_run and not self._installs

    @property
    def _installs(self) -> bool:
        return self.language == "sh" and bool(_INSTALLS.match(self.code))


def text_of(page: Path) -> str:
    return page.read_text("utf-8")


def blocks(page: Path, language: str | None = None) -> list[Block]:
    """Return a page's blocks in order, or those of a language."""
    text = text_of(page)
    found: list[Block] = []
    end = 0
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start("code")) + 1
        block = Block(match["language"], match["code"], line, match["reason"], match["address"])
        if block.language == "text" and found and not text[end : match.start()].strip():
            found[-1].prints = block.code
        found.append(block)
        end = match.end()
    return [block for block in found if language in (None, block.language)]


def setups(page: Path) -> list[Block]:
    """Return what is run before a page begins."""
    text = text_of(page)
    found = re.finditer(r"^<!-- setup: (\w+)\n(.*?)^-->$", text, re.DOTALL | re.MULTILINE)
    return [Block(m[1], m[2], text.count("\n", 0, m.start(2)) + 1, None) for m in found]


def marks(page: Path, name: str) -> set[str]:
    """Return what a page says after ``<!-- name:`` anywhere."""
    return set(re.findall(rf"<!-- {name}: (.+?) -->", text_of(page)))


def with_free_ports(page: Path, some: list[Block]) -> list[Block]:
    """Return blocks in which the ports a page names are free ones."""
    for port in marks(page, "port"):
        free = str(_free_port())
        for block in some:
            block.code = block.code.replace(port, free)
            block.address = block.address and block.address.replace(port, free)
    return some


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
