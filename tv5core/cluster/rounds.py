"""Rounds: a message to every shard, and the replies of those that answer.

Whatever carries messages is a :class:`Transport`: Ray's actors, or a dictionary of shards in this
process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from tv5core.cluster.messages import PROTOCOL, Reply, decode, encode, raised
from tv5core.cluster.results import Shards
from tv5core.errors import InvalidInputError, ShardError, ShardSkewError, UnknownIdError

__all__ = ["Rounds", "Transport"]

T = TypeVar("T")


class Transport(Protocol):
    """Carries messages to shards.

    Attributes
    ----------
    total : int
        How many shards there are.
    """

    total: int

    async def call(
        self, method: str, message: bytes, shards: Sequence[int], after: int
    ) -> dict[int, bytes]:
        """Ask some shards; return the replies of those that answer.

        Parameters
        ----------
        method : str
            Of ``Shard``.
        message : bytes
        shards : sequence of int
        after : int
            A change of the source that a shard must have before it answers.
        """


class Rounds:
    """The rounds of one search, all of the same shards.

    Parameters
    ----------
    transport : Transport
    after : int
        See ``Transport.call``.
    """

    def __init__(self, transport: Transport, after: int = 0) -> None:
        self._transport, self._after = transport, after
        self._alive = list(range(transport.total))

    @property
    def shards(self) -> Shards:
        """How many have answered every message so far."""
        return Shards(len(self._alive), self._transport.total)

    async def ask(self, method: str, message: object, kind: type[T]) -> list[T]:
        """Send a message to all; return their answers, in the order of shards.

        Raises
        ------
        ShardError
            No shard answers.
        InvalidInputError
            What was asked is wrong.
        """
        data = encode(message)
        found = await self._transport.call(method, data, self._alive, self._after)
        replies = {number: decode(some, Reply) for number, some in sorted(found.items())}
        _check(replies)
        self._alive = _of_newest_space({n: one for n, one in replies.items() if not one.failure})
        if not self._alive:
            raise _nobody(replies, self._transport.total)
        return [decode(replies[number].body, kind) for number in self._alive]


def _check(replies: dict[int, Reply]) -> None:
    """Raise what is wrong with the question, or with all answers."""
    for number, reply in replies.items():
        if reply.protocol != PROTOCOL:
            raise ShardSkewError(
                f"expected shards of protocol {PROTOCOL}, got {reply.protocol} of shard {number}: "
                "install one version of tv5core everywhere, and deploy again"
            )
        if reply.failure is not None:
            error = raised(reply.failure)
            if isinstance(error, (InvalidInputError, UnknownIdError)):
                raise error


def _of_newest_space(replies: dict[int, Reply]) -> list[int]:
    """Leave out shards whose vectors are of an earlier space: they are about to follow."""
    newest = max((one.space for one in replies.values()), default=0)
    return [number for number, one in replies.items() if one.space == newest]


def _nobody(replies: dict[int, Reply], total: int) -> ShardError:
    failures = [str(raised(one.failure)) for one in replies.values() if one.failure is not None]
    got = failures[0] if failures else "none"
    return ShardError(f"expected answers of {total} shards, got {got}: see that they run")
