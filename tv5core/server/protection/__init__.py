"""What keeps the gateway answering, and closed routes closed.

==============  =====================================================================
``admission``   how many requests are answered at once, how many wait; time limits
``turns``       few begin in one turn of the event loop, so that those under way go on
``access``      tokens and signatures
``cors``        which pages of other origins may read answers
``compression`` gzip and zstd
``connections`` what cannot be parsed, answered as a problem
==============  =====================================================================
"""

from __future__ import annotations

__all__: list[str] = []
