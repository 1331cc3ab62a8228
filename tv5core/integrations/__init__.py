"""tv5core in other frameworks: a store of documents for each, and film catalogues as retrievers.

Each package needs an extra of the same name, and imports its framework only when it is imported
itself: ``pip install 'tv5core[langchain]'``, then ``tv5core.integrations.langchain``.

``documents``
    A durable store of documents with vectors and metadata over a catalogue, and conditions on
    metadata. The three below are thin over it.
``langchain``, ``llama_index``, ``haystack``
    A vector store or document store each, and retrievers.
``titles``
    A film catalogue's titles as text and metadata, for the retrievers.
``mcp``
    A read-only server of the Model Context Protocol: ``tv5 mcp``.
``requirements``
    What to install where a framework is missing.
"""
