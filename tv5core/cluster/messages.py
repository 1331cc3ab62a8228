"""What travels between a coordinator and shards: msgpack, with arrays as their bytes.

Whatever carries the messages sees bytes only, so nothing of them is ever unpickled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np

from tv5core import errors
from tv5core.errors import InvalidInputError, ShardError, Tv5Error
from tv5core.lexical import WordQuery

if TYPE_CHECKING:
    import numpy.typing as npt

    Array = npt.NDArray[Any]
else:
    Array = np.ndarray

__all__ = [
    "PROTOCOL",
    "Answers",
    "Array",
    "Asked",
    "Count",
    "Counted",
    "Failure",
    "Keys",
    "Listed",
    "Matched",
    "Names",
    "Narrowed",
    "Prepare",
    "Reply",
    "Size",
    "Titles",
    "Vectors",
    "Vocabulary",
    "Weighed",
    "Words",
    "decode",
    "encode",
    "raised",
]

PROTOCOL = 1
"""Raised where messages change: shards of another version are told apart, not misread."""

T = TypeVar("T")


def _pack(value: object) -> object:
    if isinstance(value, np.ndarray):
        return [value.dtype.str, list(value.shape), value.tobytes()]
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(type(value).__name__)


def _unpack(kind: type, value: Any) -> object:
    if kind is np.ndarray:
        dtype, shape, data = value
        if np.dtype(dtype).hasobject:
            raise ValueError("expected numbers")
        return np.frombuffer(data, dtype).reshape(shape).copy()
    raise NotImplementedError(kind.__name__)


def encode(message: object) -> bytes:
    """Return a message as bytes."""
    return msgspec.msgpack.encode(message, enc_hook=_pack)


def decode(data: bytes, kind: type[T]) -> T:
    """Read a message.

    Raises
    ------
    ShardError
        It is another.
    """
    try:
        return msgspec.msgpack.decode(data, type=kind, dec_hook=_unpack)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise ShardError(f"expected a message of protocol {PROTOCOL}, got {error}") from error


class Words(msgspec.Struct, frozen=True):
    """A query's words and what they weigh in all shards; see ``WordSide``."""

    query: WordQuery
    weights: Array
    known: float
    totals: tuple[float, ...]
    unfamiliar: float


class Asked(msgspec.Struct, frozen=True):
    """A search as it was planned, the same for every shard.

    Attributes
    ----------
    words : Words or None
    table : dict of bytes to Any
        Answers of all shards that scores depend on; see ``questions``.
    mode, k, pool, where, allow, rows, exact, reads_words_only
        As in ``Search`` and ``SearchRequest``.
    meaning : str or None
        The text whose neighbours are wanted.
    vector : array or None
        Or the vector.
    readings : tuple of str
        Filters that a title need not pass, as text.
    sort : str
    first : int or None
        Matches that are needed in order where everything matches; None: all.
    """

    words: Words | None
    table: dict[bytes, Any]
    mode: str
    k: int
    pool: int
    where: str
    meaning: str | None = None
    vector: Array | None = None
    allow: list[str] | None = None
    rows: int | None = None
    readings: tuple[str, ...] = ()
    exact: bool = False
    reads_words_only: bool = True
    sort: str = "relevance:desc"
    first: int | None = None


class Prepare(msgspec.Struct, frozen=True):
    """Plan a text with what all shards are known to answer, and note what else is asked."""

    request: dict[str, Any]
    table: dict[bytes, Any]
    questions: list[bytes]


class Answers(msgspec.Struct, frozen=True):
    """What one shard answers, by question."""

    found: dict[bytes, Any]


class Weighed(msgspec.Struct, frozen=True):
    """How many titles of a shard share words with a query, before meaning is compared."""

    found: int
    named: bool
    allowed: int
    sums: Array


class Narrowed(msgspec.Struct, frozen=True):
    """Which of them are compared by meaning: those of at least a score."""

    asked: Asked
    narrow: bool
    least: float | None = None


class Matched(msgspec.Struct, frozen=True):
    """The candidates of a shard.

    Attributes
    ----------
    by_words : int
        How many match by words, those that are not sent included.
    allowed : int
        How many documents the filters leave.
    restricts : bool
    elsewhere : bool
        Whether titles that filters leave out hold half of the words; told where none here does.
    near_keys, near_cosine : int64[m], float32[m]
    gone : bool
        Whether some neighbours have no document any more.
    keys, scores, words, title_match, title_length, matches
        Of each candidate; the last: whether it matches by words.
    votes, year, readings : float32[n]
    values : float64[n]
        What an order other than relevance descends by.
    texts : list of str
        Folded titles, where the order is theirs.
    """

    by_words: int
    allowed: int
    restricts: bool
    elsewhere: bool
    near_keys: Array
    near_cosine: Array
    gone: bool
    keys: Array
    scores: Array
    words: Array
    title_match: Array
    title_length: Array
    matches: Array
    votes: Array
    year: Array
    readings: Array
    values: Array
    texts: list[str]


class Listed(msgspec.Struct, frozen=True):
    """The first documents that filters leave, in an order, and how many there are."""

    count: int
    keys: Array
    values: Array
    texts: list[str]


class Keys(msgspec.Struct, frozen=True):
    """Titles asked for by row."""

    keys: list[int]


class Titles(msgspec.Struct, frozen=True):
    """Titles by row, as they are stored."""

    found: dict[int, bytes]


class Names(msgspec.Struct, frozen=True):
    """The folded names of titles, by row."""

    found: dict[int, list[str]]


class Count(msgspec.Struct, frozen=True):
    """Count the values of fields among matches."""

    asked: Asked
    field: str
    everything: bool
    by_words: bool
    keys: list[int]


class Counted(msgspec.Struct, frozen=True):
    """How many documents have each value."""

    values: list[tuple[Any, int]]


class Vocabulary(msgspec.Struct, frozen=True):
    """Values that a text may name, by field, and how many titles there are."""

    titles: int
    values: dict[str, dict[str, int]]


class Size(msgspec.Struct, frozen=True):
    """How many titles a shard has."""

    titles: int


class Vectors(msgspec.Struct, frozen=True):
    """The vectors of some ids."""

    ids: list[str]
    vectors: list[Array]


class Failure(msgspec.Struct, frozen=True):
    """An error of a shard."""

    kind: str
    message: str


class Reply(msgspec.Struct, frozen=True):
    """What a shard returns, whatever was asked.

    Attributes
    ----------
    protocol : int
    space : int
        Of its vectors.
    seq : int
        The last change of the source it has.
    body : bytes
    failure : Failure or None
    """

    protocol: int
    space: int
    seq: int
    body: bytes = b""
    failure: Failure | None = None


def raised(failure: Failure) -> Tv5Error:
    """Return the error that a shard met: of its own kind where that is one of an argument."""
    kind = getattr(errors, failure.kind, None)
    if isinstance(kind, type) and issubclass(kind, (InvalidInputError, errors.UnknownIdError)):
        return kind(failure.message)
    return ShardError(f"{failure.kind}: {failure.message}")
