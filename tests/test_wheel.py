"""The wheel has all that a run needs, and works from an empty folder in an environment of its own."""

import json
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from command_runs import BOUND, environment

ROOT = Path(__file__).parents[1]
CARRIED = ("contracts", "schemas", "suites")


def done(words: list[str], folder: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        words,
        cwd=folder,
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network: what builds it is installed."""
    folder = tmp_path_factory.mktemp("wheel")
    words = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    built = done(words, folder)
    assert built.returncode == 0, built.stdout + built.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def contents(wheel: Path) -> Mapping[str, bytes]:
    with ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command in an environment that has the wheel, and nothing else of the project.

    What the project depends on is lent by the environment of the tests, so that nothing is fetched. A .pth file
    inside a lent folder, like that of an editable installation, has no effect.
    """
    home = tmp_path_factory.mktemp("fresh") / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = home / "lib" / f"python{sysconfig.get_python_version()}" / "site-packages"
    lent = sysconfig.get_path("purelib")
    words = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "-q"]
    put = done([*words, str(wheel)], home)
    assert put.returncode == 0, put.stdout + put.stderr
    (site / "lent.pth").write_text(f"{lent}\n", encoding="utf-8")
    return home / "bin" / "refund-conformance"


@pytest.mark.parametrize("folder", CARRIED)
def test_the_wheel_carries_the_data_files(folder: str, contents: Mapping[str, bytes]) -> None:
    files = [path for path in (ROOT / folder).iterdir() if path.is_file()]
    assert files
    for path in files:
        assert contents[f"refund_conformance/{folder}/{path.name}"] == path.read_bytes()


def test_the_wheel_carries_every_file_of_the_package(contents: Mapping[str, bytes]) -> None:
    source = ROOT / "src"
    files = {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert files <= set(contents)
    templates = {name for name in files if "/report/templates/" in name}
    assert {Path(name).suffix for name in templates} >= {".html", ".css", ".js", ".md"}
    assert "refund_conformance/py.typed" in contents


def test_the_wheel_carries_nothing_else(contents: Mapping[str, bytes]) -> None:
    tops = {name.partition("/")[0] for name in contents}
    assert {top.partition("-")[0] for top in tops} == {"refund_conformance"}
    assert len(tops) == 2
    assert [name for name in contents if name.endswith((".pyc", ".sqlite", ".jsonl")) or "/test_" in name] == [
        f"refund_conformance/suites/{path.name}" for path in sorted((ROOT / "suites").glob("test_*.py"))
    ]


def test_the_wheel_tells_what_it_is(contents: Mapping[str, bytes]) -> None:
    (name,) = (name for name in contents if name.endswith(".dist-info/METADATA"))
    metadata = HeaderParser().parsestr(contents[name].decode())
    assert metadata["Name"] == "refund-conformance"
    assert metadata["Requires-Python"] == ">=3.11"
    (entries,) = (text for name, text in contents.items() if name.endswith("entry_points.txt"))
    assert b"refund-conformance = refund_conformance.app.cli:main" in entries


def test_the_installed_command_is_the_wheels_own(installed: Path, tmp_path: Path) -> None:
    program = "import refund_conformance; print(refund_conformance.__file__)"
    told = done([str(installed.with_name("python")), "-c", program], tmp_path)
    assert Path(told.stdout.strip()).is_relative_to(installed.parents[1])


def test_the_installed_command_runs_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    ended = done([str(installed), "run", "auth.missing"], tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stderr == ""
    content = json.loads((tmp_path / "reports/latest/conformance.json").read_text(encoding="utf-8"))
    held = [row["id"] for row in content["clauses"] if row["result"] == "held"]
    assert (content["verdict"], held) == ("partial", ["auth.missing"])
    assert (tmp_path / "reports/latest/report.html").stat().st_size > 1000


def test_the_installed_command_lists_the_clauses(installed: Path, tmp_path: Path) -> None:
    ended = done([str(installed), "clauses", "route"], tmp_path)
    assert ended.returncode == 0
    assert [line.split()[1] for line in ended.stdout.splitlines()] == [
        "route.unknown-url",
        "route.method",
        "route.order-id",
    ]
