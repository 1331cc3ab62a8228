"""Catalogues and collections of vector databases.

Read in this order:

``catalog``
    ``CollectionCatalog``: what a catalogue offers of this.
``exporting``
    Copies titles and vectors into a collection, goes on where it was interrupted, and checks it.
``importing``
    Brings them back.
``sampling``
    Whether a collection answers as the catalogue does, on some vectors.
"""
