"""The mock that a run without a target starts inside itself."""

from contextlib import ExitStack
from typing import Any

from refund_conformance.mock.answers import answers_from
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings


def started(options: Any, stack: ExitStack) -> str:
    """Start the mock as pytest's options say, until the stack is closed; return its target settings as TOML."""
    chosen = MockSettings(
        faults=tuple(options.fault),
        variants=tuple(options.variant),
        answers=answers_from(tuple(options.answer)),
    )
    return stack.enter_context(running(chosen)).target_toml()
