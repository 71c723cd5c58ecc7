"""What tables and JSON show, and that a value can't steer the terminal."""

import json

import pytest

from dutyd.cli.render import plain, print_json, print_rows, short


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (12, "12"),
        ({"sku": "A", "location": None}, "sku=A, location=-"),
        (["a", {"b": 1}], "a, (b=1)"),
        ("\x1b[31mred\x1b[0m\r\nnext", " [31mred [0m  next"),  # no colours, no line breaks
        ("\u202etxt.exe", " txt.exe"),  # no reversed text
    ],
)
def test_a_value_is_plain_text(value: object, shown: str) -> None:
    assert plain(value) == shown


def test_markup_in_a_value_is_shown_and_not_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"summary": "[bold]pay[/bold] [link=http://x]here[/link]"}], ("summary",), "nothing")
    assert "[bold]pay[/bold] [link=http://x]here[/link]" in capsys.readouterr().out


def test_a_reader_that_is_no_terminal_gets_whole_lines(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([{"args": "x" * 300}], ("args",), "nothing")
    assert "x" * 300 in capsys.readouterr().out


def test_no_rows_are_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([], ("id",), "No incidents.")
    assert capsys.readouterr().out == "No incidents.\n"


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("af60cfc2957480464b274b8f21fb8ef8", "af60cfc295"),
        ("af60cfc2957480464b274b8f21fb8ef8/clear/page/r:2", "af60cfc295/clear/page/r:2"),
    ],
)
def test_tables_show_the_beginning_of_an_id(key: str, shown: str) -> None:
    assert short(key) == shown


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, 2]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, 2]}
