"""Copies of a catalogue: made while it is in use, and turned into a catalogue again.

``backup``
    Copies the files of a catalogue, and checks a copy.
``export``
    Writes JSON Lines, a matrix and a manifest that other programs can read.
``table_files``
    Writes Parquet and CSV, and tables in memory.
``usearch_file``
    Writes the index as usearch loads it, and the ids of its keys.
``snapshot``
    Publishes a catalogue to object storage, and restores what is published.
``replica``
    What catalogues that follow this one read, bit for bit.
``restore``
    Makes an equal catalogue of an export.
"""
