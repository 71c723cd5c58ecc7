"""The Atlassian Document Format: how Jira Cloud's version 3 takes and gives rich text.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure: a ``doc`` of blocks that hold text nodes.
What comes from events is text and stays text: no marks, no mentions, no links are made of it. Pure; for ``jira``.
"""

from collections.abc import Iterator, Mapping
from typing import Any

DEEPEST = 40
"""How deep in a document text is looked for."""


def document(text: str) -> dict[str, Any]:
    """Return *text* as a document: a paragraph for each block between blank lines, its lines kept."""
    blocks = [block.splitlines() for block in text.replace("\r\n", "\n").split("\n\n")]
    content = [{"type": "paragraph", "content": list(_lines(lines))} for lines in blocks if any(lines)]
    return {"type": "doc", "version": 1, "content": content}


def plain_text(node: Any, depth: int = 0) -> str:
    """Return the text of a document, blocks apart by line breaks; what is no text is left out."""
    if not isinstance(node, Mapping) or depth > DEEPEST:
        return ""
    if node.get("type") == "text":
        return str(node.get("text") or "")
    if node.get("type") == "hardBreak":
        return "\n"
    inner = node.get("content")
    parts = [plain_text(each, depth + 1) for each in inner] if isinstance(inner, list) else []
    leaf = node.get("type") in ("paragraph", "heading", "codeBlock")
    return "".join(parts) if leaf else "\n".join(part for part in parts if part)


def _lines(lines: list[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(lines):
        if number:
            yield {"type": "hardBreak"}
        if line:  # an empty text node is refused
            yield {"type": "text", "text": line}
