"""Wrong values are refused before anything is installed, each at its place; what may be said is written down."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from support.chart.render import CHART, helm, of_kind, render, values_of
from support.chart.values import MARK, leaves, table, texts

MINIMAL = values_of(CHART / "ci" / "minimal-values.yaml")
SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def merged(base: Any, more: Any) -> Any:
    if isinstance(base, dict) and isinstance(more, dict):
        whole = {**base, **{name: merged(base.get(name), value) for name, value in more.items()}}
        return {name: value for name, value in whole.items() if value is not None}
    return more


def refusal(more: dict[str, Any]) -> str:
    with pytest.raises(helm().HelmError) as caught:
        render(merged(MINIMAL, more))
    return str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"evaluator": {"replicas": "two"}}, "at '/evaluator/replicas': got string, want integer"),
        ({"evaluator": {"replica": 2}}, "at '/evaluator': additional properties 'replica' not allowed"),
        ({"role": "evaluator"}, "at '/role': value must be one of 'split', 'all'"),
        ({"rulez": {}}, "at '': additional properties 'rulez' not allowed"),
        ({"rules": {"inline": {"a.txt": "x"}}}, "at '/rules/inline': additional properties 'a.txt' not allowed"),
        ({"rules": {"inline": {"a.yaml": {"language": 1}}}}, "at '/rules/inline/a.yaml': got object, want string"),
        ({"rules": {"configMaps": ["a", "a"]}}, "at '/rules/configMaps': items at 0 and 1 are equal"),
        ({"tables": {"inline": {"a.yaml": "x"}}}, "at '/tables/inline': additional properties 'a.yaml' not allowed"),
        ({"policy": {"inline": "mode: act"}}, "at '/policy/inline': got string, want object"),
        ({"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern"),
        ({"image": {"pullPolicy": "Sometimes"}}, "at '/image/pullPolicy': value must be one of"),
        ({"existingSecret": {"name": "a"}}, "at '/existingSecret': got object, want string"),
        ({"settings": {"stream": "kafka://ana:secret@k:9092"}}, "at '/settings/stream': "),
        ({"settings": {"redis": "redis://:secret@r:6379"}}, "at '/settings/redis': "),
        ({"settings": {"topics": ["metrics"]}}, "at '/settings/topics': got array, want object"),
        ({"drainSeconds": -1}, "at '/drainSeconds': minimum: got -1, want 0"),
        ({"drainSeconds": 1.5}, "at '/drainSeconds': got number, want integer"),
        (
            {"probes": {"liveness": {"timeoutSeconds": 1}}},
            "at '/probes/liveness/timeoutSeconds': minimum: got 1, want 3",
        ),
        ({"probes": {"live": {}}}, "at '/probes': additional properties 'live' not allowed"),
        ({"podDisruptionBudget": {"maxUnavailable": 0}}, "at '/podDisruptionBudget/maxUnavailable'"),
        ({"podMonitor": {"interval": "often"}}, "at '/podMonitor/interval': 'often' does not match pattern"),
        ({"prometheusRule": {"lagSeconds": 0}}, "at '/prometheusRule/lagSeconds': minimum: got 0, want 1"),
        ({"evaluator": {"keda": {"minReplicas": 0}}}, "at '/evaluator/keda/minReplicas': minimum: got 0, want 1"),
        (
            {"worker": {"keda": {"lagThreshold": 5}}},
            "at '/worker/keda': additional properties 'lagThreshold' not allowed",
        ),
        ({"networkPolicy": {"egress": {"to": []}}}, "at '/networkPolicy/egress': got object, want array"),
        ({"bridge": {"topics": ["Alerts"]}}, "at '/bridge/topics/0': 'Alerts' does not match pattern"),
        ({"extraEnv": [{"value": "x"}]}, "at '/extraEnv/0': missing property 'name'"),
        ({"serviceAccount": {"create": "no"}}, "at '/serviceAccount/create': got string, want boolean"),
        ({"podLabels": {"a": 1}}, "at '/podLabels/a': got number, want string"),
    ],
)
def test_a_wrong_value_is_refused_at_its_place(wrong: dict[str, Any], place: str) -> None:
    assert place in refusal(wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"settings": {"stream": None}}, "settings.stream is needed: say where the topics are"),
        ({"settings": {"redis": None}}, "settings.redis is needed: say where the ledger is"),
        ({"rules": {"inline": None}}, "there are no rules: set rules.inline"),
        ({"settings": {"rules": "/rules"}}, "settings.rules is set by the chart; use rules.inline"),
        ({"settings": {"policy": "/p"}}, "settings.policy is set by the chart; use policy.inline"),
        ({"settings": {"http": {"port": 1}}}, "settings.http.port is set by the chart"),
        ({"settings": {"worker": {"drain": "5s"}}}, "settings.worker.drain is set by the chart; use drainSeconds"),
        ({"settings": {"redis_password_file": "/etc/dutyd/secrets/redis"}}, "existingSecret, whose keys they would be"),
        ({"rules": {"configMaps": ["tests"]}}, "no rules are read from a folder named tests"),
        (
            {"policy": {"inline": {"mode": "act"}, "configMap": "p"}},
            "policy.inline and policy.configMap exclude each other",
        ),
        ({"networkPolicy": {"enabled": True}}, "networkPolicy.egress is needed"),
        ({"bridge": {"topics": ["alarms"]}}, "bridge.topics names 'alarms', which is not among settings.topics"),
        ({"bridge": {"tokenKey": "token"}}, "bridge.tokenKey is a key of existingSecret"),
        ({"worker": {"keda": {"enabled": True}}}, "worker.keda.triggers is needed"),
        ({"evaluator": {"keda": {"enabled": True, "minReplicas": 4}}}, "evaluator.keda.maxReplicas is less than"),
        (
            {"evaluator": {"keda": {"enabled": True}}, "settings": {"topics": None}},
            "evaluator.keda needs settings.topics",
        ),
        ({"evaluator": {"keda": {"enabled": True}}, "settings": {"stream": "redis://r:1"}}, "needs a stream on Kafka"),
    ],
)
def test_values_that_do_not_fit_together_say_what_to_do(wrong: dict[str, Any], says: str) -> None:
    assert says in refusal(wrong)


def objects_of(schema: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every object of the schema that lists its members."""
    if "properties" in schema:
        yield path, schema
        for name, inner in schema["properties"].items():
            yield from objects_of(inner, f"{path}/{name}")


