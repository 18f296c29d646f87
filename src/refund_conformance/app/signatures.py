"""Keep how the suite's cases fail on the mock's faults: the data that a run's failures are compared with."""

import json
from collections.abc import Iterable
from pathlib import Path

from refund_conformance.app.selfcheck import Trial
from refund_conformance.mock.faults import catalogue
from refund_conformance.report.atomic_write import replace_file
from refund_conformance.report.likeness import Signature, as_data


def write(trials: Iterable[Trial], path: Path) -> int:
    """Write the signatures of all trials of a fault, and return how many there are."""
    faults = catalogue()
    found = [
        Signature(fault.name, fault.clause, "", fault.story, frozenset(trial.named), trial.failing)
        for trial in trials
        if trial.failing and (fault := faults.get(trial.subject.fault))
    ]
    replace_file(path, json.dumps(as_data(found), indent=0, ensure_ascii=True) + "\n")
    return len(found)
