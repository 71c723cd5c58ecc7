"""What every provider keeps, whatever system is behind it: one suite over each, on its real server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pytest

from dutyd.core.tool import (
    KeyKnownError,
    NotSentError,
    Provider,
    ProviderClass,
    ProviderError,
    RefusedError,
    UnknownOutcomeError,
)
from support.erp import erp_system
from support.mail_system import mail_system
from support.modern import MODERN, modern_system
from support.monitoring import alertmanager_system
from support.providers import KINDS as OWN_KINDS
from support.providers import Break, Kind, System, office_system, promise
from support.trackers import tracker_system

KINDS = [*OWN_KINDS, *MODERN]


SAYS_NOTHING = {Break.DOWN: 0, Break.DOWN_AFTERWARDS: 1, Break.CUT: 0, Break.CUT_AFTERWARDS: 1, Break.BABBLE: 1}
"""Answers that say nothing of what became of a request, and how often it is done then."""


def opened(kind: Kind, folder: Path, request: pytest.FixtureRequest) -> AbstractContextManager[System]:
    if kind.name == "alertmanager":
        return alertmanager_system(folder, request.getfixturevalue("alertmanager").url)
    if kind in MODERN:
        return modern_system(folder, kind)
    if kind.name == "roundup":
        request.getfixturevalue("roundup")
        return tracker_system(folder)
    if kind.name == "tryton":
        request.getfixturevalue("tryton")
        return erp_system(folder)
    return mail_system() if kind.name == "smtp" else office_system(folder, kind)


@pytest.fixture(scope="module")
def systems() -> Iterator[tuple[ExitStack, dict[Kind, System]]]:
    """A system of each kind that is asked for, for all tests: each test has a key of its own."""
    with ExitStack() as stack:
        yield stack, {}


@pytest.fixture(params=KINDS, ids=str)
def system(
    request: pytest.FixtureRequest,
    systems: tuple[ExitStack, dict[Kind, System]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[System]:
    (stack, running), kind = systems, request.param
    if kind not in running:
        running[kind] = stack.enter_context(opened(kind, tmp_path_factory.mktemp("system"), request))
    yield running[kind]
    running[kind].mend()


@pytest.fixture
async def provider(system: System) -> AsyncIterator[Provider]:
    connected = system.connect()
    yield connected
    await connected.close()


@pytest.fixture
async def impatient(system: System) -> AsyncIterator[Provider]:
    connected = system.connect(timeout=0.5)
    yield connected
    await connected.close()


@pytest.fixture
def key(unique: str) -> str:
    return f"dutyd-{unique}"


def only(*kinds: Kind) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("system", kinds, ids=str, indirect=True)


recognises = only(*(kind for kind in KINDS if kind.kind is ProviderClass.A))
can_be_searched = only(*(kind for kind in KINDS if kind.searched and kind.kind is not ProviderClass.C))


async def test_what_is_made_has_an_id_and_is_made_once(system: System, provider: Provider, key: str) -> None:
    receipt = await provider.create(system.makes, key, system.body)
    assert receipt.id
    assert system.made(key) == 1
    assert promise(provider, system.makes).kind is system.kind.kind


@recognises
async def test_a_repeated_key_makes_nothing_and_gets_the_first_answer(
    system: System, provider: Provider, key: str
) -> None:
    first = await provider.create(system.makes, key, system.body)
    second = await provider.create(system.makes, key, system.body)
    assert second == first
    assert system.made(key) == 1


@only(*(kind for kind in KINDS if kind.kind is ProviderClass.A and kind.repeats_body))
async def test_a_key_of_another_request_is_refused(system: System, provider: Provider, key: str) -> None:
    await provider.create(system.makes, key, system.body)
    with pytest.raises((RefusedError, KeyKnownError)):
        await provider.create(system.makes, key, system.other_body)


@can_be_searched
async def test_what_was_made_is_found_by_its_key(system: System, provider: Provider, key: str) -> None:
    made = await provider.create(system.makes, key, system.body)
    found = await provider.lookup(system.makes, key)
    assert found is not None
    assert found.id == made.id
    assert promise(provider, system.makes).searchable


@only(*(kind for kind in KINDS if kind.kind is ProviderClass.B))
async def test_of_two_under_one_key_the_first_is_found_and_both_are_told(
    system: System, provider: Provider, key: str
) -> None:
    first = await provider.create(system.makes, key, system.body)
    found = await provider.lookup(system.makes, key)
    assert found is not None
    assert found.copies == 1
    await provider.create(system.makes, key, system.body)
    found = await provider.lookup(system.makes, key)
    assert found is not None
    assert (found.id, found.copies) == (first.id, 2)


async def test_what_was_never_made_is_not_found(system: System, provider: Provider, key: str) -> None:
    await provider.create(system.makes, key, system.body)
    assert await provider.lookup(system.makes, f"{key}-2") is None


@can_be_searched
async def test_a_look_up_that_gets_no_answer_is_not_a_miss(system: System, provider: Provider, key: str) -> None:
    system.break_lookup()
    with pytest.raises(NotSentError):
        await provider.lookup(system.makes, key)


@only(*(kind for kind in KINDS if kind.name not in {"alertmanager", "smtp", "pagerduty", "slack", "jira"}))  # take all
async def test_a_wrong_body_is_refused_with_the_words_of_the_system(
    system: System, provider: Provider, key: str
) -> None:
    assert system.wrong_body is not None
    with pytest.raises(RefusedError, match="title"):
        await provider.create(system.makes, key, system.wrong_body)
    assert system.made(key) == 0


async def test_what_it_does_not_know_is_refused(provider: Provider, key: str) -> None:
    with pytest.raises(RefusedError):
        await provider.create("spaceship", key, {})
    assert await provider.lookup("spaceship", key) is None


@only(*(kind for kind in KINDS if kind.name != "webhook"))  # that one takes whatever it is given
async def test_what_it_does_not_make_it_promises_nothing_for(provider: Provider) -> None:
    assert provider.promise_of("spaceship") is None


async def test_a_busy_system_was_not_asked_and_says_when_to_come_back(
    system: System, provider: Provider, key: str
) -> None:
    system.break_next(Break.BUSY)
    with pytest.raises(NotSentError) as told:
        await provider.create(system.makes, key, system.body)
    assert told.value.retry_after == (7 if system.kind.says_when else None)


@pytest.mark.parametrize(
    ("system", "how", "made"),
    [
        pytest.param(kind, how, made, id=f"{kind}-{how}")
        for kind in KINDS
        for how, made in SAYS_NOTHING.items()
        if how in kind.breaks and (kind.ids or how is not Break.BABBLE)  # without ids an answer of 2xx is all it says
    ],
    indirect=["system"],
)
async def test_an_answer_that_says_nothing_is_an_unknown_outcome_and_sent_once(
    system: System, provider: Provider, key: str, how: Break, made: int
) -> None:
    system.break_next(how)
    with pytest.raises(UnknownOutcomeError):
        await provider.create(system.makes, key, system.body)
    assert system.requests(key) == 1
    assert system.made(key) == made


@pytest.mark.parametrize(("how", "made"), [(Break.SILENT, 0), (Break.SILENT_AFTERWARDS, 1)])
async def test_silence_ends_as_an_unknown_outcome(
    system: System, impatient: Provider, key: str, how: Break, made: int
) -> None:
    system.break_next(how)
    with pytest.raises(UnknownOutcomeError):
        await impatient.create(system.makes, key, system.body)
    assert system.made(key) == made


@can_be_searched
async def test_after_an_unknown_outcome_a_resend_or_a_look_up_settles_it(
    system: System, provider: Provider, key: str
) -> None:
    system.break_next(Break.CUT_AFTERWARDS)
    with pytest.raises(UnknownOutcomeError):
        await provider.create(system.makes, key, system.body)
    found = await provider.lookup(system.makes, key)
    assert found is not None
    if system.kind.kind is ProviderClass.A:
        assert (await provider.create(system.makes, key, system.body)).id == found.id
    assert system.made(key) == 1


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_a_system_that_is_not_there_was_not_asked(
    kind: Kind, tmp_path: Path, key: str, request: pytest.FixtureRequest
) -> None:
    with opened(kind, tmp_path, request) as system:
        provider = system.connect()
        system.stop()
        with pytest.raises(NotSentError):
            await provider.create(system.makes, key, system.body)
        with pytest.raises(NotSentError):
            await provider.check()
        if kind.searched:
            with pytest.raises(NotSentError):
                await provider.lookup(system.makes, key)
        with pytest.raises(NotSentError if kind.reads else RefusedError):
            await provider.read("tickets", {"query": "x", "project": None})
        await provider.close()


async def test_questions_fail_as_provider_errors_only(provider: Provider) -> None:
    assert isinstance(provider, Provider)
    with pytest.raises(ProviderError):
        await provider.read("nothing-of-this-name", {})


@only(*(kind for kind in KINDS if kind.reads))
async def test_a_question_is_answered(system: System, provider: Provider, key: str) -> None:
    made = await provider.create(system.makes, key, {**system.body, "body": f"of {key}"})
    (found,) = await provider.read("tickets", {"query": key, "project": None})
    assert found["id"] == made.id


async def test_a_check_says_what_it_saw_and_makes_nothing(system: System, provider: Provider) -> None:
    before = system.total()
    assert system.url in await provider.check()
    assert system.total() == before


async def test_closing_twice_is_fine(provider: Provider) -> None:
    await provider.close()
    await provider.close()
