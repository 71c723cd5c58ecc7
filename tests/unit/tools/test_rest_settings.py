"""Settings of the generic providers: what can't be kept or can't be meant is refused, all of it at once."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import Promise, Provider, ProviderClass
from dutyd_tools.providers import alertmanager, rest, webhook

URL = "http://127.0.0.1:9"
SEARCH = {"path": "/t", "query": {"ref": "{{ key }}"}, "list": "items", "match": "{{ ref }}"}
BODY = {"title": "{{ title }}", "ref": "{{ key }}"}


def refused(connect: Callable[[Mapping[str, Any]], Provider], settings: Mapping[str, Any]) -> str:
    with pytest.raises(SettingsError) as told:
        connect({"url": URL, **settings})
    return str(told.value)


@pytest.mark.parametrize(
    ("thing", "message"),
    [
        ({}, "the setting 'make.ticket.class' is missing"),
        ({"class": "D"}, "make.ticket.class: Input should be 'A', 'B' or 'C'"),
        ({"class": "B"}, "class B is searched before it makes anything: say under `lookup` how, or declare class C"),
        ({"class": "B", "lookup": SEARCH}, "the request does not leave it there: put {{ key }} into `body`"),
        ({"class": "B", "lookup": SEARCH, "body": BODY, "window": "1h"}, "`window` is for class A"),
        ({"class": "C", "window": "1h"}, "`window` is for class A"),
        ({"class": "C", "lookup": SEARCH}, "class C can't be searched"),
        ({"class": "A", "key_header": ""}, "class A recognises our key, and nothing carries it"),
        ({"class": "A", "settle": "1s"}, "say under `lookup` how to search"),
        ({"class": "A", "lookup": {"path": "/t"}}, "put {{ key }} into its `path` or `query`"),
        ({"class": "A", "lookup": {"path": "/t?ref={{ key }}", "list": "."}}, "say in `match` where our key stands"),
        ({"class": "A", "lookup": {"path": "/t", "query": {"r": "{{ key }}"}}}, "say in `match` where our key stands"),
        ({"class": "A", "path": "t"}, "a path begins with a slash"),
        ({"class": "A", "path": "/t/{{ ticket }}"}, "make.ticket.path: there is no 'ticket' here in '/t/{{ ticket }}'"),
        (
            {"class": "A", "body": {"a": ["{{ titel }}"]}},
            "there is no 'titel' here in '{{ titel }}' (did you mean 'title'",
        ),
        ({"class": "A", "body": {"a": "{{ title"}}, "this {{ is never closed in '{{ title'"),
        ({"class": "A", "body": {"a": None}}, "null is not a value"),
        ({"class": "A", "body": {"a": "{{ secret.tokn }}"}}, "there is no 'secret.tokn'"),
        ({"class": "A", "body": "{{ title }}", "encoding": "form"}, "a form has members"),
        ({"class": "A", "refused_if": "!ok &&"}, "make.ticket.refused_if: "),
        ({"class": "A", "method": "GET"}, "make.ticket.method: Input should be 'POST', 'PUT' or 'PATCH'"),
        ({"class": "A", "heders": {}}, "unknown setting 'make.ticket.heders'; did you mean 'headers'?"),
        ({"class": "A", "lookup": {**SEARCH, "mach": 1}}, "'make.ticket.lookup.mach'; did you mean 'match'?"),
    ],
)
def test_a_thing_that_contradicts_itself_is_refused(thing: dict[str, Any], message: str) -> None:
    assert message in refused(rest.connect, {"make": {"ticket": {"path": "/t", **thing}}})


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"make": {"tickets": {"path": "/t", "class": "C"}}},
            "make.tickets: no tool speaks of 'tickets'; did you mean",
        ),
        ({"read": {"ticket": {"path": "/t"}}}, "read.ticket: no tool speaks of 'ticket'; did you mean 'tickets'?"),
        ({"read": {"stock": {"path": "/s", "fields": {"sku": "{{ a }}"}}}}, "inventory_level, on_order missing"),
        ({"read": {"stock": {"path": "/s", "query": {"s": "{{ skuu }}"}}}}, "there is no 'skuu' here"),
        ({"secrets": {"token": "abc"}}, "secrets.token: end its name in _file or _env"),
        ({"secrets": {"a_env": "NO_SUCH_VARIABLE"}}, "secrets.a_env: the environment variable NO_SUCH_VARIABLE"),
        ({"token_env": "NO_SUCH_VARIABLE"}, "token_env: the environment variable NO_SUCH_VARIABLE is not set"),
        ({"url": None}, "set one of url, url_file and url_env"),
        ({"url": "http://ana:secret@host"}, "url holds a login"),
        ({"username": "ana"}, "username and password_file (or password_env) belong together"),
        ({"cert_file": "/a"}, "cert_file and key_file belong together"),
        ({"ca_file": "/no/such.pem"}, "can't use /no/such.pem: No such file"),
        ({"timeout": "10 parsecs"}, "timeout: '10 parsecs' is no duration"),
    ],
)
def test_a_mistake_in_the_settings_is_told(settings: dict[str, Any], message: str) -> None:
    assert message in refused(rest.connect, settings)


@pytest.mark.parametrize("url", ["http://ana:hunter2@host", "ftp://ana:hunter2@host", "http://ana:hunter2@host:99999"])
def test_no_message_holds_what_was_meant_to_be_secret(url: str) -> None:
    assert "hunter2" not in refused(rest.connect, {"url": url})


async def test_each_thing_has_the_promise_that_was_declared_for_it() -> None:
    make = {
        "ticket": {"path": "/t", "class": "B", "body": BODY, "settle": "1m", "lookup": SEARCH},
        "comment": {"path": "/t/{{ ticket }}/c", "class": "C"},
        "purchase_order": {"path": "/o", "class": "A", "window": "24h"},
    }
    provider = rest.connect({"url": URL, "timeout": "5s", "make": make})
    assert provider.promise_of("ticket") == Promise(ProviderClass.B, None, 60.0, 10.0)
    assert provider.promise_of("comment") == Promise(ProviderClass.C, None, 0.0, 5.0, searchable=False)
    assert provider.promise_of("purchase_order") == Promise(ProviderClass.A, 86_400.0, 0.0, 5.0, searchable=False)
    assert provider.promise_of("spaceship") is None
    await provider.close()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"class": "B"}, "class: Input should be"),
        ({"window": "1h"}, "`window` is for class A"),
        ({"body": {"a": "{{ sumary }}"}}, "body: there is no 'sumary' here"),
        ({"headers": {"X": "{{ secret.a }}"}}, "headers.X: there is no 'secret.a'"),
    ],
)
def test_a_webhook_that_can_not_be_meant_is_refused(settings: dict[str, Any], message: str) -> None:
    assert message in refused(webhook.connect, settings)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"labels": {"dutyd_key": "x"}}, "labels.dutyd_key is ours"),
        ({"labels": {"my-label": "x"}}, "labels.my-label: the name of a label is made of letters"),
        ({"labels": {"team": "{{ teem }}"}}, "labels.team: there is no 'teem' here"),
        ({"labels": 7}, "labels: holds settings of its own"),
        ({"ends_after": "1m"}, "ends_after: Input should be greater than or equal to 300"),
        ({"peers": ["am:9093"]}, "peers.0: 'am:9093' is no web address"),
    ],
)
def test_an_alertmanager_that_can_not_be_meant_is_refused(settings: dict[str, Any], message: str) -> None:
    assert message in refused(alertmanager.connect, settings)
