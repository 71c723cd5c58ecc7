"""A run of rule tests as JUnit XML, which every continuous integration server reads.

One suite a file of tests, one case a test; what a failure says is what the command prints.
"""

import re
from itertools import groupby
from xml.etree import ElementTree as ET

from dutyd.rules.testing.run import Report, Verdict

_NOT_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document holds (XML 1.0, section 2.2)."""


def as_junit(report: Report) -> bytes:
    """Return *report* as a document."""
    root = ET.Element("testsuites", _counts(report.verdicts))
    for file, verdicts in groupby(report.verdicts, key=lambda verdict: verdict.file):
        members = tuple(verdicts)
        suite = ET.SubElement(root, "testsuite", {"name": _text(file), **_counts(members)})
        for verdict in members:
            _add(suite, verdict)
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def _add(suite: ET.Element, verdict: Verdict) -> None:
    named = {"classname": verdict.rule, "name": verdict.name, "file": verdict.file, "line": str(verdict.line)}
    case = ET.SubElement(suite, "testcase", {name: _text(value) for name, value in named.items()} | {"time": "0"})
    if not verdict.passed:
        failure = ET.SubElement(case, "failure", {"message": _text(verdict.differences[0])})
        failure.text = _text("\n".join([*verdict.differences, "what happened:", *verdict.seen, *verdict.explained]))


def _counts(verdicts: tuple[Verdict, ...]) -> dict[str, str]:
    failures = sum(not verdict.passed for verdict in verdicts)
    return {"tests": str(len(verdicts)), "failures": str(failures), "errors": "0"}


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
