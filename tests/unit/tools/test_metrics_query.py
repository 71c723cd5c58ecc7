"""The little language of metric queries."""

import pytest

from dutyd_tools.metrics import parse_query


@pytest.mark.parametrize(
    ("query", "metric", "labels"),
    [
        ("response_time", "response_time", {}),
        (" http.server:duration-p99 ", "http.server:duration-p99", {}),
        ("rt{}", "rt", {}),
        ('rt{service="checkout"}', "rt", {"service": "checkout"}),
        ('rt { service = "a b" , host="{x}" }', "rt", {"service": "a b", "host": "{x}"}),
        ('rt{service=""}', "rt", {"service": ""}),
        ('rt{path="/a,b",host="c=d"}', "rt", {"path": "/a,b", "host": "c=d"}),
    ],
)
def test_a_query_is_a_metric_with_labels(query: str, metric: str, labels: dict[str, str]) -> None:
    assert parse_query(query) == (metric, labels)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "9rt",
        "avg(rt)",
        "rt{service}",
        "rt{service='a'}",
        'rt{a="1"',
        'rt{a="1";b="2"}',
        'rt{a="1",}',
        'rt{,a="1"}',
        'rt{a=~"1"}',
        'rt{a="1"} or up',
    ],
)
def test_anything_else_is_told_with_an_example(query: str) -> None:
    with pytest.raises(ValueError, match=r"expected a metric such as response_time"):
        parse_query(query)
