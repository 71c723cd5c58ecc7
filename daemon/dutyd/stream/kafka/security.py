"""The ``kafka`` section of the settings in kafka-python's words: who we are, and whom we trust.

Called once by ``settings.client_settings``. Files are looked into here, because the client opens them only when it
connects, and then says ``[SSL] PEM lib``. Secrets come as text: whoever opens the stream has read them from their file
or environment variable. kafka-python gets the files' names, so that certificates may be renewed meanwhile.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dutyd.core.errors import SettingsError, nearest
from dutyd.stream.kafka.tokens import EndpointToken, FileToken

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
BY_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
BY_TOKEN = "OAUTHBEARER"  # noqa: S105  # the name of a mechanism
MECHANISMS = (*BY_PASSWORD, BY_TOKEN)

_SAID_ALIKE = {
    "sasl_mechanism": "sasl_mechanism",
    "username": "sasl_plain_username",
    "password": "sasl_plain_password",
    "ca_file": "ssl_cafile",
    "cert_file": "ssl_certfile",
    "key_file": "ssl_keyfile",
    "key_password": "ssl_password",
}
_FILES = ("ca_file", "cert_file", "key_file")
_TOKEN = ("token_file", "token_url", "client_id", "client_secret", "token_scope")

NAMES = ("security_protocol", *_SAID_ALIKE, *_TOKEN)


def security_options(section: Mapping[str, str]) -> dict[str, Any]:
    """Return kafka-python's options for the *section*.

    Raises:
        SettingsError: something is missing or unknown, or a file is not what it should be.

    """
    one_of("security_protocol", section, PROTOCOLS)
    one_of("sasl_mechanism", section, MECHANISMS)
    options: dict[str, Any] = {"security_protocol": section.get("security_protocol", "PLAINTEXT")}
    options |= {theirs: section[ours] for ours, theirs in _SAID_ALIKE.items() if ours in section}
    for name in _FILES:
        if name in section:
            _readable(name, section[name])
    if options["security_protocol"].endswith("SSL"):
        tls_context(options)
    if options["security_protocol"].startswith("SASL"):
        options |= _login(section)
    return options


def readable_login(options: Mapping[str, Any]) -> str:
    """Return what of a login crosses the network as it is, an empty text where nothing does."""
    if options["security_protocol"] != "SASL_PLAINTEXT":
        return ""
    return {"PLAIN": "the password", BY_TOKEN: "the token"}.get(options["sasl_mechanism"], "")


def tls_context(options: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what kafka-python would make of its *options*.

    Raises:
        SettingsError: a certificate or key can't be used.

    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority, certificate, key = (options.get(f"ssl_{name}") for name in ("cafile", "certfile", "keyfile"))
    if authority is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError:
            raise SettingsError(f"kafka: ca_file '{authority}' holds no certificate in PEM form") from None
    if certificate is not None:
        # Without a password OpenSSL would ask the terminal for one.
        password = options.get("ssl_password") or ""
        try:
            context.load_cert_chain(certificate, key, password=lambda: password)
        except ssl.SSLError as error:
            raise SettingsError(f"kafka: {_unusable(error, str(certificate), str(key), password)}") from None
    return context


def _unusable(error: ssl.SSLError, certificate: str, key: str, password: str) -> str:
    if error.reason == "KEY_VALUES_MISMATCH":
        return f"key_file '{key}' is not the key of cert_file '{certificate}'"
    if "ENCRYPTED" in Path(key).read_text(encoding="ascii", errors="replace"):
        if password:
            return f"key_password does not open key_file '{key}'"
        return f"key_file '{key}' is encrypted: name its password with key_password_file or key_password_env"
    return f"cert_file '{certificate}' and key_file '{key}' are not a certificate and its key in PEM form"


def _login(section: Mapping[str, str]) -> dict[str, Any]:
    by_token = section.get("sasl_mechanism") == BY_TOKEN
    needed = ("sasl_mechanism",) if by_token else ("sasl_mechanism", "username", "password")
    missing = [name for name in needed if name not in section]
    if missing:
        raise SettingsError(f"kafka: {section['security_protocol']} needs {' and '.join(missing)}")
    return {"sasl_oauth_token_provider": _token_provider(section)} if by_token else {}


def _token_provider(section: Mapping[str, str]) -> FileToken | EndpointToken:
    if ("token_file" in section) == ("token_url" in section):
        raise SettingsError("kafka: OAUTHBEARER needs token_file or token_url, one of them")
    if "token_file" in section:
        return FileToken(Path(section["token_file"]))
    missing = [name for name in ("client_id", "client_secret") if name not in section]
    if missing:
        raise SettingsError(f"kafka: token_url needs {' and '.join(missing)}")
    return EndpointToken(
        section["token_url"], section["client_id"], section["client_secret"], section.get("token_scope", "")
    )


def one_of(name: str, section: Mapping[str, str], valid: tuple[str, ...]) -> str | None:
    """Return what *section* says of *name*, None where it says nothing; SettingsError where it is none of *valid*."""
    value = section.get(name)
    if value is not None and value not in valid:
        raise SettingsError(f"kafka: {name} is '{value}', expected one of {', '.join(valid)}{nearest(value, valid)}")
    return value


def _readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise SettingsError(f"kafka: {name} {path!r} can't be read: {error.strerror}") from None
