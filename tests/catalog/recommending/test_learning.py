"""Learning from interactions: what is recommended, and the file that holds it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.catalog.recommending.films import COUNT, film, make, vectors, viewers
from tests.cli.command import flip
from tv5core import Profile
from tv5core.catalog import Catalog
from tv5core.errors import InvalidInputError, ReadOnlyError

LIKED = ["f12", "f15"]
"""One of each group, so that content prefers neither."""


def quarter(found: list[Any]) -> set[int]:
    return {int(one.id[1:]) // 10 for one in found}


def test_titles_of_the_same_viewers_come_first(own: Catalog) -> None:
    assert own.learnt() == {}
    report = own.learn([*viewers(), ("u0", "nobody", 1.0)])
    assert (report.users, report.titles, report.unknown) == (240, COUNT, 1)
    found = own.recommend(LIKED, k=6, diversity=0, explain=True)
    assert quarter(found) == {1}
    for one in found:
        assert one.reasons is not None
        assert one.reasons.consumed_with in set(LIKED)
        assert one.reasons.co_consumption > 0
        assert sum(one.reasons.parts.values()) == pytest.approx(one.score, abs=1e-4)
    assert own.learnt() == {
        "users": 240, "titles": COUNT, "interactions": report.interactions, "rank": report.rank,
    }  # fmt: skip
    assert own.info()["learnt"] == "learnt.000001.tv5"


def test_what_nobody_consumed_is_recommended_by_content(own: Catalog) -> None:
    own.learn(viewers())
    own.add([film(100), film(101)], vectors(102)[100:])
    assert {"f100", "f101"} <= {one.id for one in own.recommend("f0", k=COUNT + 2)}
    assert own.recommend("f100", k=3)


def test_learning_again_replaces_the_file(own: Catalog, tmp_path: Path) -> None:
    own.learn(viewers())
    first, version = own.recommend(LIKED, k=5), own.learnt_version()
    own.learn([("u", "f0", 1.0), ("u", "f1", 1.0)])
    assert own.learnt()["titles"] == 2
    assert own.learnt_version() != version
    assert [path.name for path in (tmp_path / "c").glob("learnt*")] == ["learnt.000002.tv5"]
    own.learn(viewers())
    assert own.recommend(LIKED, k=5) == first
    assert own.forget_learnt()
    assert not own.forget_learnt()
    assert own.learnt() == {}
    assert not list((tmp_path / "c").glob("learnt*"))
    assert own.verify().ok


def test_every_process_uses_it_from_the_next_call_on(own: Catalog, tmp_path: Path) -> None:
    with Catalog.open(tmp_path / "c", read_only=True, embedder=None) as reader:
        assert quarter(reader.recommend(LIKED, k=6)) != {1}
        own.learn(viewers())
        assert quarter(reader.recommend(LIKED, k=6, diversity=0)) == {1}
        with pytest.raises(ReadOnlyError):
            reader.learn(viewers())
        with pytest.raises(ReadOnlyError):
            reader.put_profile("x", Profile(text="x"))


def test_it_survives_sealing_refitting_deleting_and_reopening(own: Catalog, tmp_path: Path) -> None:
    own.learn(viewers())
    own.seal()
    own.delete("f13")
    own.optimize()
    own.close()
    with Catalog.open(tmp_path / "c", embedder=None) as opened:
        found = opened.recommend(LIKED, k=6, diversity=0)
        assert quarter(found) == {1}
        assert "f13" not in {one.id for one in found}
        opened.add([film(13)], vectors()[[13]])  # in another row
        assert "f13" in {one.id for one in opened.recommend(LIKED, k=9, diversity=0)}
        report = opened.verify()
        assert report.ok, report.problems


@pytest.mark.parametrize(
    "bad", [[], [("u", "nobody", 1.0)], [("u", "f0", math.nan)], [("u", "f0", 0)], 7]
)
def test_bad_interactions_change_nothing(own: Catalog, bad: Any) -> None:
    own.learn(viewers())
    before = own.learnt_version()
    with pytest.raises(InvalidInputError, match="expected"):
        own.learn(bad)
    assert own.learnt_version() == before


def test_an_exception_of_the_interactions_changes_nothing(own: Catalog) -> None:
    def broken() -> Any:
        yield "u", "f0", 1.0
        raise RuntimeError("the file ended early")

    with pytest.raises(RuntimeError, match="early"):
        own.learn(broken())
    assert own.learnt() == {}


# -- copies, damage ---------------------------------------------------------------------------


def test_copies_hold_what_was_learnt_and_the_profiles(own: Catalog, tmp_path: Path) -> None:
    own.learn(viewers())
    own.put_profile("mine", Profile(like=("f12",)))
    want = [one.id for one in own.recommend(profile="mine", k=6)]
    own.backup(tmp_path / "backup")
    own.export(tmp_path / "export")
    Catalog.restore(tmp_path / "export", tmp_path / "restored")
    for folder in ("backup", "restored"):
        with Catalog.open(tmp_path / folder, embedder=None) as copy:
            assert [one.id for one in copy.recommend(profile="mine", k=6)] == want
            assert copy.learnt() == own.learnt()
            assert copy.verify().ok


@pytest.mark.parametrize("damage", [flip, Path.unlink])
def test_a_damaged_file_is_named_left_out_and_repaired(tmp_path: Path, damage: Any) -> None:
    with make(tmp_path / "c") as catalog:
        by_content = catalog.recommend(LIKED, k=6)
        catalog.learn(viewers())
    damage(tmp_path / "c" / "learnt.000001.tv5")
    with Catalog.open(tmp_path / "c", embedder=None) as opened:
        assert opened.recommend(LIKED, k=6) == by_content
        assert any("learn again" in message for message in opened.info()["recovered"])
        report = opened.verify()
        assert not report.ok
        assert any("learn again" in problem for problem in report.problems)
        repaired = opened.verify(repair=True)
        assert repaired.ok, repaired.problems
        assert any("forgot what was learnt" in done for done in repaired.repaired)
        opened.learn(viewers())
        assert quarter(opened.recommend(LIKED, k=6, diversity=0)) == {1}


def test_what_a_killed_learning_leaves_is_removed(own: Catalog, tmp_path: Path) -> None:
    own.learn(viewers())
    own.close()
    folder = tmp_path / "c"
    (folder / "learnt.000002.tv5.tmp").write_bytes(b"half")
    (folder / "learnt.000002.tv5").write_bytes(b"never recorded")
    with Catalog.open(folder, embedder=None) as opened:
        assert sorted(path.name for path in folder.glob("learnt*")) == ["learnt.000001.tv5"]
        assert quarter(opened.recommend(LIKED, k=6, diversity=0)) == {1}
