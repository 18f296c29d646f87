"""The files for CI servers keep the schemas that their servers publish, and are safe to use."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("ruamel.yaml", reason="ruamel.yaml comes with check-jsonschema, which is not installed")

ROOT = Path(__file__).parents[2]
SCHEMAS = {
    "action.yml": "vendor.github-actions",
    "ci/github-nightly.yml": "vendor.github-workflows",
    "ci/gitlab.yml": "vendor.gitlab-ci",
}


def _read(name: str) -> Any:
    return yaml.YAML(typ="safe").load(ROOT / name)


def _steps() -> list[dict[str, Any]]:
    return [*_read("action.yml")["runs"]["steps"], *_read("ci/github-nightly.yml")["jobs"]["conformance"]["steps"]]


@pytest.mark.parametrize("name", SCHEMAS)
def test_keeps_the_published_schema(name: str) -> None:
    pytest.importorskip("check_jsonschema")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", SCHEMAS[name], str(ROOT / name)]
    if name == "ci/gitlab.yml":
        command[3:3] = ["--data-transform", "gitlab-ci"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for step in _steps() if "uses" in step]
    others = [name for name in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", name)]
    assert others == ["your-organization/refund-conformance@main"]  # an example, which says so


def test_no_input_becomes_part_of_a_script() -> None:
    for step in _steps():
        assert "${{" not in step.get("run", "")


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="bash is missing")
def test_the_action_passes_its_inputs_on(tmp_path: Path) -> None:
    script = next(step["run"] for step in _steps() if step.get("id") == "run")
    program = tmp_path / "refund-conformance" / "bin" / "refund-conformance"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/bash\nprintf "%s\\n" "$@"\nexit 3\n')
    program.chmod(0o755)
    inputs = {"TARGET": "my target.toml", "PROFILE": "ci", "CLAUSES": "auth json.malformed", "STRICT": "true"}
    environment = {f"INPUT_{name}": value for name, value in inputs.items()} | {"INPUT_REPORT": "out dir"}
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={**environment, "RUNNER_TEMP": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    passed = ["run", "--profile", "ci", "--report", "out dir", "--target", "my target.toml", "--strict"]
    assert done.stdout.splitlines() == [*passed, "auth", "json.malformed"]
    assert done.returncode == 3


def test_the_nightly_example_tells_a_chat_only_if_there_is_an_address() -> None:
    step = next(step for step in _steps() if "webhook" in step.get("run", ""))
    assert step["env"]["REFUND_CONFORMANCE_WEBHOOK"] == "${{ secrets.REFUND_CONFORMANCE_WEBHOOK }}"
    assert _read("ci/github-nightly.yml")["permissions"] == {"contents": "read"}


def test_the_image_is_pinned_slim_and_not_root() -> None:
    text = (ROOT / "Dockerfile").read_text()
    base = re.search(r"^ARG PYTHON=(python:[\d.]+-slim-\w+@sha256:[0-9a-f]{64})$", text, re.M)
    assert base is not None
    assert base[1] == _read("ci/gitlab.yml")[".refund-conformance"]["image"]
    assert re.findall(r"^FROM (\S+)", text, re.M) == ["${PYTHON}", "${PYTHON}"]
    assert re.search(r"^USER (\d+)$", text, re.M)
    assert text.rindex("USER") < text.index("ENTRYPOINT")


def test_the_image_gets_all_that_the_wheel_is_built_of() -> None:
    copied = re.findall(r"^COPY ((?:[\w.]+ )+)\S+$", (ROOT / "Dockerfile").read_text(), re.M)
    names = {name for line in copied for name in line.split()}
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert names == kept
    assert all((ROOT / name).exists() for name in names)


@pytest.mark.skipif(not shutil.which("docker"), reason="docker is missing")
def test_docker_takes_the_file() -> None:
    done = subprocess.run(
        ["docker", "build", "--check", str(ROOT)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    lacking = [line for line in done.stderr.splitlines() if "daemon" in line or "unknown flag" in line]
    if lacking:
        pytest.skip("docker cannot check here: " + lacking[0])
    assert done.returncode == 0, done.stdout + done.stderr
