"""Documents made in processes are those made here."""

from __future__ import annotations

import msgspec
import numpy as np

from tests.crash.model import title
from tv5core.query.document_processes import made_in_processes
from tv5core.query.documents import DocumentSegment
from tv5core.query.parts import PARTS

SCHEMA = {"shelf": "keyword", "copies": "int"}


def test_the_sections_are_the_same_to_the_bit() -> None:
    titles = [title(f"t:{n}:a", n % 9) for n in range(90)]
    titles = [
        msgspec.structs.replace(one, extra={"shelf": f"s{n % 4}", "copies": n})
        for n, one in enumerate(titles)
    ]
    cuts = [(0, 1), (1, 40), (40, 90)]
    blocks = [(np.arange(start, stop) * 3, titles[start:stop]) for start, stop in cuts]
    made = list(made_in_processes(blocks, SCHEMA, 2, behind=True))
    for (keys, some), got in zip(blocks, made, strict=True):
        want = DocumentSegment.build(PARTS, keys, some, SCHEMA)
        np.testing.assert_array_equal(got.keys, keys)
        for mine, theirs in ((got.columns, want.columns), (got.words, want.words)):
            found, expected = mine.sections(), theirs.sections()
            assert list(found) == list(expected)
            for name, array in expected.items():
                assert found[name].dtype == array.dtype
                np.testing.assert_array_equal(found[name], array)
