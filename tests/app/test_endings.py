"""Nothing of the environment changes how a run ends: one line where something is wrong, never a traceback."""

import json
import os
import resource
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from command_runs import BOUND, PROGRAM, Call, call, environment
from refund_conformance.mock.server import running
from refund_conformance.mock.settings import MockSettings

pytestmark = pytest.mark.whole


def run(folder: Path, *words: str, **options: Any) -> "subprocess.Popen[str]":
    """Start a run in a folder, reporting into ``report`` there."""
    bare = environment(PYTHONDONTWRITEBYTECODE="1")  # a full disk would leave half of a module behind
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "env": bare, **options}
    return subprocess.Popen(
        [PROGRAM, "run", "--report", "report", *words], cwd=folder, stdin=subprocess.DEVNULL, text=True, **options
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Return exit status, output and complaints of a run."""
    out, err = process.communicate(timeout=BOUND)
    assert "Traceback" not in f"{out}{err}"
    assert "INTERNALERROR" not in f"{out}{err}"
    return process.returncode, out or "", err or ""


def verdict(folder: Path) -> str:
    return str(json.loads((folder / "report" / "conformance.json").read_text(encoding="utf-8"))["verdict"])


def _small_files(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_ends_a_run_in_one_line(tmp_path: Path) -> None:
    status, _, err = ended(run(tmp_path, preexec_fn=_small_files(20_000)))
    assert status == 3
    (line,) = err.splitlines()
    assert line.startswith("refund-conformance: report directory report: File too large.")
    assert verdict(tmp_path) == "incomplete"


@pytest.mark.parametrize(
    ("fault", "status"), [((), 0), (("--fault", "auth-anonymous-passes"), 1)], ids=["lawful", "faulty"]
)
def test_pages_that_cannot_be_written_leave_the_verdict_of_a_whole_record(
    fault: tuple[str, ...], status: int, tmp_path: Path
) -> None:
    """A run of few requests has a short record; its page has a script and a style of its own."""
    told = ended(run(tmp_path, *fault, "auth.missing", preexec_fn=_small_files(90_000)))
    assert told[0] == status, told
    (line,) = told[2].splitlines()
    assert line.startswith("refund-conformance: ")


def test_a_directory_that_is_taken_away_ends_a_run_in_one_line(tmp_path: Path) -> None:
    with running(MockSettings(delay=0.02)) as mock:
        (tmp_path / "target.toml").write_text(mock.target_toml())
        process = run(tmp_path, "--target", "target.toml", "route", "auth")
        record = tmp_path / "report" / "events.jsonl"
        while process.poll() is None and not (record.exists() and record.read_bytes().count(b"\n") > 20):
            threading.Event().wait(0.02)
        shutil.rmtree(record.parent)
        status, _, err = ended(process)
    assert status == 3
    (line,) = err.splitlines()
    assert "report directory report: No such file or directory" in line


@pytest.fixture
def broken_pipe() -> Iterator[int]:
    """Provide the writing end of a pipe that nobody reads."""
    read, write = os.pipe()
    os.close(read)
    yield write
    with suppress(OSError):
        os.close(write)


def test_output_that_nobody_reads_is_no_failure(tmp_path: Path, broken_pipe: int) -> None:
    status, _, err = ended(run(tmp_path, "route.method", stdout=broken_pipe))
    assert (status, err, verdict(tmp_path)) == (0, "", "partial")


def test_output_on_a_full_device_is_no_failure(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        status, _, err = ended(run(tmp_path, "route.method", stdout=full))
    assert (status, err, verdict(tmp_path)) == (0, "", "partial")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_streams_that_are_closed_are_no_failure(closed: tuple[int, ...], tmp_path: Path) -> None:
    def close() -> None:
        for number in closed:
            os.close(number)

    process = run(tmp_path, "route.method", preexec_fn=close)
    assert ended(process)[0] == 0
    assert verdict(tmp_path) == "partial"


@pytest.mark.parametrize("encoding", ["ascii", "cp932"])
def test_a_terminal_that_cannot_show_a_letter_shows_another(encoding: str, tmp_path: Path) -> None:
    more = environment(PYTHONIOENCODING=encoding)
    status, out, err = ended(run(tmp_path, "auth.codes", "--fault", "auth-all-1007", env=more, encoding=encoding))
    assert (status, err) == (0, "")
    assert "PARTIAL" in out


def test_options_for_the_pytest_of_a_surrounding_project_do_not_reach_a_run(tmp_path: Path) -> None:
    more = {
        "PYTEST_ADDOPTS": "-k description",
        "PYTEST_PLUGINS": "no_such_plugin",
        "PYTEST_THEME": "no-such-theme",
    }
    done = call(tmp_path / "run", Call(("run", "route.method"), variables=more))
    assert (done.status, done.err) == (0, "")
    data = json.loads((done.report / "conformance.json").read_text(encoding="utf-8"))
    assert [row["id"] for row in data["clauses"] if row["result"] == "held"] == ["route.method"]


def test_target_settings_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    with running(MockSettings()) as mock:
        settings = {"target.toml": f"\ufeff{mock.target_toml()}"}
        done = call(tmp_path / "run", Call(("run", "--target", "target.toml", "route.method"), settings))
    assert done.status == 0, done.err
