"""What people have tried on models through the texts that these were to work on: real attempts, as data."""

import json

from support.needs import data


def injections() -> list[str]:
    """Return each goal as it is, and behind the words that make models forget what they were told; skip without the
    real data.
    """
    known = json.loads(data("injections/injections.json").read_text())
    templates = ["{goal}", *(each["template"] for each in known["templates"])]
    return [template.replace("{goal}", goal["goal"]) for goal in known["goals"] for template in templates]
