"""The loop of one agent run: ask, read, record, do what was asked for, answer, until one of the named ends.

It is driven by what an answer holds, not by ``finish_reason``. Every call id gets its answer; the assistant's messages
go back whole. A turn is recorded before anything it asks for starts; after a crash the recorded turns are played again
through the same code, their calls through the same ``execute``, which does nothing twice, and the model is asked only
for what it had not answered. Called by the act path; what may be done is ``execute``'s decision (the gateway's), never
the loop's.
"""

import json
import random
from collections.abc import Awaitable, Callable, Mapping
from itertools import count
from typing import Final

import structlog

from dutyd.act.agent import prompt
from dutyd.act.agent.brief import Brief, End, EndKind
from dutyd.act.agent.clock import Clock
from dutyd.act.agent.journal import Journal, Stop, Turn
from dutyd.act.agent.meter import Meter, estimate
from dutyd.act.agent.model import (
    Answer,
    Fault,
    Message,
    Model,
    ModelDown,
    ModelFiltered,
    ModelLimited,
    ModelRejected,
    Question,
)
from dutyd.act.agent.reading import Calls, CutShort, Filtered, Nothing, Reading, Words, read
from dutyd.act.agent.tries import Answered, Failed, Tries
from dutyd.act.gateway import Call, read_arguments
from dutyd.core import metrics
from dutyd.core.backoff import pause

Execute = Callable[[Call], Awaitable[Answered | Failed | Stop]]
"""Judge one call and do it where it is granted. Doing it again changes nothing."""

ATTEMPTS: Final = 4
"""How often one question is asked while the model is down or our rate is used up."""

_FIRST, _LONGEST = 0.5, 30.0  # seconds that one wait before another attempt takes at most, the first time and ever
_REPEATS: Final = 2  # how often an equal call may come: the second time it is answered from memory, then the run ends
_STUMBLES: Final = 1  # how many unusable answers, and how many turns of unreadable arguments, are forgiven

_log = structlog.get_logger()


async def run(
    brief: Brief,
    model: Model,
    execute: Execute,
    journal: Journal,
    clock: Clock,
    chance: Callable[[], float] = random.random,
) -> End:
    """Run *brief* to its end.

    Args:
        brief: the goal, the functions and the budget.
        model: who is asked.
        execute: judges and does one call; may say that the incident was cleared.
        journal: the turns recorded before, and where new ones are recorded.
        clock: monotonic seconds, and waiting.
        chance: returns a number from 0 up to 1: what waits before another attempt are made of.

    """
    end = await _Run(brief, model, execute, journal, clock, chance).to_its_end()
    metrics.RUNS.labels(end.kind).inc()
    level = _log.error if end.kind is EndKind.MODEL_REJECTED else _log.info
    took = {"turns": end.turns, "tokens": end.tokens, "usd": end.usd, "seconds": round(end.seconds, 3)}
    level("agent run ended", incident=brief.incident, end=end.kind, detail=end.detail, **took)
    return end


