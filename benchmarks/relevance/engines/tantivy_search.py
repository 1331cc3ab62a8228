"""tantivy: boosted fields, English stems, one edit in titles where nothing else is found."""

from __future__ import annotations

from typing import Any

from benchmarks.relevance.engines.base import STOP, Corpus, Engine, fields_of
from benchmarks.relevance.names import folded, words

__all__ = ["Tantivy"]

_BOOSTS = {"names": 2.0, "people": 1.5, "text": 1.0}
"""Few fields: most titles have neither characters nor other names, and BM25 takes what stands in a
field that is mostly empty for far too long."""

_SENTENCE = 5
"""Of more words, those that tell nothing are left out; a name may need them."""


class Tantivy(Engine):
    """A query over all fields, then one with typos in titles and names."""

    name, label, module = "tantivy", "tantivy, boosted fields, fuzzy titles", "tantivy"

    def build(self, corpus: Corpus) -> None:
        """Write one index."""
        import tantivy

        schema = tantivy.SchemaBuilder()
        schema.add_unsigned_field("number", stored=True)
        for field in _BOOSTS:
            schema.add_text_field(field, stored=False, tokenizer_name="en_stem")
        self._index = tantivy.Index(schema.build(), path=str(corpus.work))
        writer = self._index.writer(heap_size=200_000_000, num_threads=1)
        self._ids: list[str] = []
        for number, title in enumerate(corpus.titles):
            self._ids.append(title.id)
            found = fields_of(title)
            fields = {
                "names": folded(f"{found.title} {found.other_titles}"),
                "people": folded(f"{found.people} {found.characters}"),
                "text": folded(f"{found.keywords} {found.text}"),
            }
            writer.add_document(tantivy.Document(number=number, **fields))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        self._searcher = self._index.searcher()

    def search(self, text: str, k: int) -> list[str]:
        """Ask as it is; then, where too little is found, with an edit in title and people."""
        parts = words(text)
        if len(parts) > _SENTENCE:
            parts = [part for part in parts if part not in STOP] or parts
        plain = " ".join(parts)
        if not plain:
            return []
        found = self._ask(plain, k, {})
        if len(found) < k:
            edits = {"names": (False, 1, True), "people": (False, 1, True)}
            found += [number for number in self._ask(plain, k, edits) if number not in found]
        return [self._ids[number] for number in found[:k]]

    def _ask(self, text: str, k: int, fuzzy: dict[str, Any]) -> list[int]:
        query, _ = self._index.parse_query_lenient(
            text, list(_BOOSTS), field_boosts=_BOOSTS, fuzzy_fields=fuzzy
        )
        hits = self._searcher.search(query, k).hits
        return [self._searcher.doc(address)["number"][0] for _, address in hits]
