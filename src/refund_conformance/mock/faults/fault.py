"""What a fault is, and the shelves that the modules of faults put theirs on."""

from collections.abc import Callable
from dataclasses import dataclass, field

from refund_conformance.mock.call import Refused
from refund_conformance.mock.endpoint import Endpoint

FaultyEndpoint = type[Endpoint]


@dataclass(frozen=True)
class Fault:
    """One behaviour changed: ``endpoint`` replaces or wraps one step of the endpoint that it derives from.

    ``clause`` is the promise that it breaks, ``story`` how real servers come to have it.
    """

    name: str
    clause: str
    story: str
    endpoint: FaultyEndpoint


@dataclass
class Shelf:
    """Collects the faults of one module."""

    faults: list[Fault] = field(default_factory=list)

    def fault(self, name: str, clause: str, story: str) -> Callable[[FaultyEndpoint], FaultyEndpoint]:
        """Return a decorator that puts an endpoint on the shelf."""

        def put(endpoint: FaultyEndpoint) -> FaultyEndpoint:
            self.faults.append(Fault(name, clause, story, endpoint))
            return endpoint

        return put

    def put(self, name: str, clause: str, story: str, endpoint: FaultyEndpoint) -> None:
        """Put an endpoint on the shelf."""
        self.faults.append(Fault(name, clause, story, endpoint))


def crash(reason: str) -> Refused:
    """Return the refusal that stands for an exception that nobody catches."""
    return Refused(500, (), f"internal server error: {reason}")
