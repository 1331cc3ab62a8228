"""The Redis tier, shared by processes on several machines (extra ``redis``).

The modules, in reading order:

================  ==================================================================
``tier``          :class:`RedisTier`: entries and leases
``invalidation``  sending invalidations, and receiving those of other processes
``connection``    clients with timeouts, and a cooldown while Redis is unavailable
``scripts``       the Lua scripts: what must happen in one step
``keys``          names of Redis keys
================  ==================================================================
"""
