"""What docs/client.md shows works as it stands there, but for the mock's port."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from refund_conformance.mock.server import RunningMock, running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole

PAGE = (Path(__file__).parents[2] / "docs" / "client.md").read_text(encoding="utf-8")
SHOWN = "http://127.0.0.1:8080"
DEMANDED = os.environ.get("REFUND_CONFORMANCE_REQUIRE_SERVICES") == "1"


@pytest.fixture
def mock() -> Iterator[RunningMock]:
    with running(MockSettings(rehearsal=True)) as mock:
        yield mock


def block(language: str, mock: RunningMock) -> str:
    """The one code block of a language, with the mock's address."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    assert SHOWN in found
    return str(found).replace(SHOWN, mock.base_url)


RETRIES: dict[str, tuple[tuple[str, ...], ...]] = {
    "retry.py": ((sys.executable, "retry.py"),),
    "retry.mts": (
        ("tsc", "--strict", "--module", "nodenext", "--target", "es2022", "--lib", "es2022,dom", "retry.mts"),
        ("node", "retry.mjs"),
    ),
    "Retry.java": (("java", "Retry.java"),),
    "retry.sh": (("bash", "retry.sh"),),
}


def test_the_command_that_it_names_starts_such_a_mock() -> None:
    assert "refund-conformance mock --port 8080 --rehearsal" in PAGE


def test_the_python_test_passes(mock: RunningMock, tmp_path: Path) -> None:
    path = tmp_path / "test_refunds.py"
    path.write_text(block("python", mock), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", str(path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b8 passed\b", done.stdout)


@pytest.mark.skipif(not shutil.which("curl") and not DEMANDED, reason="curl is not installed")
def test_the_curl_commands_do_as_they_say(mock: RunningMock, tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", block("bash", mock)],  # noqa: S607  (the shell of whoever runs the tests)
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "all as expected\n"


@pytest.mark.parametrize("name", RETRIES)
def test_one_retry_pays_twice_and_the_other_once(mock: RunningMock, tmp_path: Path, name: str) -> None:
    needed = [command[0] for command in RETRIES[name]] + (["curl"] if name == "retry.sh" else [])
    for program in needed:
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    (text,) = re.findall(rf"^```\w+ {name}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / name).write_text(text.replace(SHOWN, mock.base_url), encoding="utf-8")
    for command in RETRIES[name]:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout == "asking again: 2 refunds\nlooking first: 1 refund\n"
