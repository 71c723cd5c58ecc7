"""The tool contract: all that a tool or a provider needs to know of dutyd, and all that dutyd knows of them.

A *tool* is what a rule names; the *provider* is the system behind it. A reading tool is a function that asks its
provider; a changing tool only says what is to be made (a pure function from arguments to a body) and leaves the
sending to the ledger, which makes sure that it happens once. Third parties add both by entry point
(``dutyd.tools``: a sequence of ``Tool``; ``dutyd.providers``: kind to a function from settings to ``Provider``).
"""

from collections.abc import Awaitable, Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol, Self, TypedDict, Unpack, runtime_checkable

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from dutyd.core.errors import DutydError
from dutyd.core.money import Money


class Args(BaseModel):
    """Base of every tool's argument model: unknown arguments are errors, values are not coerced from text.

    Attributes:
        either: groups of arguments, of which a call has all of exactly one and none of the others.

    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, arbitrary_types_allowed=True)
    either: ClassVar[tuple[tuple[str, ...], ...]] = ()

    @model_validator(mode="after")
    def _one_of_either(self) -> Self:
        if self.either and (wrong := self.not_either(self.model_fields_set)):
            raise PydanticCustomError("either", "{wrong}", {"wrong": wrong})
        return self

    @classmethod
    def not_either(cls, given: AbstractSet[str]) -> str:
        """Return what is wrong with the arguments that are *given*, by their names; an empty text: nothing."""
        whole = [group for group in cls.either if given >= set(group)]
        begun = [group for group in cls.either if not given.isdisjoint(group)]
        if not cls.either or (len(whole) == 1 and begun == whole):
            return ""
        return f"give either {', or '.join(' and '.join(group) for group in cls.either)}"


class ProviderClass(StrEnum):
    """What the provider can do about a repeated request (``docs/guarantees.md``)."""

    A = "A"  # recognises our key: resend inside its window
    B = "B"  # can be searched for our marker: look up before every create
    C = "C"  # neither: the rule says what to do when unsure


@dataclass(frozen=True, slots=True)
class Promise:
    """What a provider promises.

    Attributes:
        kind: the class.
        window: seconds for which class A recognises a key; None: for ever.
        settle: seconds until a look-up is sure to find what was made.
        timeout: seconds that one send may take; after it the outcome is unknown.
        searchable: whether ``lookup`` can tell what was made. Class B is searched by definition, class C can't be; a
            class A that only recognises keys says no: what it may have made is not taken for never made.
        keeps: whether what was made stays to be found: a system that forgets what is over says no.
    """

    kind: ProviderClass
    window: float | None = None
    settle: float = 0.0
    timeout: float = 10.0
    searchable: bool = True
    keeps: bool = True


UNPROMISED = Promise(ProviderClass.C, searchable=False)
"""What counts where nothing is promised: nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """The provider's answer to something made.

    Attributes:
        id: its id there; the oldest's, where there are several.
        data: what else it said (JSON values).
        copies: how many of it a look-up found: more than one is a breach of what was promised.
    """

    id: str
    data: Mapping[str, Any]
    copies: int = 1


class ProviderError(DutydError):
    """A provider did not do what was asked."""


