"""Servers with a fault: one changed behaviour each, as real servers come to have it.

They are what the suite is tried on. Nothing in the suite may know them.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from functools import cache

from refund_conformance.contract.errors import UsageError
from refund_conformance.mock.faults import (
    address,
    auth,
    body,
    caller,
    content_type,
    description,
    errors,
    fields,
    forgery,
    framing,
    leniency,
    memory,
    order,
    route,
    sequence,
    service,
    success,
    trust,
)
from refund_conformance.mock.faults.fault import Fault

__all__ = ["Fault", "catalogue", "chosen"]

_MODULES = (
    route,
    auth,
    forgery,
    trust,
    content_type,
    body,
    leniency,
    framing,
    description,
    address,
    fields,
    order,
    sequence,
    memory,
    caller,
    errors,
    success,
    service,
)


@cache
def catalogue() -> dict[str, Fault]:
    """Return every fault by its name, in the order of the contract's areas."""
    faults = [fault for module in _MODULES for fault in module.shelf.faults]
    found = {fault.name: fault for fault in faults}
    if len(found) < len(faults):
        twice = sorted({fault.name for fault in faults if found[fault.name] is not fault})
        raise RuntimeError(f"faults of the same name: {', '.join(twice)}")
    return found


def chosen(names: Sequence[str]) -> tuple[Fault, ...]:
    """Return the faults of those names; raise UsageError for a name that is none."""
    known = catalogue()
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, 3, 0.4)
            hint = f"Do you mean {' or '.join(near)}?" if near else "`refund-conformance faults` lists them."
            raise UsageError(f"fault {name!r}", "is not in the catalogue", hint)
    return tuple(known[name] for name in names)
