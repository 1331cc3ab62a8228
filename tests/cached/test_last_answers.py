"""What was answered last: bounded in bytes, and told from other fallbacks."""

from __future__ import annotations

import tracemalloc

import msgspec

from tv5core import CATALOG_POLICIES
from tv5core.cache.answer import Answer
from tv5core.cached.last_answers import LastAnswers
from tv5core.data import demo_titles
from tv5core.types import Title

POPULAR = tuple(demo_titles()[:20])


def loaded(value: tuple[Title, ...] = POPULAR) -> Answer[tuple[Title, ...]]:
    return Answer(value, "fresh", 0.0, "loader")


def test_a_fallback_is_stale_only_where_it_is_what_was_answered() -> None:
    now = [5.0]
    last = LastAnswers(CATALOG_POLICIES, clock=lambda: now[0])
    last.noted("popular", "films:1.1:abc", loaded())
    now[0] = 8.0
    given = last.fallbacks()["popular"]("films:1.2:abc")
    assert given == POPULAR
    fallback = Answer(given, "fallback", None, "static")
    told = last.noted("popular", "films:1.2:abc", fallback)
    assert (told.state, told.age_s, told.value) == ("stale", 3.0, POPULAR)
    other = Answer(POPULAR[:3], "fallback", None, "static")
    assert last.noted("popular", "films:1.2:abc", other) is other
    assert last.noted("popular", "films:1.2:abd", fallback) is fallback
    strange = Answer((object(),), "fallback", None, "static")  # no codec could encode it
    assert last.noted("popular", "films:1.2:abc", strange) is strange  # type: ignore[arg-type]
    assert last.fallbacks()["popular"]("films:1.2:abd") is None


def test_kinds_of_the_callers_own_are_left_alone() -> None:
    answer = loaded()
    assert LastAnswers(CATALOG_POLICIES).noted("mine", "a:1:b", answer) is answer


def test_the_memory_counted_is_the_memory_taken() -> None:
    last = LastAnswers(CATALOG_POLICIES, 8 << 20)
    raw = msgspec.msgpack.encode(POPULAR)
    tracemalloc.start()
    try:
        for number in range(500):
            own = msgspec.msgpack.decode(raw, type=tuple[Title, ...])
            last.noted("popular", f"films:1.1:{number}", loaded(own))
            del own
        assert tracemalloc.get_traced_memory()[0] < 1.25 * last.bytes_used
    finally:
        tracemalloc.stop()
    assert len(raw) * len(last) <= last.bytes_used <= 8 << 20
    assert last.fallbacks()["popular"]("films:1.1:0") is None, "the oldest went"
    assert last.fallbacks()["popular"]("films:1.1:499") == POPULAR


def test_what_is_answered_again_is_kept_once() -> None:
    last = LastAnswers(CATALOG_POLICIES)
    for value in (POPULAR, POPULAR[:2], POPULAR[:3]):
        last.noted("popular", "films:1.1:a", loaded(value))
    assert len(last) == 1
    assert last.fallbacks()["popular"]("films:1.2:a") == POPULAR[:3]


def test_an_answer_that_is_larger_than_all_is_not_kept() -> None:
    last = LastAnswers(CATALOG_POLICIES, 1_000)
    last.noted("popular", "films:1.1:a", loaded())
    assert (len(last), last.bytes_used) == (0, 0)
