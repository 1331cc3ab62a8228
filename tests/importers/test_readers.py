"""Every format, on small files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tv5core.errors import ImportFormatError
from tv5core.importers import detect
from tv5core.importers.base import Context, Item, Link, Options, Reject, Row, Source, Used
from tv5core.importers.jsonl import read_jsonl
from tv5core.importers.justwatch import read_justwatch
from tv5core.importers.links import read_links
from tv5core.importers.mapping import read_mapped_csv
from tv5core.importers.own_table import read_own_table
from tv5core.importers.streaming import read_streaming
from tv5core.importers.tmdb import read_tmdb_csv, read_tmdb_json
from tv5core.importers.wikipedia import read_wikipedia
from tv5core.types import Collection, Offer, Person, Title

Write = Callable[..., Path]


def read(reader: Any, path: Path, *, partner: Path | None = None, **options: Any) -> list[Item]:
    beside = None if partner is None else Source(partner, "justwatch-credits")
    return list(reader(Source(path, "", partner=beside), Context(Options(**options))))


def one_title(items: list[Item]) -> Title:
    (row,) = items
    assert isinstance(row, Row), row
    return row.title


def reasons(items: list[Item]) -> list[str]:
    return [item.reason for item in items if isinstance(item, Reject)]


DETAILS = {
    "adult": False,
    "id": 27205,
    "imdb_id": "tt1375666",
    "title": "Inception",
    "original_title": "Inception",
    "original_language": "en",
    "overview": "A thief enters dreams.",
    "tagline": "Your mind is the scene.",
    "release_date": "2010-07-15",
    "runtime": 148,
    "genres": [{"id": 28, "name": "Action"}, {"id": 878, "name": "Science Fiction"}],
    "spoken_languages": [
        {"iso_639_1": "en", "name": "English"},
        {"iso_639_1": "ja", "name": "日本語"},
    ],
    "production_countries": [{"iso_3166_1": "GB", "name": "United Kingdom"}],
    "vote_average": 8.4,
    "vote_count": 30_000,
    "popularity": 80.5,
    "poster_path": "/p.jpg",
    "unknown": {"deep": [1, None]},
    "credits": {
        "cast": [
            {"name": "Elliot Page", "character": "Ariadne", "order": 2},
            {"name": "Leonardo DiCaprio", "character": "Cobb", "order": 0},
        ],
        "crew": [
            {"name": "Christopher Nolan", "job": "Director"},
            {"name": "Christopher Nolan", "job": "Writer"},
            {"name": "Hans Zimmer", "job": "Original Music Composer"},
        ],
    },
    "keywords": {"keywords": [{"id": 1, "name": "Dream"}, {"id": 2, "name": "heist"}]},
    "release_dates": {
        "results": [
            {"iso_3166_1": "DE", "release_dates": [{"certification": "12"}]},
            {
                "iso_3166_1": "US",
                "release_dates": [{"certification": ""}, {"certification": "PG-13"}],
            },
        ]
    },
    "watch/providers": {
        "results": {
            "US": {
                "link": "https://example.org/w",
                "flatrate": [{"provider_name": "Netflix"}],
                "rent": [{"provider_name": "Apple TV"}],
            },
            "DE": {"buy": [{"provider_name": "Disney+"}]},
        }
    },
}
SERIES = {
    "id": 1399,
    "name": "Game of Thrones",
    "first_air_date": "2011-04-17",
    "episode_run_time": [60],
    "number_of_seasons": 8,
    "created_by": [{"name": "David Benioff"}],
    "origin_country": ["US"],
    "genres": [{"name": "Sci-Fi & Fantasy"}],
    "external_ids": {"imdb_id": "tt0944947"},
    "content_ratings": {"results": [{"iso_3166_1": "US", "rating": "TV-MA"}]},
    "keywords": {"results": [{"name": "War"}]},
    "aggregate_credits": {
        "cast": [{"name": "Emilia Clarke", "roles": [{"character": "Daenerys"}]}]
    },
}


def test_tmdb_details(write_json: Write) -> None:
    title = one_title(read(read_tmdb_json, write_json("one.json", DETAILS)))
    assert title.external_ids == {"tmdb": "27205", "imdb": "tt1375666"}
    assert (title.year, title.release_date, title.runtime) == (2010, "2010-07-15", 148)
    assert title.cast == (Person("Leonardo DiCaprio", "Cobb"), Person("Elliot Page", "Ariadne"))
    assert title.directors == title.creators == ("Christopher Nolan",)
    assert title.keywords == ("dream", "heist")
    assert title.genres == ("Action", "Science Fiction")
    assert (title.languages, title.countries) == (("en", "ja"), ("GB",))
    assert (title.certification, title.rating, title.votes) == ("PG-13", 8.4, 30_000)
    assert title.offers == (
        Offer("netflix", "US", url="https://example.org/w", source="tmdb"),
        Offer("apple tv plus", "US", "rent", url="https://example.org/w", source="tmdb"),
        Offer("disney plus", "DE", "buy", source="tmdb"),
    )


def test_tmdb_series_details(write_json: Write) -> None:
    title = one_title(read(read_tmdb_json, write_json("one.json", SERIES)))
    assert (title.kind, title.runtime, title.seasons, title.year) == ("show", 60, 8, 2011)
    assert title.cast == (Person("Emilia Clarke", "Daenerys"),)
    assert (title.creators, title.keywords, title.certification) == (
        ("David Benioff",),
        ("war",),
        "TV-MA",
    )
    assert title.external_ids == {"tmdb": "1399", "imdb": "tt0944947"}
    assert title.genres == ("Science Fiction", "Fantasy")


def test_region_chooses_the_age_rating(write_json: Write) -> None:
    title = one_title(read(read_tmdb_json, write_json("one.json", DETAILS), region="DE"))
    assert title.certification == "12"


def test_tmdb_lines_array_and_pages(write_json: Write, write_lines: Write) -> None:
    lines = read(read_tmdb_json, write_lines("a.json", DETAILS, "{broken", SERIES, "[1]"))
    assert reasons(lines) == ["malformed JSON", "not an object"]
    array = read(read_tmdb_json, write_json("b.json", [DETAILS, 7, SERIES]))
    assert reasons(array) == ["not an object"]
    page = {
        "page": 1,
        "results": [
            {"id": 1, "title": "A", "overview": "", "genre_ids": [28, 10765, 999_999]},
            {"id": 2, "name": "B", "first_air_date": "2000-01-01"},
            {"id": 3, "name": "Someone", "media_type": "person"},
            "x",
        ],
    }
    items = read(read_tmdb_json, write_json("c.json", page))
    assert reasons(items) == ["not a title", "not an object"]
    assert [item.title.kind for item in items if isinstance(item, Row)] == ["movie", "show"]
    assert items[0].title.genres == ("Action", "Science Fiction", "Fantasy")


@pytest.mark.parametrize(
    "genres", ['[{"id": 18, "name": "Drama"}]', "[{'id': 18, 'name': 'Drama'}]", "Drama", "Drama|"]
)
def test_tmdb_csv(genres: str, write_csv: Write) -> None:
    row = {
        "id": "862",
        "imdb_id": "tt0114709",
        "title": "Toy Story",
        "genres": genres,
        "release_date": "1995-10-30",
        "runtime": "81.0",
        "vote_average": "7.7",
        "vote_count": "5415.0",
        "production_countries": "United States of America",
        "spoken_languages": "English, No Language",
        "keywords": "toy, Boy",
        "adult": "False",
        "belongs_to_collection": "{'id': 10194, 'name': 'Toy Story Collection'}",
    }
    title = one_title(read(read_tmdb_csv, write_csv("t.csv", row)))
    assert (title.genres, title.runtime, title.votes, title.year) == (("Drama",), 81, 5415, 1995)
    assert (title.countries, title.languages, title.keywords) == (("US",), ("en",), ("toy", "boy"))
    assert title.collection == Collection("tmdb:10194", "Toy Story Collection")


def test_tmdb_csv_with_shifted_columns(write_csv: Write) -> None:
    rows = [
        {"id": "1997-08-20", "title": "A", "adult": "False", "overview": ""},
        {"id": "12", "title": "B", "adult": " - Written by someone", "overview": ""},
        {"id": "13", "title": "", "adult": "False", "overview": ""},
        {"id": "14", "title": "C", "adult": "", "overview": ""},
    ]
    items = read(read_tmdb_csv, write_csv("t.csv", *rows))
    assert reasons(items) == ["malformed id", "shifted columns", "no title"]
    assert [item.line for item in items] == [2, 3, 4, 5]


def test_links(write_csv: Write) -> None:
    rows = [
        {"movieId": "1", "imdbId": "0114709", "tmdbId": "862"},
        {"movieId": "2", "imdbId": "1", "tmdbId": "862.0"},
        {"movieId": "3", "imdbId": "0114709", "tmdbId": ""},
        {"movieId": "4", "imdbId": "x", "tmdbId": "1"},
    ]
    items = read(read_links, write_csv("links.csv", *rows))
    assert items[:2] == [Link(2, "tt0114709", "862"), Link(3, "tt0000001", "862")]
    assert reasons(items) == ["no TMDB id", "malformed id"]


JUSTWATCH = {
    "id": "tm82169",
    "title": "Rocky",
    "type": "MOVIE",
    "description": "A boxer gets a shot.",
    "release_year": "1976",
    "age_certification": "PG",
    "runtime": "119",
    "genres": "['drama', 'sport']",
    "production_countries": "['US']",
    "seasons": "",
    "imdb_id": "tt0075148",
    "imdb_score": "8.1",
    "imdb_votes": "592629.0",
    "tmdb_popularity": "78.7",
    "tmdb_score": "7.8",
}


def credit(key: str, name: str, character: str = "", role: str = "ACTOR") -> dict[str, str]:
    return {"person_id": "1", "id": key, "name": name, "character": character, "role": role}


def test_justwatch_with_credits(write_csv: Write) -> None:
    titles = write_csv(
        "netflix_titles.csv",
        JUSTWATCH,
        {**JUSTWATCH, "id": "ts5", "type": "SHOW", "seasons": "2.0"},
    )
    crew = write_csv(
        "netflix_credits.csv",
        credit("tm82169", "Sylvester Stallone", "Rocky"),
        credit("tm82169", "John G. Avildsen", role="DIRECTOR"),
        credit("tm999", "Nobody"),
        credit("tm999", "Nobody Else"),
        credit("", "Lost"),
    )
    items = read(read_justwatch, titles, partner=crew)
    first, second = (item.title for item in items if isinstance(item, Row))
    assert first.cast == (Person("Sylvester Stallone", "Rocky"),)
    assert first.directors == ("John G. Avildsen",)
    assert first.genres == ("Drama", "Sports")
    assert (first.rating, first.votes, first.certification) == (8.1, 592_629, "PG")
    assert first.offers == (Offer("netflix", "US"),)
    assert first.external_ids == {"justwatch": "tm82169", "imdb": "tt0075148"}
    assert (second.kind, second.seasons) == ("show", 2)
    assert Used(crew, 2) in items
    rejects = [(r.reason, r.count) for r in items if isinstance(r, Reject)]
    assert rejects == [("incomplete credit", 1), ("credits without a title", 2)]


def test_justwatch_bad_rows(write_csv: Write) -> None:
    items = read(
        read_justwatch,
        write_csv("x_titles.csv", {**JUSTWATCH, "id": "82169"}, {**JUSTWATCH, "type": "GAME"}),
        provider="Disney+",
        region="DE",
    )
    assert reasons(items) == ["malformed id", "malformed type"]


def test_justwatch_titles_survive_unreadable_credits(write_csv: Write, tmp_path: Path) -> None:
    items = read(
        read_justwatch, write_csv("x_titles.csv", JUSTWATCH), partner=tmp_path / "gone.csv"
    )
    assert reasons(items) == ["unreadable file"]
    assert any(isinstance(item, Row) for item in items)


STREAMING = {
    "show_id": "s1",
    "type": "Movie",
    "title": "The Film [Ultra HD]",
    "director": "Ann B",
    "cast": "Cy D, Robert Downey, Jr.",
    "country": "United States, India",
    "date_added": "March 30, 2021",
    "release_year": "2014",
    "rating": "13+",
    "duration": "113 min",
    "listed_in": "Comedies, Arts, Entertainment, and Culture",
    "description": "Funny.",
}


def test_streaming(write_csv: Write) -> None:
    show = {
        **STREAMING,
        "type": "TV Show",
        "title": "A Show",
        "rating": "2 Seasons",
        "duration": "",
    }
    items = read(read_streaming, write_csv("amazon_prime_titles.csv", STREAMING, show))
    film, series = (item.title for item in items if isinstance(item, Row))
    assert (film.title, film.offers) == (
        "The Film",
        (Offer("amazon prime video", "US", quality="4k"),),
    )
    assert film.genres == ("Comedy", "Arts & Culture")
    assert film.cast == (Person("Cy D"), Person("Robert Downey, Jr."))
    assert (film.countries, film.runtime, film.certification) == (("US", "IN"), 113, "13+")
    assert (series.seasons, series.certification, series.runtime) == (2, "", None)
    assert items[0].fallback == "amazon-prime-video:s1"


def test_streaming_provider_can_be_given(write_csv: Write) -> None:
    title = one_title(
        read(read_streaming, write_csv("x.csv", STREAMING), provider="Hulu", region="CA")
    )
    assert title.offers == (Offer("hulu", "CA", quality="4k"),)


def test_wikipedia(write_json: Write) -> None:
    film = {
        "title": "A Film",
        "year": 1990,
        "cast": ["Ann B", "(voices)", "Cy D (narrator)", "Ann B"],
        "genres": ["Animated", "Noir"],
        "href": "A_Film_(1990%20film)",
        "extract": "A Film is a 1990 film.",
        "thumbnail": "https://example.org/a.jpg",
    }
    bad = [
        {"title": ""},
        {"title": "X", "year": 0, "href": "List#X", "cast": None, "genres": "Drama"},
    ]
    items = read(read_wikipedia, write_json("movies.json", [film, *bad]))
    title = items[0].title
    assert title.cast == (Person("Ann B"), Person("Cy D"))
    assert title.genres == ("Animation", "Film Noir")
    assert title.external_ids == {"wikipedia": "A_Film_(1990_film)"}
    assert reasons(items) == ["no title"]
    assert (items[2].title.year, items[2].title.external_ids, items[2].title.genres) == (
        None,
        {},
        ("Drama",),
    )


def test_own_titles(write_lines: Write) -> None:
    title = {"id": "me:1", "kind": "movie", "title": "Mine", "new_field": 1}
    items = read(
        read_jsonl,
        write_lines(
            "own.jsonl",
            title,
            {**title, "year": "1999"},
            {**title, "id": ""},
            {**title, "votes": -1},
            {**title, "kind": "song"},
            "not json",
            '{"id": "x", "kind": "movie", "title": "\\ud800"}',
            {
                **title,
                "id": "tmdb:tv:5",
                "kind": "show",
                "source": "tmdb",
                "release_date": "2011-04-17",
            },
            {**title, "overview": "x" * 30_000},
            {**title, "id": "x" * 300},
        ),
    )
    assert items[0] == Row(1, Title("me:1", "movie", "Mine", source="own"))
    assert reasons(items) == [
        "wrong type",
        "value out of range",
        "value out of range",
        "wrong type",
        "malformed JSON",
        "malformed JSON",
        "value out of range",
        "value out of range",
    ]
    assert items[7].title.external_ids == {"tmdb": "5"}
    assert (items[7].title.source, items[7].title.year) == ("tmdb", 2011)


def test_own_titles_as_an_array(write_json: Write) -> None:
    items = read(read_jsonl, write_json("own.json", [{"id": "a", "kind": "show", "title": "A"}, 5]))
    assert isinstance(items[0], Row)
    assert reasons(items) == ["not an object"]


def test_mapping(write_csv: Write) -> None:
    path = write_csv(
        "plots.csv",
        {
            "Title": "A Film",
            "Release Year": "1999",
            "Plot": "Things happen.",
            "Genre": "drama|scifi",
            "Cast": "Ann B; Cy D",
            "Length": "120 min",
            "Type": "TV Series",
            "Link": "https://en.wikipedia.org/wiki/A_Film",
        },
        {"Title": ""},
    )
    mapping = {
        "title": "title",
        "year": "Release Year",
        "overview": "Plot",
        "genres": "Genre",
        "cast": "Cast",
        "runtime": "Length",
        "kind": "Type",
        "wikipedia": "Link",
    }
    items = read(read_mapped_csv, path, mapping=mapping, provider="Netflix")
    title = items[0].title
    assert (title.title, title.year, title.overview, title.kind) == (
        "A Film",
        1999,
        "Things happen.",
        "show",
    )
    assert (title.genres, title.runtime) == (("Drama", "Science Fiction"), 120)
    assert title.cast == (Person("Ann B"), Person("Cy D"))
    assert title.external_ids == {"wikipedia": "A_Film"}
    assert title.offers == (Offer("netflix", "US"),)
    assert reasons(items) == ["no title"]
    with pytest.raises(ImportFormatError, match="expected a column 'Name'"):
        read(read_mapped_csv, path, mapping={"title": "Name"})


def raw_file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


HEADER = (
    b"show_id,type,title,director,cast,country,date_added,release_year,rating,duration,"
    b"listed_in,description"
)


def line(key: str, title: str) -> bytes:
    return f"{key},Movie,{title},,,,,2000,PG,90 min,Dramas,Text".encode()


@pytest.mark.parametrize(
    ("content", "titles", "rejected"),
    [
        (
            b"\xef\xbb\xbf" + HEADER + b"\r\n" + line("s1", "A") + b"\r\n\r\n" + line("s2", "B"),
            ["A", "B"],
            [],
        ),
        (HEADER + b"\n" + line("s1", "A\x00B"), ["AB"], []),
        (HEADER + b"\n" + line("s1", "A").replace(b"A", b"A\xff"), ["A\u00ff"], []),
        (
            HEADER + b"\n" + line("s1", "A") + b",more\n" + line("s2", "B"),
            ["B"],
            ["wrong number of fields"],
        ),
        (
            HEADER + b"\n" + line("s1", '"A') + b"\n" + line("s2", "B") + b"\n" + line("s3", "C"),
            ["B", "C"],
            ["unbalanced quotes"],
        ),
        (HEADER + b"\n" + line("s1", '"A\nB"'), ["A B"], []),
        (
            HEADER + b"\n" + line("s1", "A" * (1 << 21)) + b"\n" + line("s2", "B"),
            ["B"],
            ["record too long"],
        ),
        (
            HEADER
            + b"\n"
            + line("s1", '"A')
            + b"\n"
            + b"\n".join(line(f"s{n}", "B") for n in range(30_000)),
            ["B"] * 30_000,
            ["record too long"],
        ),
        (HEADER.replace(b",", b";") + b"\n" + line("s1", "A").replace(b",", b";"), ["A"], []),
    ],
    ids=[
        "mark-crlf",
        "nul",
        "bad-utf8",
        "wide",
        "stray-quote",
        "multi-line",
        "huge-line",
        "endless-quote",
        "semicolon",
    ],
)
def test_csv_damage(content: bytes, titles: list[str], rejected: list[str], tmp_path: Path) -> None:
    items = read(read_streaming, raw_file(tmp_path / "x_titles.csv", content))
    assert [item.title.title for item in items if isinstance(item, Row)] == titles
    assert reasons(items) == rejected


def test_json_array_damage(tmp_path: Path) -> None:
    content = (
        b'\xef\xbb\xbf[\n{"title": "A"},\n{"title": "B", bad},\n[1], "x", null,\n'
        b'{"title": "C]}{"}, {"title": "D'
    )
    items = read(read_wikipedia, raw_file(tmp_path / "w.json", content))
    assert [item.title.title for item in items if isinstance(item, Row)] == ["A", "C]}{"]
    assert reasons(items) == [
        "malformed JSON",
        "not an object",
        "not an object",
        "not an object",
        "unfinished JSON",
    ]
    assert [item.line for item in items] == [2, 3, 4, 4, 4, 5, 5]


def test_a_long_array_is_streamed(tmp_path: Path) -> None:
    films = [{"title": f"Film {n}", "year": 2000, "extract": "x" * 500} for n in range(5_000)]
    path = tmp_path / "w.json"
    path.write_text(json.dumps(films, indent=1))
    items = read(read_wikipedia, path)
    assert [item.title.title for item in items] == [film["title"] for film in films]


@pytest.mark.parametrize(
    ("name", "content", "want"),
    [
        ("links.csv", b"movieId,imdbId,tmdbId\n1,2,3", "links"),
        ("x_titles.csv", ",".join(JUSTWATCH).encode(), "justwatch"),
        ("x_credits.csv", b"person_id,id,name,character,role", "justwatch-credits"),
        ("x.csv", HEADER, "streaming"),
        ("x.csv", b"id,title,overview,vote_count", "tmdb-csv"),
        ("x.csv", b"id,kind,title,year", "table"),
        ("x.csv", b"id,kind,title,overview,release_date,genres", "table"),
        ("x.csv", b"movie_id,title,cast,crew", "tmdb-csv"),
        ("x.json", json.dumps(DETAILS).encode(), "tmdb-json"),
        ("x.json", json.dumps(DETAILS, indent=2).encode(), "tmdb-json"),
        (
            "x.jsonl",
            json.dumps(SERIES).encode() + b"\n" + json.dumps(DETAILS).encode(),
            "tmdb-json",
        ),
        ("x.json", b'[{"title": "A", "year": 1, "cast": []}]', "wikipedia"),
        ("x.jsonl", b'{"id": "a", "kind": "movie", "title": "A"}\n', "jsonl"),
        ("x.jsonl", b'broken\n{"id": "a", "kind": "movie", "title": "A"}\n', "jsonl"),
        ("x.jsonl", b'{broken\n{"id": "a", "kind": "movie", "title": "A"}\n', "jsonl"),
    ],
)
def test_detection(name: str, content: bytes, want: str, tmp_path: Path) -> None:
    found = detect(raw_file(tmp_path / name, content))
    assert found.format == want
    assert found.why


def test_a_table_written_by_hand_keeps_its_ids(tmp_path: Path) -> None:
    content = b"id,kind,title,year,genres,languages\n1,movie,Jaws,1975,Thriller| Horror,\n"
    content += b'b:2,show,Lost,,"[""Drama""]",en\n3,film,X,1990,,\n'
    first, second, third = read(read_own_table, raw_file(tmp_path / "x.csv", content))
    assert (first.title.id, first.title.year) == ("1", 1975)
    assert first.title.genres == ("Thriller", "Horror")
    assert (second.title.id, second.title.genres, second.title.languages) == (
        "b:2", ("Drama",), ("en",),
    )  # fmt: skip
    assert third.reason == "wrong type"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"a,b,c\n", "unknown columns a, b, c"),
        ("x.csv", b"id,title,overview\n", "unknown columns id, title, overview; --map title="),
        ("x.csv", b"id,kind,title,vote_count\n", "unknown columns id, kind, title, vote_count"),
        ("ratings.csv", b"userId,movieId,rating,timestamp\n", "MovieLens"),
        ("x.csv", b"", "empty"),
        ("x.csv", "id,title".encode("utf-16"), "unknown columns id, title"),
        ("x.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel file"),
        ("x.tsv", b"tconst\taverageRating\tnumVotes\n", "IMDb data without titles"),
        ("x.csv", b"\n\n,,\n", "expected a line of column names"),
        ("x.json", b"[]", "expected JSON objects"),
        ("x.json", b"no json", "expected JSON objects"),
        ("x.json", b'{"status_code": 34}', "JSON without titles: keys status_code"),
        ("x.json", b'{"id": 1, "name": "S", "season_number": 1, "overview": ""}', "without titles"),
        ("README.txt", b"text", "expected .csv"),
    ],
)
def test_what_is_no_catalogue(name: str, content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(ImportFormatError, match=message):
        detect(raw_file(tmp_path / name, content))


def test_a_mapping_claims_csv_files(tmp_path: Path) -> None:
    assert detect(raw_file(tmp_path / "x.csv", b"a,b\n"), mapped=True).format == "csv"
    with pytest.raises(ImportFormatError, match="regular file"):
        detect(tmp_path)
