"""Make the golden catalogues of the present format: ``python tests/golden/make.py FOLDER``.

They are made once, by the version that introduces a format, and never again: what they prove is
that every later version reads what an earlier one wrote. Each is ``format-N-NAME.zip``, the
catalogue's folder, and ``format-N-NAME.json``, the answers it gave when it was written.

Vectors are small whole numbers, whose squared lengths are exact in float32 in any order of
summation, so every processor computes the same bits from them.
"""

from __future__ import annotations

import json
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import lmdb
import msgspec
import numpy as np
import numpy.typing as npt

from tv5core import Catalog, Offer, Person, Title
from tv5core.data import demo_titles
from tv5core.store.meta import FORMAT

DIM = 64  # 48 before format 3, which rotates int8 rows of whole multiples of 64


def whole(seed: int) -> npt.NDArray[np.float32]:
    """Return a vector of small whole numbers."""
    return np.random.default_rng(seed).integers(-4, 5, DIM).astype(np.float32)


def film(i: int) -> Title:
    """Return a title that uses every field some time."""
    return Title(
        f"golden:{i}",
        "show" if i % 3 == 0 else "movie",
        f"Füllung {i}: 映画",
        original_title=f"Original {i}" if i % 2 else "",
        release_date=f"{1950 + i}-02-03",
        year=1950 + i,
        overview="Ein Überblick. " * (i % 4),
        genres=("Drama", "Science Fiction")[: i % 3],
        keywords=("heist",) if i % 5 == 0 else (),
        cast=(Person("Ann Ample", "Cobb"), Person("Bo"))[: i % 3],
        directors=("Cy Dee",) if i % 2 else (),
        runtime=90 + i,
        languages=("en", "de")[: i % 3],
        seasons=i % 7 if i % 3 == 0 else None,
        rating=i / 7,
        votes=i * 1000,
        popularity=i / 3,
        external_ids={"imdb": f"tt{i:07d}", "tmdb": str(i)} if i % 2 else {},
        offers=(Offer("netflix", "US", price=3.99, currency="USD"),) if i % 4 == 0 else (),
        source="golden",
        updated_at=1_700_000_000 + i,
    )


def fill_given(catalog: Catalog, count: int) -> None:
    """Two generations, live rows, deletions, an update, a title that waits, a checkpoint."""
    first, second = count // 2, 3 * count // 4
    catalog.add([film(i) for i in range(first)], [whole(i) for i in range(first)])
    catalog.seal()
    catalog.add([film(i) for i in range(first, second)], [whole(i) for i in range(first, second)])
    catalog.delete(["golden:3", "golden:4"])
    catalog.seal()
    catalog.calibrate(np.stack([whole(1000 + i) for i in range(20)]))
    catalog.add([film(i) for i in range(second, count)], [whole(i) for i in range(second, count)])
    catalog.delete("golden:5")
    changed = msgspec.structs.replace(film(6), title="Changed", year=2020)
    catalog.add([changed], [whole(6006)], checkpoint=("golden", b"\x00mark"))
    catalog.add([Title("golden:waits", "movie", "Waits")], embed=False)


def fill_own(catalog: Catalog) -> None:
    """Titles with text, the model fitted on them, and two that wait."""
    catalog.add(demo_titles()[:20])
    catalog.seal()
    catalog.add(demo_titles()[20:22], embed=False)


def answers(catalog: Catalog, queries: list[Any], alias: str) -> dict[str, Any]:
    """Ask what a later version will be asked again."""
    facts = catalog.info()
    ids = list(catalog.ids())
    return {
        "titles": [msgspec.to_builtins(title) for title in catalog.get_many(ids)],
        "facts": {
            name: facts[name]
            for name in ("titles", "vectors", "pending", "dim", "metric", "rescoring", "embedder",
                         "fitted_on", "generation", "sealed", "live", "settings", "text_settings")
        },
        "alias": [alias, list(catalog.find(alias))],
        "checkpoint": [(catalog.checkpoint("golden") or b"").hex()],
        "searches": [[query, found(catalog.search(query, 5))] for query in queries],
        "exact": [[query, found(catalog.search(query, 5, exact=True))] for query in queries],
        "similar": [[id_, found(catalog.similar(id_, 5))] for id_ in ids[:5]],
    }  # fmt: skip


def found(hits: Any) -> list[list[Any]]:
    """Return ids and scores, the latter as exactly as JSON holds them."""
    return [[hit.id, hit.score] for hit in hits]


def write(name: str, folder: Path, target: Path, expected: dict[str, Any]) -> None:
    """Store a catalogue, its LMDB file compacted, and its answers."""
    with lmdb.open(str(folder), readonly=True, lib_version=0) as source:
        compact = folder.parent / f"{name}.lmdb"
        compact.mkdir()
        source.copy(str(compact), compact=True)
    (compact / "data.mdb").replace(folder / "data.mdb")
    stem = target / f"format-{FORMAT}-{name}"
    with zipfile.ZipFile(stem.with_suffix(".zip"), "w", zipfile.ZIP_LZMA) as archive:
        for path in sorted(folder.iterdir()):
            if path.name not in ("lock.mdb", "writer.lock"):
                entry = zipfile.ZipInfo(path.name)
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_LZMA)
    text = json.dumps(expected, ensure_ascii=False, sort_keys=True)
    stem.with_suffix(".json").write_text(text + "\n", "utf-8")


def main(target: Path) -> None:
    """Make all of them."""
    queries = [whole(2000 + i).tolist() for i in range(6)]
    texts = ["a thief who steals secrets", "toys come alive", "a shark", "space", "Nolan"]
    with tempfile.TemporaryDirectory() as name:
        for kind, options in {
            "given": {},
            "inner": {"metric": "ip", "rescoring": "float16"},
            "own": {},
        }.items():
            folder = Path(name) / kind
            with Catalog.open(folder, **options) as catalog:
                if kind == "own":
                    fill_own(catalog)
                    expected = answers(catalog, texts, "tmdb:movie:961")
                else:
                    fill_given(catalog, 80 if kind == "given" else 40)
                    expected = answers(catalog, queries, "imdb:tt0000007")
            write(kind, folder, target, expected)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
