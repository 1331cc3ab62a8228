"""Addresses of collections, as URLs.

``qdrant://host[:6333]/collection``              Qdrant over HTTP; ``qdrant+https://`` is TLS
``milvus://host[:19530]/[database/]collection``  Milvus; ``milvus+https://`` is TLS
``qdrant+local:///folder/collection``            Qdrant's client by itself, in a folder
``qdrant+memory://name/collection``              the same in this process's memory

The local forms are for trials and tests: exact, slow, and of one process.

Options behind a ``?`` are passed on when a collection is created: to Qdrant ``shard_number``,
``replication_factor``, ``write_consistency_factor``, ``on_disk`` (of whole vectors), ``m`` and
``ef_construct``; to Milvus ``shards_num``, ``replica_number``, ``consistency_level``,
``index_type``, ``nlist`` and ``refine_type``. ``timeout_s`` is what each call may take.

``TV5_QDRANT_API_KEY`` and ``TV5_MILVUS_TOKEN`` (``user:password``) are used where the URL has no
credentials. None of them is ever shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, quote, unquote

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError

__all__ = ["BACKENDS", "CollectionAddress", "is_collection_url"]

BACKENDS = ("qdrant", "milvus")

_SCHEMES = {
    "qdrant": ("qdrant", "http"),
    "qdrant+https": ("qdrant", "https"),
    "qdrant+local": ("qdrant", "local"),
    "qdrant+memory": ("qdrant", "memory"),
    "milvus": ("milvus", "http"),
    "milvus+https": ("milvus", "https"),
}
_PORTS = {"qdrant": 6_333, "milvus": 19_530}
_NUMBERS = {
    "qdrant": (
        "shard_number",
        "replication_factor",
        "write_consistency_factor",
        "m",
        "ef_construct",
    ),
    "milvus": ("shards_num", "replica_number", "nlist"),
}
_WORDS = {"qdrant": ("on_disk",), "milvus": ("consistency_level", "index_type", "refine_type")}
_SECRETS = {"qdrant": "TV5_QDRANT_API_KEY", "milvus": "TV5_MILVUS_TOKEN"}
_LOCAL = ("local", "memory")
_TIMEOUT_S = 5.0


def is_collection_url(place: object) -> bool:
    """Say whether something is a URL of a collection."""
    return isinstance(place, str) and place.partition("://")[0] in _SCHEMES and "://" in place


@dataclass(frozen=True)
class CollectionAddress:
    """Where a collection is.

    Attributes
    ----------
    backend : {"qdrant", "milvus"}
    how : {"http", "https", "local", "memory"}
    host, port : str, int
        Of a server; ``host`` is the name of what is in memory.
    collection : str
    path : str
        Folder of a local Qdrant.
    database : str
        Of Milvus; empty for its default.
    options : dict of str to int or str
        For a collection that is created.
    timeout_s : float
    secret : str
        Key or token; never shown.
    """

    backend: str
    how: str
    collection: str
    host: str = ""
    port: int = 0
    path: str = ""
    database: str = ""
    options: Mapping[str, int | str] = field(default_factory=dict)
    timeout_s: float = _TIMEOUT_S
    secret: str = field(default="", repr=False)

    @property
    def is_local(self) -> bool:
        """Whether there is no server."""
        return self.how in _LOCAL

    @property
    def server(self) -> str:
        """URL of the server."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.how}://{host}:{self.port}"

    def __str__(self) -> str:
        """Return the URL without credentials and options."""
        scheme = self.backend if self.how == "http" else f"{self.backend}+{self.how}"
        place = self.path if self.how == "local" else self.host
        if not self.is_local:
            place = self.server.partition("://")[2]
        inner = f"{self.database}/" if self.database else ""
        return f"{scheme}://{place}/{inner}{quote(self.collection)}"

    @classmethod
    def parse(cls, url: str, environment: Mapping[str, str] = os.environ) -> CollectionAddress:
        """Parse a URL; see this module.

        Raises
        ------
        InvalidInputError
            It is no such URL. The message has no credentials in it.
        """
        if not is_collection_url(url):
            raise InvalidInputError(
                f"expected a URL of a collection ({', '.join(f'{s}://' for s in _SCHEMES)}), got "
                f"{shown(_without_login(url) if isinstance(url, str) else url)}"
            )
        scheme, _, rest = url.partition("://")
        backend, how = _SCHEMES[scheme]
        rest, _, query = rest.partition("?")
        options, timeout_s = _options(backend, query)
        place, _, path = rest.partition("/")
        login, _, server = place.rpartition("@")
        folder, database, collection = _names(backend, how, path)
        if not collection:
            raise InvalidInputError(
                f"expected the name of a collection at the end, got {shown(_without_login(url))}"
            )
        host, port = _host(backend, how, server)
        secret = unquote(login.removeprefix(":")) or environment.get(_SECRETS[backend], "")
        return cls(
            backend, how, collection, host, port, folder, database, options, timeout_s, secret
        )


def _names(backend: str, how: str, path: str) -> tuple[str, str, str]:
    """Return folder, database and collection; no collection where the path is of another shape."""
    *before, collection = [unquote(name) for name in path.split("/")]
    if how == "local":
        return ("/" + "/".join(before), "", collection) if before else ("", "", "")
    if backend == "milvus" and len(before) == 1:
        return "", before[0], collection
    return "", "", "" if before else collection


def _without_login(url: str) -> str:
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{path}" if rest else "another text"


def _host(backend: str, how: str, text: str) -> tuple[str, int]:
    if how in _LOCAL:
        return text, 0
    host, mark, port = text.rpartition(":")
    if not mark or text.endswith("]"):
        host, port = text, ""
    if port and not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise InvalidInputError(f"expected the number of a port, got {shown(port)}")
    host = host.removeprefix("[").removesuffix("]") or "localhost"
    return host, int(port) if port else _PORTS[backend]


def _options(backend: str, query: str) -> tuple[dict[str, int | str], float]:
    found: dict[str, int | str] = {}
    timeout_s = _TIMEOUT_S
    known = ("timeout_s", *_NUMBERS[backend], *_WORDS[backend])
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in known:
            raise InvalidInputError(f"expected options among {', '.join(known)}, got {shown(name)}")
        if name == "timeout_s":
            timeout_s = _seconds(value)
        elif name in _NUMBERS[backend]:
            found[name] = _count(name, value)
        else:
            found[name] = value
    if found.get("on_disk", "true") not in ("true", "false"):
        raise InvalidInputError(f"expected on_disk to be true or false, got {shown(query)}")
    return found, timeout_s


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 3_600:
        raise InvalidInputError(f"expected timeout_s of 0 to 3,600 seconds, got {shown(text)}")
    return seconds


def _count(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 1_000_000):
        raise InvalidInputError(f"expected {name} to be a count, got {shown(text)}")
    return int(text)
