"""KafkaEvents: events in the records of a Kafka topic (extra ``kafka``).

``kafka://[user[:password]@]host[:port],.../topic`` names brokers and a topic, ``kafka+ssl`` is TLS.
Options are ``group`` (``tv5``), ``sasl_mechanism`` (``PLAIN``, where there is a user),
``password_file`` and ``ssl_ca_certs``; ``TV5_KAFKA_USERNAME`` and ``TV5_KAFKA_PASSWORD`` are used
where the URL has none.

Gateways of one group share the work: each event comes to one of them. That is right where they
share a Redis, over which it reaches the others; without, each needs a group of its own.

An adapter of aiokafka's consumer. A record's offset is committed when its event was applied, so
that each event is applied at least once, also when a process ends meanwhile; events may come twice,
which does no harm. It is tested with a consumer that stands in for aiokafka's, with the same
signatures, and not with a broker.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from tv5core.arguments import shown
from tv5core.errors import InvalidInputError
from tv5core.events.event import MISSED, Event, received_event
from tv5core.events.source import Apply
from tv5core.observing import SILENT, Observer
from tv5core.redis_access.address import (
    Credentials,
    credentials_of,
    login_of,
    without_credentials,
)

__all__ = ["KafkaEvents", "kafka_options"]

_PORT = 9_092
_OPTIONS = ("group", "sasl_mechanism", "password_file", "ssl_ca_certs")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


class KafkaEvents:
    """Events in the records of a topic.

    Parameters
    ----------
    url : str
        See this module.
    observer : Observer
        Counts ``events.malformed`` by source.
    consumer : callable, optional
        Takes what ``aiokafka.AIOKafkaConsumer`` takes; that class by default.

    Raises
    ------
    InvalidInputError
        It is no such URL; or aiokafka is not installed.
    """

    name = "kafka"
    is_local = False

    def __init__(
        self, url: str, observer: Observer = SILENT, *, consumer: Callable[..., Any] | None = None
    ) -> None:
        self._topic, self._options = kafka_options(url)
        self._consumer = consumer or _aiokafka_consumer()
        self._observer = observer

    async def deliver(self, apply: Apply, *, resumed: bool) -> None:  # noqa: ARG002 - Kafka keeps them
        """Deliver records from the last offset that was committed."""
        consumer = self._consumer(self._topic, **self._options)
        try:
            await consumer.start()
            while True:
                await self._deliver_next(consumer, apply)
        finally:
            await consumer.stop()

    async def _deliver_next(self, consumer: Any, apply: Apply) -> None:
        from aiokafka.errors import NoOffsetForPartitionError, OffsetOutOfRangeError
        from aiokafka.structs import TopicPartition

        try:
            record = await consumer.getone()
        except (NoOffsetForPartitionError, OffsetOutOfRangeError):
            # A new group, or records that were deleted before they were read.
            await consumer.seek_to_end()
            await apply(Event((), MISSED))
            await consumer.commit()
            return
        event = received_event(record.value or b"", self.name, self._observer)
        if event is not None:
            await apply(event)
        where = TopicPartition(record.topic, record.partition)
        await consumer.commit({where: record.offset + 1})


def _aiokafka_consumer() -> Callable[..., Any]:
    try:
        from aiokafka import AIOKafkaConsumer
    except ModuleNotFoundError as error:
        raise InvalidInputError(
            f"events of Kafka need {error.name}: pip install 'tv5core[kafka]'"
        ) from error
    made: Callable[..., Any] = AIOKafkaConsumer
    return made


def kafka_options(
    url: str, environment: Mapping[str, str] = os.environ
) -> tuple[str, dict[str, Any]]:
    """Return the topic of a URL, and what aiokafka's consumer takes.

    Raises
    ------
    InvalidInputError
        It is no such URL, or a file cannot be read.
    """

    def wrong(expected: str) -> InvalidInputError:
        return InvalidInputError(f"expected {expected}, got {shown(without_credentials(url))}")

    scheme, mark, rest = url.partition("://")
    if not mark or scheme not in ("kafka", "kafka+ssl"):
        raise wrong("kafka://host:port,host:port/topic or kafka+ssl://...")
    rest, _, query = rest.partition("?")
    place, _, topic = rest.partition("/")
    login, _, hosts = place.rpartition("@")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not topic or "/" in topic or not all(hosts.split(",")):
        raise wrong("hosts and a topic of Kafka")
    if unknown := sorted(options.keys() - set(_OPTIONS)):
        raise wrong(f"options among {', '.join(_OPTIONS)} without {unknown[0]!r}")
    logged_in = credentials_of(
        Credentials(*login_of(login)), options.get("password_file"), environment, "TV5_KAFKA_"
    )
    return topic, {
        "bootstrap_servers": [
            host if ":" in host else f"{host}:{_PORT}" for host in hosts.split(",")
        ],
        "group_id": options.get("group", "tv5"),
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        **_security(scheme == "kafka+ssl", logged_in, options, wrong),
    }


def _security(
    is_tls: bool,
    login: Credentials,
    options: Mapping[str, str],
    wrong: Callable[[str], InvalidInputError],
) -> dict[str, Any]:
    """Return what a consumer takes for TLS and for logging in."""
    protocol = "SSL" if is_tls else "PLAINTEXT"
    given: dict[str, Any] = {}
    if is_tls:
        try:
            given["ssl_context"] = ssl.create_default_context(cafile=options.get("ssl_ca_certs"))
        except (OSError, ssl.SSLError) as error:
            raise wrong(f"certificates in ssl_ca_certs ({type(error).__name__})") from None
    if login.username is not None:
        mechanism = options.get("sasl_mechanism", "PLAIN")
        if mechanism not in _MECHANISMS:
            raise wrong(f"a sasl_mechanism among {', '.join(_MECHANISMS)}")
        protocol = f"SASL_{protocol}"
        given |= {
            "sasl_mechanism": mechanism,
            "sasl_plain_username": login.username,
            "sasl_plain_password": login.password or "",
        }
    return {"security_protocol": protocol, **given}
