"""The settings that every HTTP system may need, and the client made of them: address, login, certificates, headers.

Adapters put their own settings on top of ``HttpSettings`` and get their ``JsonApi`` from ``open_api``. Secrets are
named by a file or a variable and read when the provider is connected; an address that is a secret itself (a chat's
incoming webhook) never shows in a message.
"""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from dutyd.core.errors import SettingsError
from dutyd_tools.providers.http import JsonApi, Manners
from dutyd_tools.providers.secrets import read_secret
from dutyd_tools.providers.settings import ProviderSettings, Seconds, WebAddress, is_web_address
from dutyd_tools.providers.shape import Texts


class HttpSettings(ProviderSettings):
    """What all kinds that speak HTTP have in common.

    Attributes:
        url: the address; ``url_file`` and ``url_env`` name one that is a secret.
        timeout: how long one request may take.
        token_file: a bearer token; or ``token_env``.
        username: for basic authentication, with ``password_file`` or ``password_env``.
        headers: of every request; ``{{ secret.NAME }}`` in them, and in everything else that is sent.
        secrets: ``NAME_file`` or ``NAME_env``: what ``secret.NAME`` stands for.
        ca_file: whom to trust instead of whom the machine trusts, PEM.
        cert_file: our certificate, PEM, with ``key_file``.

    """

    url: WebAddress | None = None
    url_file: Path | None = None
    url_env: str | None = None
    timeout: Seconds = Field(10.0, gt=0, le=120)
    token_file: Path | None = None
    token_env: str | None = None
    username: str | None = None
    password_file: Path | None = None
    password_env: str | None = None
    headers: Texts = Field({})
    secrets: Mapping[str, str] = {}
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if sum(each is not None for each in (self.url, self.url_file, self.url_env)) != 1:
            raise ValueError("set one of url, url_file and url_env")
        if self.url and urlsplit(self.url).username is not None:
            raise ValueError("url holds a login: give it by username and password_file, or the whole by url_file")
        if bool(self.username) != bool(self.password_file or self.password_env):
            raise ValueError("username and password_file (or password_env) belong together: set both")
        if self.username and (self.token_file or self.token_env):
            raise ValueError("a token and a password are both set: one of them is enough")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file belong together: set both")
        for name in self.secrets:
            if not name.endswith(("_file", "_env")):
                raise ValueError(f"secrets.{name}: end its name in _file or _env; a secret is not written here")
        return self


def open_api(
    settings: HttpSettings,
    manners: Manners = Manners(),  # noqa: B008 - it is frozen
    *,
    secret: bool = False,
) -> JsonApi:
    """Return the client for *settings* and a system of these *manners*; *secret*: its address always is one.

    Raises:
        SettingsError: a secret or a certificate can't be read.

    """
    address = address_of(settings)
    hides = secret or not settings.url
    shown = f"{address.partition('//')[0]}//{urlsplit(address).netloc.rpartition('@')[2]}/..." if hides else ""
    login, tls = _login(settings), _tls(settings)
    return JsonApi(address, settings.timeout, login, tls=tls, shown=shown, manners=manners)


def address_of(settings: HttpSettings) -> str:
    """Return the address, which may be a secret; raises SettingsError where that can't be read."""
    address = settings.url or read_secret("url", file=settings.url_file, env=settings.url_env) or ""
    if not is_web_address(address):
        raise SettingsError("url: the secret is no web address: write http://host:port/path or https://...")
    return address


def secrets_of(settings: HttpSettings) -> Mapping[str, str]:
    """Return the secrets of *settings* by name; raises SettingsError where one can't be read."""
    found = {}
    for name, place in settings.secrets.items():
        short, _, source = name.rpartition("_")
        file, env = (Path(place), None) if source == "file" else (None, place)
        found[short] = read_secret(f"secrets.{short}", file=file, env=env) or ""
    return found


def _login(settings: HttpSettings) -> Mapping[str, str]:
    if token := read_secret("token", file=settings.token_file, env=settings.token_env):
        return {"Authorization": f"Bearer {token}"}
    if password := read_secret("password", file=settings.password_file, env=settings.password_env):
        login = base64.b64encode(f"{settings.username}:{password}".encode()).decode()
        return {"Authorization": f"Basic {login}"}
    return {}


def _tls(settings: HttpSettings) -> ssl.SSLContext | None:
    if settings.ca_file is None and settings.cert_file is None:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
        if settings.cert_file is not None:
            context.load_cert_chain(settings.cert_file, settings.key_file)
    except OSError as error:  # ssl.SSLError is one
        names = ", ".join(str(file) for file in (settings.ca_file, settings.cert_file, settings.key_file) if file)
        raise SettingsError(f"ca_file, cert_file, key_file: can't use {names}: {error.strerror or error}") from error
    return context
