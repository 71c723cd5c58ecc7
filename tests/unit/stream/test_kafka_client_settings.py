"""Addresses and the ``kafka`` section, in kafka-python's words; and what the client's loggers let through."""

import logging
import subprocess
from pathlib import Path

import pytest
from kafka.errors import KafkaTimeoutError

from dutyd.core.errors import NotReadyError, SettingsError
from dutyd.stream.kafka.settings import client_settings
from dutyd.stream.kafka.trouble import listen, reaching
from support.tls import make_certificate


def test_an_address_lists_servers_with_ports() -> None:
    settings = client_settings("kafka://a:1,b,c:3?api_version=2.3", {})
    assert settings.servers == "a:1,b:9092,c:3"
    assert settings.options["bootstrap_servers"] == ["a:1", "b:9092", "c:3"]
    assert settings.options["api_version"] == (2, 3)
    assert client_settings("kafka://a", {}).options["api_version"] is None
    assert client_settings("kafka://[::1],[::1]:5", {}).servers == "[::1]:9092,[::1]:5"


def test_the_section_is_said_in_the_clients_words(tmp_path: Path) -> None:
    own = make_certificate(tmp_path)
    options = client_settings(
        "kafka://a",
        {
            "security_protocol": "SASL_SSL",
            "sasl_mechanism": "PLAIN",
            "username": "keeper",
            "password": "correct horse",
            "ca_file": str(own.certificate),
            "cert_file": str(own.certificate),
            "key_file": str(own.key),
        },
    ).options
    assert options["security_protocol"] == "SASL_SSL"
    assert options["sasl_mechanism"] == "PLAIN"
    assert options["sasl_plain_username"] == "keeper"
    assert options["sasl_plain_password"] == "correct horse"
    assert options["ssl_cafile"] == options["ssl_certfile"] == str(own.certificate)
    assert options["ssl_keyfile"] == str(own.key)


def test_certificates_and_keys_that_are_none_are_told_before_anything_connects(tmp_path: Path) -> None:
    own, other = make_certificate(tmp_path), make_certificate(tmp_path, "other")
    nothing, locked = tmp_path / "nothing.pem", tmp_path / "locked.key"
    nothing.write_text("...")
    subprocess.run(
        ["openssl", "rsa", "-aes256", "-passout", "pass:sesame", "-in", own.key, "-out", locked],
        check=True,
        capture_output=True,
    )
    certificate = {"security_protocol": "SSL", "cert_file": str(own.certificate)}
    for section, said in (
        ({"security_protocol": "SSL", "ca_file": str(nothing)}, "ca_file .* holds no certificate in PEM form"),
        (certificate | {"key_file": str(nothing)}, "are not a certificate and its key in PEM form"),
        (certificate | {"key_file": str(other.key)}, "key_file .*other.key' is not the key of cert_file"),
        (certificate | {"key_file": str(locked)}, "is encrypted: name its password with key_password_file"),
        (certificate | {"key_file": str(locked), "key_password": "x"}, "key_password does not open key_file"),
    ):
        with pytest.raises(SettingsError, match=f"kafka: .*{said}"):
            client_settings("kafka://a", section)
    assert client_settings("kafka://a", certificate | {"key_file": str(locked), "key_password": "sesame"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"user": "x"}, "unknown setting 'user'; did you mean 'username'"),
        ({"security_protocol": "SASL"}, "security_protocol is 'SASL', expected one of PLAINTEXT, SSL"),
        ({"sasl_mechanism": "SCRAM"}, "sasl_mechanism is 'SCRAM', expected one of PLAIN"),
        ({"security_protocol": "SASL_SSL"}, "SASL_SSL needs sasl_mechanism and username and password"),
        (
            {"security_protocol": "SASL_SSL", "sasl_mechanism": "OAUTHBEARER"},
            "OAUTHBEARER needs token_file or token_url",
        ),
        (
            {
                "security_protocol": "SASL_SSL",
                "sasl_mechanism": "OAUTHBEARER",
                "token_url": "http://x",
                "client_id": "a",
            },
            "token_url needs client_secret",
        ),
        ({"ca_file": "nowhere.pem"}, "ca_file 'nowhere.pem' can't be read: No such file"),
        ({"key_file": "."}, "key_file '.' can't be read: Is a directory"),
    ],
)
def test_wrong_settings_say_what_to_write(settings: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError, match=f"kafka: {said}"):
        client_settings("kafka://a", settings)


@pytest.fixture
def client_log() -> logging.Logger:
    listen()
    return logging.getLogger("kafka.net.manager")


def test_the_reason_that_the_client_only_logs_stands_in_our_error(client_log: logging.Logger) -> None:
    client_log.error("Connection failed: %s", "an earlier one")

    def bootstrap() -> None:
        client_log.warning("Bootstrap not ready")
        client_log.error("Connection lost: %s", "KafkaConnectionError: socket disconnected")
        client_log.error("Connection failed: %s", "111 ECONNREFUSED")
        raise KafkaTimeoutError("Unable to bootstrap")

    with pytest.raises(NotReadyError) as caught, reaching("a:1", "read"):
        bootstrap()
    assert str(caught.value) == "can't read at Kafka a:1: 111 ECONNREFUSED"


def test_the_client_prints_neither_tracebacks_nor_repeats(
    client_log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(5):
        client_log.error("Connection lost: the wire is cut", exc_info=OSError("cut"))
    said = "".join(capsys.readouterr())
    assert said.count("the wire is cut") == 1
    assert "Traceback" not in said
