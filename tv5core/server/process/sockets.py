"""Listening sockets: one a worker on one port, and the writer's in a private folder."""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path

from tv5core.errors import InvalidInputError

__all__ = ["BACKLOG", "address_of", "bind_workers", "bind_writer"]

BACKLOG = 1_024
"""Connections that wait to be accepted; the kernel may allow fewer (net.core.somaxconn)."""

_FOLDER_MODE = 0o700


def bind_workers(host: str, port: int, count: int) -> list[socket.socket]:
    """Return listening sockets of one port, among which the kernel shares out connections.

    Parameters
    ----------
    host : str
    port : int
        0 for any free one.
    count : int

    Raises
    ------
    InvalidInputError
        The address is unknown or in use, also by another gateway.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _, _, _, address = found[0]
        port = _free_port(family, address)
        return [_listening(family, (address[0], port, *address[2:])) for _ in range(count)]
    except OSError as error:
        why = "one in use" if error.errno == errno.EADDRINUSE else error.strerror or str(error)
        raise InvalidInputError(
            f"expected an address to listen on, got {host}:{port}: {why}"
        ) from None


def _free_port(family: int, address: tuple[object, ...]) -> int:
    """Bind without sharing, which fails where anybody listens there, and let it go."""
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        return int(probe.getsockname()[1])


def _listening(family: int, address: tuple[object, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.bind(address)
    bound.listen(BACKLOG)
    bound.setblocking(False)
    return bound


def address_of(bound: socket.socket) -> str:
    """Return the URL at which a socket listens."""
    host, port, *_ = bound.getsockname()
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def bind_writer(folder: Path) -> socket.socket:
    """Return the writer's listening socket, ``writer.sock`` in a folder that is only ours.

    Raises
    ------
    InvalidInputError
        Others may enter the folder.
    """
    found = folder.stat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o777 != _FOLDER_MODE:
        raise InvalidInputError(
            f"expected a folder of our own with mode 0700, got {folder} with "
            f"{found.st_mode & 0o777:04o} of user {found.st_uid}"
        )
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    bound.bind(str(folder / "writer.sock"))
    bound.listen(BACKLOG)
    bound.setblocking(False)
    return bound
