"""The systems compared: baselines with parameters chosen by validation, and ``recommend``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from benchmarks.recommend.baselines import BASELINES, Scorer
from benchmarks.recommend.metrics import Figures, Genres, figures
from benchmarks.recommend.movielens import LIKED, Case, Ratings, Split
from tv5core import Catalog

__all__ = ["K", "choose", "interactions", "judge_baseline", "judge_catalog"]

F32 = npt.NDArray[np.float32]

K = 10
FADING = (1.0, 0.97)
"""Weight of each liked title against the next one: equal, or as ``recommend`` has it."""
Choice = dict[str, float]
Lists = list[list[int]]


def profiles(split: Split, fading: float) -> F32:
    """Return float32[cases, titles]: what each user liked."""
    found = np.zeros((len(split.cases), split.shape[1]), np.float32)
    for row, case in enumerate(split.cases):
        liked = case.liked
        found[row, liked] = fading ** np.arange(len(liked))[::-1]
    return found


def ranked(scorer: Scorer, split: Split, fading: float) -> Lists:
    """Return each user's ten best titles that are not in the history."""
    scores = scorer(profiles(split, fading))
    lists = []
    for row, case in enumerate(split.cases):
        scores[row, case.history] = -np.inf
        lists.append(np.argsort(-scores[row], kind="stable")[:K].tolist())
    return lists


def choose(name: str, split: Split, genres: Genres) -> tuple[Choice, float, Figures]:
    """Choose a baseline's parameters and fading by its nDCG on the validation split."""
    fit, grid = BASELINES[name]
    matrix, tried = split.matrix(), []
    for choice in grid:
        scorer = fit(matrix, **choice)
        for fading in FADING:
            got = figures(ranked(scorer, split, fading), targets(split.cases), genres)
            tried.append((choice, fading, got))
    return max(tried, key=lambda one: float(one[2].gains.mean()))


def judge_baseline(
    name: str, choice: Choice, fading: float, split: Split, genres: Genres
) -> Figures:
    """Judge a baseline with given parameters."""
    scorer = BASELINES[name][0](split.matrix(), **choice)
    return figures(ranked(scorer, split, fading), targets(split.cases), genres)


def interactions(ratings: Ratings, split: Split) -> Iterator[tuple[int, str, float]]:
    """Yield what ``learn`` takes: what was liked, weighted by its rating."""
    for user, title, rating in zip(
        split.users.tolist(), split.titles.tolist(), split.ratings.tolist(), strict=True
    ):
        if rating >= LIKED:
            yield user, ratings.ids[title], rating


def judge_catalog(
    catalog: Catalog,
    ratings: Ratings,
    cases: Sequence[Case],
    genres: Genres,
    diversity: float,
    progress: Callable[[int, int], None],
) -> Figures:
    """Judge ``Catalog.recommend`` over the titles of MovieLens."""
    place = {name: number for number, name in enumerate(ratings.ids)}

    def names(titles: npt.NDArray[np.int64]) -> list[str]:
        return [ratings.ids[title] for title in titles.tolist()]

    lists = []
    for done, case in enumerate(cases):
        progress(done, len(cases))
        # A user who liked nothing yet has only the titles seen to go by.
        like = case.liked if len(case.liked) else case.history
        found = catalog.recommend(
            names(like),
            dislike=names(case.disliked) if len(case.liked) else (),
            seen=names(case.history),
            allow=ratings.ids,
            k=K,
            diversity=diversity,
        ) if len(like) else []  # fmt: skip
        lists.append([place[one.id] for one in found])
    return figures(lists, targets(cases), genres)


def targets(cases: Sequence[Case]) -> list[int]:
    """Return what each user liked next."""
    return [case.target for case in cases]