class NotSentError(ProviderError):
    """The request never left this machine, or was turned away unread (429): safe to send again.

    Attributes:
        retry_after: seconds that the provider asked to wait.
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RefusedError(ProviderError):
    """The provider said no, definitively: nothing was made."""


class UnknownOutcomeError(ProviderError):
    """It may or may not have happened: timeout, cut connection, 408, 425, 5xx, an answer nobody can read."""


class KeyKnownError(ProviderError):
    """The provider says that it already has this key (409, 412): look it up."""


@runtime_checkable
class Provider(Protocol):
    """A system that effects reach. It never retries by itself: the ledger is the only retrier."""

    def promise_of(self, kind: str) -> Promise | None:
        """Return what it promises for one *kind* of thing: a system may know keys for orders and not for comments.

        None: it makes no such thing.
        """
        ...

    async def create(self, kind: str, key: str, body: Mapping[str, Any]) -> Receipt:
        """Make one *kind* (``ticket``, ``alert``, ...) under *key*; raise a ``ProviderError`` otherwise."""
        ...

    async def lookup(self, kind: str, key: str) -> Receipt | None:
        """Return what was made under *key*, or None; raise ``NotSentError`` where it can't be told now."""
        ...

    async def read(self, kind: str, query: Mapping[str, Any]) -> Any:
        """Answer a question; changes nothing. Raises ``ProviderError``."""
        ...

    async def check(self) -> str:
        """Ask the system, changing nothing, whether it would take us: it answers, and knows our credentials.

        Returns in a few words what was seen; raises a ``ProviderError`` with the reason otherwise. Asked by
        ``dutyd doctor``.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...


@runtime_checkable
class Paced(Protocol):
    """A provider whose system publishes how fast it may be asked: the settings' ``per_minute`` goes before it."""

    @property
    def per_minute(self) -> float:
        """Requests a minute, with one credential."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """What a rule names.

    Attributes:
        name: 3 to 64 letters, digits and underscores.
        family: ``alerting``, ``ticketing``, ``purchasing``, ``stock``, ``metrics``, ``runbooks``, ``notify``: which
            provider serves it.
        args: the pydantic model of its arguments; the model's schema, the rule checker and the docs come from it.
        about: one or two sentences for the model and the docs.
        makes: what a changing tool makes at the provider; empty for a reading tool.
        body: changing tools: arguments to what the provider is sent.
        ask: reading tools: the function that answers.
        spends: what a call costs; None where it costs nothing.
        undo: how to take it back, for people; empty where it can't be.
        addresses: whether its argument ``to`` may also be an address, which the default route's provider knows.
        of: the argument that holds the id of what an earlier effect made, such as the alert to resolve: without a
            ``to`` the call takes the route on which that was made.
        outlives_clear: whether it is still to be done when its incident cleared before it could be. An order belongs to
            its episode however late the worker is (the events after it count on it); a page is of no use by then.
    """

    name: str
    family: str
    args: type[BaseModel]
    about: str
    makes: str = ""
    body: Callable[[Any], Mapping[str, Any]] | None = None
    ask: Callable[[Provider, Any], Awaitable[Any]] | None = None
    spends: Callable[[Any], Money | None] | None = None
    undo: str = ""
    addresses: bool = False
    of: str = ""
    outlives_clear: bool = False

    ALERTING: ClassVar[str] = "alerting"
    NOTIFY: ClassVar[str] = "notify"
    PURCHASING: ClassVar[str] = "purchasing"

    @property
    def changes(self) -> bool:
        """Whether it changes the outside world: then each call is an effect."""
        return bool(self.makes)


Catalogue = Mapping[str, Tool]
"""Every tool that is installed, by name."""


class _Anything(BaseModel):
    """What a rule asks for, by the names it gives."""

    model_config = ConfigDict(extra="allow")


ANSWER = Tool(
    name="answer",
    family="answer",
    args=_Anything,
    about="Give your answer, in these fields. Other steps go on with it.",
)
"""What an agent's ``answer`` is inside: a step whose result is what was decided. No provider hears of it."""


def tool_of(name: str, catalogue: Catalogue) -> Tool | None:
    """Return the tool that a step names, None where it is not installed."""
    return ANSWER if name == ANSWER.name else catalogue.get(name)


def known_tool(name: str, catalogue: Catalogue) -> Tool:
    """Return the tool of a step that was loaded: the loader knows that it is there."""
    return ANSWER if name == ANSWER.name else catalogue[name]


def reads(family: str) -> Callable[[Callable[[Provider, Any], Awaitable[Any]]], Tool]:
    """Make a reading tool of ``async def name(provider, args: Model)``; its docstring is what the model is told."""

    def make(function: Callable[[Provider, Any], Awaitable[Any]]) -> Tool:
        return Tool(
            name=function.__name__,
            family=family,
            args=_model(function, "args"),
            about=_about(function),
            ask=function,
        )

    return make


class More(TypedDict, total=False):
    """What else ``changes`` takes: members of ``Tool`` by their names."""

    spends: Callable[[Any], Money | None] | None
    undo: str
    addresses: bool
    of: str
    outlives_clear: bool


def changes(family: str, *, makes: str, **more: Unpack[More]) -> Callable[[Callable[[Any], Mapping[str, Any]]], Tool]:
    """Make a changing tool of the pure ``def name(args: Model)`` that returns what the provider is sent."""

    def make(function: Callable[[Any], Mapping[str, Any]]) -> Tool:
        return Tool(
            name=function.__name__,
            family=family,
            args=_model(function, "args"),
            about=_about(function),
            makes=makes,
            body=function,
            **more,
        )

    return make


def _model(function: Callable[..., Any], parameter: str) -> type[BaseModel]:
    model = function.__annotations__.get(parameter)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise TypeError(f"tool {function.__name__}: annotate '{parameter}' with its pydantic model")
    return model


def _about(function: Callable[..., Any]) -> str:
    if not function.__doc__:
        raise TypeError(f"tool {function.__name__}: its docstring is what the model is told, write one")
    return " ".join(function.__doc__.split())
