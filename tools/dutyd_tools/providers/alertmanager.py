"""Alertmanager (API v2): the provider behind ``alerting`` where one is there to route, group and silence.

An alert *is* its label set there: posting the same labels again changes the same alert and tells nobody twice. So our
key is a label, nothing that may differ between two tries is one, and that makes it class A. What bites, and what is
done about it:

* An alert without ``endsAt`` ends after five minutes, because Prometheus repeats its alerts and we don't. Ours is given
  a far one (``ends_after``); ``resolve_alert`` ends it. With ``endsAt`` alone an alert would begin then, so it gets a
  ``startsAt``, too; of two that overlap Alertmanager keeps the earlier beginning.
* Alerts are in its memory only. The id that a step gets is therefore the whole label set: an alert can be called off
  even after a restart has forgotten it. Not found does not mean never sent; inside the window nobody needs to look.
* Members of a cluster share silences and notifications, not alerts: each is told (``peers``), and one that takes it
  will do.
"""

import asyncio
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from time import time as system_clock  # noqa: TID251 - an edge: alerts begin and end by the clock
from typing import Annotated, Any, NoReturn
from urllib.parse import quote

from pydantic import AfterValidator, Field, model_validator

from dutyd.core.expr import look_in
from dutyd.core.secrets import quoted
from dutyd.core.tool import (
    Promise,
    Provider,
    ProviderClass,
    Receipt,
    RefusedError,
    UnknownOutcomeError,
)
from dutyd_tools.providers.connection import HttpSettings, open_api, secrets_of
from dutyd_tools.providers.http import JSON, Request
from dutyd_tools.providers.settings import Seconds, WebAddress, read_settings
from dutyd_tools.providers.shape import Text, Texts, check_names, headers_of, names_for, texts_of, whole_text

KEY = "dutyd_key"
"""The label that holds our key."""

LABELS: Mapping[str, str] = {"alertname": "dutyd", "severity": "{{ severity }}"}
ANNOTATIONS: Mapping[str, str] = {"summary": "{{ summary }}", "description": "{{ details }}"}
"""What an alert has unless the settings say otherwise."""

PATH = "/api/v2/alerts"
DAY = 86_400.0
PATIENCE = 1.0  # seconds: a member that hangs is given up before the others' yes is


def _label(name: str) -> str:
    if not re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError("the name of a label is made of letters, digits and '_', and begins with no digit")
    return name


LabelName = Annotated[str, AfterValidator(_label)]