class _Run:
    def __init__(
        self,
        brief: Brief,
        model: Model,
        execute: Execute,
        journal: Journal,
        clock: Clock,
        chance: Callable[[], float],
    ) -> None:
        self._brief = brief
        self._model = model
        self._execute = execute
        self._journal = journal
        self._clock = clock
        self._chance = chance
        self._recorded = list(journal.turns)
        self._meter = Meter(brief, model, clock, self._recorded)
        self._messages: list[Message] = prompt.opening(brief)
        self._results: dict[str, str] = {}  # of each different call
        self._times: dict[str, int] = {}  # in how many turns it came
        self._open = {function.name: None for function in brief.functions if function.decides}
        self._tries = Tries({function.name for function in brief.functions})
        self._calls = 0
        self._turns = 0
        self._stumbles = 0
        self._unreadable = 0
        self._nudged = False

    async def to_its_end(self) -> End:
        nothing = self._meter.end(EndKind.UNDECIDABLE, "no step can be decided now")
        end: End | None = None if self._open else nothing
        while end is None:
            turn = await self._next_turn()
            end = turn if isinstance(turn, End) else await self._take(turn)
        return end

    async def _next_turn(self) -> Turn | End:
        """Return the next turn: a recorded one, else a new one that is recorded by now."""
        self._turns += 1
        if self._turns <= len(self._recorded):
            turn = self._recorded[self._turns - 1]
            self._meter.note(turn)
            return turn
        answer = await self._ask()
        if isinstance(answer, End):
            return answer
        turn = self._turn(answer)
        self._meter.note(turn)
        stop = await self._journal.record(turn)
        return turn if stop is None else self._meter.end(EndKind.CLEARED, stop.reason)

    async def _ask(self) -> Answer | End:
        """Ask until there is an answer, a fault that waiting does not heal, or no budget left."""
        for attempt in count(1):
            allowance = self._meter.allowance(self._messages)
            if isinstance(allowance, EndKind):
                return self._meter.end(allowance, f"the budget of {allowance} is used up")
            question = Question(self._messages, self._brief.functions, allowance.tokens, allowance.seconds)
            answer = await self._model.ask(question)
            if isinstance(answer, Answer):
                return answer
            wait = self._wait(answer, attempt)
            if wait is None or wait >= allowance.seconds:
                return _end_of(answer, self._meter)
            _log.warning("model did not answer", incident=self._brief.incident, reason=answer.reason, wait=wait)
            await self._clock.sleep(wait)
        raise AssertionError  # the count has no end

    def _wait(self, fault: Fault, attempt: int) -> float | None:
        """Return how long to wait before asking again, None where that is no use."""
        if attempt == ATTEMPTS or not isinstance(fault, ModelDown | ModelLimited):
            return None
        return pause(attempt - 1, self._chance(), first=_FIRST, longest=_LONGEST, asked=fault.retry_after)

    def _turn(self, answer: Answer) -> Turn:
        said = answer.prompt_tokens, answer.completion_tokens
        prompt_tokens = self._meter.prompt_tokens(self._messages) if said[0] is None else said[0]
        completion_tokens = estimate(answer.message) if said[1] is None else said[1]
        price = self._model.price
        usd = None if price is None else price.of(prompt_tokens, completion_tokens)
        metrics.TOKENS.labels("prompt").inc(prompt_tokens)
        metrics.TOKENS.labels("completion").inc(completion_tokens)
        metrics.COST.inc(usd or 0.0)
        used = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "usd": usd}
        told = {"model": answer.model, "cached_tokens": answer.cached_tokens, "trace": answer.trace}
        _log.info("the model answered", incident=self._brief.incident, turn=self._turns, **used, **told)
        return Turn(
            number=self._turns,
            message=dict(answer.message),
            finish=answer.finish,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cached_tokens=answer.cached_tokens,
            usd=usd,
            seconds=self._meter.seconds,
            model=answer.model,
            trace=answer.trace,
        )

    async def _take(self, turn: Turn) -> End | None:
        """Do what *turn* asks for; return the end where there is one."""
        reading: Reading = read(turn.message, turn.finish, self._calls)
        match reading:
            case Calls():
                return await self._do(reading)
            case Words():
                return self._hear(reading)
            case Nothing(reason):
                self._stumbles += 1
                return self._meter.end(EndKind.CONFUSED, reason) if self._stumbles > _STUMBLES else None
            case CutShort():
                return self._meter.end(EndKind.LENGTH, "the answer hit the output limit")
            case Filtered():
                return self._meter.end(EndKind.FILTERED, "the host's moderation ended the answer")

    def _hear(self, words: Words) -> End | None:
        """Words end the run, unless steps are open that nobody has spoken of yet."""
        if self._nudged or not self._open:
            return self._meter.end(EndKind.FINISHED, words.text)
        self._nudged = True
        self._messages += [words.message, prompt.nudge(self._open)]
        return None

    async def _do(self, reading: Calls) -> End | None:
        """Make the different calls of one turn in order, each once, and answer every id."""
        different = {_key(call): call for call in reading.calls}
        for key in different:
            self._times[key] = self._times.get(key, 0) + 1
        if any(self._times[key] > _REPEATS for key in different):
            return self._meter.end(EndKind.REPEATED, "the same call came again and again")
        spent = any(not self._tries.left(call.name) for call in reading.calls)
        results = await self._make(different)
        if isinstance(results, Stop):
            return self._meter.end(EndKind.CLEARED, results.reason)
        if self._unreadable > _STUMBLES:
            return self._meter.end(EndKind.CONFUSED, "arguments that are no JSON, again")
        if spent:
            return self._meter.end(EndKind.TRIES, "a function was called again that had failed too often")
        self._answer(reading, results)
        return None

    async def _make(self, different: Mapping[str, Call]) -> dict[str, str] | Stop:
        """Make the calls of one turn, but for functions that have no tries left; return what is told of each."""
        results: dict[str, str] = {}
        failed: set[str] = set()
        unreadable = False
        for key, call in different.items():
            arguments = read_arguments(call.arguments)
            if not isinstance(arguments, dict):
                unreadable = True
                results[key] = prompt.unreadable(arguments.reason, call.arguments)
            elif self._tries.left(call.name):
                result = await self._result(key, call, failed)
                if isinstance(result, Stop):
                    return result
                results[key] = result
        self._tries.failed(failed)
        self._unreadable += unreadable
        return results

    async def _result(self, key: str, call: Call, failed: set[str]) -> str | Stop:
        if key in self._results:
            return prompt.again(self._results[key])
        result = await self._execute(call)
        if isinstance(result, Stop):
            return result
        text = result.text
        if isinstance(result, Failed):
            failed.add(call.name)
            text = prompt.last(text) if self._tries.left(call.name) == 1 else text
        self._results[key] = text
        self._open.pop(call.name, None)
        return text

    def _answer(self, reading: Calls, results: dict[str, str]) -> None:
        self._calls += len(reading.calls)
        self._messages.append(reading.message)
        self._messages += [prompt.result(call.id, results[_key(call)]) for call in reading.calls]


def _key(call: Call) -> str:
    """Return what makes two calls equal: the function and its arguments, however they are written."""
    arguments = read_arguments(call.arguments)
    text = json.dumps(arguments, sort_keys=True) if isinstance(arguments, dict) else call.arguments
    return f"{call.name} {text}"


def _end_of(fault: Fault, meter: Meter) -> End:
    match fault:
        case ModelDown(reason, retry_after) | ModelLimited(reason, retry_after):
            return meter.end(EndKind.MODEL_DOWN, reason, retry_after)
        case ModelRejected(reason):
            return meter.end(EndKind.MODEL_REJECTED, reason)
        case ModelFiltered(reason):
            return meter.end(EndKind.FILTERED, reason)
        case _:
            return meter.end(EndKind.MODEL_REFUSED, fault.reason)
