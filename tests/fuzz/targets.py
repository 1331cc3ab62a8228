"""What is fuzzed: each target spoils one sort of file or value and says what came of it."""

from __future__ import annotations

import json
import random
import shutil
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np

from tests.crash.checking import walking
from tests.crash.model import DIM, embedded, title, vector
from tests.fuzz.documents import Documents
from tests.fuzz.mutate import SilentError, spoil, spoil_value
from tests.fuzz.spoiled_files import SpoiledFiles
from tests.fuzz.vector_files import VectorFiles
from tests.importers.conftest import MemoryCatalog
from tv5core.catalog import Catalog
from tv5core.embedding import LsaEmbedder
from tv5core.errors import CorruptFileError, Tv5Error
from tv5core.importers import import_paths
from tv5core.recommend import CoConsumption
from tv5core.recommend.interactions import read_interactions
from tv5core.store import meta, titles
from tv5core.store.aliases import aliases
from tv5core.types import Title
from tv5core.vectors import VectorIndex, build_files

Target = Callable[[random.Random], str]
"""Does one mutation; returns "refused", "same" or "opened", raises what must not happen."""

_ROWS = 90


def sample_titles(count: int) -> list[Title]:
    """Make titles with everything in them."""
    return [title(f"t:{n}:a", n % 9) for n in range(count)]


# -- sealed files -------------------------------------------------------------------------


class Sealed(SpoiledFiles):
    """The graph and the rows file of one sealing."""

    def __init__(self, folder: Path, rescoring: str) -> None:
        paths = folder / f"{rescoring}.graph", folder / f"{rescoring}.rows"
        vectors = np.stack([vector(f"t:{n}:a", 0) for n in range(_ROWS)])

        def blocks() -> Iterator[tuple[Any, Any]]:
            yield np.arange(_ROWS) * 3, vectors

        build_files(blocks, _ROWS, DIM, *paths, rescoring=rescoring, threads=1, connectivity=4)
        super().__init__(paths)
        self.queries = vectors[:4] + 0.1

    def load(self, *paths: Path) -> VectorIndex:
        """Open graph and rows."""
        return VectorIndex.open_files(*paths)

    def use(self, loaded: VectorIndex) -> None:
        """Search, remove and add; answers are keys of the file."""
        with walking(), loaded as index:
            found = index.search(self.queries, 7)
            index.search(self.queries, 7, exact=True)
            index.search(self.queries, 3, allow=np.arange(0, _ROWS, 2))
            have = set(np.asarray(index.keys()).tolist()) | {-1}
            if not set(found.keys.ravel().tolist()) <= have:
                raise SilentError("an answer that is no key of the file")
            index.remove(index.keys()[:3].copy())
            index.add(self.queries[:1], [10**9])
            index.search(self.queries, 7)


class Model(SpoiledFiles):
    """The fitted embedder's file."""

    def __init__(self, folder: Path) -> None:
        embedder = LsaEmbedder(vocabulary=120)
        embedder.fit(sample_titles(30))
        embedder.save(folder / "model")
        super().__init__([folder / "model"])

    def load(self, *paths: Path) -> LsaEmbedder:
        """Load the embedder."""
        return LsaEmbedder.load(paths[0])

    def use(self, loaded: LsaEmbedder) -> None:
        """Embed titles and a query."""
        loaded.embed_titles(sample_titles(2))
        loaded.embed_queries(["a film"])


class LearntFile(SpoiledFiles):
    """What was learnt from interactions."""

    def __init__(self, folder: Path) -> None:
        triples = [
            (user, f"id{(user * 3 + step) % 9}", 1.0) for user in range(20) for step in (0, 1, 4)
        ]
        CoConsumption.fit(read_interactions(triples, lambda name: name)).save(folder / "learnt")
        super().__init__([folder / "learnt"])

    def load(self, *paths: Path) -> CoConsumption:
        """Load the vectors."""
        return CoConsumption.load(paths[0])

    def use(self, loaded: CoConsumption) -> None:
        """Score something."""
        if len(loaded):
            loaded.scores(np.zeros(1, np.int64), np.ones(1, np.float32))


# -- values in LMDB -----------------------------------------------------------------------


def _fake(value: bytes) -> Any:
    """Make a transaction in which every key has this value."""
    raw = SimpleNamespace(get=lambda _key, db=None: value)
    return SimpleNamespace(raw=raw, dbs=SimpleNamespace(meta=None, titles=None))


