"""Providers that can't be meant so: the start says what and where, all of it at once, before anything is done."""

import json
from pathlib import Path

from support.program import dutyd

PROVIDERS = {
    "alerting": {
        "kind": "alertmanager",
        "url": "http://127.0.0.1:9",
        "lables": {"team": "shop"},
        "routes": {"dba": {"lables": "", "labels": {"te-am": "dba"}}},
    },
    "ticketing": {
        "kind": "rest",
        "url": "http://127.0.0.1:9",
        "make": {"ticket": {"path": "/tickets", "class": "B"}},
    },
}


def test_a_start_with_wrong_providers_names_every_place_and_what_to_do(
    tmp_path: Path, valkey_url: str, unique: str
) -> None:
    settings = {"installation": unique, "redis": valkey_url, "providers": PROVIDERS, "topics": {"metrics": {}}}
    (tmp_path / "dutyd.yaml").write_text(json.dumps(settings))
    (tmp_path / "rules").mkdir()
    ended = dutyd("run", "--until-idle", "1s", cwd=tmp_path)
    told = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert ended.returncode == 3
    assert told == [
        "dutyd: providers.alerting: provider alertmanager: unknown setting 'lables'; did you mean 'labels'?",
        (
            "providers.alerting.routes.dba: provider alertmanager: labels.te-am: the name of a label is made of "
            "letters, digits and '_', and begins with no digit"
        ),
        (
            "providers.ticketing: provider rest: make.ticket: class B is searched before it makes anything: say under "
            "`lookup` how, or declare class C"
        ),
    ]
