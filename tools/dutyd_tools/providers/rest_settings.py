"""The settings of the kind ``rest``: what they may say, and whether a promise in them can be kept.

Read by ``rest``. A class is declared by whoever knows the system; this module refuses what contradicts itself: a system
that is to be searched and no word of how, a key that never leaves, a search that would take anything for ours.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from dutyd.core.errors import nearest
from dutyd.core.expr import Scope, Template, Type
from dutyd.core.tool import Promise, ProviderClass
from dutyd_tools.providers.connection import HttpSettings
from dutyd_tools.providers.rows import FIELDS, QUESTIONS
from dutyd_tools.providers.settings import ProviderSettings, Seconds
from dutyd_tools.providers.shape import MEMBERS, AnyShape, Condition, Text, Texts, check_names, names_for

WHOLE = "."
"""In ``list``: the answer is the list itself."""

_ANSWER = Scope(prefixes={"request": None, "headers": None}, windows=False)


def _path(value: object) -> object:
    if not str(value.source if isinstance(value, Template) else value).startswith("/"):
        raise ValueError("a path begins with a slash, and is put behind the url")
    return value


PathText = Annotated[Text, BeforeValidator(_path)]
ListName = Annotated[str, Field(min_length=1)]


class Search(ProviderSettings):
    """How what was made under a key is found again.

    Attributes:
        path, query: of the GET request.
        list: the member of the answer that holds the list of what was found; ``.``: the answer is the list; not set:
            the answer is the thing itself, and 404 says that there is none.
        match: what in a found thing holds our key: a text that contains it, or a list that has it.
        id, url: as in ``Thing``, where they stand elsewhere in what is found.

    """

    path: PathText
    query: Texts = Field({})
    list: ListName | None = None
    match: Text | None = None
    id: Text | None = None
    url: Text | None = None

    @model_validator(mode="after")
    def _finds_ours(self) -> Self:
        in_path = "key" in self.path.names
        if not in_path and not any("key" in each.names for each in self.query.values()):
            raise ValueError("a search is for our key: put {{ key }} into its `path` or `query`")
        if self.match is None and (self.list or not in_path):
            raise ValueError(
                "say in `match` where our key stands in what is found: "
                "many systems ignore a query that they don't know, and answer with everything"
            )
        return self


class Thing(ProviderSettings):
    """One kind of thing that can be made.

    Attributes:
        method, path, query, headers: of the request.
        body: what is sent; not set: our members as they are.
        encoding: how; ``form`` is ``application/x-www-form-urlencoded``.
        key_header: the header that carries our key; empty: none does.
        id, url: of the new thing, from the answer.
        known_id: its id in the answer that says that the key is known (409, 412).
        refused_if: a condition on an answer of 2xx under which nothing was made.
        class, window, settle: what the system promises.
        lookup: how what was made is found by our key.

    """

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    path: PathText
    query: Texts = Field({})
    headers: Texts = Field({})
    body: AnyShape | None = None
    encoding: Literal["json", "form"] = "json"
    key_header: str = Field("Idempotency-Key", pattern="^[A-Za-z0-9-]*$")
    id: Text = Field("{{ id }}", validate_default=True)
    url: Text | None = None
    known_id: Text | None = None
    refused_if: Condition | None = None
    kind: ProviderClass = Field(alias="class")
    window: Seconds | None = Field(None, gt=0)
    settle: Seconds = Field(0.0, ge=0)
    lookup: Search | None = None

    def promise(self, timeout: float) -> Promise:
        """Return the promise; a search comes before what class B makes, and both take their time."""
        whole = 2 * timeout if self.kind is ProviderClass.B else timeout
        return Promise(self.kind, self.window, self.settle, whole, searchable=self.lookup is not None)

    def sent(self) -> Iterator[tuple[str, Template]]:
        """Yield the templates of the request, each with its place."""
        yield "path", self.path
        for place, texts in (("query", self.query), ("headers", self.headers)):
            yield from ((f"{place}.{name}", template) for name, template in texts.items())
        yield from (("body", template) for template in (self.body.templates() if self.body else ()))

    @model_validator(mode="after")
    def _keeps_its_promise(self) -> Self:
        carried = any("key" in template.names for _, template in self.sent())
        if wrong := _CONTRADICTIONS[self.kind](self, carried):
            raise ValueError(wrong)
        if self.settle and self.lookup is None:
            raise ValueError("`settle` is how long a search takes to find new things: say under `lookup` how to search")
        if self.body is not None and isinstance(self.body.root, Template) and self.encoding == "form":
            raise ValueError("a form has members: write `body` as a mapping")
        return self


def _wrong_in_a(thing: Thing, carried: bool) -> str:
    if not carried and not thing.key_header:
        return "class A recognises our key, and nothing carries it: set `key_header`, or put {{ key }} into `body`"
    return ""


def _wrong_in_b(thing: Thing, carried: bool) -> str:
    if thing.lookup is None:
        return "class B is searched before it makes anything: say under `lookup` how, or declare class C"
    if thing.window is not None:
        return "`window` is for class A, which recognises a key for so long"
    if not carried and not ("key_header" in thing.model_fields_set and thing.key_header):
        return (
            "class B is searched for our key, and the request does not leave it there: put {{ key }} into `body`, "
            "`query` or `path`, or name in `key_header` the header that the system keeps"
        )
    return ""


def _wrong_in_c(thing: Thing, carried: bool) -> str:  # noqa: ARG001 - it may travel, for people
    if thing.lookup is not None:
        return "class C can't be searched: declare class B, or delete `lookup`"
    return "`window` is for class A, which recognises a key for so long" if thing.window is not None else ""


_CONTRADICTIONS: Mapping[ProviderClass, Callable[[Thing, bool], str]] = {
    ProviderClass.A: _wrong_in_a,
    ProviderClass.B: _wrong_in_b,
    ProviderClass.C: _wrong_in_c,
}


class Question(ProviderSettings):
    """How one kind of question is asked.

    Attributes:
        path, query: of the GET request; what a question leaves open is left out of the query.
        list: as in ``Search``; not set: the answer is the list.
        fields: our fields, from the members of each thing in the list; not set: they have our names.
        newest_first: whether the system lists them so; ours are oldest first.

    """

    path: PathText
    query: Texts = Field({})
    list: ListName = WHOLE
    fields: Mapping[str, AnyShape] = Field({})
    newest_first: bool = False


class RestSettings(HttpSettings):
    """Settings of the kind ``rest``.

    Attributes:
        make: the things that can be made, by their kinds.
        read: the questions that it answers, by their kinds.
        check: a path that answers 2xx to who has the credentials, for ``dutyd doctor``.

    """

    make: Mapping[str, Thing] = Field({})
    read: Mapping[str, Question] = Field({})
    check: Annotated[str, Field(pattern="^/")] | None = None


def problems_of(settings: RestSettings) -> Iterator[str]:
    """Yield what is wrong with names: of things, questions, fields, and those in expressions."""
    secrets = [name.rpartition("_")[0] for name in settings.secrets]
    for kind, thing in settings.make.items():
        yield from _meant(f"make.{kind}", kind, MEMBERS)
        scope = names_for(kind, secrets)
        for place, template in thing.sent():
            yield from check_names(f"make.{kind}.{place}", template, scope)
        if thing.lookup is not None:
            known = Scope({"key": Type.ANY, "makes": Type.ANY}, closed=True, prefixes=scope.prefixes, windows=False)
            for name, template in {"path": thing.lookup.path, **thing.lookup.query}.items():
                yield from check_names(f"make.{kind}.lookup.{name}", template, known)
    for kind, question in settings.read.items():
        yield from _meant(f"read.{kind}", kind, QUESTIONS)
        yield from _wrong_question(f"read.{kind}", kind, question, secrets)
    for name, template in settings.headers.items():
        yield from check_names(
            f"headers.{name}", template, Scope(prefixes={"secret": frozenset(secrets)}, windows=False)
        )


def _meant(place: str, kind: str, known: Mapping[str, object]) -> Iterator[str]:
    if kind not in known and (meant := nearest(kind, [*known])):
        yield f"{place}: no tool speaks of '{kind}'{meant}"


def _wrong_question(place: str, kind: str, question: Question, secrets: list[str]) -> Iterator[str]:
    names = dict.fromkeys(QUESTIONS.get(kind, ()), Type.ANY)
    scope = Scope(names, closed=bool(names), prefixes={"secret": frozenset(secrets)}, windows=False)
    for name, template in {"path": question.path, **question.query}.items():
        yield from check_names(f"{place}.{name}", template, scope)
    if question.fields and (missing := [name for name in FIELDS.get(kind, ()) if name not in question.fields]):
        yield f"{place}.fields: {', '.join(missing)} missing: the tools need it"
    for name, shape in question.fields.items():
        for template in shape.templates():
            yield from check_names(f"{place}.fields.{name}", template, _ANSWER)
