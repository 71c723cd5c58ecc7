"""A list of models, or why there is none, says whether the settings' model can be asked at all."""

import pytest

from dutyd.act.agent.model import Fault, ModelDown, ModelRefused, ModelRejected
from dutyd.act.agent.serving import TOLD, Served, serving

URL = "https://model.test/v1"


@pytest.mark.parametrize(
    ("known", "served", "words"),
    [
        (("kimi-k3", "kimi-k2.6"), Served.SERVED, f"{URL} serves 'kimi-k2.6'"),
        (
            ("kimi-k2.7-code", "other"),
            Served.MISSING,
            f"{URL} does not serve 'kimi-k2.6'; did you mean 'kimi-k2.7-code'? it serves kimi-k2.7-code, other",
        ),
        (("other",), Served.MISSING, f"{URL} does not serve 'kimi-k2.6'; it serves other"),
        (ModelRejected("401 no"), Served.TURNED_AWAY, f"{URL} turns us away: 401 no"),
        (ModelRefused("404 no"), Served.NO_LIST, f"{URL} does not say which models it serves: 404 no"),
        ((), Served.NO_LIST, f"{URL} does not say which models it serves: its list is empty"),
        (ModelDown("cut"), Served.NO_ANSWER, f"{URL} does not answer: cut"),
    ],
    ids=lambda value: value.name if isinstance(value, Served) else "",
)
def test_each_answer_is_told_apart_in_words(known: tuple[str, ...] | Fault, served: Served, words: str) -> None:
    seen = serving(URL, "kimi-k2.6", known)
    assert (seen.served, seen.found) == (served, words)


def test_of_a_long_list_the_first_ids_are_told_and_the_number_of_the_others() -> None:
    known = tuple(f"m{number}" for number in range(TOLD + 3))
    assert serving(URL, "kimi-k2.6", known).found.endswith(f"m{TOLD - 1} and 3 more")
