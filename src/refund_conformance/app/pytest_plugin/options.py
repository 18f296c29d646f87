"""The options that the suite adds to pytest."""

from pathlib import Path

import pytest

from refund_conformance.sut.profile import PROFILES


def add_options(parser: pytest.Parser) -> None:
    """Add the suite's options."""
    group = parser.getgroup("refund conformance")
    group.addoption("--target", type=Path, help="target settings (default: the embedded mock)")
    group.addoption("--profile", default="ci", help=f"how much to do: {', '.join(PROFILES)} (default: ci)")
    group.addoption("--report", type=Path, default=Path("reports/latest"), help="directory for the report")
    group.addoption("--strict-clauses", action="store_true", help="warnings count as violations")
    group.addoption("--clause", action="append", default=[], help="a clause id or prefix (may be repeated)")
    group.addoption("--require", action="append", default=[], help="a clause that must be tested, or all")
    group.addoption("--waivers", type=Path, help="known deviations (waivers.toml)")
    group.addoption("--shard", default="1/1", help="INDEX/COUNT: the part of the suites to run")
    group.addoption("--allow-writes", action="store_true", help="the target may be another machine")
    group.addoption("--read-only", action="store_true", help="send only what cannot create anything")
    group.addoption("--seed", type=int, help="seed of what is drawn (default: fixed in ci, fresh in nightly)")
    group.addoption("--fault", action="append", default=[], help="a fault of the embedded mock")
    group.addoption("--variant", action="append", default=[], help="a lawful difference of the embedded mock")
    group.addoption("--answer", action="append", default=[], help="QUESTION=ANSWER for the embedded mock")
    group.addoption("--in-flight", type=int, default=1, help="how many requests may be under way at once")
    group.addoption("--no-pages", action="store_true", help="write events only, no report pages")
