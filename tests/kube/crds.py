"""The operators' kinds, made known to an API server by the schemas that the chart's tests use.

JSON Schema becomes the structural form that Kubernetes wants: no ``const``, no references, no ``additionalProperties``
beside ``properties`` (unknown fields are refused by strict validation instead).
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).parents[1] / "support" / "chart" / "crds"


def definitions() -> Iterator[dict[str, Any]]:
    """Yield a CustomResourceDefinition for each schema."""
    for file in sorted(SCHEMAS.glob("*.json")):
        schema = json.loads(file.read_text())
        group, version = schema["properties"]["apiVersion"]["const"].split("/")
        kind, plural = file.stem, f"{file.stem.lower()}s"
        schema["properties"]["metadata"] = {"type": "object"}
        yield {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"kind": kind, "plural": plural, "singular": kind.lower(), "listKind": f"{kind}List"},
                "versions": [
                    {
                        "name": version,
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": _structural(schema, schema.get("$defs", {}))},
                    }
                ],
            },
        }


def _structural(schema: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return _structural(known[schema["$ref"].removeprefix("#/$defs/")], known)
    made = {key: value for key, value in schema.items() if not key.startswith("$") and key != "const"}
    if "const" in schema:
        made |= {"type": "string", "enum": [schema["const"]]}
    if "enum" in schema:
        made["type"] = "string"
    if isinstance(made.get("type"), list):
        made.pop("type")
        made["x-kubernetes-int-or-string"] = True
    if "properties" in made:
        made["properties"] = {name: _structural(inner, known) for name, inner in made["properties"].items()}
        made.pop("additionalProperties", None)
    elif isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = _structural(made["additionalProperties"], known)
    if "items" in made:
        made["items"] = _structural(made["items"], known)
    if not made.get("required", True):
        made.pop("required")
    return made
