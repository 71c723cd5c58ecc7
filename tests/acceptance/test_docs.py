"""Every command, rule, expression and settings file that the pages show works as they say."""

import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client import Counter, Gauge, Histogram, Info

from dutyd.app.world import World
from dutyd.core import metrics
from dutyd.core.expr import parse
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.settings import Settings
from support.pages import Block, blocks, commands, run_command

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCKS = [(page, block) for page in PAGES for block in blocks(page)]
ON_REAL_SERVERS = {"connect.md"}  # test_connecting plays it
RUNNABLE = [
    page
    for page in PAGES
    if page.name not in ON_REAL_SERVERS
    and any(block.language in ("sh", "console") and block.run for block in blocks(page))
]
SETTINGS = """\
topics:
  metrics: {partitioned_by: [service]}
  stock: {partitioned_by: [sku, location]}
"""


def named(of: object) -> str:
    return f"{of.name}" if isinstance(of, Path) else f"line {of.line}" if isinstance(of, Block) else ""


@pytest.mark.parametrize(
    ("page", "block"),
    [(page, block) for page, block in BLOCKS if block.text.startswith("language: 1\nrules:")],
    ids=named,
)
def test_a_rule_on_a_page_is_right(page: Path, block: Block) -> None:
    load_files({page.name: block.text}, Known(World(Settings()).catalogue))


@pytest.mark.parametrize(("page", "block"), [(p, b) for p, b in BLOCKS if b.language == "expr"], ids=named)
def test_an_expression_on_a_page_is_right(page: Path, block: Block) -> None:
    for number, line in enumerate(block.text.splitlines(), block.line):
        assert parse(line), f"{page.name}:{number}"


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_metric_on_a_page_exists(page: Path) -> None:
    others = {"dutyd_tools", "dutyd_key"}  # a package, and a label of alerts
    assert set(re.findall(r"\bdutyd_[a-z_]+\b", page.read_text(encoding="utf-8"))) <= {*metric_names(), *others}


def test_every_metric_stands_in_the_table_with_what_to_do() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| `(dutyd_[a-z_]+)`[^|]*\|[^|]{10,}\|[^|]{10,}\|$", page, re.MULTILINE)
    assert sorted(told) == sorted(metric_names())


def metric_names() -> list[str]:
    """Return what the metrics are called where they are scraped."""
    ends = {"counter": "_total", "info": "_info"}
    described = [each for each in vars(metrics).values() if isinstance(each, Counter | Gauge | Histogram | Info)]
    return [f"{family.name}{ends.get(family.type, '')}" for metric in described for family in metric.describe()]


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_to_a_heading_leads_to_one(page: Path) -> None:
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#]*)#([^)]+)\)", page.read_text(encoding="utf-8")):
        headings = re.findall(r"^#+ (.+)$", (page.parent / (target or page.name)).read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}, anchor


def test_a_module_in_the_architecture_exists() -> None:
    rows = re.findall(r"^\| ((?:`[a-z_.]+`(?:, )?)+) \|", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    named_there = [module for row in rows for module in re.findall(r"`([a-z_.]+)`", row)]
    assert len(named_there) > len(rows) > 10, "rows that name several modules are read, too"
    for module in named_there:
        import_module(module if module == "dutyd_tools" else f"dutyd.{module}")


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_a_link_on_a_page_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_a_test_that_a_page_names_is_where_it_says() -> None:
    page = ROOT / "docs" / "guarantees.md"
    shown = re.findall(r"\[(test_\w+)\]\(([^)]+)\)", page.read_text(encoding="utf-8"))
    assert len(shown) > 15
    for name, file in shown:
        assert f"def {name}(" in (page.parent / file).read_text(encoding="utf-8"), name


@pytest.mark.parametrize("page", RUNNABLE, ids=named)
def test_what_a_page_shows_happens(page: Path, tmp_path: Path) -> None:
    found = blocks(page)
    # A page without rules of its own speaks of the samples, one without any file of an installation that is there.
    if not any(block.file.startswith("rules/") for block in found):
        shutil.copytree(ROOT / "rules", tmp_path / "rules")
    if not any(block.file for block in found):
        (tmp_path / "dutyd.yaml").write_text(SETTINGS)
    for block in found:
        if block.file:
            target = tmp_path / block.file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(block.text, encoding="utf-8")
        elif block.language in ("sh", "console") and block.run:
            for command in commands(block):
                run_command(command, tmp_path, f"{page.name}:{command.line}")
