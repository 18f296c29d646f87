"""A hook for Schemathesis: where an order id is one that could be, the request goes to an order nobody has used.

An accepted request uses up its order, so that the next one for it would rightly be refused.
"""

import re
from itertools import count
from typing import Any

import schemathesis

from refund_conformance.mock.samples import FIRST_REFUNDABLE

ORDERS = count(FIRST_REFUNDABLE)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """Give the request a fresh order."""
    if re.fullmatch("[1-9][0-9]*", str(case.path_parameters.get("order", ""))):
        case.path_parameters["order"] = str(next(ORDERS))
