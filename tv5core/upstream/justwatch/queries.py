"""The GraphQL that JustWatch is asked."""

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
    """Ask for titles by name."""
    wanted = {"searchQuery": text}
    asked = {"country": country, "language": language, "first": first, "filter": wanted}
    return _body("Tv5Titles", _LIST + _WORK + _OFFER, asked)


def popular_query(
    country: str, language: str, first: int, after: str, kinds: Sequence[str]
) -> bytes:
    """Ask for popular titles, those after a cursor."""
    wanted = {"objectTypes": list(kinds)} if kinds else {}
    asked = {"country": country, "language": language, "first": first, "filter": wanted}
    return _body("Tv5Titles", _LIST + _WORK + _OFFER, {**asked, "after": after})


def offers_query(id: str, countries: Sequence[str], language: str) -> bytes:
    """Ask for the offers of one title in several countries; each is a field named after it.

    ``countries`` goes into the query's text, so it must have been checked to be codes.
    """
    fields = "\n".join(
        f"      {code}: offers(country: {code}, platform: WEB) {{ ...Way }}" for code in countries
    )
    return _body("Tv5Offers", _OFFERS % fields + _OFFER, {"id": id, "language": language})


def _body(operation: str, query: str, variables: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"operationName": operation, "query": query, "variables": variables})
