"""A catalogue's maintenance: figures, checks, repair and optimization.

``statistics``
    Counts, settings, files and sizes.
``verification``
    Checks files, store and index, and one against the other; ``document_check`` the documents,
    ``second_check`` the second space.
``repair``
    Rebuilds what a check found damaged.
``optimization``
    Drops what deletions and replacements left.
``upgrade``
    Rewrites what an earlier format stored.
"""
