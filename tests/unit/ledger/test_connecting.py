"""What of an address reaches the client."""

import pytest

from dutyd.ledger.connect import connect, connect_async


@pytest.mark.parametrize(
    ("address", "login"),
    [
        ("sentinel://:a%40b@one:26379,two:26379/main", (None, "a@b")),
        ("sentinel://ana:a%40b@one/main", ("ana", "a@b")),
        ("sentinel://one/main", (None, None)),
        ("redis://:a%40b@one", (None, "a@b")),
    ],
)
def test_the_password_of_an_address_is_used(address: str, login: tuple[str | None, str | None]) -> None:
    for client in (connect(address), connect_async(address)):
        said = client.connection_pool.connection_kwargs
        assert (said.get("username"), said.get("password")) == login
