"""Settings of providers: every mistake told, with the nearest name."""

import pytest

from dutyd.core.errors import SettingsError
from dutyd.core.tool import Promise, ProviderClass
from dutyd_tools.providers import backoffice, folder, webhook

URL = "http://127.0.0.1:8080"


async def test_the_promise_comes_from_the_settings_text_or_number() -> None:
    told = {"url": URL, "class": "B", "window": "60", "settle": 5, "timeout": "2.5"}
    provider = backoffice.connect(told)
    assert provider.promise_of("ticket") == Promise(ProviderClass.B, 60.0, 5.0, 2.5)
    await provider.close()


async def test_without_more_than_an_address_it_is_class_a_for_ever() -> None:
    provider = backoffice.connect({"url": URL})
    assert provider.promise_of("ticket") == Promise(ProviderClass.A, None, 0.0, 10.0)
    await provider.close()


def test_every_mistake_is_told_at_once_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError) as told:
        backoffice.connect({"uri": URL, "timeout": -1})
    said = str(told.value)
    assert "the setting 'url' is missing" in said
    assert "unknown setting 'uri'; did you mean 'url'?" in said
    assert "timeout: Input should be greater than 0" in said


@pytest.mark.parametrize("wrong", [{"url": "ftp://x"}, {"url": URL, "class": "D"}, {"url": URL, "window": 0}])
def test_a_value_that_makes_no_sense_is_told(wrong: dict[str, object]) -> None:
    with pytest.raises(SettingsError, match="provider backoffice: "):
        backoffice.connect(wrong)


@pytest.mark.parametrize("address", ["mail.example.com", "http://host:port/x", "https://host:99999", "http://[::1/x"])
def test_a_secret_address_that_is_none_is_told_without_showing_it(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK", address)
    with pytest.raises(SettingsError) as told:
        webhook.connect({"url_env": "HOOK"})
    assert "url: the secret is no web address: write http://host:port/path" in str(told.value)
    assert address not in str(told.value)


def test_a_folder_needs_to_be_named() -> None:
    with pytest.raises(SettingsError, match="provider folder: the setting 'dir' is missing"):
        folder.connect({})
