"""The Redis tier, shared by processes on several machines (extra ``redis``).

The modules, in reading order:

==================  ================================================================
``tier``            :class:`RedisTier`: entries and leases, over one partition or several
``partition``       what is in one Redis, or one slot of a cluster
``invalidation``    sending invalidations, and receiving those of other processes
``connection``      commands, and a cooldown while Redis is unavailable
``scripts``         the Lua scripts: what must happen in one step
``keys``            names of Redis keys
``server_figures``  the hit ratio that Redis itself counts
==================  ================================================================
"""
