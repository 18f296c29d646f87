"""What a release consists of is built twice alike, has one version, and is what a registry and a reader take."""

import hashlib
import subprocess
import sys
import tarfile
import tomllib
from email.parser import HeaderParser
from pathlib import Path
from zipfile import ZipFile

import pytest

from command_runs import BOUND, environment
from refund_conformance import __version__

ROOT = Path(__file__).parents[1]

pytest.importorskip("twine", reason="twine comes with the extra dev")
pytestmark = pytest.mark.skipif(not Path("/bin/bash").exists(), reason="bash is missing")


def built(tag: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/bash", str(ROOT / "ci/build-release.sh"), tag, str(folder)],
        env=environment(BUILD_PYTHON=sys.executable, SOURCE_DATE_EPOCH="1700000000"),
        capture_output=True,
        text=True,
        timeout=BOUND,
        check=False,
    )


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    done = built("", folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2
    return folder


def test_a_release_has_the_package_its_constraints_and_the_schemas(release: Path) -> None:
    names = {path.name for path in release.iterdir()}
    wheel, source = (
        f"refund_conformance-{__version__}-py3-none-any.whl",
        f"refund_conformance-{__version__}.tar.gz",
    )
    assert names >= {wheel, source, "constraints.txt", "target.json", "SHA256SUMS"}
    for line in (release / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((release / name.lstrip("*")).read_bytes()).hexdigest() == digest


def test_the_version_and_the_licence_are_those_of_the_project(release: Path) -> None:
    assert "version" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"]
    (path,) = release.glob("*.whl")
    with ZipFile(path) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = HeaderParser().parsestr(wheel.read(name).decode())
        licence = wheel.read(name.replace("METADATA", "licenses/LICENSE"))
    assert (metadata["Version"], metadata["License-Expression"]) == (__version__, "MIT")
    assert licence == (ROOT / "LICENSE").read_bytes()
    with tarfile.open(next(release.glob("*.tar.gz"))) as source:
        names = {name.partition("/")[2] for name in source.getnames()}
    assert {"LICENSE", "SECURITY.md", "constraints.txt", "tests/test_release.py"} <= names


def test_a_tag_of_another_version_is_refused(tmp_path: Path) -> None:
    done = built("v0.0.0", tmp_path / "out")
    assert done.returncode == 1
    assert f"The tag is v0.0.0 and the version is {__version__}" in done.stderr
    assert not (tmp_path / "out").exists()
