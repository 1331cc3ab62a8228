"""Files packed and encoded in ways that occur in practice."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.examples import examples
from tv5core.errors import ImportFormatError, InvalidInputError
from tv5core.importers import ImportReport, import_paths, opening
from tv5core.importers.base import Context, Options, Source
from tv5core.importers.opening import open_source

Check = Callable[[ImportReport], None]
HEADER = b"id,title,overview,release_date,vote_average,vote_count,runtime\n"
ROWS = b"11,Harbour,Two keepers,2001-02-03,7.1,40,90\n12,Pier,One dog,2002-02-03,7.1,40,90\n"
CSV = HEADER + ROWS


def zipped(**files: bytes) -> bytes:
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/").replace("_csv", ".csv"), content)
    return raw.getvalue()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.csv", CSV),
        ("x.csv", CSV.replace(b"\n", b"\r")),
        ("x.csv", CSV.replace(b"\n", b"\r\n")),
        ("x.csv", b"\n\r\n  \n" + CSV),
        ("x.csv", b"\xef\xbb\xbf\n" + CSV),
        ("x.csv", b"sep=,\r\n" + CSV),
        ("x.csv", b"sep=;\r\n" + CSV.replace(b",", b";")),
        ("x.csv", b'"sep=|"\n\n' + CSV.replace(b",", b"|")),
        ("x.csv", b"sep=^\n" + CSV.replace(b",", b"^")),
        ("x.csv", CSV.decode().encode("utf-16")),
        ("x.csv", CSV.decode().encode("utf-16-le")),
        ("x.csv", CSV.decode().encode("utf-16-be")),
        ("x.csv", CSV.decode().encode("utf-32")),
        ("x.csv", gzip.compress(CSV)),
        ("x.csv.gz", gzip.compress(CSV)),
        ("x.csv.gz", gzip.compress(HEADER) + gzip.compress(b"") + gzip.compress(ROWS)),
        ("x.csv.gz", gzip.compress(CSV) + b"\0" * 600),
        ("x.tsv.gz", gzip.compress(CSV.replace(b",", b"\t"))),
        ("x.zip", zipped(x_csv=CSV)),
        ("x.csv", zipped(x_csv=CSV)),
        ("x.zip", zipped(data__x_csv=CSV, __MACOSX__x_csv=b"\0")),
        ("x.zip", zipped(**{"x.csv.gz": gzip.compress(CSV)})),
    ],
)
def test_the_same_rows_come_out(
    name: str, content: bytes, tmp_path: Path, catalog: Any, adds_up: Check
) -> None:
    (tmp_path / name).write_bytes(content)
    report = import_paths(catalog, [tmp_path / name])
    adds_up(report)
    assert [title.title for title in catalog.titles.values()] == ["Harbour", "Pier"]
    assert {title.runtime for title in catalog.titles.values()} == {90}
    assert not report.rejected
    assert not any(file.notes for file in report.files)


def test_json_in_gzip_and_with_nan_in_any_object(tmp_path: Path, catalog: Any) -> None:
    film = b'{"id": %d, "title": "A NaN", "overview": "NaN, -Infinity", "runtime": %s}'
    content = b"[" + film % (61, b"NaN") + b",\n" + film % (62, b"-Infinity") + b"]"
    (tmp_path / "x.json.gz").write_bytes(gzip.compress(content))
    report = import_paths(catalog, [tmp_path / "x.json.gz"])
    assert [file.notes for file in report.files] == [{"NaN in JSON read as nothing": 2}]
    assert [(t.overview, t.runtime) for t in catalog.titles.values()] == [
        ("NaN, -Infinity", None)
    ] * 2


@pytest.mark.parametrize("first", [b'{"id": 1,}', b"{bad}", b"NaN", b"7", b'{"id": nan}'])
def test_a_bad_first_object_costs_itself_only(
    first: bytes, tmp_path: Path, catalog: Any, adds_up: Check
) -> None:
    film = b'{"id": 62, "title": "Good", "overview": "x"}'
    (tmp_path / "x.json").write_bytes(b"[" + first + b",\n" + film + b"]")
    report = import_paths(catalog, [tmp_path / "x.json"])
    adds_up(report)
    assert [title.title for title in catalog.titles.values()] == ["Good"]
    assert report.rejected == 1


@pytest.mark.parametrize("case", [str.upper, str.title])
def test_columns_are_known_in_any_case(
    case: Callable[[str], str], tmp_path: Path, catalog: Any
) -> None:
    (tmp_path / "x.csv").write_bytes(case(HEADER.decode()).encode() + ROWS)
    import_paths(catalog, [tmp_path / "x.csv"])
    assert [title.runtime for title in catalog.titles.values()] == [90, 90]


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
def test_windows_1252_has_no_lost_letters(encoding: str, tmp_path: Path, catalog: Any) -> None:
    text = "21,Déjà vu « à la » Ærø,Zwölf,2001-01-01,7,5,90\n"
    (tmp_path / "x.csv").write_bytes(CSV + text.encode(encoding) + "22,Ñandú,é,,,,\n".encode())
    report = import_paths(catalog, [tmp_path / "x.csv"])
    names = [title.title for title in catalog.titles.values()]
    assert names == ["Harbour", "Pier", "Déjà vu « à la » Ærø", "Ñandú"]
    assert report.files[0].notes == {"line read as Windows-1252": 1}


def test_json_in_windows_1252(tmp_path: Path, catalog: Any) -> None:
    film = '[{"id": 1, "title": "Amélie “€”", "overview": "x"}]'
    (tmp_path / "x.json").write_bytes(film.encode("cp1252"))
    import_paths(catalog, [tmp_path / "x.json"])
    assert [title.title for title in catalog.titles.values()] == ["Amélie “€”"]


def test_another_alphabet_is_refused_until_it_is_named(tmp_path: Path, catalog: Any) -> None:
    row = "31,Броненосец Потёмкин,Матросы,1925-12-24,8,10,75\n".encode("cp1251")
    (tmp_path / "x.csv").write_bytes(HEADER + row)
    report = import_paths(catalog, [tmp_path / "x.csv"])
    assert report.files[0].rejected == {"unknown encoding": 1}
    import_paths(catalog, [tmp_path / "x.csv"], encoding="cp1251")
    assert [title.title for title in catalog.titles.values()] == ["Броненосец Потёмкин"]
    film = '[{"id": 32, "title": "Стачка", "overview": "Рабочие"}]'
    (tmp_path / "x.json").write_bytes(film.encode("cp1251"))
    import_paths(catalog, [tmp_path / "x.json"], encoding="cp1251")
    assert [title.title for title in catalog.titles.values()][1:] == ["Стачка"]
    with pytest.raises(InvalidInputError, match="expected an encoding"):
        import_paths(catalog, [tmp_path / "x.csv"], encoding="klingon")


def test_damaged_utf8_is_not_taken_for_another_encoding(tmp_path: Path, catalog: Any) -> None:
    row = "41,Łódź żółw ę,x,,,,\n".encode()
    (tmp_path / "x.csv").write_bytes(HEADER + row.replace("ę".encode(), b"\xc4"))
    report = import_paths(catalog, [tmp_path / "x.csv"])
    assert [title.title for title in catalog.titles.values()] == ["Łódź żółw \ufffd"]
    assert report.files[0].notes == {"invalid UTF-8 replaced": 1}


def test_what_is_lost_of_a_gzip_file_is_said(tmp_path: Path, catalog: Any) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(CSV) + b"junk")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(CSV)[:-9])
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress(gzip.compress(CSV)))
    report = import_paths(catalog, [tmp_path])
    notes = {file.path.name: (dict(file.notes), dict(file.rejected)) for file in report.files}
    assert notes == {
        "a.csv.gz": ({"bytes after the end of gzip": 1}, {}),
        "b.csv.gz": ({}, {"unreadable file": 1}),
        "c.csv.gz": ({}, {"unreadable file": 1}),
    }


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"BZh91AY", "a bzip2 file"),
        (b"\xfd7zXZ\0\0", "an xz file"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"%PDF-1.4", "a PDF file"),
        (gzip.compress(CSV)[:-9], "ends early"),
        (b"PK\x03\x04 no archive", "a ZIP archive"),
    ],
)
def test_a_file_of_a_folder_that_cannot_be_read_is_no_passing_remark(
    content: bytes, what: str, tmp_path: Path, catalog: Any
) -> None:
    (tmp_path / "x.csv").write_bytes(content)
    found: list[Any] = []
    report = import_paths(catalog, [tmp_path], rejects=found.append)
    assert what in found[0].detail
    assert [file.path.name for file in report.unreadable] == ["x.csv"]


def test_bombs_are_bounded(tmp_path: Path, catalog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_FREE_BYTES", 10_000)
    monkeypatch.setattr(opening, "_RATIO", 2)
    huge = HEADER + b"1,A,b,,,,\n" * 20_000
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(huge))
    (tmp_path / "b.zip").write_bytes(zipped(x_csv=huge))
    report = import_paths(catalog, [tmp_path / "a.csv.gz", tmp_path / "b.zip"], format="tmdb-csv")
    assert {file.path.name: file.rejected["unreadable file"] for file in report.files} == {
        "a.csv.gz": 1, "x.csv": 1,
    }  # fmt: skip
    with (
        pytest.raises(ImportFormatError, match="expected at most"),
        open_source(Source(tmp_path / "a.csv.gz", "")) as stream,
    ):
        stream.read()


def test_an_archive_is_a_folder(tmp_path: Path, catalog: Any) -> None:
    titles = b"id,title,type,release_year,genres,imdb_id\ntm1,Quay,MOVIE,1999,['war'],\n"
    people = b"person_id,id,name,character,role\n1,tm1,Ann Poe,Mate,ACTOR\n"
    content = zipped(netflix_titles_csv=titles, netflix_credits_csv=people, b_csv=b"x,y\n1,2\n")
    (tmp_path / "all.zip").write_bytes(content)
    report = import_paths(catalog, [tmp_path / "all.zip"])
    (title,) = catalog.titles.values()
    assert [person.name for person in title.cast] == ["Ann Poe"]
    assert [offer.provider for offer in title.offers] == ["netflix"]
    assert [file.path.name for file in report.files] == [
        "netflix_titles.csv",
        "netflix_credits.csv",
    ]
    assert [skip.columns for skip in report.skipped] == [["x", "y"]]


def test_progress_counts_packed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(CSV * 1000))
    context = Context(Options())
    with open_source(Source(path, ""), context) as stream:
        assert len(stream.read()) == len(CSV) * 1000
    assert context.bytes_read == path.stat().st_size


@settings(
    deadline=None,
    max_examples=examples(80),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    kind=st.sampled_from(["gz", "zip"]),
    place=st.integers(0, 400),
    byte=st.integers(0, 255),
    cut=st.booleans(),
)
def test_damage_never_raises_anything_else(
    kind: str, place: int, byte: int, cut: bool, tmp_path: Path, new_catalog: Any
) -> None:
    raw = bytearray(gzip.compress(CSV, mtime=0) if kind == "gz" else zipped(x_csv=CSV))
    place %= len(raw)
    raw[place] = byte
    path = tmp_path / f"x.csv.{kind}"
    path.write_bytes(raw[:place] if cut else raw)
    import_paths(new_catalog(), [path])
    import_paths(new_catalog(), [path], format="tmdb-csv")


@pytest.mark.parametrize(
    "content",
    [
        b'[{"id": 1, "title": "Open", "overview": "x",\n%s,\n%s]',
        b'[{"id": 1, "title": "Open", "overview": "x"\n%s,\n%s]',
        b'[{"id": 1, "genres": [{"name": "Drama"}, "title": "Open"},\n%s,\n%s]',
        b'[%s,\n{"id": 1, "title": "Open", "overview": "x",\n%s]',
        b'[%s,\n%s,\n{"id": 1, "title": "Open", "overview": "x"]',
    ],
)
def test_an_unclosed_object_costs_itself_only(
    content: bytes, tmp_path: Path, catalog: Any, adds_up: Check
) -> None:
    films = [b'{"id": %d, "title": "Good %d", "overview": "x"}' % (n, n) for n in (62, 63)]
    (tmp_path / "x.json").write_bytes(content % tuple(films))
    report = import_paths(catalog, [tmp_path / "x.json"], format="tmdb-json")
    adds_up(report)
    assert [title.title for title in catalog.titles.values()] == ["Good 62", "Good 63"]
    assert report.files[0].rejected["unfinished JSON"] == 1


@pytest.mark.parametrize(
    ("written", "encoding"),
    [("Wiedźmin: krew i łzy", "cp1250"), ("Příšerně žluťoučký kůň", "cp1250"), ("Брат", "cp1251"),
     ("Брат", "koi8-r"), ("Θίασος", "cp1253")],
)  # fmt: skip
def test_other_alphabets_are_refused_until_their_encoding_is_given(
    written: str, encoding: str, tmp_path: Path, catalog: Any
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV + f"21,{written},x,2001-01-01,7,5,90\n".encode(encoding))
    report = import_paths(catalog, [path])
    assert report.files[0].rejected == {"unknown encoding": 1}
    assert len(catalog.titles) == 2
    import_paths(catalog, [path], encoding=encoding)
    assert written in {title.title for title in catalog.titles.values()}


@pytest.mark.parametrize(
    "written", ["Amélie", "Übermaß", "¡Átame!", "L\u2019été à Nîmes", "Crème", "Hunter\xd7Hunter"]
)
def test_western_titles_pass(written: str, tmp_path: Path, catalog: Any) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(CSV + f"21,{written},x,2001-01-01,7,5,90\n".encode("cp1252"))
    report = import_paths(catalog, [path])
    assert written in {title.title for title in catalog.titles.values()}
    assert report.files[0].notes == {"line read as Windows-1252": 1}


@pytest.mark.parametrize("inner", [b"PAR1" + bytes(60), zipped(x_csv=CSV), b"BZh91AY" + bytes(60)])
@pytest.mark.parametrize("how", ["gzip", "zip"])
@pytest.mark.parametrize("given_format", ["tmdb-csv", None])
def test_a_table_or_an_archive_within_an_archive_is_refused(
    inner: bytes, how: str, given_format: str | None, tmp_path: Path, catalog: Any
) -> None:
    path = tmp_path / f"x.{how}"
    path.write_bytes(gzip.compress(inner) if how == "gzip" else zipped(**{"x.csv": inner}))
    rejects = tmp_path / "rejects.jsonl"
    try:
        import_paths(catalog, [path], format=given_format, rejects=rejects)
        said = rejects.read_text()
    except ImportFormatError as error:
        said = str(error)
    assert not catalog.titles
    assert "unpack it" in said
