"""The real servers that other tests stand on: that they are what they say, and that a missing one says why."""

import os
from pathlib import Path

import httpx2
import pytest

from support import debian
from support.debian import UnavailableError, tree
from support.monitoring import MonitoringServer


def test_alertmanager_takes_and_lists_alerts(alertmanager: MonitoringServer, unique: str) -> None:
    alerts = [{"labels": {"alertname": unique}}]
    httpx2.post(f"{alertmanager.url}/api/v2/alerts", json=alerts).raise_for_status()
    listed = httpx2.get(f"{alertmanager.url}/api/v2/alerts", params={"filter": f'alertname="{unique}"'}).json()
    assert [alert["labels"] for alert in listed] == [{"alertname": unique}]


def test_prometheus_answers_queries(prometheus: MonitoringServer) -> None:
    answer = httpx2.get(f"{prometheus.url}/api/v1/query", params={"query": "vector(1)"}).json()
    assert answer["data"]["result"][0]["value"][1] == "1"


def test_a_package_that_can_not_be_had_says_so_in_the_words_of_apt(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    apt = tmp_path / "apt-get"
    apt.write_text("#!/bin/sh\necho 'E: Unable to locate package prometheus' >&2\nexit 100\n")
    apt.chmod(0o755)
    monkeypatch.setattr(debian, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(debian, "GIVEN_UP", [])
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(UnavailableError, match="E: Unable to locate package prometheus"):
        tree("prometheus")
    apt.unlink()  # it is not asked again
    with pytest.raises(UnavailableError, match="E: Unable to locate package prometheus"):
        tree("collectd-core")


def test_a_machine_without_apt_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(debian, "CACHE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UnavailableError, match="apt-get and dpkg missing"):
        tree("prometheus")
