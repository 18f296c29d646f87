"""Which part of the suites a run is about: what was chosen, required, and left out by pytest's own options."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from refund_conformance.contract.data_files import folder
from refund_conformance.contract.model import Contract

NARROWING = ("keyword", "markexpr", "deselect", "ignore", "ignore_glob", "lf", "stepwise")
"""Options of pytest that leave out tests."""


def required(contract: Contract, named: Sequence[str]) -> frozenset[str]:
    """Return the clauses that must be tested. Raises ContractError for a name that no clause begins with."""
    if not named:
        return frozenset()
    return frozenset(contract.select([] if "all" in named else named))


def is_narrowed(config: pytest.Config) -> bool:
    """Whether pytest's options, or the places that it is given, leave out tests of ours."""
    suites = folder("suites").resolve()
    options = (getattr(config.option, name, None) for name in NARROWING)
    return any(options) or not any(suites.is_relative_to(place) for place in _places(config))


def names_suites(config: pytest.Config) -> bool:
    """Whether what pytest was told to collect holds our suites, or is in them."""
    suites = folder("suites").resolve()
    return any(place.is_relative_to(suites) or suites.is_relative_to(place) for place in _places(config))


def _places(config: pytest.Config) -> list[Path]:
    """Return the files and folders that pytest was told to collect."""
    begun = config.invocation_params.dir
    return [Path(begun, arg.partition("::")[0]).resolve() for arg in config.args]
