"""Before a demonstration, and every night: warm a running gateway by a plan, and check it.

- :mod:`.plan`: a plan as TOML, checked; ``demo.toml`` ships and is there to be copied and edited.
- :mod:`.asking`: a client of a gateway at a pace.
- :mod:`.warming`: the phases of a plan, now or each at its time.
- :mod:`.checks`: the checklist, with figures; :mod:`.failover`: a gateway without its provider.
"""
