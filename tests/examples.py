"""How many examples Hypothesis draws.

``pytest`` draws other ones each time, and many. Profile ``ci``, which ``.ci/run`` takes, draws the
same ones each time; fewer do there (``conftest.py`` says how many), and ``pytest`` goes on looking.
"""

from __future__ import annotations

from hypothesis import settings

_USUAL = settings.get_profile("default").max_examples
_ENOUGH = 20
"""Where a test asks for no more than so many, each takes long and counts."""


def examples(count: int) -> int:
    """Return how many of so many examples are drawn under the profile in use."""
    now = settings.default or settings.get_profile("default")
    share = min(1.0, now.max_examples / _USUAL)
    return max(min(count, _ENOUGH), round(count * share))