def title_bytes(chance: random.Random) -> str:
    """Spoil a stored title: refused, or decoded to the same."""
    original = chance.choice(_TITLES)
    data = spoil(titles.encode(original), chance)
    try:
        got = titles.decode(memoryview(data))
    except CorruptFileError:
        return "refused"
    aliases(got)
    if got != original:
        raise SilentError(f"{original.id}: a spoiled title was decoded")
    return "same"


_TITLES = sample_titles(12)


class Record:
    """The catalogue's record, in a catalogue that is opened with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "catalog"
        with self._open() as catalog:
            for start in (0, 20, 40):
                some = sample_titles(start + 20)[start:]
                catalog.add(some, [vector(t.id, 0) for t in some])
                if start < 40:
                    catalog.seal()
            catalog.wait()
            with catalog._store.read() as txn:
                self.record = bytes(txn.raw.get(b"catalog", db=txn.dbs.meta))
                self.entry = bytes(txn.raw.get((3).to_bytes(8), db=txn.dbs.journal))

    def _open(self, *, read_only: bool = False) -> Catalog:
        return Catalog.open(
            self.folder,
            embedder=None,
            second_embedder=embedded,
            read_only=read_only,
            auto_seal=False,
        )

    def spoiled(self, chance: random.Random) -> str:
        """Spoil the record's bytes: refused, or read as it was."""
        data = spoil(self.record, chance)
        return self._read(data)

    def _read(self, data: bytes) -> str:
        try:
            got = meta.read_meta(_fake(data))
        except CorruptFileError:
            return "refused"
        if got != meta.read_meta(_fake(self.record)):
            raise SilentError("a spoiled record was read")
        return "same"

    def opened(self, chance: random.Random) -> str:
        """Spoil the record's values, not its bytes: refused, or the catalogue answers."""
        value = spoil_value(msgspec.to_builtins(meta.read_meta(_fake(self.record))), chance)
        try:
            spoiled = msgspec.convert(value, meta.Meta, strict=True)
        except (msgspec.ValidationError, OverflowError):
            return "refused"
        with self._changed("meta", b"catalog", _encoded(spoiled)):
            return self._use()

    def journal(self, chance: random.Random) -> str:
        """Spoil a journal entry that opening replays: refused, or the catalogue answers."""
        data = spoil(self.entry, chance)
        with self._changed("journal", (3).to_bytes(8), data):
            return self._use()

    def _use(self) -> str:
        try:
            with self._open(read_only=True) as catalog:
                catalog.search(vector("t:3:a", 0), 5)
                catalog.search("banor dilim", 5)
                catalog.get("t:3:a")
                catalog.info()
        except Tv5Error:
            return "refused"
        return "opened"

    @contextmanager
    def _changed(self, database: str, key: bytes, value: bytes) -> Iterator[None]:
        self._put(database, key, value)
        try:
            yield
        finally:
            self._put("meta", b"catalog", self.record)
            self._put("journal", (3).to_bytes(8), self.entry)

    def _put(self, database: str, key: bytes, value: bytes) -> None:
        import lmdb

        with lmdb.open(str(self.folder), max_dbs=32, lib_version=0, sync=False) as raw:
            handle = raw.open_db(database.encode(), create=False)
            with raw.begin(write=True) as txn:
                txn.put(key, value, db=handle)


def _encoded(record: meta.Meta) -> bytes:
    kept: list[bytes] = []
    raw = SimpleNamespace(put=lambda _key, value, db=None: kept.append(bytes(value)))
    meta.write_meta(SimpleNamespace(raw=raw, dbs=SimpleNamespace(meta=None)), record)  # type: ignore[arg-type]
    return kept[0]


# -- files to import ----------------------------------------------------------------------

