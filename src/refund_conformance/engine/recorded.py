"""Keep the result of a check of several requests, whatever it came to."""

from collections.abc import Callable

from refund_conformance.cases.case import Case
from refund_conformance.engine.runner import Runner
from refund_conformance.oracle.result import Result


def kept(runner: Runner, result: Result) -> Result:
    runner.executor.keep(result)
    return result


def recorded(runner: Runner, case: Case, check: Callable[[], Result]) -> Result:
    """Run a check and keep its result; a lack of orders or tokens, or of answers, is one."""

    def checked() -> Result:
        runner.executor.require_credential(case)
        return check()

    return runner.keep_result_of(case, checked)
