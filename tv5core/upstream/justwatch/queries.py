"""The GraphQL queries for JustWatch, as request bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

__all__ = ["offers_query", "popular_query", "search_query"]

_OFFER = """
fragment Way on Offer {
  monetizationType
  presentationType
  retailPriceValue(language: $language)
  currency
  standardWebURL
  package { packageId clearName technicalName }
}
"""
_WORK = """
fragment Work on MovieOrShow {
  id
  objectType
  content(country: $country, language: $language) {
    title
    fullPath
    originalReleaseYear
    originalReleaseDate
    runtime
    shortDescription
    ageCertification
    posterUrl
    genres { shortName }
    externalIds { imdbId tmdbId }
    scoring { imdbScore imdbVotes tmdbPopularity }
  }
  offers(country: $country, platform: WEB) { ...Way }
}
"""
_LIST = """
query Tv5Titles(
  $country: Country!, $language: Language!, $first: Int!, $after: String, $filter: TitleFilter
) {
  popularTitles(
    country: $country, first: $first, after: $after, filter: $filter, sortBy: POPULAR
  ) {
    totalCount
    pageInfo { endCursor hasNextPage }
    edges { cursor node { ...Work } }
  }
}
"""
_OFFERS = """
query Tv5Offers($id: ID!, $language: Language!) {
  node(id: $id) {
    ... on MovieOrShow {
      id
%s
    }
  }
}
"""


def search_query(text: str, country: str, language: str, first: int) -> bytes:
    """Return the query for titles by name."""
    title_filter = {"searchQuery": text}
    return _list_body(country, language, first, title_filter)


def popular_query(
    country: str, language: str, first: int, after: str, kinds: Sequence[str]
) -> bytes:
    """Return the query for the popular titles after a cursor."""
    title_filter = {"objectTypes": list(kinds)} if kinds else {}
    return _list_body(country, language, first, title_filter, after=after)


def offers_query(id: str, countries: Sequence[str], language: str) -> bytes:
    """Return the query for the offers of one title in several countries, each a field of its own.

    ``countries`` become part of the query's text, so the caller must have validated them.
    """
    fields = "\n".join(
        f"      {code}: offers(country: {code}, platform: WEB) {{ ...Way }}" for code in countries
    )
    return _body("Tv5Offers", _OFFERS % fields + _OFFER, {"id": id, "language": language})


def _list_body(
    country: str, language: str, first: int, title_filter: dict[str, Any], **variables: str
) -> bytes:
    common = {"country": country, "language": language, "first": first, "filter": title_filter}
    return _body("Tv5Titles", _LIST + _WORK + _OFFER, {**common, **variables})


def _body(operation: str, query: str, variables: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"operationName": operation, "query": query, "variables": variables})
