"""Limits on how often a provider is called.

A provider counts requests as they arrive, in any second. The limiter of a provider queues
requests by priority and grants them one by one, so that no second ever has more than the contract
allows. Read in this order:

- :mod:`.priority`: the classes of requests and what each may do.
- :mod:`.limiter`: :class:`~.limiter.Limiter`, the interface that :mod:`tv5core.upstream.fetching`
  uses, and the :class:`~.limiter.Permit` it grants. :mod:`.snapshot`: a limiter's state.
- :mod:`.scheduler`: :class:`~.scheduler.Scheduler`, which decides who goes next;
  :mod:`.queues` holds the requests that wait, :mod:`.bulk_share` bounds bulk work.
- :mod:`.token_source`: where the scheduler gets its tokens: a leaky bucket in front of a window,
  :mod:`.in_flight`, that holds a request until a second after its answer.
- :mod:`.machine_tokens`: the source of all processes of a user on one machine, through a
  :mod:`.limit_file`.
- :mod:`.provider_limiter`: the limiter over either source, and the registry that fetchers share.
- :mod:`.redis_limiter`: the limiter of several processes. :mod:`.redis_tokens` is its token
  source, :mod:`.token_leases` the tokens this process holds, :mod:`.redis_scripts` what runs
  inside Redis, :mod:`.share_lock` which process owns a share.

Nothing here imports :mod:`tv5core.upstream.fetching`.
"""
