"""Checkpoints of a sync."""

from __future__ import annotations

import random

from tv5core.upstream.sync.checkpoint import Checkpoint, decode_checkpoint


def test_positions_settle_in_any_order() -> None:
    checkpoint, order = Checkpoint(), list(range(300))
    random.Random(1).shuffle(order)
    for count, position in enumerate(order):
        checkpoint.settle([position])
        assert checkpoint.count(300) == count + 1
        again = decode_checkpoint(checkpoint.encode())
        assert again == checkpoint
        assert set(checkpoint.remaining(300)) == set(order[count + 1 :])
    assert (checkpoint.watermark, checkpoint.ahead) == (300, set())
    assert decode_checkpoint(b"\xc1") is None
    assert decode_checkpoint(None) is None