_TMDB_JSON = {
    "results": [
        {
            "id": 27205,
            "title": "Inception",
            "release_date": "2010-07-15",
            "genre_ids": [28, 878],
            "overview": "A thief who steals secrets through dreams.",
            "vote_average": 8.4,
            "credits": {"cast": [{"name": "Leonardo DiCaprio", "character": "Cobb", "order": 0}]},
            "external_ids": {"imdb_id": "tt1375666"},
        },
        {"id": 1399, "name": "Game of Thrones", "first_air_date": "2011-04-17", "media_type": "tv"},
    ]
}
_WIKIPEDIA = [
    {
        "title": "Jaws",
        "year": 1975,
        "cast": ["Roy Scheider"],
        "genres": ["Thriller"],
        "href": "Jaws_(film)",
        "extract": "Jaws is a 1975 American thriller film.",
    }
] * 3
_FILES = {
    "links.csv": "movieId,imdbId,tmdbId\n1,0114709,862\n2,0113497,8844\n",
    "tmdb.csv": "adult,genres,id,imdb_id,overview,release_date,runtime,title,cast,crew,keywords,"
    "vote_average,vote_count\nFalse,\"[{'id': 16, 'name': 'Animation'}]\",862,tt0114709,\"Toys, "
    'alive",1995-10-30,81.0,Toy Story,"[{""name"": ""Tom Hanks""}]",[],[],7.7,5415\n',
    "x_titles.csv": "id,title,type,description,release_year,age_certification,runtime,genres,"
    "production_countries,seasons,imdb_id,imdb_score,imdb_votes,tmdb_popularity,tmdb_score\n"
    "tm84618,Taxi Driver,MOVIE,A veteran,1976,R,114,\"['drama', 'crime']\",['US'],,tt0075314,8.2,"
    "808582,40.965,8.179\n",
    "netflix_titles.csv": "show_id,type,title,director,cast,country,date_added,release_year,rating,"
    'duration,listed_in,description\ns1,Movie,Dick,Kirsten J,,US,"September 25, 2021",2020,PG-13,'
    '90 min,Documentaries,"As her father nears"\ns2,TV Show,Blood & Water,,"A, B",ZA,,2021,TV-MA,'
    '2 Seasons,"International TV Shows, TV Dramas",x\n',
    "films.jsonl": "",
    "list.json": json.dumps(_TMDB_JSON),
    "movies.json": json.dumps(_WIKIPEDIA),
}


class Imports:
    """Files of every format that is imported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "import"
        self.folder.mkdir(exist_ok=True)
        lines = "\n".join(msgspec.json.encode(t).decode() for t in sample_titles(3))
        self.files = {**_FILES, "films.jsonl": lines}

    def spoiled(self, chance: random.Random) -> str:
        """Spoil a file: what is left of it is imported and every row is counted."""
        name = chance.choice(list(self.files))
        path = self.folder / name
        path.write_bytes(spoil(self.files[name].encode(), chance))
        report = import_paths(MemoryCatalog(), [path])
        for file in report.files:
            outcomes = file.new + file.merged + file.changed + file.unchanged + file.auxiliary
            if file.rows != outcomes + file.rejected.total():
                raise SilentError(f"{name}: rows are not counted once each")
        return "opened" if report.rows else "refused"


# -- a stand-alone index ------------------------------------------------------------------


class Manifest:
    """The manifest of an index in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "index"
        vectors = np.stack([vector(f"t:{n}:a", 0) for n in range(20)])
        VectorIndex.build(vectors, path=self.folder, threads=1)
        self.path = self.folder / "index.json"
        self.data = self.path.read_bytes()
        self.query = vectors[0]

    def spoiled(self, chance: random.Random) -> str:
        """Spoil the manifest: refused, or the index answers."""
        if chance.random() < 0.5:
            data = spoil(self.data, chance)
        else:
            data = json.dumps(spoil_value(json.loads(self.data), chance), default=str).encode()
        self.path.write_bytes(data)
        try:
            with VectorIndex.open(self.folder) as index:
                index.search(self.query, 3)
        except Tv5Error:
            return "refused"
        return "opened"


def all_targets(folder: Path) -> dict[str, tuple[int, Target]]:
    """Prepare every target below a folder; return them by name, with how often each is taken."""
    warnings.simplefilter("ignore")  # what a spoiled file computes may overflow
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    coarse, fine = Sealed(folder, "int8"), Sealed(folder, "float16")
    model, record, documents = Model(folder), Record(folder), Documents(folder)
    learnt = LearntFile(folder)
    return {
        "graph and rows, any byte": (20, coarse.with_wrong_checksums),
        "graph and rows (float16), any byte": (5, fine.with_wrong_checksums),
        "graph and rows, checksums right": (25, coarse.with_right_checksums),
        "graph and rows (float16), checksums right": (5, fine.with_right_checksums),
        "documents, any byte": (10, documents.with_wrong_checksums),
        "documents, checksums right": (20, documents.with_right_checksums),
        "text model, any byte": (5, model.with_wrong_checksums),
        "text model, checksums right": (5, model.with_right_checksums),
        "learnt vectors, any byte": (4, learnt.with_wrong_checksums),
        "learnt vectors, checksums right": (6, learnt.with_right_checksums),
        "title bytes": (15, title_bytes),
        "generation record, any byte": (5, record.spoiled),
        "generation record, any value": (3, record.opened),
        "journal entry": (3, record.journal),
        "files to import": (6, Imports(folder).spoiled),
        "index manifest": (3, Manifest(folder).spoiled),
        "files of vectors": (8, VectorFiles(folder).spoiled),
    }
