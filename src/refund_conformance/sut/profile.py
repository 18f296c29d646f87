"""How much a run does: its bounds, and how far it explores."""

from dataclasses import dataclass

from refund_conformance.contract.errors import UsageError


@dataclass(frozen=True)
class Profile:
    """Bounds of a run.

    ``requests`` and ``orders`` (refundable ones) are the most it may send and lease, ``seconds`` the most it may
    take. ``examples`` is how many payloads each exploration draws, ``races`` how many rounds there are on one
    order (requests that are accepted anyway, and raced, count as rounds), ``walks`` how many random walks, of
    ``steps`` requests on ``walk_orders`` orders each. ``random`` tells whether what is drawn differs from run to
    run, and ``smoke`` that what the bounds leave out is left out on purpose.
    """

    name: str
    requests: int
    orders: int
    seconds: float
    examples: int
    races: int
    walks: int
    steps: int
    walk_orders: int
    random: bool
    smoke: bool = False


PROFILES = {
    "smoke": Profile(
        "smoke",
        requests=100,
        orders=8,
        seconds=120,
        examples=0,
        races=0,
        walks=1,
        steps=8,
        walk_orders=2,
        random=False,
        smoke=True,
    ),
    "ci": Profile(
        "ci",
        requests=400,
        orders=30,
        seconds=600,
        examples=0,
        races=5,
        walks=1,
        steps=10,
        walk_orders=2,
        random=False,
    ),
    "nightly": Profile(
        "nightly",
        requests=20_000,
        orders=200,
        seconds=3600,
        examples=200,
        races=12,
        walks=10,
        steps=30,
        walk_orders=3,
        random=True,
    ),
}


def profile(name: str) -> Profile:
    """Return the profile of a name. Raises UsageError for an unknown one."""
    if name not in PROFILES:
        raise UsageError(f"profile {name!r}", "is not known", f"The profiles are {', '.join(PROFILES)}.")
    return PROFILES[name]
