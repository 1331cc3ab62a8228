"""The fixed random vectors of words outside the vocabulary."""

from __future__ import annotations

import numpy as np

from tv5core.embedding.random_projection import SKETCH_WIDTH, sketch_places


def test_sketches_never_change() -> None:
    """Stored vectors depend on them."""
    places, values = sketch_places("shark")
    assert places.tolist() == [20, 96, 155, 176, 269, 288, 378, 401]
    assert np.sign(values).tolist() == [-1, 1, 1, -1, -1, 1, -1, -1]


def test_sketches_are_nearly_orthogonal_unit_vectors() -> None:
    rows = np.zeros((400, SKETCH_WIDTH))
    for row, i in enumerate(range(400)):
        places, values = sketch_places(f"word{i}")
        rows[row, places] = values
    products = rows @ rows.T
    np.testing.assert_allclose(np.diag(products), 1, atol=1e-6)
    off = products[~np.eye(400, dtype=bool)]
    assert abs(off.mean()) < 0.002
    assert abs(off.std() - SKETCH_WIDTH**-0.5) < 0.003
