"""Secrets of providers: named in the settings by a file or by an environment variable, never written there.

Read once, when the provider is connected: a missing one stops the start with its reason, not an incident at night.
"""

import os
from pathlib import Path

from dutyd.core.errors import SettingsError


def read_secret(setting: str, *, file: Path | None, env: str | None) -> str | None:
    """Return the secret that the settings *setting*``_file`` or ``_env`` name; None where neither is set.

    Raises:
        SettingsError: it can't be read, is empty, or both are set.

    """
    if file is not None and env is not None:
        raise SettingsError(f"{setting}_file and {setting}_env are both set: one of them is enough")
    if file is not None:
        try:
            found = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(f"{setting}_file: can't read {file}: {reason}") from error
        if not found:
            raise SettingsError(f"{setting}_file: {file} is empty")
        return found
    if env is not None:
        if not (found := os.environ.get(env, "")):
            raise SettingsError(f"{setting}_env: the environment variable {env} is not set")
        return found
    return None
