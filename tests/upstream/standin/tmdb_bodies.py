"""Bodies in the shapes of TMDB's API, made of works."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from tests.upstream.standin.works import Work

GENRE_NUMBERS = {
    "Action": 28, "Adventure": 12, "Animation": 16, "Comedy": 35, "Crime": 80, "Documentary": 99,
    "Drama": 18, "Family": 10751, "Fantasy": 14, "History": 36, "Horror": 27, "Music": 10402,
    "Mystery": 9648, "Romance": 10749, "Science Fiction": 878, "TV Movie": 10770, "Thriller": 53,
    "War": 10752, "Western": 37,
}  # fmt: skip
Body = dict[str, Any]


def number_of(text: str, limit: int = 1_000_000) -> int:
    """A number that always is the same for a text."""
    return zlib.crc32(text.encode()) % limit + 1


def result(work: Work, *, media_type: bool = False) -> Body:
    """A work as lists have it."""
    film = work.media == "movie"
    body: Body = {
        "adult": False,
        "backdrop_path": None,
        "genre_ids": [GENRE_NUMBERS[name] for name in work.genres if name in GENRE_NUMBERS],
        "id": work.id,
        "original_language": work.language,
        "original_title" if film else "original_name": work.original_title,
        "overview": work.overview,
        "popularity": work.popularity,
        "poster_path": _poster(work),
        "release_date" if film else "first_air_date": work.date,
        "title" if film else "name": work.title,
        "vote_average": work.rating,
        "vote_count": work.votes,
    }
    if film:
        body["video"] = False
    else:
        body["origin_country"] = [work.country]
    return {**body, "media_type": work.media} if media_type else body


def details(work: Work) -> Body:
    """A work's own page, without what may be appended."""
    body: Body = {
        "adult": False,
        "backdrop_path": None,
        "genres": [_genre(name) for name in work.genres],
        "homepage": "",
        "id": work.id,
        "origin_country": [work.country],
        "original_language": work.language,
        "overview": work.overview,
        "popularity": work.popularity,
        "poster_path": _poster(work),
        "production_companies": [_company("Stand-in Pictures")],
        "production_countries": [{"iso_3166_1": work.country, "name": "United States of America"}],
        "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
        "tagline": work.tagline or None,
        "vote_average": work.rating,
        "vote_count": work.votes,
    }
    return body | (_film(work) if work.media == "movie" else _series(work))


def _film(work: Work) -> Body:
    return {
        "belongs_to_collection": _collection(work),
        "budget": 0,
        "imdb_id": work.imdb,
        "original_title": work.original_title,
        "release_date": work.date,
        "revenue": 0,
        "runtime": work.runtime,
        "status": "Released",
        "title": work.title,
        "video": False,
    }


def _series(work: Work) -> Body:
    return {
        "created_by": [
            {"id": number_of(name), "credit_id": f"{number_of(name):024x}", "name": name,
             "gender": 0, "profile_path": None}
            for name in work.directors
        ],
        "episode_run_time": [work.runtime],
        "first_air_date": work.date,
        "in_production": False,
        "languages": ["en"],
        "last_air_date": work.date,
        "last_episode_to_air": None,
        "name": work.title,
        "networks": [_company("Channel Nine")],
        "next_episode_to_air": None,
        "number_of_episodes": 10 * work.seasons,
        "number_of_seasons": work.seasons,
        "original_name": work.original_title,
        "seasons": [
            {"air_date": work.date, "episode_count": 10, "id": work.id * 10 + n,
             "name": f"Season {n + 1}", "overview": "", "poster_path": None,
             "season_number": n + 1, "vote_average": 0.0}
            for n in range(work.seasons)
        ],
        "status": "Ended",
        "type": "Scripted",
    }  # fmt: skip


def part(work: Work, name: str, others: Sequence[Work]) -> Body | None:
    """What may be appended to details, or asked for alone; None for an unknown name."""
    makers = {
        "credits": _credits,
        "keywords": _keywords,
        "external_ids": _external_ids,
        "watch/providers": _watch_providers,
        "release_dates" if work.media == "movie" else "content_ratings": _ratings,
        "changes": lambda _: {"changes": []},
        "alternative_titles": _alternative_titles,
        "translations": _translations,
    }
    if name in ("similar", "recommendations"):
        return _similar(work, others)
    return makers[name](work) if name in makers else None


