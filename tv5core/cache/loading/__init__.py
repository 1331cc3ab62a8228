"""What happens on a miss: single flight, lower tiers, leases, loader, fallback.

The modules, in reading order:

======================  ==================================================================
``single_flight``       one search per key, however many callers wait for it
``read_through``        that search: lower tiers, leases, the loader, storing its value
``tier_stack``          memory and the lower tiers together
``guarded_tier``        one lower tier with a time limit, skipped while it fails
``tier_invalidations``  the invalidations of one lower tier, each until it is applied
``background``          writes that nobody waits for, bounded
``fallback``            the answer: fresh, stale, static, or unavailable
``early_refresh``       reloading a value in use before it expires
``invalidation``        applying invalidations here and in the tiers, in both directions
``invalidation_log``    recent invalidations, so that no load puts back an outdated value
``life_cycle``          sweeping while the cache is open, and closing it within limits
======================  ==================================================================
"""