def test_every_level_of_our_own_is_closed() -> None:
    open_ = {path for path, each in objects_of(SCHEMA) if each.get("additionalProperties") is not False}
    assert open_ == {"/settings"}, "the program checks the settings; everything else is ours"


def test_the_schema_and_the_values_name_the_same_things() -> None:
    values = values_of(CHART / "values.yaml")
    for path, schema in objects_of(SCHEMA):
        here = values
        for part in path.split("/")[1:]:
            here = here[part]
        if path != "/settings" and not path.startswith("/probes/"):
            assert set(here) == set(schema["properties"]) - {"global"}, path


def test_every_value_has_a_text_and_the_readme_shows_it() -> None:
    paths = {path for path, _ in leaves(values_of(CHART / "values.yaml"), texts())}
    assert paths <= set(texts())
    shown = MARK.search((CHART / "README.md").read_text())
    assert shown is not None
    assert shown[0] == table(), "write it anew: .venv/bin/python tests/support/chart/values.py"


def test_large_numbers_survive_helm() -> None:
    """Helm reads numbers as doubles, and writes 1000000 as 1e+06."""
    values = merged(MINIMAL, {"policy": {"inline": {"money": {"currency": "EUR", "per_day": 1_000_000}}}})
    (policy,) = (each for each in of_kind(render(values), "ConfigMap") if "policy.yaml" in each["data"])
    assert "per_day: 1000000" in policy["data"]["policy.yaml"]
