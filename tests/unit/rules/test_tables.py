"""Tables beside the rules: how they are read, what is said of wrong ones, and what expressions find in them."""

from pathlib import Path

import pytest

from dutyd.core.expr import Type, evaluate, look_in, to_text
from dutyd.core.rule import Rule
from dutyd.evaluate.engine import plan, sweep
from dutyd.rules.load import load_files, load_folder
from dutyd.rules.syntax.source import SourceFile
from dutyd.rules.tables import read_tables
from support.engine.run import Task, event
from support.rule_files import TOOLS_ONLY, problems_of

RULES = """\
language: 1
rules:
  - id: low-stock
    from: metrics
    per: [sku]
    where: lookup("articles", sku, "watched", false)
    let: {wanted: 'lookup("articles", sku, "reorder_point", 3)'}
    when: inventory_level < wanted
    mode: act
    steps:
      tell: {tool: notify, with: {to: manager, text: '{{ sku }}: {{ lookup("articles", sku, "supplier", "nobody") }}'}}
"""
ARTICLES = """\
sku,reorder_point:number,supplier,watched:bool
A,10,ACME,true
12,7.5,"Smith, Sons",TRUE

B,,,false
C,1e2,,true
"""
FILES = {"r.yaml": RULES, "tables/articles.csv": ARTICLES}


def loaded(articles: str = ARTICLES, rules: str = RULES) -> Rule:
    (rule,) = load_files({"r.yaml": rules, "tables/articles.csv": articles}, TOOLS_ONLY).rules.values()
    return rule


def test_a_header_names_columns_and_types() -> None:
    tables = read_tables({"tables/articles.csv": SourceFile("tables/articles.csv", "\n" + ARTICLES)})
    columns = tables["articles"]
    assert {name: column.type for name, column in columns.items()} == {
        "sku": Type.TEXT,
        "reorder_point": Type.NUMBER,
        "supplier": Type.TEXT,
        "watched": Type.BOOL,
    }
    assert columns["reorder_point"].values == {"A": 10.0, "12": 7.5, "C": 100.0}
    assert columns["supplier"].values == {"A": "ACME", "12": "Smith, Sons"}
    assert columns["watched"].values == {"A": True, "12": True, "B": False, "C": True}


def opened(rule: Rule, *values: object) -> list[str]:
    """Return the entities that open where nothing is left on the shelf."""
    task = Task(rule)
    return [change.entity[0] for value in values for change in task.judge(event(100, sku=value, inventory_level=5))]


def test_rules_find_rows_by_text_and_by_whole_number() -> None:
    assert opened(loaded(), "A", 12, "B", "D", "C", 1.5) == ["A", "12", "C"]


def test_a_missing_row_and_an_empty_cell_have_the_default_an_unknown_key_nothing() -> None:
    rule = loaded()
    wanted = rule.let["wanted"]
    found = {key: evaluate(wanted, look_in({"sku": key})) for key in ("A", "B", "D", 1.5, None)}
    assert found == {"A": 10.0, "B": 3.0, "D": 3.0, 1.5: None, None: None}
    assert to_text(wanted) == 'lookup("articles", sku, "reorder_point", 3)'


def test_steps_look_up_too() -> None:
    rule = loaded()
    text = rule.steps["tell"].args["text"]
    assert [text.render(look_in({"sku": sku})) for sku in (12, "B")] == ["12: Smith, Sons", "B: nobody"]


def test_another_table_is_another_rule_set_and_edits_no_rule() -> None:
    sets = [
        load_files({**FILES, "tables/articles.csv": text}, TOOLS_ONLY) for text in (ARTICLES, ARTICLES + "D,9,,true\n")
    ]
    assert sets[0].digest != sets[1].digest
    _, new = (plan(each.rules.values()) for each in sets)
    task = Task()
    assert sweep(new, task.state, 0.0) == []
    task.plan = new
    assert len(task.judge(event(100, sku="D", inventory_level=5))) == 1


def test_tables_lie_in_folders_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "team/tables").mkdir(parents=True)
    (tmp_path / "team/r.yaml").write_text(RULES)
    (tmp_path / "team/tables/articles.csv").write_bytes(b"\xef\xbb\xbf" + ARTICLES.replace("\n", "\r\n").encode())
    (tmp_path / "team/tables/.hidden.csv").write_text("no")
    found = load_folder(tmp_path, TOOLS_ONLY)
    assert sorted(found.files) == ["team/r.yaml", "team/tables/articles.csv"]
    assert opened(found.rules["low-stock"], "A") == ["A"]


WRONG_TABLES = [
    ("", "1:1", "the table is empty"),
    ("sku:number\n", "1:1", "the first column is the key"),
    ("sku,lead days\n", "1:5", "'lead days' is no name for a column"),
    ("sku,lead:numbr\n", "1:5", "did you mean 'number'?"),
    ("sku,a,a\n", "1:7", "two columns 'a'"),
    ("sku,a\nx\n", "2:1", "this row has 1 cells, and the header 2"),
    ("sku,a\nx,1\nx,2\n", "3:1", "there is a row 'x' already"),
    ("sku,a\n,1\n", "2:1", "this row has no key"),
    ("sku,a:number\nx,1\ny,1.5.2\n", "3:3", "'1.5.2' in column 'a' is not a number"),
    ("sku,a:number\nx,NaN\n", "2:3", "not a number"),
    ("sku,a:bool\nx,yes\n", "2:3", "is not true or false"),
    ('sku,a\n"x,1\n', "2:1", "this is no CSV"),
]


@pytest.mark.parametrize(("text", "place", "words"), WRONG_TABLES)
def test_a_wrong_table_is_pointed_at(text: str, place: str, words: str) -> None:
    source = SourceFile("tables/articles.csv", text)
    read_tables({source.name: source})
    (found,) = source.problems
    assert (f"{found.line}:{found.column}", found.file) == (place, "tables/articles.csv")
    assert words in found.message


WRONG_LOOKUPS = [
    ("reorder_point", "reorder", "7:20", "did you mean 'reorder_point'?"),
    (
        'lookup("articles", sku, "reorder_point", 3)',
        'lookup("article", sku, "reorder_point", 3)',
        "7:20",
        "'articles'?",
    ),
    ('"reorder_point", 3)', '"reorder_point", "3")', "7:61", "the default of 'reorder_point' must be a number"),
    ("inventory_level < wanted", 'lookup("articles", sku, "supplier")', "8:11", "must be true or false"),
    ("inventory_level < wanted", "lookup(articles, sku, supplier) > 1", "8:11", "a table and a column in quotes"),
]


@pytest.mark.parametrize(("old", "new", "place", "words"), WRONG_LOOKUPS)
def test_a_wrong_lookup_is_pointed_at(old: str, new: str, place: str, words: str) -> None:
    text = RULES.replace(old, new)
    found, *_ = problems_of({"r.yaml": text, "tables/articles.csv": ARTICLES}, TOOLS_ONLY)
    assert f"{found.line}:{found.column}" == place, found.render(text)
    assert words in f"{found.message}; {found.hint}"


def test_a_lookup_without_any_table_says_where_they_belong() -> None:
    found, *_ = problems_of({"r.yaml": RULES}, TOOLS_ONLY)
    assert "there is no table 'articles'" in found.message
    assert "folder tables" in found.hint


def test_two_tables_of_one_name_are_refused() -> None:
    (found,) = problems_of({**FILES, "x/tables/articles.csv": ARTICLES}, TOOLS_ONLY)
    assert found.file == "x/tables/articles.csv"
    assert "already, in tables/articles.csv" in found.message
