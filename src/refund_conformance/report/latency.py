"""How long answers took, by area: figures, and a chart of them."""

import math
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from refund_conformance.contract.model import Contract
from refund_conformance.report.run_log import Traffic

OTHER = "other"
"""What was sent for no case: probes, controls, logins."""


@dataclass(frozen=True)
class Latency:
    """Answer times of one area in milliseconds, and how much of the chart's width median and p95 take, of 100."""

    area: str
    count: int
    median: float
    p95: float
    longest: float
    median_width: float
    p95_width: float


def by_area(contract: Contract, traffic: Traffic) -> tuple[Latency, ...]:
    """Return the answer times of each area, in the contract's order. What got no answer is not counted."""
    times = _times(traffic)
    areas = [area for area in (*contract.areas, OTHER) if times.get(area)]
    most = max((quantile(times[area], 0.95) for area in areas), default=0.0) or 1.0
    return tuple(_latency(area, sorted(times[area]), most) for area in areas)


def quantile(times: Sequence[float], share: float) -> float:
    """Return the smallest time that at least ``share`` of them do not pass."""
    return sorted(times)[max(0, math.ceil(share * len(times)) - 1)]


def _times(traffic: Traffic) -> dict[str, Sequence[float]]:
    beats = traffic.beats
    found: dict[str, array[float]] = defaultdict(lambda: array("d"))
    counted = bytearray(len(beats))
    owned = ((case["clause"].partition(".")[0], beats.places(case["exchanges"])) for case in traffic.cases)
    for area, places in (*owned, (OTHER, range(len(beats)))):
        for place in places:
            if not counted[place] and beats[place].status is not None:
                found[area].append(beats[place].seconds * 1000)
            counted[place] = True
    return dict(found)


def _latency(area: str, times: Sequence[float], most: float) -> Latency:
    median, p95 = quantile(times, 0.5), quantile(times, 0.95)
    return Latency(area, len(times), median, p95, times[-1], 100 * median / most, 100 * p95 / most)
