"""Bodies as TMDB sends them, quirks included; invented, not copied."""

from __future__ import annotations

import json
from typing import Any


def as_body(value: Any) -> bytes:
    return json.dumps(value).encode()


FILM: dict[str, Any] = {
    "adult": False,
    "backdrop_path": None,
    "belongs_to_collection": {"id": 77, "name": "Callisto Collection", "poster_path": None},
    "budget": 0,
    "genres": [{"id": 878, "name": "Science Fiction"}, {"id": 28, "name": None}, None],
    "homepage": None,
    "id": 7001,
    "imdb_id": None,
    "a_field_of_tomorrow": {"nested": [1, None]},
    "origin_country": None,
    "original_language": "en",
    "original_title": "Low Tide at Callisto",
    "overview": "A salvage crew finds a harbour where no sea has ever been.",
    "popularity": "93.4917",
    "poster_path": None,
    "production_companies": [{"id": 1, "logo_path": None, "name": "Tidewater"}],
    "production_countries": [{"iso_3166_1": "US", "name": "United States of America"}],
    "release_date": "2019-11-08",
    "revenue": 12,
    "runtime": 104,
    "spoken_languages": [{"english_name": "English", "iso_639_1": "en", "name": "English"}],
    "status": "Released",
    "tagline": None,
    "title": "Low Tide at Callisto",
    "video": False,
    "vote_average": 7,
    "vote_count": 412,
    "credits": {
        "cast": [
            {"id": 2, "name": "Mira Lind", "character": "Pilot", "order": 1, "gender": 0},
            {"id": 1, "name": "Jonas Egger", "character": None, "order": 0, "profile_path": None},
        ],
        "crew": [
            {"id": 3, "name": "Ada Holm", "job": "Director", "department": "Directing"},
            {"id": 4, "name": "Luis Abel", "job": "Screenplay", "department": "Writing"},
        ],
    },
    "keywords": {"keywords": [{"id": 9, "name": "Salvage"}, {"id": 8, "name": "moon"}]},
    "external_ids": {"imdb_id": "tt7001001", "wikidata_id": None, "facebook_id": None},
    "release_dates": {
        "results": [
            {"iso_3166_1": "DE", "release_dates": [{"certification": "12", "type": 3}]},
            {"iso_3166_1": "US",
             "release_dates": [{"certification": ""}, {"certification": "PG-13"}]},
        ]
    },
    "watch/providers": {
        "results": {
            "US": {
                "link": "https://www.themoviedb.org/movie/7001/watch?locale=US",
                "flatrate": [
                    {"logo_path": "/n.jpg", "provider_id": 8, "provider_name": "Netflix",
                     "display_priority": 0},
                ],
                "rent": None,
            },
            "FR": {"link": "https://www.themoviedb.org/movie/7001/watch?locale=FR",
                   "buy": [{"provider_id": 337, "provider_name": "Disney+"}]},
        }
    },
    "alternative_titles": {
        "titles": [
            {"iso_3166_1": "US", "title": "Callisto", "type": "working title"},
            {"iso_3166_1": "CA", "title": "Marée basse à Callisto", "type": ""},
            {"iso_3166_1": "GB", "title": "Callisto", "type": ""},
        ]
    },
    "translations": {
        "translations": [
            {"iso_3166_1": "US", "iso_639_1": "en", "name": "English",
             "data": {"title": "", "overview": "A salvage crew finds a harbour."}},
            {"iso_3166_1": "FR", "iso_639_1": "fr", "name": "Français",
             "data": {"title": "Marée basse à Callisto", "overview": ""}},
            {"iso_3166_1": "AT", "iso_639_1": "de", "name": "Deutsch",
             "data": {"title": "Low Tide at Callisto"}},
        ]
    },
    "similar": {"page": 1, "results": [], "total_pages": 0, "total_results": 0},
}  # fmt: skip

SERIES: dict[str, Any] = {
    "adult": False,
    "created_by": [{"id": 5, "name": "Karin Dubois", "credit_id": "c", "profile_path": None}],
    "episode_run_time": [],
    "first_air_date": "2011-04-17",
    "genres": [{"id": 10765, "name": "Sci-Fi & Fantasy"}],
    "id": 8002,
    "in_production": None,
    "languages": ["en"],
    "last_episode_to_air": None,
    "name": "The Long Relay",
    "networks": [{"id": 6, "name": "Channel Nine", "logo_path": None}],
    "number_of_episodes": None,
    "number_of_seasons": 3,
    "origin_country": ["GB"],
    "original_language": "en",
    "original_name": "The Long Relay",
    "overview": None,
    "popularity": 12.5,
    "seasons": [{"air_date": None, "season_number": 0}],
    "spoken_languages": [],
    "vote_average": 8.1,
    "vote_count": 0,
    "keywords": {"results": [{"id": 9, "name": "radio"}]},
    "content_ratings": {"results": [{"iso_3166_1": "US", "rating": "TV-MA", "descriptors": []}]},
    "external_ids": {"imdb_id": "tt0944947", "tvdb_id": 121361, "tvrage_id": None},
}

LIST: dict[str, Any] = {
    "page": 1,
    "results": [
        {"id": 1, "title": "One", "genre_ids": [27], "media_type": "movie", "vote_average": 6.5,
         "release_date": "", "poster_path": None},
        {"id": 2, "name": "Two", "genre_ids": None, "media_type": "tv", "origin_country": ["KR"],
         "first_air_date": "2020-02-02"},
        {"id": 3, "name": "Three", "media_type": "person", "known_for_department": "Acting"},
    ],
    "total_pages": 500,
    "total_results": 10_000,
}  # fmt: skip
