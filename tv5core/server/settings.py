"""Settings: everything about the gateway that can be set, checked once."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.events.kafka import kafka_options
from tv5core.redis_access.address import RedisAddress, without_credentials
from tv5core.upstream.provider import Secret
from tv5core.vector_databases import CollectionAddress

__all__ = ["Settings"]

_Port = Annotated[int, Meta(ge=0, le=65_535)]
_Count = Annotated[int, Meta(ge=1, le=1_000_000)]
_Bytes = Annotated[int, Meta(ge=1)]
_Seconds = Annotated[float, Meta(gt=0, le=86_400)]
_Rate = Annotated[float, Meta(ge=0, le=1e9)]
_Region = Annotated[str, Meta(pattern="^[A-Z]{2}$")]

_URLS = ("redis_url", "events_kafka_url", "vectors_url")
_SECRETS = ("admin_token", "hook_secret", "metrics_token")
_ORIGIN = re.compile(r"\*|https?://[^/\s,]+")
_HOST = re.compile(r"https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?")  # goes into a header as it is


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of one gateway; ``tv5core.server.setting_sources`` says where they come from.

    Attributes
    ----------
    catalog : str
        The catalogue's folder; or the URL where it is published, for gateways that are read-only.
    snapshot_path : str or None
        Folder for the snapshots of such a URL; workers share it.
    vectors_url : str or None
        Collection of Qdrant or Milvus that keeps the vectors; see ``Catalog.open``.
    follow_s : float
        How often a newer snapshot is looked for.
    demo : bool
        Serve the shipped titles from a temporary catalogue.
    read_only : bool
        Store nothing: titles that providers know and the catalogue does not are served only.
    host, port : str and int
        Where to listen; port 0 for any free one.
    workers : int
        Processes that answer.
    cache_path, redis_url : str or None
        The cache's tier on disk, and the Redis that processes and machines share: one server, a
        master behind sentinels, or a cluster; see ``tv5core.redis_access.address``.
    gateways : int or None
        Gateways that share the Redis: how providers' limits are shared out while it does not
        answer; None where that is not known. See ``tv5core.server.providers``.
    events_redis_channel, events_kafka_url : str or None
        Where events are read that say what has changed, besides ``/api/hooks``: a channel of
        ``redis_url``, and a topic of Kafka (extra ``kafka``); see ``tv5core.events``.
    l1_bytes, l2_bytes : int
        Capacities of the cache in memory and on disk.
    rendered_bytes : int
        Answers that are kept as bytes, to be given again while nothing changed; 0 for none.
    freshness : {"current", "until_expiry"}
        How old answers may be while titles change; see ``CachedCatalog``.
    region : str
        Country of offers where a request names none.
    providers : bool
        Ask TMDB, and JustWatch where it is enabled, as far as there are keys.
    admin_token, admin_token_file : Secret and str, or None
        What routes below ``/api/admin`` require; without one they are closed.
    hook_secret, hook_secret_file : Secret and str, or None
        What signs calls of ``/api/hooks``; without one they are closed.
    metrics_token, metrics_token_file : Secret and str, or None
        What ``/metrics`` requires; without one it is open to whoever reaches the gateway.
    api_keys_file : str or None
        A file of clients' keys, one a line; each has a limit of its own.
    cors_origins : tuple of str
        Origins whose pages may read answers; ``*`` for all.
    client_rate, client_burst : float and int
        Requests a second and at once of one address; rate 0 for no limit.
    key_rate, key_burst : float and int
        The same of one key.
    sitemap : str or None
        A sitemap, or a file of ids, that ``{"source": "sitemap"}`` loads; None for all titles.
    trusted_proxies : tuple of str
        Networks whose ``X-Forwarded-For`` is believed.
    max_body_bytes, max_target_bytes, max_header_bytes : int
        Largest body, request line and header that are read.
    request_timeout_s : float
        What one request may take.
    idle_timeout_s : float
        How long a connection may stay without a whole request.
    max_concurrency, max_queue, queue_timeout_s : int, int, float
        Requests answered at once, requests that wait for their turn, and for how long.
    threads : int or None
        Threads that search; None for one a core.
    live_deadline_s, stale_deadline_s, offers_deadline_s : float
        What a title waits for: its provider, the cache or the catalogue, and offers.
    unknown_deadline_s : float
        What a title waits for its provider where nobody else knows it.
    writer_deadline_s : float
        What a change waits for the process that writes, its restarts included.
    drain_s : float
        What the last requests of an ending process may take.
    heartbeat_timeout_s : float
        How long a process may give no sign of life before it is replaced.
    log_level : str
    log_requests : bool
        Log a line a request.
    statsd_address : str or None
        ``host:port`` of a StatsD.
    otlp_endpoint : str or None
        Where traces are sent by OTLP over HTTP, ``http://host:4318/v1/traces``; extra ``otlp``.
    trace_share : float
        Share of the requests that are traced, where the client does not decide.
    live_page : bool
        Serve ``/live`` and ``/``.
    live_clients : int
        Live pages that are told of changes at once; further ones ask every few seconds.
    image_origins : tuple of str
        Origins that posters may be shown from; none for no posters.
    """

    catalog: str = "tv5-catalog"
    snapshot_path: str | None = None
    vectors_url: str | None = None
    follow_s: _Seconds = 10.0
    demo: bool = False
    read_only: bool = False
    host: str = "127.0.0.1"
    port: _Port = 8080
    workers: Annotated[int, Meta(ge=1, le=256)] = 1
    cache_path: str | None = None
    redis_url: str | None = None
    gateways: Annotated[int, Meta(ge=1, le=1_000)] | None = None
    events_redis_channel: str | None = None
    events_kafka_url: str | None = None
    l1_bytes: _Bytes = 256 << 20
    l2_bytes: _Bytes = 2 << 30
    rendered_bytes: Annotated[int, Meta(ge=0)] = 32 << 20
    freshness: Literal["current", "until_expiry"] = "current"
    region: _Region = "US"
    providers: bool = True
    admin_token: Secret | None = None
    admin_token_file: str | None = None
    hook_secret: Secret | None = None
    hook_secret_file: str | None = None
    metrics_token: Secret | None = None
    metrics_token_file: str | None = None
    api_keys_file: str | None = None
    cors_origins: tuple[str, ...] = ()
    client_rate: _Rate = 50.0
    client_burst: _Count = 100
    key_rate: _Rate = 200.0
    key_burst: _Count = 400
    sitemap: str | None = None
    trusted_proxies: tuple[str, ...] = ()
    max_body_bytes: _Bytes = 64 << 10
    max_target_bytes: _Bytes = 8_190
    max_header_bytes: _Bytes = 8_190
    request_timeout_s: _Seconds = 10.0
    idle_timeout_s: _Seconds = 75.0
    max_concurrency: _Count = 64
    max_queue: Annotated[int, Meta(ge=0, le=1_000_000)] = 256
    queue_timeout_s: _Seconds = 1.0
    threads: Annotated[int, Meta(ge=1, le=1_024)] | None = None
    live_deadline_s: _Seconds = 0.3
    stale_deadline_s: _Seconds = 0.1
    offers_deadline_s: _Seconds = 0.3
    unknown_deadline_s: _Seconds = 2.0
    writer_deadline_s: _Seconds = 10.0
    drain_s: _Seconds = 10.0
    heartbeat_timeout_s: _Seconds = 30.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_requests: bool = True
    statsd_address: str | None = None
    otlp_endpoint: str | None = None
    trace_share: Annotated[float, Meta(ge=0, le=1)] = 1.0
    live_page: bool = True
    live_clients: Annotated[int, Meta(ge=0, le=10_000)] = 64
    image_origins: tuple[str, ...] = (
        "https://image.tmdb.org",
        "https://images.justwatch.com",
        "https://upload.wikimedia.org",
    )

    def __post_init__(self) -> None:
        for name in _SECRETS:
            path = getattr(self, f"{name}_file")
            if path is not None and getattr(self, name) is None:
                msgspec.structs.force_setattr(self, name, _secret_in(f"{name}_file", path))
        self._check_addresses()
        for origin in self.cors_origins:
            if not _ORIGIN.fullmatch(origin):
                raise InvalidInputError(
                    f"setting cors_origins: expected https://host or *, got {shown(origin)}"
                )
        for origin in self.image_origins:
            if not _HOST.fullmatch(origin):
                raise InvalidInputError(
                    f"setting image_origins: expected https://host, got {shown(origin)}"
                )

    def _check_addresses(self) -> None:
        """Read what URLs say, credentials in files too, before anything is opened."""
        readers: dict[str, Callable[[str], object]] = {
            "redis_url": RedisAddress.parse,
            "events_kafka_url": kafka_options,
            "vectors_url": CollectionAddress.parse,
        }
        for name, read in readers.items():
            url = getattr(self, name)
            try:
                read(url) if url is not None else None
            except InvalidInputError as error:
                raise InvalidInputError(f"setting {name}: {error}") from None
        if self.events_redis_channel is not None and self.redis_url is None:
            raise InvalidInputError(
                "setting events_redis_channel: expected redis_url to be set too, got none"
            )

    def __repr__(self) -> str:
        """Return what may be logged."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.public().items())
        return f"Settings({given})"

    def public(self) -> dict[str, Any]:
        """Return the settings without secrets, as they may be shown to an operator."""
        return {name: _shown(name, getattr(self, name)) for name in self.__struct_fields__}


def _shown(name: str, value: Any) -> Any:
    if isinstance(value, Secret):
        return "***"
    return without_credentials(value) if name in _URLS and value is not None else value


def _secret_in(name: str, path: str) -> Secret:
    try:
        return Secret(Path(path).read_text("ascii"))
    except InvalidInputError as error:
        raise InvalidInputError(f"setting {name}: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        why = type(error).__name__
    raise InvalidInputError(f"setting {name}: expected a readable file, got {why}")
