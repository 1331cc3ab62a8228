"""What clients do, whatever Redis is behind them; and the client of one server."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from tv5core.redis_access.messages import Messages

__all__ = ["Argument", "RedisClient", "Script", "SingleClient"]

Argument = bytes | str | int | float
"""What a command takes."""


class Script:
    """A Lua script.

    Attributes
    ----------
    text, sha : str
        The script, and the name under which servers keep it.
    """

    __slots__ = ("sha", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.sha = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisClient(Protocol):
    """Runs commands and scripts where their keys are.

    Attributes
    ----------
    fails_over : bool
        Whether another server, with older data, may answer from one call to the next.
    is_cluster : bool
        Whether the keys of one script must have one hash tag.
    publish : str
        The command by which scripts publish on channels that :meth:`listen` listens to.
    """

    fails_over: bool
    is_cluster: bool
    publish: str

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script on the server of its keys, one at least."""

    async def execute(self, command: str, key: bytes, *args: Argument) -> Any:
        """Run a command on the server of its key."""

    def listen(self, channel: bytes) -> AbstractAsyncContextManager[Messages]:
        """Subscribe to a channel, over a connection of its own."""

    async def info(self, section: str) -> list[dict[str, Any]]:
        """Return a section of what each server that has keys says of itself."""

    async def close(self) -> None:
        """Close all connections."""


class SingleClient:
    """The client of one server, also of the master that sentinels name.

    Parameters
    ----------
    commands, messages : Redis
        The second waits for messages, so it cannot have the timeout of commands.
    sentinels : sequence of Redis
        Whom both ask for the master; closed with them. Where there are any, it may change.
    """

    is_cluster = False
    publish = "PUBLISH"

    def __init__(self, commands: Redis, messages: Redis, sentinels: Sequence[Redis] = ()) -> None:
        self._commands, self._messages = commands, messages
        self._sentinels, self.fails_over = tuple(sentinels), bool(sentinels)

    async def run(self, script: Script, keys: Sequence[bytes], args: Sequence[Argument]) -> Any:
        """Run a script; it is sent where the server does not have it."""
        return await run_script(self._commands.execute_command, script, keys, args)

    async def execute(self, command: str, key: bytes, *args: Argument) -> Any:
        """Run a command."""
        execute = self._commands.execute_command
        return await execute(command, key, *args)  # type: ignore[no-untyped-call]

    def listen(self, channel: bytes) -> Messages:
        """Subscribe to a channel."""
        return Messages(self._messages, channel)

    async def info(self, section: str) -> list[dict[str, Any]]:
        """Return a section of what the server says of itself."""
        return [await self._commands.info(section)]

    async def close(self) -> None:
        """Close all connections."""
        for client in (self._commands, self._messages, *self._sentinels):
            await client.aclose()


async def run_script(
    execute: Callable[..., Awaitable[Any]],
    script: Script,
    keys: Sequence[bytes],
    args: Sequence[Argument],
) -> Any:
    """Run a script by its name, or with its text where a server does not know it yet."""
    try:
        return await execute("EVALSHA", script.sha, len(keys), *keys, *args)
    except NoScriptError:
        return await execute("EVAL", script.text, len(keys), *keys, *args)
