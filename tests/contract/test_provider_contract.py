"""What every provider keeps, whatever system is behind it: one suite over each."""

from collections.abc import AsyncIterator, Iterator
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
from support.providers import BackofficeSystem, Break, backoffice


@pytest.fixture(params=list(ProviderClass), ids=lambda kind: f"backoffice-{kind}")
def system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BackofficeSystem]:
    with backoffice(tmp_path, request.param) as running:
        yield running


@pytest.fixture
async def provider(system: BackofficeSystem) -> AsyncIterator[Provider]:
    connected = system.connect()
    yield connected
    await connected.close()


@pytest.fixture
async def impatient(system: BackofficeSystem) -> AsyncIterator[Provider]:
    connected = system.connect(timeout=0.5)
    yield connected
    await connected.close()


recognises = pytest.mark.parametrize("system", [ProviderClass.A], indirect=True)
can_be_searched = pytest.mark.parametrize("system", [ProviderClass.A, ProviderClass.B], indirect=True)


async def test_what_is_made_has_an_id_and_is_made_once(system: BackofficeSystem, provider: Provider) -> None:
    receipt = await provider.create(system.makes, "key-1", system.body)
    assert receipt.id
    assert system.made("key-1") == 1
    assert provider.promise_of(system.makes).kind is system.kind


@recognises
async def test_a_repeated_key_makes_nothing_and_gets_the_first_answer(
    system: BackofficeSystem, provider: Provider
) -> None:
    first = await provider.create(system.makes, "key-1", system.body)
    second = await provider.create(system.makes, "key-1", system.body)
    assert second == first
    assert system.made("key-1") == 1


@recognises
async def test_a_key_of_another_request_is_refused(system: BackofficeSystem, provider: Provider) -> None:
    await provider.create(system.makes, "key-1", system.body)
    with pytest.raises((RefusedError, KeyKnownError)):
        await provider.create(system.makes, "key-1", system.other_body)


@can_be_searched
async def test_what_was_made_is_found_by_its_key(system: BackofficeSystem, provider: Provider) -> None:
    made = await provider.create(system.makes, "key-1", system.body)
    found = await provider.lookup(system.makes, "key-1")
    assert found is not None
    assert found.id == made.id


async def test_what_was_never_made_is_not_found(system: BackofficeSystem, provider: Provider) -> None:
    assert await provider.lookup(system.makes, "key-2") is None


async def test_a_look_up_that_gets_no_answer_is_not_a_miss(system: BackofficeSystem, provider: Provider) -> None:
    system.break_lookup()
    with pytest.raises(NotSentError):
        await provider.lookup(system.makes, "key-1")


async def test_a_wrong_body_is_refused_with_the_words_of_the_system(
    system: BackofficeSystem, provider: Provider
) -> None:
    with pytest.raises(RefusedError, match="title"):
        await provider.create(system.makes, "key-1", system.wrong_body)
    assert system.made("key-1") == 0


async def test_what_it_does_not_know_is_refused(provider: Provider) -> None:
    with pytest.raises(RefusedError, match="spaceship"):
        await provider.create("spaceship", "key-1", {})


async def test_a_busy_system_was_not_asked_and_says_when_to_come_back(
    system: BackofficeSystem, provider: Provider
) -> None:
    system.break_next(Break.BUSY)
    with pytest.raises(NotSentError) as told:
        await provider.create(system.makes, "key-1", system.body)
    assert told.value.retry_after == 7


@pytest.mark.parametrize(
    ("how", "made"),
    [
        (Break.DOWN, 0),
        (Break.DOWN_AFTERWARDS, 1),
        (Break.CUT, 0),
        (Break.CUT_AFTERWARDS, 1),
        (Break.BABBLE, 1),
    ],
)
async def test_an_answer_that_says_nothing_is_an_unknown_outcome_and_sent_once(
    system: BackofficeSystem, provider: Provider, how: Break, made: int
) -> None:
    system.break_next(how)
    with pytest.raises(UnknownOutcomeError):
        await provider.create(system.makes, "key-1", system.body)
    assert system.requests("key-1") == 1
    assert system.made("key-1") == made


@pytest.mark.parametrize(("how", "made"), [(Break.SILENT, 0), (Break.SILENT_AFTERWARDS, 1)])
async def test_silence_ends_as_an_unknown_outcome(
    system: BackofficeSystem, impatient: Provider, how: Break, made: int
) -> None:
    system.break_next(how)
    with pytest.raises(UnknownOutcomeError):
        await impatient.create(system.makes, "key-1", system.body)
    assert system.made("key-1") == made


@can_be_searched
async def test_after_an_unknown_outcome_a_resend_or_a_look_up_settles_it(
    system: BackofficeSystem, provider: Provider
) -> None:
    system.break_next(Break.CUT_AFTERWARDS)
    with pytest.raises(UnknownOutcomeError):
        await provider.create(system.makes, "key-1", system.body)
    found = await provider.lookup(system.makes, "key-1")
    assert found is not None
    if system.kind is ProviderClass.A:
        assert (await provider.create(system.makes, "key-1", system.body)).id == found.id
    assert system.made("key-1") == 1


async def test_a_system_that_is_not_there_was_not_asked(system: BackofficeSystem, provider: Provider) -> None:
    system.stop()
    with pytest.raises(NotSentError):
        await provider.create(system.makes, "key-1", system.body)
    with pytest.raises(NotSentError):
        await provider.lookup(system.makes, "key-1")


async def test_questions_fail_as_provider_errors_only(system: BackofficeSystem, provider: Provider) -> None:
    assert isinstance(provider, Provider)
    with pytest.raises(ProviderError):
        await provider.read("nothing-of-this-name", {})
    system.stop()
    with pytest.raises(NotSentError):
        await provider.read("tickets", {"query": "x", "project": None})


async def test_a_check_says_what_it_saw_and_makes_nothing(system: BackofficeSystem, provider: Provider) -> None:
    assert system.server.url in await provider.check()
    assert system.total() == 0
    system.stop()
    with pytest.raises(ProviderError):
        await provider.check()


async def test_closing_twice_is_fine(provider: Provider) -> None:
    await provider.close()
    await provider.close()
