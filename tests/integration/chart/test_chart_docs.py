"""Every YAML of docs/kubernetes.md: objects that Kubernetes takes, values that the chart and the program take."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from dutyd.app.world import World
from dutyd.rules.known import Known
from dutyd.rules.load import load_files
from dutyd.rules.policy import load_policy
from dutyd.settings import load_settings
from support.chart.render import ROOT, Object, of_kind, program_of, read_yaml, render
from support.pages import blocks

PAGE = ROOT / "docs" / "kubernetes.md"
BLOCKS = {block.file: block for block in blocks(PAGE) if block.language == "yaml"}
MORE = sorted(file for file in BLOCKS if file.startswith("values-"))


def shown(file: str) -> Any:
    return read_yaml(BLOCKS[file].text)[0]


def merged(base: Any, more: Any) -> Any:
    if isinstance(base, dict) and isinstance(more, dict):
        return {**base, **{name: merged(base.get(name), value) for name, value in more.items()}}
    return more


def objects(file: str = "") -> list[Object]:
    return render(merged(shown("values.yaml"), shown(file) if file else {}), name="shop", namespace="dutyd")


def test_every_block_is_a_file_that_is_tried_here() -> None:
    found = [block for block in blocks(PAGE) if block.language == "yaml"]
    assert len(found) == len(BLOCKS)
    assert set(BLOCKS) == {"secret.yaml", "rules.yaml", "values.yaml", *MORE}
    assert len(MORE) == 4


@pytest.mark.parametrize("file", ["secret.yaml", "rules.yaml"])
def test_kubernetes_takes_an_object_of_the_page(file: str) -> None:
    for version in ("1.29", "1.37"):
        kubernetes_validate.validate(shown(file), version, strict=True)


@pytest.mark.parametrize("file", ["", *MORE])
def test_the_chart_takes_values_of_the_page(file: str) -> None:
    found = objects(file)
    for each in found:
        if "." not in each["apiVersion"].partition("/")[0] or "k8s.io" in each["apiVersion"]:
            kubernetes_validate.validate(each, "1.37", strict=True)
    assert {each["metadata"]["name"] for each in of_kind(found, "Deployment")} == {
        "shop-dutyd-evaluator",
        "shop-dutyd-worker",
    }


def test_the_program_takes_settings_policy_and_rules_of_the_page(tmp_path: Path) -> None:
    """With the files of the page's Secret, and the variables as the kubelet fills them in."""
    secret = shown("secret.yaml")["stringData"]
    (tmp_path / "secrets").mkdir()
    for name, text in secret.items():
        (tmp_path / "secrets" / name).write_text(text)
    maps = {each["metadata"]["name"]: each["data"] for each in of_kind(objects(), "ConfigMap")}
    (tmp_path / "policy").mkdir()
    (tmp_path / "policy" / "policy.yaml").write_text(maps["shop-dutyd-policy"]["policy.yaml"])
    text = maps["shop-dutyd-settings"]["dutyd.yaml"].replace("/etc/dutyd", str(tmp_path))
    (tmp_path / "dutyd.yaml").write_text(text)
    container = program_of(of_kind(objects(), "Deployment")[0]["spec"]["template"]["spec"])
    variables = {
        each["name"]: each["value"] if "value" in each else secret[each["valueFrom"]["secretKeyRef"]["key"]]
        for each in container["env"]
    }
    settings = load_settings(tmp_path / "dutyd.yaml", variables)
    assert settings.installation == "shop"
    assert settings.redis_url == "redis://:change-me@redis.redis.svc:6379/0"
    assert "password" in settings.kafka.secrets()
    assert settings.model is not None
    assert settings.model.api_key() is not None
    assert settings.heartbeat is not None
    world = World(settings)
    assert settings.policy is not None
    policy = load_policy(settings.policy, world.catalogue)
    load_files(shown("rules.yaml")["data"], Known(world.catalogue, topics=world.topics, policy=policy))


def test_names_that_the_page_uses_are_those_of_the_release() -> None:
    text = PAGE.read_text()
    assert "deploy/shop-dutyd-worker" in text
    mounted = [each["configMap"]["name"] for each in program_volumes() if "configMap" in each]
    assert shown("rules.yaml")["metadata"]["name"] in mounted


def program_volumes() -> list[Object]:
    return list(of_kind(objects(), "Deployment")[0]["spec"]["template"]["spec"]["volumes"])
