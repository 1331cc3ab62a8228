"""How often a client may ask: a bucket of tokens for each key or address.

============  ========================================================================
``quota``     :class:`Quota` and :class:`Verdict`: what is allowed, and what is left
``clients``   who asks: a known key, else an address
``buckets``   buckets in memory, for one process
``shared``    the same in a mapped file, for the processes of one gateway
``gcra``      the same in Redis, for all gateways
``fields``    the header fields that tell a client
``limiting``  the middleware
============  ========================================================================
"""

from __future__ import annotations

__all__: list[str] = []
