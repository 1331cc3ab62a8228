"""Metadata filters hold for the nodes for which they hold in LlamaIndex's own store."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
)
from llama_index.core.vector_stores.utils import build_metadata_filter_fn

from tests.examples import examples
from tv5core import InvalidInputError
from tv5core.integrations.documents import Document
from tv5core.integrations.llama_index.filters import as_condition

SCALARS = st.sampled_from(["sea", "Sea", "s", "", 1, 2, -1, 1.5, 0])
VALUES = st.one_of(
    SCALARS,
    st.none(),
    st.lists(st.sampled_from(["sea", "sky", "s"]), max_size=2),
    st.lists(st.sampled_from([1, 2]), max_size=2),
)
FILTERS = st.builds(
    MetadataFilter,
    key=st.sampled_from(["a", "b"]),
    value=VALUES,
    operator=st.sampled_from(list(FilterOperator)),
)
SETS = st.builds(
    MetadataFilters,
    filters=st.lists(FILTERS, max_size=3),
    condition=st.sampled_from(list(FilterCondition)),
)


@settings(max_examples=examples(300), deadline=None)
@given(filters=SETS, metadata=st.dictionaries(st.sampled_from(["a", "b"]), VALUES))
def test_a_filter_means_what_it_means_in_llamaindex(
    filters: MetadataFilters, metadata: dict[str, Any]
) -> None:
    try:
        right = build_metadata_filter_fn(lambda _: metadata, filters)("node")
    except TypeError:
        return  # what cannot be compared there holds for nothing here, or is refused
    try:
        condition = as_condition(filters)
    except InvalidInputError:
        odd = {FilterOperator.IN, FilterOperator.NIN, FilterOperator.ANY, FilterOperator.ALL}
        odd |= {FilterOperator.GT, FilterOperator.GTE, FilterOperator.LT, FilterOperator.LTE}
        odd |= {FilterOperator.TEXT_MATCH, FilterOperator.TEXT_MATCH_INSENSITIVE}
        assert odd & {one.operator for one in filters.filters}, "a value of the wrong type"
        return
    assert condition is None or condition.holds(Document("x", metadata=metadata)) == right


def test_filters_within_filters() -> None:
    def one(key: str, value: Any) -> MetadataFilter:
        return MetadataFilter(key=key, value=value)

    either = MetadataFilters(filters=[one("b", 1), one("b", 2)], condition=FilterCondition.OR)
    both = MetadataFilters(filters=[one("a", "x"), either])
    neither = MetadataFilters(filters=[both], condition=FilterCondition.NOT)
    for metadata, right in (({"a": "x", "b": 2}, True), ({"a": "x", "b": 3}, False), ({}, False)):
        document = Document("d", metadata=metadata)
        assert as_condition(both).holds(document) is right  # type: ignore[union-attr]
        assert as_condition(neither).holds(document) is not right  # type: ignore[union-attr]


def test_no_filters_are_no_condition() -> None:
    assert as_condition(None) is None
    assert as_condition(MetadataFilters(filters=[])) is None


@pytest.mark.parametrize(
    ("operator", "value"),
    [
        (FilterOperator.IN, "sea"),
        (FilterOperator.ANY, 3),
        (FilterOperator.ALL, None),
        (FilterOperator.GTE, ["a"]),
        (FilterOperator.LT, None),
        (FilterOperator.TEXT_MATCH, 3),
        (FilterOperator.TEXT_MATCH_INSENSITIVE, ["a"]),
    ],
)
def test_values_of_the_wrong_type_are_refused(operator: FilterOperator, value: Any) -> None:
    wrong = MetadataFilters(filters=[MetadataFilter(key="a", value=value, operator=operator)])
    with pytest.raises(InvalidInputError, match="expected a"):
        as_condition(wrong)


def test_what_is_no_filter_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="expected MetadataFilters, got"):
        as_condition({"a": 1})  # type: ignore[arg-type]
    deep = MetadataFilters(filters=[MetadataFilter(key="a", value=1)])
    for _ in range(100):
        deep = MetadataFilters.model_construct(filters=[deep], condition=FilterCondition.AND)
    with pytest.raises(InvalidInputError, match="nested at most"):
        as_condition(deep)
