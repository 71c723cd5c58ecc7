"""What tables and JSON show, and that a value can't steer the terminal."""

import json

import pytest

from dutyd.cli.render import plain, print_json, print_list, print_rows


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "-"),
        ("", "-"),
        (True, "yes"),
        (12, "12"),
        ({"sku": "A", "location": None}, "sku=A, location=-"),
        (["a", {"b": 1}], "a, b=1"),
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
    print_list([], ("id",), "No incidents.", as_json=False)
    assert capsys.readouterr().out == "No incidents.\n"


def test_no_rows_are_an_empty_list_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    print_list([], ("id",), "No incidents.", as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_json_has_everything_also_what_the_table_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"id": "1", "secretary": "Zoë"}]
    print_list(rows, ("id",), "none", as_json=True)
    assert json.loads(capsys.readouterr().out) == rows


def test_json_is_one_document(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, 2]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, 2]}
