"""Text as a document of Jira's, and back."""

from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dutyd_tools.providers.adf import DEEPEST, document, plain_text


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for each in node.get("content", ()):
        yield from nodes(each)


@given(st.text(st.characters(blacklist_categories=("Cs", "Cc"), whitelist_characters="\n\r\t")))
def test_any_text_is_a_document_without_empty_texts_and_loses_no_word(text: str) -> None:
    made = document(text)
    assert (made["type"], made["version"]) == ("doc", 1)
    assert all(node["text"] for node in nodes(made) if node["type"] == "text")
    assert plain_text(made).split() == text.split()


def test_lines_and_paragraphs_stay_apart() -> None:
    made = document("one\ntwo\n\nthree")
    assert [block["type"] for block in made["content"]] == ["paragraph", "paragraph"]
    assert plain_text(made) == "one\ntwo\nthree"


def test_of_a_document_of_others_the_text_is_read_however_deep_it_goes() -> None:
    deep: dict[str, Any] = {"type": "text", "text": "x"}
    for _ in range(DEEPEST + 5):
        deep = {"type": "panel", "content": [deep]}
    media = {"type": "mediaSingle", "content": [{"type": "media", "attrs": {"id": "1"}}]}
    item = {"type": "listItem", "content": [{"type": "paragraph", "content": [{"type": "text", "text": "item"}]}]}
    whole = {"type": "doc", "content": [media, {"type": "bulletList", "content": [item, item]}, deep, "odd", None]}
    assert plain_text(whole) == "item\nitem"
