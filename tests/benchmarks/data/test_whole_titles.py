"""Made-up titles are seeded, drawn in bounded memory, and distributed as they should be."""

from __future__ import annotations

import json
import tracemalloc
from itertools import islice
from pathlib import Path

import msgspec
import numpy as np
import pytest

from benchmarks.__main__ import main as command
from benchmarks.data import made_words
from benchmarks.data.distributions import Quantiles, Ranks, Shares
from benchmarks.data.title_statistics import Figure, compare, describe
from benchmarks.data.whole_titles import BLOCK, WholeTitles
from tv5core import Catalog


def test_titles_are_those_of_the_seed_whatever_is_drawn_before() -> None:
    two = list(WholeTitles(BLOCK + 100, seed=4))
    assert len(two) == BLOCK + 100
    assert list(islice(WholeTitles(BLOCK, seed=4), 50)) == two[:50]
    assert next(iter(WholeTitles(50, seed=5))) != two[0]
    assert len({title.id for title in two}) == len(two)


def test_titles_are_stored_and_found(tmp_path: Path) -> None:
    titles = list(WholeTitles(300))
    with Catalog.open(tmp_path / "films") as catalog:
        assert catalog.add(titles).added == 300
        assert catalog.get(titles[7].id) == titles[7]


def test_memory_does_not_grow_with_the_titles() -> None:
    list(WholeTitles(3 * BLOCK))  # fills the bounded cache of words
    peaks = []
    for blocks in (2, 3):  # the block before is held while one is drawn
        tracemalloc.start()
        for _ in WholeTitles(blocks * BLOCK).blocks():
            pass
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


def test_distinct_ranks_grow_as_expected() -> None:
    ranks = Ranks({1: 0.1, 100: 0.001}, tail=2.0, most=100_000)
    assert ranks.shares.sum() == pytest.approx(1)
    draw = np.random.default_rng(1)
    for count in (1_000, 100_000):
        found = len(np.unique(ranks.draw(draw, count)))
        assert found == pytest.approx(ranks.distinct(count), rel=0.1)
    assert ranks.draw(draw, 1_000, first=40).min() >= 40


def test_values_follow_quantiles_and_shares() -> None:
    draw = np.random.default_rng(2)
    values = Quantiles({0: 1, 0.5: 10, 1: 1_000}, logarithmic=True).draw(draw, 20_000)
    assert np.median(values) == pytest.approx(10, rel=0.05)
    assert 1 <= values.min() < values.max() <= 1_000
    shares = Shares({"a": 3, "b": 1})
    assert np.mean(shares.draw(draw, 20_000) == 0) == pytest.approx(0.75, abs=0.02)


def test_nearly_every_rank_has_a_word_of_its_own() -> None:
    named = made_words.words(np.arange(50_000))
    assert len(set(named)) > 49_800
    assert all(word.isalpha() and word.islower() for word in named)
    again = made_words.words(np.array([7, 49_999, 7]))
    assert again == [named[7], named[49_999], named[7]]
    assert made_words.words(np.array([], np.int64)) == []


def test_some_people_share_a_name() -> None:
    named = made_words.people(np.arange(100_000))
    assert 0.9 < len(set(named)) / len(named) < 1


def test_figures_of_made_up_titles_are_like_themselves_and_unlike_others() -> None:
    figures = describe(WholeTitles(2_000), 2_000)
    others = compare(figures, describe(WholeTitles(2_000, 1), 2_000))
    assert sum(not each.ok for each in others) <= 3, others  # of a small sample
    short = (msgspec.structs.replace(title, overview="") for title in WholeTitles(2_000))
    off = {each.name for each in compare(figures, describe(short, 2_000)) if not each.ok}
    assert "words of an overview, median" in off
    assert not compare({"a": Figure(10, 0.1)}, {"a": Figure(11.5, 0.1)})[0].ok


def test_the_command_draws_checks_and_writes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "made.jsonl"
    words = ["titles", "--count", "2500", "--output", str(output), "--json"]
    assert command(words) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["titles"] == len(output.read_bytes().splitlines()) == 2_500
    assert report["distinct_terms"] > 5_000
    assert command(["titles", "--check", "--titles", str(output), "--seed", "0"]) == 0
    assert "| distinct terms |" in capsys.readouterr().out
    assert command(["titles", "--check"]) == 2
    assert command(["titles", "--count", "0"]) == 2
