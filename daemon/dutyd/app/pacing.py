"""Which routes keep one pace together: those that go to the same system with the same credentials.

A limit is the credential's, whatever the families and routes that use it are called; of several that the settings name
for it the lowest counts. Routes without a limit neither wait nor count. Called by ``acting``.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from dutyd.act.pacing import SharedPace
from dutyd.app.secrets import secrets_in
from dutyd.core.route import Routes
from dutyd.core.tool import Paced
from dutyd.ledger.paces import Paces
from dutyd.settings import Settings

_WHERE: Final = ("host", "port", "username")


def shared_paces(
    settings: Settings, providers: Mapping[str, Routes], paces: Paces
) -> Mapping[tuple[str, str], SharedPace]:
    """Return the pace of each route that has one, by family and route; the empty name is the default route."""
    limits: dict[tuple[str, str], tuple[str, float]] = {}
    for family, setting in settings.providers:
        routes = providers.get(family)
        if setting is None or routes is None:
            continue
        for route, provider in {"": routes.default, **routes.named}.items():
            own = provider.per_minute if isinstance(provider, Paced) else None
            if per_minute := setting.pace(route) or own:
                kind, options = setting.route(route)
                limits[family, route] = credential_of(kind, options, settings.installation), per_minute
    lowest: dict[str, float] = {}
    for credential, per_minute in limits.values():
        lowest[credential] = min(per_minute, lowest.get(credential, per_minute))
    shared = {credential: SharedPace(credential, limit, paces) for credential, limit in lowest.items()}
    return {place: shared[credential] for place, (credential, _) in limits.items()}


def credential_of(kind: str, options: Mapping[str, Any], salt: str) -> str:
    """Return a name for the credentials in a provider's *options*, and for the system that they are for.

    It stands in Redis and must tell nothing of a password: so it takes its time to try one.
    """
    where = urlsplit(str(options["url"])).netloc if "url" in options else kind
    parts = [where, *(f"{name}={options.get(name, '')}" for name in _WHERE), *sorted(secrets_in(options))]
    return hashlib.scrypt("\0".join(parts).encode(), salt=salt.encode(), n=2**12, r=8, p=1, dklen=12).hex()