def _credits(work: Work) -> Body:
    return {
        "cast": [
            {**_person(name, "Acting"), "cast_id": order + 1, "character": character,
             "credit_id": f"{number_of(name + character):024x}", "order": order}
            for order, (name, character) in enumerate(work.cast)
        ],
        "crew": [
            {**_person(name, "Directing"), "credit_id": f"{number_of(name):024x}",
             "department": "Directing", "job": "Director"}
            for name in work.directors
        ],
    }  # fmt: skip


def _person(name: str, department: str) -> Body:
    return {
        "adult": False, "gender": 0, "id": number_of(name), "known_for_department": department,
        "name": name, "original_name": name, "popularity": 1.5, "profile_path": None,
    }  # fmt: skip


def _keywords(work: Work) -> Body:
    words = [{"id": number_of(word, 300_000), "name": word} for word in work.keywords]
    return {"keywords" if work.media == "movie" else "results": words}


def _external_ids(work: Work) -> Body:
    return {
        "imdb_id": work.imdb, "wikidata_id": None, "facebook_id": None, "instagram_id": None,
        "twitter_id": None, **({} if work.media == "movie" else {"tvdb_id": work.id}),
    }  # fmt: skip


def _watch_providers(work: Work) -> Body:
    page = f"https://www.themoviedb.org/{work.media}/{work.id}/watch"
    return {
        "results": {
            region: {
                "link": f"{page}?locale={region}",
                **{way: [_service(name) for name in names] for way, names in ways.items()},
            }
            for region, ways in work.services.items()
        }
    }


def _service(name: str) -> Body:
    return {
        "logo_path": f"/{number_of(name)}.jpg", "provider_id": number_of(name, 2_000),
        "provider_name": name, "display_priority": number_of(name, 50),
    }  # fmt: skip


def _ratings(work: Work) -> Body:
    if work.media == "tv":
        rated = {"descriptors": [], "iso_3166_1": "US", "rating": "TV-14"}
        return {"results": [{**rated, "iso_3166_1": "DE", "rating": "12"}, rated]}
    release = {
        "certification": work.certification, "descriptors": [], "iso_639_1": "", "note": "",
        "release_date": f"{work.date}T00:00:00.000Z", "type": 3,
    }  # fmt: skip
    return {
        "results": [
            {"iso_3166_1": "DE", "release_dates": [{**release, "certification": "12"}]},
            {"iso_3166_1": "US", "release_dates": [{**release, "certification": ""}, release]},
        ]
    }


def _alternative_titles(work: Work) -> Body:
    names = [{"iso_3166_1": "US", "title": f"{work.title} (Uncut)", "type": "uncut"}]
    return {"titles" if work.media == "movie" else "results": names}


def _translations(work: Work) -> Body:
    name = "title" if work.media == "movie" else "name"
    return {
        "translations": [
            {"iso_3166_1": country, "iso_639_1": code, "name": code, "english_name": code,
             "data": {"homepage": "", "overview": work.overview, "tagline": "", name: text}}
            for country, code, text in (("US", "en", work.title), ("FR", "fr", f"Le {work.title}"))
        ]
    }  # fmt: skip


def _similar(work: Work, others: Sequence[Work]) -> Body:
    alike = [w for w in others if w.media == work.media and w.id != work.id and
             set(w.genres) & set(work.genres)][:20]  # fmt: skip
    return {"page": 1, "results": [result(w) for w in alike], "total_pages": 1,
            "total_results": len(alike)}  # fmt: skip


def _genre(name: str) -> Body:
    return {"id": GENRE_NUMBERS.get(name, number_of(name, 100)), "name": name}


def _collection(work: Work) -> Body | None:
    """Every fifth film belongs to one of a few collections."""
    if work.id % 5:
        return None
    name = f"Collection {work.id % 7}"
    return {"id": number_of(name), "name": name, "poster_path": None, "backdrop_path": None}


def _company(name: str) -> Body:
    return {"id": number_of(name), "logo_path": None, "name": name, "origin_country": "US"}


def _poster(work: Work) -> str:
    return f"/{work.id:x}.jpg"
