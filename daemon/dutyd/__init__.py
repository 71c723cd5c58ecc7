"""dutyd: an event-driven business-rules automation daemon.

The path of one event, module by module:

1. ``stream`` reads a record from a topic; ``stream.formats`` decodes it into events, or dead-letters it.
2. ``evaluate.path`` asks the pure ``evaluate.engine`` what each event changes, writes latches, offset and
   triggers in one fenced write (``evaluate.checkpoint``) and produces the triggers.
3. ``act.accept`` takes a trigger into the ``ledger``; ``act.path`` claims due incidents and works them:
   ``act.steps`` says what comes next, ``act.agent`` asks the model, ``act.gateway`` bounds its calls,
   ``act.effects`` sends each effect once.

``cli`` parses and prints, ``app`` wires, ``core`` holds the words that all of them share.
"""

__version__ = "0.1.0"
