"""What is answered where the best answer cannot be had: full, cached, static, none.

==============  ====================================================================
``found``       :class:`Found`: an answer and its tier
``static_set``  the titles that ship with tv5core, as the last answer there is
``lists``       searches and lists: as current as can be, else static
``patience``    how long a provider is waited for
``offers``      where a title can be watched
``titles``      a title of all sources together
==============  ====================================================================
"""

from __future__ import annotations

__all__: list[str] = []
