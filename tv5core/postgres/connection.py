"""Connections to PostgreSQL (extra ``postgres``), and its refusals as errors of tv5core.

A connection string may name several hosts: what changes something goes to the one that can be
written to, what reads goes to a replica where one answers, and both move on when a host is lost.
Refusals are told apart by SQLSTATE, for messages are in the server's language.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from tv5core.errors import (
    InvalidInputError,
    PostgresAccessError,
    PostgresError,
    PostgresUnavailableError,
    SchemaDriftError,
)

if TYPE_CHECKING:
    import psycopg
    from psycopg_pool import ConnectionPool

__all__ = ["Connection", "Connector", "state_of", "translated"]

Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

_SESSION = {
    "datestyle": "ISO",
    "timezone": "UTC",
    "intervalstyle": "iso_8601",
    "extra_float_digits": "1",
    "client_encoding": "UTF8",
}
_TIMEOUT_S = 5
# Lost servers, a starting or a stopping one, too many connections, and conflicts on a replica.
_UNAVAILABLE = ("08", "57P", "53", "40001", "25006", "58", "XX")
_ACCESS = ("28", "3D000", "42501")
_DRIFT = ("42P01", "42703", "42704")


def state_of(error: BaseException) -> str:
    """Return the SQLSTATE of an error, empty where it has none."""
    return str(getattr(error, "sqlstate", None) or "")


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Raise errors of PostgreSQL as those of tv5core; ``what`` is what was tried."""
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        state = state_of(error)
        kind = _kind(state, lost=isinstance(error, psycopg.OperationalError))
        said = " ".join(str(error).split())[:400]
        raise kind(f"expected PostgreSQL to {what}, got {state or 'no answer'}: {said}") from None


def _kind(state: str, *, lost: bool) -> type[PostgresError]:
    if state.startswith(_ACCESS):
        return PostgresAccessError
    if state.startswith(_DRIFT):
        return SchemaDriftError
    if state.startswith(_UNAVAILABLE) or (lost and not state):
        return PostgresUnavailableError
    return PostgresError


class Connector:
    """Opens connections by one connection string.

    Parameters
    ----------
    dsn : str
        A URL or words as libpq takes them; several hosts are a primary and its replicas.

    Raises
    ------
    InvalidInputError
        It is no connection string, or psycopg is not installed.
    """

    def __init__(self, dsn: str) -> None:
        try:
            from psycopg import ProgrammingError
            from psycopg.conninfo import conninfo_to_dict, make_conninfo
        except ModuleNotFoundError as error:
            raise InvalidInputError(
                f"expected {error.name} for PostgreSQL, got none: pip install 'tv5core[postgres]'"
            ) from error
        try:
            given: dict[str, Any] = dict(conninfo_to_dict(dsn))
        except ProgrammingError:  # its message has the string, and so perhaps a password
            raise InvalidInputError(
                "expected a connection string such as postgresql://user@host:5432/films, got "
                "something else"
            ) from None
        given.setdefault("connect_timeout", str(_TIMEOUT_S))
        given.setdefault("application_name", "tv5core")
        given.setdefault("keepalives_idle", "5")
        given.setdefault("tcp_user_timeout", "10000")
        self._writes = make_conninfo(**{**given, "target_session_attrs": "read-write"})
        self._reads = make_conninfo(**{**given, "target_session_attrs": "prefer-standby"})

    def primary(self) -> Connection:
        """Connect to the host that can be written to."""
        return self._connect(self._writes, "let us in where it can be written to")

    def replica(self) -> Connection:
        """Connect to a replica, or to the primary where none answers."""
        return self._connect(self._reads, "let us in")

    def _connect(self, conninfo: str, what: str) -> Connection:
        import psycopg

        with translated(what):
            connection = psycopg.connect(conninfo, autocommit=True)
            prepare(connection)
            return connection

    def pool_like(self, connection: Connection, size: int) -> ConnectionPool[Any]:
        """Return a pool of connections to the same host; a snapshot is known there alone."""
        from psycopg.conninfo import make_conninfo
        from psycopg_pool import ConnectionPool

        info = connection.info
        same = make_conninfo(
            self._writes, host=info.host, port=info.port, target_session_attrs="any"
        )
        return ConnectionPool(
            same, min_size=1, max_size=size, timeout=2 * _TIMEOUT_S, open=True,
            kwargs={"autocommit": True}, configure=prepare,
        )  # fmt: skip


def prepare(connection: Connection) -> None:
    """Have a session write values the way they are read here."""
    settings = ", ".join("set_config(%s, %s, false)" for _ in _SESSION)
    flat = [word for pair in _SESSION.items() for word in pair]
    connection.execute(f"SELECT {settings}", flat)
