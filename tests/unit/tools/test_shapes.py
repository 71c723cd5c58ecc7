"""Templates of requests: whatever an event or a model wrote stays where it was put."""

import json
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dutyd.core.expr import look_in
from dutyd.core.tool import RefusedError
from dutyd_tools.providers.shape import MEMBERS, _shape, _template, content_of, headers_of, path_of, texts_of


@given(st.text(min_size=1))
def test_any_text_is_one_segment_of_a_path(text: str) -> None:
    template = _template("/a/{{ x }}/b")
    try:
        path = path_of(template, look_in({"x": text}))
    except RefusedError:
        assert not text.strip(".")
        return
    parts = urlsplit(f"http://host{path}")
    assert (parts.netloc, parts.query, parts.fragment) == ("host", "", "")
    first, segment, last = parts.path.removeprefix("/").split("/")
    assert (first, unquote(segment), last) == ("a", text.encode("utf-8", "replace").decode(), "b")


@given(st.text())
def test_any_text_is_one_line_of_a_header(text: str) -> None:
    (value,) = headers_of({"X": _template("v {{ x }}")}, look_in({"x": text})).values()
    assert value.isascii()
    assert value.isprintable()


@given(st.text(), st.text())
def test_any_text_is_one_member_of_a_body(one: str, other: str) -> None:
    shape, look = _shape({"a": ["{{ x }}"], "b": "<{{ y }}>"}), look_in({"x": one, "y": other})
    content, _ = content_of(shape, {}, look)
    assert json.loads(content) == {"a": [one], "b": f"<{other}>"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_one_member_of_a_form(text: str) -> None:
    content, _ = content_of(_shape({"a": "{{ x }}", "b": "1"}), {}, look_in({"x": text}), as_form=True)
    assert parse_qs(content.decode(), keep_blank_values=True) == {"a": [text], "b": ["1"]}


def test_what_is_not_there_is_left_out_or_leaves_a_gap_in_a_longer_text() -> None:
    look = look_in({"there": 1})
    shape = _shape({"a": "{{ no }}", "b": "x{{ no }}y", "c": ["{{ no }}", "{{ there }}"], "d": "{{ no + 1 }}"})
    assert shape.render(look) == {"b": "xy", "c": [1]}
    assert texts_of({"a": _template("{{ no }}"), "b": _template("x{{ no }}")}, look) == {}


def test_a_body_that_is_one_missing_value_is_refused() -> None:
    with pytest.raises(RefusedError, match="a value is missing for"):
        content_of(_shape("{{ no }}"), {}, look_in({}))


def test_the_members_of_what_tools_make_are_known() -> None:
    assert MEMBERS["ticket"] >= {"project", "kind", "title", "body", "priority"}
    assert set(MEMBERS) == {
        "alert",
        "alert_resolution",
        "ticket",
        "comment",
        "purchase_order",
        "placement",
        "message",
    }
