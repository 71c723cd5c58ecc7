"""The stand-in's script: which faults it plays and what it is made to say, as values, read from YAML or JSON.

``embedded.standin`` asks this for its behaviour; people write it for tests, the demo and training. Without a script
the stand-in answers every request by its own small policy (``embedded.standin.policy``). A file holds one mapping,
every key optional, an unknown one an error::

    models: [kimi-k2.6]        # ids it serves; any other is a 404, as retired ids are at the real API
    wrong_key: sk-wrong        # this key is a 401; any other bearer key is taken
    parallel: true             # the policy calls everything that is offered in one turn (default: one per turn)
    ids: vllm                  # call ids as `functions.NAME:INDEX` (default moonshot: `NAME:INDEX`), and arguments in
                               # the dialogue that are no JSON object are refused, as servers of one's own do
    schemas: strict            # refuse every keyword outside the schema dialect (default usual: structure only)
    faults:                    # used up from the top, one per request; then it answers as usual
      - {kind: fine, times: 2}             # two requests without a fault
      - {kind: overloaded, retry_after: 1} # see `FaultKind`
      - {kind: slow, seconds: 3, times: 0} # 0: for ever
    answers:                   # what it says instead of its policy: the first entry that fits
      - when: order 9999       # some user or tool message holds this text (default: always)
        turn: 0                # in this turn of the dialogue, counted from 0 (default), or `every`
        calls:                 # whatever the text wants, offered or not: a model that obeys
          - {name: order, arguments: {quantity: 9999}}   # a mapping, or a text that is sent as it is
        text: ""               # content beside or instead of calls
        reasoning: ""          # what it "thought"
        finish: stop           # finish_reason, where it shall not fit
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from dutyd.core.errors import SettingsError, nearest

MODELS = (
    "kimi-k2.6",
    "kimi-k2.7-code",
    "kimi-k2.7-code-highspeed",
    "kimi-k3",
    "kimi-k3.1-pro",
    "kimi-k3.1-pro-highspeed",
)
"""The ids that the real API was last seen to serve."""


class FaultKind(StrEnum):
    """What goes wrong with one request."""

    FINE = "fine"  # nothing: takes a place in the list
    # The request fails.
    OVERLOADED = "overloaded"  # 429 engine_overloaded_error
    RATE_LIMIT = "rate_limit"  # 429 rate_limit_reached_error
    QUOTA = "quota"  # 429 exceeded_current_quota_error: never heals by waiting
    FILTER = "filter"  # 400 content_filter
    SERVER_ERROR = "server_error"  # 500
    GATEWAY = "gateway"  # 504 with an HTML page
    DOWN = "down"  # 503 with an HTML page: what stands before it finds nobody
    CUT = "cut"  # the connection ends in the middle of the answer
    SLOW = "slow"  # the first byte comes after `seconds`
    # The answer is odd.
    EMPTY = "empty"  # no content and no calls
    NO_CALLS = "no_calls"  # finish_reason tool_calls, `tool_calls: []`, content null
    MARKERS = "markers"  # the calls leak as raw tokens into content
    MARKERS_IN_REASONING = "markers_in_reasoning"  # or into reasoning_content
    INVALID_JSON = "invalid_json"  # arguments are no JSON
    UNKNOWN_FUNCTION = "unknown_function"  # a function that nobody offered
    EXTRA_ARGUMENT = "extra_argument"  # an argument outside the schema
    REPEAT = "repeat"  # the first offered function, with the same arguments, again
    TWINS = "twins"  # two identical parallel calls
    PROSE = "prose"  # text where a call was needed
    LENGTH = "length"  # arguments cut by the output limit
    ODD_FINISH = "odd_finish"  # calls with finish_reason `unexpected_state`


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault and for how many requests it lasts (0: for ever); times are seconds."""

    kind: FaultKind
    times: int = 1
    retry_after: float | None = None
    seconds: float = 0.0


class ScriptedCall(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A call it is made to say; a text as *arguments* is sent as it is."""

    name: str
    arguments: dict[str, Any] | str = {}


class ScriptedAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said instead of the policy's answer, and when (module docstring)."""

    when: str = ""
    turn: int | Literal["every"] = 0
    calls: tuple[ScriptedCall, ...] = ()
    text: str = ""
    reasoning: str = ""
    finish: str | None = None


class Script(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the stand-in behaves (module docstring); the default plays no fault."""

    models: tuple[str, ...] = MODELS
    wrong_key: str = ""
    parallel: bool = False
    ids: Literal["moonshot", "vllm"] = "moonshot"
    schemas: Literal["usual", "strict"] = "usual"
    faults: tuple[Fault, ...] = ()
    answers: tuple[ScriptedAnswer, ...] = ()


def read_script(path: Path) -> Script:
    """Return the script in the YAML or JSON file *path*.

    Raises:
        SettingsError: it can't be read, or says something unknown; names the file and the key.

    """
    try:
        return parse_script(YAML(typ="safe", pure=True).load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, YAMLError) as error:
        raise SettingsError(f"stand-in script {path} can't be read: {error}") from error
    except SettingsError as error:
        raise SettingsError(f"stand-in script {path}: {error}") from error


def parse_script(data: object) -> Script:
    """Return the script that *data*, the content of a file, describes; None is the empty script.

    Raises:
        SettingsError: it says something unknown; names the key.

    """
    try:
        return msgspec.convert({} if data is None else data, Script)
    except msgspec.ValidationError as error:
        odd = re.search("Invalid enum value '(.*)'", str(error))
        guess = nearest(odd[1], {kind.value for kind in FaultKind}) if odd else ""
        raise SettingsError(f"{error}{guess} (keys and kinds: docs/steps.md#a-model-that-answers-badly)") from error
