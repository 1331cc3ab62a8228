"""The adapter of Kafka, over a consumer that stands in for aiokafka's: no broker runs here."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiokafka")

import aiokafka
from aiokafka.errors import KafkaConnectionError, NoOffsetForPartitionError
from aiokafka.structs import TopicPartition

from tv5core.errors import InvalidInputError
from tv5core.events.event import Event
from tv5core.events.kafka import KafkaEvents, kafka_options
from tv5core.observing import Tally

URL = "kafka://a:1,b/films?group=g"
CHANGED = b'{"ids": ["tmdb:movie:603"], "event": "title.changed"}'


@dataclass
class Record:
    """What the adapter reads of ``aiokafka.ConsumerRecord``."""

    topic: str
    partition: int
    offset: int
    value: bytes | None


class Broker:
    """Keeps the records of one partition, and what a group has committed."""

    def __init__(self, *values: bytes | None, committed: int | None = 0) -> None:
        self.values, self.committed = list(values), committed
        self.started = self.stopped = 0
        self.options: dict[str, Any] = {}

    def consumer(self, *topics: str, **options: Any) -> Consumer:
        assert topics == ("films",)
        self.options = options
        return Consumer(self)


class Consumer:
    """The methods of ``aiokafka.AIOKafkaConsumer`` that the adapter calls, by its signatures."""

    def __init__(self, broker: Broker) -> None:
        self._broker, self._at = broker, broker.committed

    async def start(self) -> None:
        self._broker.started += 1

    async def stop(self) -> None:
        self._broker.stopped += 1

    async def getone(self, *partitions: TopicPartition) -> Record:
        assert not partitions
        if self._at is None:
            raise NoOffsetForPartitionError
        while self._at >= len(self._broker.values):
            await asyncio.sleep(0)
        self._at += 1
        return Record("films", 0, self._at - 1, self._broker.values[self._at - 1])

    async def commit(self, offsets: dict[TopicPartition, int] | None = None) -> None:
        self._broker.committed = (
            self._at if offsets is None else offsets[TopicPartition("films", 0)]
        )

    async def seek_to_end(self, *partitions: TopicPartition) -> bool:
        assert not partitions
        self._at = len(self._broker.values)
        return True


def test_the_stand_in_is_called_as_aiokafkas_consumer() -> None:
    for name in ("start", "stop", "getone", "commit", "seek_to_end"):
        ours = inspect.signature(getattr(Consumer, name))
        real = inspect.signature(getattr(aiokafka.AIOKafkaConsumer, name))
        assert inspect.iscoroutinefunction(getattr(aiokafka.AIOKafkaConsumer, name))
        shape = [(p.name, p.kind, p.default) for p in real.parameters.values()]
        assert [(p.name, p.kind, p.default) for p in ours.parameters.values()] == shape
    fields = {field.name for field in aiokafka.ConsumerRecord.__dataclass_fields__.values()}
    assert {"topic", "partition", "offset", "value"} <= fields
    _, options = kafka_options("kafka+ssl://u:p@a/films")
    inspect.signature(aiokafka.AIOKafkaConsumer.__init__).bind(None, "films", **options)


async def deliver(broker: Broker, count: int, *, fail_at: int | None = None) -> list[Event]:
    """Deliver until so many events were applied, and their offsets committed."""
    source, heard = KafkaEvents(URL, consumer=broker.consumer), list[Event]()

    async def apply(event: Event) -> None:
        if len(heard) == fail_at:
            raise OSError("the cache cannot be told")
        heard.append(event)

    task = asyncio.create_task(source.deliver(apply, resumed=False))
    async with asyncio.timeout(60):
        while not task.done() and len(heard) < count:
            await asyncio.sleep(0)
        for _ in range(5):  # the commit of the last one
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert broker.started == broker.stopped
    return heard


async def test_each_event_is_applied_and_then_committed() -> None:
    broker = Broker(CHANGED, CHANGED)
    assert await deliver(broker, 2) == [Event(("tmdb:movie:603",), "title.changed")] * 2
    assert broker.committed == 2
    assert broker.options["bootstrap_servers"] == ["a:1", "b:9092"]
    assert broker.options["group_id"] == "g"
    assert broker.options["enable_auto_commit"] is False


async def test_one_that_was_not_applied_comes_again() -> None:
    broker = Broker(CHANGED, CHANGED, CHANGED)
    assert len(await deliver(broker, 3, fail_at=1)) == 1
    assert broker.committed == 1
    assert len(await deliver(broker, 2)) == 2
    assert broker.committed == 3


async def test_what_is_no_event_is_passed_over() -> None:
    broker, tally = Broker(b"junk", None, CHANGED), Tally()
    source, heard = KafkaEvents(URL, tally, consumer=broker.consumer), list[Event]()

    async def apply(event: Event) -> None:
        heard.append(event)

    task = asyncio.create_task(source.deliver(apply, resumed=False))
    async with asyncio.timeout(60):
        while broker.committed != 3:
            await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert len(heard) == 1
    assert tally.counted("events.malformed", source="kafka") == 2


async def test_where_the_position_is_lost_a_gap_is_told() -> None:
    broker = Broker(CHANGED, CHANGED, committed=None)
    assert await deliver(broker, 1) == [Event((), "missed")]
    assert broker.committed == 2


async def test_a_broker_that_is_away_is_an_error_of_the_source() -> None:
    class Away(Consumer):
        async def start(self) -> None:
            raise KafkaConnectionError

    source = KafkaEvents(URL, consumer=lambda *_, **__: Away(Broker()))
    with pytest.raises(KafkaConnectionError):
        await source.deliver(_nothing, resumed=False)


async def _nothing(_: Event) -> None:
    """Apply nothing."""


def test_credentials_and_certificates(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("filed")
    _, options = kafka_options(
        f"kafka+ssl://u@a/films?password_file={file}&sasl_mechanism=SCRAM-SHA-256"
    )
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_plain_password"] == "filed"
    _, options = kafka_options("kafka://u@a/films", {"TV5_KAFKA_PASSWORD": "env"})
    assert (options["security_protocol"], options["sasl_plain_password"]) == (
        "SASL_PLAINTEXT",
        "env",
    )


@pytest.mark.parametrize(
    "url",
    [
        *("http://a/films", "kafka://a", "kafka:///films", "kafka://a/b/c", "kafka://a,/films"),
        *("kafka://a/films?x=1", "kafka://u:hush@a/films?sasl_mechanism=GSSAPI"),
        "kafka+ssl://a/films?ssl_ca_certs=/none/such",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidInputError, match="expected") as caught:
        kafka_options(url, {})
    assert "hush" not in str(caught.value)
