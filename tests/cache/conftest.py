"""What all tests of the cache share."""

from __future__ import annotations

import pytest

from tests.cache.made import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()
