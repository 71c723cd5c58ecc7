"""Everything in the back office as one plain page: tables, newest first, no script, no framework.

Tables come in, one text of HTML goes out; ``server`` answers ``GET /`` with it. Whatever stands in a cell may have
been written by a stranger or a model, so every text is escaped, and the headers forbid scripts and foreign content.
On a narrow screen each row becomes a card, its cells named by their column.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

MOST_ROWS = 200  # of one table; the page says where there are more

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""What the page is served with."""

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --mute: #777; }
* { box-sizing: border-box; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 80rem; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.4rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 2.2rem 0 .5rem; scroll-margin-top: 1rem; }
h2 small, .none, header p { color: var(--mute); font-weight: normal; }
header p { margin: .2rem 0 0; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin-top: 1rem; }
nav a { border: 1px solid var(--line); border-radius: 1rem; color: inherit; padding: .15rem .7rem; }
nav a { text-decoration: none; }
nav a:hover, nav a:focus { background: var(--soft); }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid var(--line); padding: .35rem .6rem .35rem 0; text-align: left; vertical-align: top; }
th { color: var(--mute); font-size: .85rem; font-weight: 600; }
td { overflow-wrap: anywhere; white-space: pre-wrap; }
td.number { font-variant-numeric: tabular-nums; }
td.key { color: var(--mute); font: .8rem/1.6 ui-monospace, monospace; }
@media (max-width: 45rem) {
  thead { display: none; }
  tr { border: 1px solid var(--line); border-radius: .5rem; display: block; }
  tr { margin-bottom: .7rem; padding: .4rem .7rem; }
  td { border: 0; display: grid; gap: .5rem; grid-template-columns: 7rem 1fr; padding: .1rem 0; }
  td::before { color: var(--mute); content: attr(data-name); font: .85rem/1.6 system-ui, sans-serif; }
}
"""


@dataclass(frozen=True, slots=True)
class Table:
    """One part of the page: its name, and its rows, oldest first, all with the same members."""

    name: str
    rows: Sequence[Mapping[str, Any]]

    @property
    def title(self) -> str:
        """The name as people write it."""
        return self.name.replace("-", " ").capitalize()


def render(tables: Sequence[Table]) -> str:
    """Return the page."""
    links = "".join(f'<a href="#{escape(table.name)}">{escape(table.title)} {len(table.rows)}</a>' for table in tables)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Back office</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head><body>'
        "<header><h1>Back office</h1><p>What dutyd has done here, newest first. Each table is also there as JSON: "
        f"its name is the path.</p><nav>{links}</nav></header>\n"
        f"<main>{''.join(map(_section, tables))}</main></body></html>\n"
    )


def _section(table: Table) -> str:
    count = len(table.rows)
    more = f"newest {MOST_ROWS} of {count}" if count > MOST_ROWS else str(count)
    head = f'<section><h2 id="{escape(table.name)}">{escape(table.title)} <small>{more}</small></h2>'
    if not table.rows:
        return f'{head}<p class="none">None yet.</p></section>\n'
    shown = table.rows[: -MOST_ROWS - 1 : -1]
    columns = list(dict.fromkeys(name for row in shown for name in row))
    titles = "".join(f'<th scope="col">{escape(_words(name))}</th>' for name in columns)
    rows = "\n".join(_row(row, columns) for row in shown)
    return f"{head}<table><thead><tr>{titles}</tr></thead><tbody>{rows}</tbody></table></section>\n"


def _row(row: Mapping[str, Any], columns: Sequence[str]) -> str:
    return f"<tr>{''.join(_cell(name, row.get(name)) for name in columns)}</tr>"


def _cell(name: str, value: object) -> str:
    kind = ' class="key"' if name == "key" else ' class="number"' if isinstance(value, int | float) else ""
    return f'<td{kind} data-name="{escape(_words(name))}">{escape(_text(value))}</td>'


def _words(name: str) -> str:
    return name.replace("_", " ")


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_text(inner)}" for name, inner in value.items())
    if isinstance(value, list):
        return "; ".join(_text(inner) for inner in value)
    return f"{value:g}" if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