class AlertmanagerSettings(HttpSettings):
    """Settings of the kind ``alertmanager``.

    Attributes:
        labels: more labels, or others than ours: what Alertmanager routes by. They are the alert's identity, so they
            must not be anything that changes between two tries.
        annotations: more annotations, or others than ours: what people read.
        ends_after: how long an alert that nobody resolves stays.
        peers: addresses of the cluster's other members.

    """

    labels: Mapping[LabelName, Text] = Field({})
    annotations: Texts = Field({})
    ends_after: Seconds = Field(30 * DAY, ge=300, le=3650 * DAY)
    peers: tuple[WebAddress, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _with_ours(cls, told: Any) -> Any:
        ours = {"labels": LABELS, "annotations": ANNOTATIONS}
        given = {name: told.get(name) for name in ours}
        if any(each is not None and not isinstance(each, Mapping) for each in given.values()):
            return told  # the fields themselves say what was expected
        if KEY in (given["labels"] or {}):
            raise ValueError(f"labels.{KEY} is ours: it holds the key of the effect")
        return {**told, **{name: {**ours[name], **(given[name] or {})} for name in ours}}


def connect(settings: Mapping[str, Any]) -> Provider:
    """Return the provider for *settings*.

    Raises:
        SettingsError: they are wrong.

    """
    return Alertmanager(read_settings("alertmanager", AlertmanagerSettings, settings, _problems), system_clock)


class Alertmanager:
    """The Alertmanager that *settings* name, and its peers; *clock* gives seconds since the epoch."""

    def __init__(self, settings: AlertmanagerSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        others = [
            settings.model_copy(update={"url": peer, "url_file": None, "url_env": None}) for peer in settings.peers
        ]
        self._apis = [open_api(each) for each in (settings, *others)]
        self._headers = headers_of(settings.headers, look_in({"secret": secrets_of(settings)}))

    def promise_of(self, kind: str) -> Promise | None:
        """Return class A for what can be made; ending an alert twice ends it."""
        timeout = self._settings.timeout + PATIENCE
        if kind == "alert":
            return Promise(ProviderClass.A, self._settings.ends_after, timeout=timeout, keeps=False)
        ends = kind == "alert_resolution"
        return Promise(ProviderClass.A, timeout=timeout, searchable=False) if ends else None

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Raise an ``alert``, or end one by an ``alert_resolution``.

        Raises:
            RefusedError: Alertmanager said no, or the id is none of ours.
            NotSentError: no member of the cluster could be reached.
            UnknownOutcomeError: it may have been taken.

        """
        now = self._clock()
        if kind == "alert":
            labels, times = self._labels(key, body), {"startsAt": now, "endsAt": now + self._settings.ends_after}
        elif kind == "alert_resolution":
            labels, times = _labels_in(str(body.get("alert"))), {"endsAt": now}
        else:
            raise RefusedError(f"Alertmanager makes no {kind}, only alert and alert_resolution")
        alert: dict[str, Any] = {"labels": labels, **{name: _written(at) for name, at in times.items()}}
        if kind == "alert":
            alert["annotations"] = self._annotations(key, body)
        await self._post(alert)
        return self._receipt(labels)

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return the alert that has *key*, if any member still has it."""
        if kind != "alert":
            return None
        query = {"filter": f'{KEY}="{key}"'}
        found = await asyncio.gather(*(api.get(PATH, query, self._headers) for api in self._apis))
        alerts = [alert for alerts in found for alert in alerts]
        return self._receipt(alerts[0]["labels"]) if alerts else None

    async def read(self, kind: str, query: Mapping[str, Any]) -> NoReturn:
        """Refuse: no tool asks it anything."""
        raise RefusedError(f"Alertmanager can't be asked for {kind}")

    async def check(self) -> str:
        """Ask each member for its version."""
        said = []
        for api in self._apis:
            answer = await api.get("/api/v2/status", {}, self._headers)
            try:
                said.append(f"Alertmanager {answer['versionInfo']['version']} at {api.url}")
            except (KeyError, TypeError) as error:
                raise RefusedError(f"{api.url} does not answer as Alertmanager: {quoted(str(answer))}") from error
        return ", ".join(said)

    async def close(self) -> None:
        """Close connections."""
        for api in self._apis:
            await api.close()

    def _annotations(self, key: str, body: Mapping[str, Any]) -> dict[str, str]:
        look = look_in({**body, "key": key})
        texts = {name: whole_text(template, look) for name, template in self._settings.annotations.items()}
        return {name: text for name, text in texts.items() if text}

    def _labels(self, key: str, body: Mapping[str, Any]) -> dict[str, str]:
        labels = texts_of(self._settings.labels, look_in({**body, "key": key}))
        return {**{name: value for name, value in sorted(labels.items()) if value}, KEY: key}

    def _receipt(self, labels: Mapping[str, str]) -> Receipt:
        page = quote(f'{{{KEY}="{labels.get(KEY)}"}}')
        url = f"{self._apis[0].url.rstrip('/')}/#/alerts?filter={page}"
        return Receipt(json.dumps(dict(sorted(labels.items())), separators=(",", ":")), {"url": url})

    async def _post(self, alert: Mapping[str, Any]) -> None:
        """Tell every member; one that takes it is enough."""
        request = Request("POST", PATH, json.dumps([alert]).encode(), JSON, self._headers)
        answers = await asyncio.gather(*(api.send(request) for api in self._apis), return_exceptions=True)
        failures = [answer for answer in answers if isinstance(answer, BaseException)]
        if len(failures) == len(answers):
            raise next((each for each in failures if isinstance(each, UnknownOutcomeError)), failures[0])


def _labels_in(id_: str) -> dict[str, str]:
    """Return the label set that an id of ours is."""
    try:
        labels = json.loads(id_)
    except ValueError:
        labels = None
    if not isinstance(labels, dict) or KEY not in labels or not all(isinstance(each, str) for each in labels.values()):
        raise RefusedError(f"'{id_[:100]}' is no alert of this Alertmanager's: give the id that send_alert gave")
    return labels


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _problems(settings: AlertmanagerSettings) -> Iterator[str]:
    scope = names_for("alert", ())
    for place, texts in (("labels", settings.labels), ("annotations", settings.annotations)):
        for name, template in texts.items():
            yield from check_names(f"{place}.{name}", template, scope)
