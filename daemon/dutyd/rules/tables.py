"""Read ``tables/*.csv``: numbers and texts by key, for ``lookup`` in expressions.

The header names the columns, each with the type of its values: ``sku,reorder_point:number,supplier:text,fragile:bool``.
The first is the key, a text that stands once; a type that is not written is text. An empty cell is no value. Called by
``load``; a table belongs to its rule set, as every rule file does.
"""

import csv
import io
import re
from collections.abc import Mapping
from math import isfinite
from pathlib import PurePosixPath

from dutyd.core.errors import nearest
from dutyd.core.expr import Type
from dutyd.core.expr.tables import Column, Tables
from dutyd.core.expr.tree import Value
from dutyd.rules.syntax.source import SourceFile

MOST_ROWS = 100_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_TYPES = {"text": Type.TEXT, "number": Type.NUMBER, "bool": Type.BOOL}
_BOOLS = {"true": True, "false": False}


def read_tables(files: Mapping[str, SourceFile]) -> Tables:
    """Return the tables of *files*, relative paths to texts; what is wrong is reported to each."""
    found: dict[str, Mapping[str, Column]] = {}
    where: dict[str, str] = {}
    for name, source in files.items():
        table = PurePosixPath(name).stem
        if table in found:
            source.report(0, "duplicate-table", f"there is a table '{table}' already, in {where[table]}", "rename one")
            continue
        if not _NAME.fullmatch(table):
            source.report(0, "table-name", f"'{table[:60]}' can't be the name of a table", "letters, digits, _ and -")
        found[table], where[table] = _Reader(source).read(), name
    return found


class _Reader:
    """One file."""

    def __init__(self, source: SourceFile) -> None:
        self._source = source
        self._names: list[str] = []
        self._types: list[Type] = []
        self._values: list[dict[str, Value]] = []

    def read(self) -> Mapping[str, Column]:
        """Return the columns, by name."""
        lines = csv.reader(io.StringIO(self._source.text, newline=""), strict=True)
        begin, count = 1, 0
        try:
            for row in lines:
                if row and not self._names:
                    self._header(row, begin)
                elif row:
                    count += 1
                    self._row(row, begin)
                begin = lines.line_num + 1
                if count > MOST_ROWS:
                    self._report(begin, 1, "table-size", f"a table has at most {MOST_ROWS:,} rows", "split it")
                    break
        except csv.Error as error:
            self._report(begin, 1, "table-row", f"this is no CSV: {error}", "put texts with commas into double quotes")
        if not self._names:
            self._report(1, 1, "table-header", "the table is empty", "begin with a header: sku,reorder_point:number")
        columns = zip(self._names, self._types, self._values, strict=True)
        return {name: Column(type_, values) for name, type_, values in columns}

    def _header(self, row: list[str], line: int) -> None:
        for at, cell in enumerate(row):
            name, _, written = (part.strip() for part in cell.partition(":"))
            type_ = _TYPES.get(written or "text")
            place = _column(row, at)
            if type_ is None:
                valid = tuple(_TYPES)
                message = f"'{written[:20]}' is no type of a column{nearest(written, valid)}"
                self._report(line, place, "table-header", message, "text, number or bool, such as lead_days:number")
            elif at == 0 and type_ is not Type.TEXT:
                self._report(line, place, "table-header", "the first column is the key, a text", f"write {name}")
            if not _NAME.fullmatch(name):
                self._report(line, place, "table-header", f"'{name[:40]}' is no name for a column", "such as lead_days")
            elif name in self._names:
                self._report(line, place, "table-header", f"there are two columns '{name}'", "rename one")
            self._names.append(name)
            self._types.append(type_ or Type.TEXT)
            self._values.append({})

    def _row(self, row: list[str], line: int) -> None:
        if len(row) != len(self._names):
            message = f"this row has {len(row)} cells, and the header {len(self._names)}"
            self._report(line, 1, "table-row", message, "write every cell; an empty one is no value")
            return
        key = row[0].strip()
        if not key or key in self._values[0]:
            message = f"there is a row '{key[:40]}' already" if key else "this row has no key"
            self._report(line, 1, "table-row", message, "each key stands once, in the first column")
            return
        for at, cell in enumerate(row):
            text = cell.strip()
            value = self._value(text, self._types[at]) if text else None
            if value is not None:
                self._values[at][key] = value
            elif text:
                message = f"'{text[:40]}' in column '{self._names[at]}' is not {self._types[at]}"
                self._report(line, _column(row, at), "table-cell", message)

    def _value(self, text: str, type_: Type) -> Value | None:
        if type_ is Type.BOOL:
            return _BOOLS.get(text.lower())
        if type_ is Type.TEXT:
            return text
        try:
            number = float(text)
        except ValueError:
            return None
        return number if isfinite(number) and "_" not in text else None

    def _report(self, line: int, column: int, code: str, message: str, hint: str = "") -> None:
        self._source.report_at(line, column, code, message, hint)


def _column(row: list[str], at: int) -> int:
    """Return where cell *at* begins in its line, as long as no cell before it is quoted."""
    return 1 + sum(len(cell) + 1 for cell in row[:at])
