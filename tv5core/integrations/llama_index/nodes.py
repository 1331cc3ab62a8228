"""Nodes of LlamaIndex as documents, and back."""

from __future__ import annotations

import json

import numpy as np
from llama_index.core.schema import BaseNode, MetadataMode
from llama_index.core.vector_stores.utils import metadata_dict_to_node, node_to_metadata_dict

from tv5core.arguments import check_type
from tv5core.integrations.documents import Document

__all__ = ["REF_DOC_ID", "as_document", "as_node"]

REF_DOC_ID = "ref_doc_id"
"""In the metadata: the document that a node is a part of, as LlamaIndex's filters name it."""
_OWN = ("document_id", "doc_id")
_CONTENT, _TYPE = "_node_content", "_node_type"


def as_document(node: BaseNode) -> Document:
    """Return a node as a document, its content as text.

    Raises
    ------
    InvalidInputError
        It is no node.
    """
    check_type("a node", node, BaseNode)
    metadata = node_to_metadata_dict(node)
    data = {_CONTENT: json.loads(metadata.pop(_CONTENT)), _TYPE: metadata.pop(_TYPE)}
    for name in _OWN:
        metadata.pop(name, None)
    text = node.get_content(metadata_mode=MetadataMode.NONE)
    return Document(node.node_id, text, metadata, data, node.embedding)


def as_node(document: Document) -> BaseNode:
    """Return the node that a document was, with its vector where the document has it."""
    content = {_CONTENT: json.dumps(document.data[_CONTENT]), _TYPE: document.data[_TYPE]}
    node: BaseNode = metadata_dict_to_node(content)
    if document.vector is not None:
        node.embedding = np.asarray(document.vector).tolist()
    return node
