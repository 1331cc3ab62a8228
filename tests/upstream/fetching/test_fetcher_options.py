"""The options that clients pass on to their fetcher."""

from __future__ import annotations

import inspect

from tv5core.upstream.fetching.fetcher import Fetcher
from tv5core.upstream.fetching.fetcher_options import FetcherOptions


def test_they_are_the_keyword_arguments_of_a_fetcher() -> None:
    arguments = inspect.signature(Fetcher).parameters.values()
    keywords = {each.name: each.annotation for each in arguments if each.kind == each.KEYWORD_ONLY}
    types = FetcherOptions.__annotations__
    assert {name: each.__forward_arg__ for name, each in types.items()} == keywords
