"""Runbook pages: their sections, and which fit a query best."""

from dutyd_tools.search import Index, Section, sections_of

PAGE = """Before anything.

# Checkout

Who owns it: the shop team.

## Roll back ##

```
# not a heading
make rollback
```

# Search

Rebuild the index.
"""


def test_a_page_falls_into_sections_by_heading() -> None:
    assert [(part.heading, part.text.splitlines()[0]) for part in sections_of("a.md", PAGE)] == [
        ("", "Before anything."),
        ("Checkout", "Who owns it: the shop team."),
        ("Checkout > Roll back", "```"),
        ("Search", "Rebuild the index."),
    ]


def test_what_stands_in_a_code_block_is_no_heading() -> None:
    assert "# not a heading" in sections_of("a.md", PAGE)[2].text
    tilde = sections_of("b.md", "# A\n~~~\n```\n# in it\n~~~\n# B\nx")
    assert [part.heading for part in tilde] == ["A", "B"]


def test_an_empty_page_has_no_sections_and_an_empty_index_finds_nothing() -> None:
    assert sections_of("a.md", "# Only a title\n\n") == []
    assert Index([]).search("anything", 5) == []


def section(name: str, text: str) -> Section:
    return Section(f"{name}.md", "", text)


def found(index: Index, query: str) -> list[str]:
    return [part.page for part in index.search(query, 5)]


def test_a_rare_word_counts_more_than_a_common_one() -> None:
    pages = [section(f"common{at}", "restart the service") for at in range(8)]
    index = Index([*pages, section("rare", "flush the queue of the service")])
    assert found(index, "service queue")[0] == "rare.md"


def test_of_two_sections_with_the_word_the_shorter_is_better() -> None:
    index = Index([section("long", "disk " + "and much else " * 50), section("short", "disk full")])
    assert found(index, "disk") == ["short.md", "long.md"]


def test_a_word_of_the_title_counts_more_than_one_of_the_text() -> None:
    index = Index([section("notes", "redis was slow"), section("redis", "what was slow")])
    assert found(index, "redis") == ["redis.md", "notes.md"]


def test_case_does_not_matter_and_what_does_not_fit_is_left_out() -> None:
    index = Index([section("a", "Größe der Platte"), section("b", "other")])
    assert found(index, "GRÖSSE") == ["a.md"]
    assert found(index, "!!! ???") == []


def test_equal_sections_keep_their_order() -> None:
    index = Index([section("x", "same"), section("y", "same")])
    assert found(index, "same") == ["x.md", "y.md"]
