"""Schemathesis, given the mock's own OpenAPI document, finds nothing wrong with the mock."""

import importlib.util
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from mock_wire import Wire

from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

DEMANDED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"

pytestmark = [
    pytest.mark.whole,
    pytest.mark.skipif(
        not importlib.util.find_spec("schemathesis") and not DEMANDED, reason="Schemathesis is not installed"
    ),
]

# They follow a resource from its creation to its end, through several operations; the document has one.
LEFT_OUT = ("use_after_free", "ensure_resource_availability", "object_level_authorization")

# What is valid must be accepted, whatever else the checks would let pass by default.
STRICT = """\
[checks]
positive_data_acceptance.expected-statuses = [200]
negative_data_rejection.expected-statuses = [400, 401, 404, 405]
"""


def schemathesis(settings: MockSettings, folder: Path) -> tuple["subprocess.CompletedProcess[str]", Counter[str]]:
    """Run it against a mock, and return how it ended, with how often each check of the mock decided."""
    (folder / "strict.toml").write_text(STRICT, encoding="utf-8")
    with running(settings) as mock, Wire(mock) as wire:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "schemathesis.cli", "--config-file", "strict.toml"),
                *("run", f"{mock.base_url}/openapi.json", "--checks", "all"),
                *("--exclude-checks", ",".join(LEFT_OUT)),
                *("--header", f"AuthorizationJWT: Bearer {wire.token()}"),
                *("--generation-deterministic", "--max-examples", "60"),
            ],
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": str(Path(__file__).parent),
                "SCHEMATHESIS_HOOKS": "mock_schemathesis",
            },
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        told = wire.ask("GET", "/_mock/requests").json["requests"]
    return done, Counter(entry["check"] or "accepted" for entry in told)


def test_it_finds_nothing(tmp_path: Path) -> None:
    done, decided = schemathesis(MockSettings(refundable=2000), tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "No issues found" in done.stdout
    assert {"accepted", "json", "fields", "order", "route", "authorization", "content_type"} <= decided.keys()
    assert decided["accepted"] > 20


def test_it_would_find_something(tmp_path: Path) -> None:
    done, _ = schemathesis(MockSettings(refundable=2000, faults=("desc-501-accepted",)), tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
