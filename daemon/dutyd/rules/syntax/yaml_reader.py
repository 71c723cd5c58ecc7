"""Read YAML 1.2 into nodes that know their place, and find every mistake in it that can be found at once.

The rule readers call ``read_yaml``. It stands on ruamel's events (marks included, and no recursion: a text of any
depth is refused, never a crash) and not on its round-trip loader, which takes twice as long. A file with a syntax
error is read again with the wrong value blanked out (``yaml_traps``), so that one slip does not hide the others.
Anchors, aliases, tags and directives are refused: a rule file holds plain values.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from math import isfinite

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from dutyd.rules.syntax.scalars import resolve
from dutyd.rules.syntax.source import Broken, ListNode, MapNode, Node, Scalar, SourceFile
from dutyd.rules.syntax.yaml_traps import (
    LEADING_ZERO,
    UNQUOTED_TEMPLATE,
    Slip,
    explain,
    first_character,
    in_quotes,
    mend,
)

MAX_CHARACTERS = 1_000_000
"""Of one file: as much as a ConfigMap holds, thousands of rules. The parser takes about five seconds for so much."""

_MAX_DEPTH = 32  # the deepest rule needs about ten
_MAX_REREAD = 500_000  # characters read again after syntax errors: a large broken file must not take a minute


class _StopReadingError(Exception):
    """The rest of the text makes no sense; what is wrong was reported."""


def read_yaml(source: SourceFile) -> Node | None:
    """Return the one document of *source*, or None; what is wrong is reported to *source*."""
    if len(source.text) > MAX_CHARACTERS:
        source.report(
            0,
            "too-large",
            f"the file has {len(source.text):,} characters, and one file at most {MAX_CHARACTERS:,}",
            "split it: a folder holds any number of files",
        )
        return None
    text, blanked, told = source.text, frozenset[int](), set[int]()
    while True:
        builder = _Builder(SourceFile(source.name, text), blanked)
        slip = _feed(builder)
        mended = None
        if slip is not None and slip.index not in told:
            told.add(slip.index)
            source.report(slip.index, "yaml", slip.message, slip.hint)
            mended = mend(text, slip.index) if len(text) * len(told) <= _MAX_REREAD else None
        if mended is None:
            source.problems += builder.source.problems
            return builder.root if slip is None else None
        text, blanked = mended.text, blanked | {mended.start}


def _feed(builder: "_Builder") -> Slip | None:
    """Read the text of *builder* once; return the syntax error that ended it, if one did."""
    source = builder.source
    try:
        for event in YAML(typ="safe", pure=True).parse(source.text):
            builder.feed(event)
    except MarkedYAMLError as error:
        return explain(source.text, error)
    except YAMLError as error:
        source.report(max(getattr(error, "position", 0), 0), "yaml", *_unreadable(error))
    except _StopReadingError:
        builder.root = None
    else:
        if builder.root is None:
            source.report(0, "empty-file", "the file is empty", "delete it, or begin with 'language: 1'")
    return None


def _unreadable(error: YAMLError) -> tuple[str, str]:
    character = getattr(error, "character", None)
    if character is None:
        return f"this is not YAML: {error}", ""
    shown = f"U+{character if isinstance(character, int) else ord(character):04X}"
    return f"the character {shown} is not allowed in YAML", "delete it, or write it as an escape in double quotes"


@dataclass(slots=True)
class _Open:
    """A sequence or mapping whose end was not seen yet."""

    event: SequenceStartEvent | MappingStartEvent
    children: list[Node] = field(default_factory=list)


class _Builder:
    """Nodes from events; *blanked* are the indexes of values that were blanked out."""

    def __init__(self, source: SourceFile, blanked: frozenset[int]) -> None:
        self.source = source
        self.root: Node | None = None
        self._blanked = blanked
        self._open: list[_Open] = []

    def feed(self, event: Event) -> None:
        """Take the next event."""
        if isinstance(event, ScalarEvent):
            self._add(self._scalar(event))
        elif isinstance(event, SequenceStartEvent | MappingStartEvent):
            if len(self._open) >= _MAX_DEPTH:
                self._stop(event, "too-deep", f"nested deeper than {_MAX_DEPTH} levels")
            self._open.append(_Open(event))
        elif isinstance(event, SequenceEndEvent | MappingEndEvent):
            self._close(event)
        elif isinstance(event, AliasEvent):
            self._add(self._special(event))
        elif isinstance(event, DocumentStartEvent):
            self._document(event)

    def _document(self, event: DocumentStartEvent) -> None:
        if self.root is not None:
            self._stop(event, "several-documents", "a second YAML document begins here: one file holds one document")
        if event.version or event.tags:
            self.source.report(max(self.source.text.find("%"), 0), "yaml", "directives (%YAML, %TAG) are not used here")
            raise _StopReadingError

    def _stop(self, event: Event, code: str, message: str) -> None:
        self.source.report(event.start_mark.index, code, message)
        raise _StopReadingError

    def _add(self, node: Node) -> None:
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node

    def _close(self, end: Event) -> None:
        opened = self._open.pop()
        start, stop = opened.event.start_mark.index, end.end_mark.index
        children = opened.children
        if opened.event.ctag is not None or opened.event.anchor is not None:
            self._add(self._special(opened.event))
        elif isinstance(opened.event, SequenceStartEvent):
            self._add(ListNode(tuple(children), start, stop))
        elif _is_template(opened.event, children):
            self.source.report(start, "yaml", *UNQUOTED_TEMPLATE)
            self._add(Broken(start, stop))
        else:
            self._add(MapNode(tuple(self._pairs(children)), start, stop))

    def _pairs(self, children: list[Node]) -> Iterator[tuple[Scalar, Node]]:
        """Yield the pairs whose key is a text seen for the first time; report the others."""
        seen: dict[str, Scalar] = {}
        for key, value in zip(children[::2], children[1::2], strict=True):
            if isinstance(key, Broken):
                continue
            if not isinstance(key, Scalar):
                self.source.report(key, "yaml", "a list or mapping can't be a key: expected a text")
            elif key.text in seen:
                first = self.source.place(seen[key.text].start).line
                message = f"'{key.text}' stands twice in this mapping; the first is in line {first}"
                self.source.report(key, "duplicate-key", message, "delete one of them")
            else:
                seen[key.text] = key
                # Where nothing is written the mark is that of the next token, maybe lines away.
                empty = isinstance(value, Scalar) and value.start == value.end
                yield key, replace(value, start=key.start, end=key.end) if empty else value

    def _scalar(self, event: ScalarEvent) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if start in self._blanked:
            return Broken(start, end)
        if event.ctag is not None or event.anchor is not None:
            return self._special(event)
        if not event.style and LEADING_ZERO.fullmatch(event.value):
            message = f"{event.value} reads as a number and loses its leading zeros"
            self.source.report(start, "leading-zero", message, f'put it in quotes: "{event.value}"')
            return Broken(start, end)
        value = event.value if event.style else resolve(event.value)
        if isinstance(value, float) and not isfinite(value):
            self.source.report(start, "out-of-range", f"{event.value[:40]} is no number that dutyd knows")
            return Broken(start, end)
        return Scalar(event.value, value, start, end, event.style or "")

    def _special(self, event: NodeEvent) -> Broken:
        """Report an anchor, an alias or a tag: mostly an expression that begins with ``!``, ``&`` or ``*``."""
        start, stop = event.start_mark.index, event.end_mark.index
        begin, end = self.source.line_span(start)
        if getattr(event, "ctag", None) is not None:  # the tag may stand before the mark, the anchor behind it
            start = max(self.source.text.rfind("!", begin, start + 1), begin)
        value = self.source.text[start:end]
        self.source.report(start, "yaml", first_character(value), in_quotes(value))
        return Broken(start, stop)


def _is_template(event: SequenceStartEvent | MappingStartEvent, children: list[Node]) -> bool:
    """Whether a mapping is what YAML makes of an unquoted ``{{ x }}``: its only key is a mapping, its value nothing."""
    match children:
        case [MapNode(start=inner), Scalar(text="", style="")]:
            return bool(event.flow_style) and inner == event.start_mark.index + 1
    return False
