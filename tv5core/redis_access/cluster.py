"""ClusterClient: asks the node of a cluster that serves a key.

Why not redis-py's ``RedisCluster``: as of 8.1 it sends ``ASKING`` over another pooled connection
than the command that needs it, so that a slot on its way to another node cannot be used under load,
and it closes all connections of the process where one slot is down. What is needed of it is little:
which node serves a slot, and where it says that a key is. The servers do the rest.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import (
    AskError,
    AuthenticationError,
    ClusterDownError,
    ClusterError,
    MovedError,
    ResponseError,
)
from redis.exceptions import ConnectionError as RedisConnectionError

from tv5core.redis_access.client import Argument, Script, run_script
from tv5core.redis_access.messages import Messages
from tv5core.redis_access.refusals import AWAY, ERRORS
from tv5core.redis_access.slots import SLOTS, key_slot

__all__ = ["ClusterClient"]

Node = tuple[str, int]

_MAX_REDIRECTS = 5


class ClusterClient:
    """Runs commands and scripts on the node that serves their keys.

    A node that does not answer is found out about by the next call, which asks any other for the
    map of slots; nothing is tried twice, so that nothing takes longer than the timeouts of two
    nodes.

    Parameters
    ----------
    seeds : sequence of (host, port)
        Some nodes; the others are learnt from them.
    open_node : callable
        Makes the client of a node: for commands, or (the last argument) for messages.
    """

    fails_over = True
    is_cluster = True
    publish = "SPUBLISH"

    def __init__(self, seeds: Sequence[Node], open_node: Callable[[str, int, bool], Redis]) -> None:
        self._seeds, self._open_node = tuple(seeds), open_node
        self._clients: dict[tuple[Node, bool], Redis] = {}
        self._owners: dict[int, Node] = {}
        self._masters: tuple[Node, ...] = ()
        self._nodes: tuple[Node, ...] = ()
        self._version, self._is_stale = 0, True
        self._refreshing = asyncio.Lock()

    # -- commands -------------------------------------------------------------------------

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script on the node of its keys, which have one hash tag."""
        slot = key_slot(keys[0])

        async def execute(*command: Any) -> Any:
            return await self._execute(slot, command)

        return await run_script(execute, script, keys, args)

    async def execute(self, command: str, key: bytes, *args: Argument) -> Any:
        """Run a command on the node of its key."""
        return await self._execute(key_slot(key), (command, key, *args))

    async def _execute(self, slot: int, command: tuple[Any, ...]) -> Any:
        for _ in range(_MAX_REDIRECTS):
            node = await self._owner(slot)
            try:
                return await self._execute_at(node, command)
            except MovedError as error:
                self._owners[slot] = (error.host or node[0], error.port)
            except AskError as error:
                return await self._ask((error.host or node[0], error.port), command)
            except AWAY:
                self._is_stale = True
                raise
            except ResponseError:
                raise
            except BaseException:  # also cancelled: by a deadline, as a rule
                self._is_stale = True
                raise
        raise ClusterError("expected a node to serve the slot, got redirections")

    async def _execute_at(self, node: Node, command: tuple[Any, ...]) -> Any:
        client = self._client(node)
        return await client.execute_command(*command)  # type: ignore[no-untyped-call]

    async def _ask(self, node: Node, command: tuple[Any, ...]) -> Any:
        """Run a command where its slot is on its way to; over one connection."""
        async with self._client(node).pipeline(transaction=False) as pipe:
            pipe.execute_command("ASKING")
            pipe.execute_command(*command)
            answer = (await pipe.execute(raise_on_error=False))[1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    # -- who serves what ------------------------------------------------------------------

    async def _owner(self, slot: int) -> Node:
        if self._is_stale:
            await self._refresh(self._version)
        owner = self._owners.get(slot)
        if owner is None:
            self._is_stale = True
            raise ClusterDownError("expected a node to serve the slot, got none")
        return owner

    async def _refresh(self, version: int) -> None:
        """Ask nodes in turn for the map of slots, unless somebody has done so meanwhile."""
        async with self._refreshing:
            if version != self._version:
                return
            known = [*dict.fromkeys((*self._nodes, *self._seeds))]
            random.shuffle(known)
            failed: BaseException = RedisConnectionError("expected a node to answer, got none")
            for node in known:
                try:
                    slots = await self._execute_at(node, ("CLUSTER", "SLOTS"))
                except (AuthenticationError, ResponseError) as error:
                    failed = error  # it says more than one that does not answer
                except ERRORS:
                    pass
                else:
                    self._apply(slots, node)
                    await self._forget_gone()
                    return
            raise failed

    def _apply(self, slots: list[Any], asked: Node) -> None:
        """Store the map: first and last slot, the master, its replicas; of each host and port."""
        owners, nodes, masters = dict[int, Node](), list[Node](), list[Node]()
        for first, last, *members in slots:
            listed = [(_text(host) or asked[0], int(port)) for host, port, *_ in members]
            owners.update(dict.fromkeys(range(first, min(last, SLOTS - 1) + 1), listed[0]))
            masters.append(listed[0])
            nodes += listed
        self._owners = owners
        self._masters, self._nodes = tuple(dict.fromkeys(masters)), tuple(dict.fromkeys(nodes))
        self._version, self._is_stale = self._version + 1, False

    async def _forget_gone(self) -> None:
        known = {*self._nodes, *self._seeds}
        for key in [key for key in self._clients if key[0] not in known]:
            await self._clients.pop(key).aclose()

    def _client(self, node: Node, *, listens: bool = False) -> Redis:
        key = (node, listens)
        client = self._clients.get(key)
        if client is None:
            client = self._clients[key] = self._open_node(*node, listens)
        return client

    # -- messages and facts ---------------------------------------------------------------

    @asynccontextmanager
    async def listen(self, channel: bytes) -> AsyncIterator[Messages]:
        """Subscribe to the channel of a slot, at the node that serves it."""
        slot = key_slot(channel)
        node = await self._owner(slot)
        try:
            async with Messages(
                self._client(node, listens=True), channel, is_sharded=True
            ) as messages:
                yield messages
        except MovedError as error:
            self._owners[slot] = (error.host or node[0], error.port)
            raise RedisConnectionError("the channel has another node") from error
        except ERRORS:
            self._is_stale = True
            raise

    async def info(self, section: str) -> list[dict[str, Any]]:
        """Return a section of what each master says of itself."""
        if self._is_stale:
            await self._refresh(self._version)
        return [await self._client(node).info(section) for node in self._masters]

    async def close(self) -> None:
        """Close all connections."""
        clients, self._clients = list(self._clients.values()), {}
        self._is_stale = True
        for client in clients:
            await client.aclose()


def _text(host: bytes | str | None) -> str:
    return host.decode() if isinstance(host, bytes) else host or ""
