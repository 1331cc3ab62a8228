"""Warming: loading values into a cache before they are requested.

The modules, in reading order:

==============  ==================================================
``warm``        planning what to load, and loading it in batches
``id_sources``  ids from an iterable, a text file, or a sitemap
==============  ==================================================
"""
