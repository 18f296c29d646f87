"""Keep the result of a check of several requests, whatever it came to."""

from collections.abc import Callable

from refund_conformance.cases.case import Case
from refund_conformance.engine.runner import Examination
from refund_conformance.oracle.result import Result


def kept(examination: Examination, result: Result) -> Result:
    examination.dispatch.keep(result)
    return result


def recorded(examination: Examination, case: Case, check: Callable[[], Result]) -> Result:
    """Run a check and keep its result; a lack of orders or tokens, or of answers, is one."""

    def checked() -> Result:
        examination.dispatch.require_credential(case)
        return check()

    return examination.keep_result_of(case, checked)
