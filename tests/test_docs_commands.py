"""The commands that the documentation shows exist, and those of the tutorial do what it says."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import click
import pytest

from refund_conformance.app.cli import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
PORT = "8099"
BASH = "/bin/bash"


def commands(page: Path) -> Iterator[list[str]]:
    """Yield the words of each call of ours that stands in a block of a page."""
    for block in re.findall(r"^```(?:console|sh|bash|yaml)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S):
        for found in re.finditer(r"(?:^|[\s/;&|(])refund-conformance (?!run-)([a-z]+)([^\n|;&>)#$]*)", block):
            yield [found[1], *found[2].split()]


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_every_command_and_option_exists(page: Path) -> None:
    for name, *words in commands(page):
        if name == "site":
            continue  # of the pages of all runs, which come with the command of that name
        command = main.commands.get(name)
        assert isinstance(command, click.Command), f"{page.name}: {name}"
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        own = words[: words.index("--")] if "--" in words else words
        unknown = [word for word in own if word.startswith("-") and word.partition("=")[0] not in known]
        assert unknown == [], f"{page.name}: {name} {' '.join(words)}"


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def tutorial() -> tuple[list[str], list[str]]:
    """Return the tutorial's commands as a script, and what it says that `echo $?` prints."""
    text = (ROOT / "docs/tutorial.md").read_text("utf-8")
    blocks = re.findall(r"(<!-- not run.*?-->\n)?```console\n(.*?)```", text, re.S)
    lines = [line for skipped, block in blocks if not skipped for line in block.splitlines()]
    script = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    said = [after for line, after in pairwise(lines) if line == "$ echo $?"]
    return script, said


@pytest.mark.whole
@pytest.mark.skipif(not Path(BASH).exists(), reason="bash is missing")
def test_the_tutorial_does_what_it_says(tmp_path: Path) -> None:
    script, said = tutorial()
    assert said.count("0") == 6
    assert said.count("1") == 1
    text = "\n".join("echo STATUS $?" if line == "echo $?" else line for line in script)
    # Monitor mode makes jobs as a terminal has them; the port is one of the kernel's choice, not the page's.
    done = subprocess.run(
        [BASH, "-c", f"set -m; trap 'kill $(jobs -p) 2>/dev/null' EXIT\n{text}".replace(PORT, free_port())],
        cwd=tmp_path,
        env={"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    statuses = re.findall(r"^STATUS (\d+)$", done.stdout, re.M)
    assert statuses == said, done.stdout + done.stderr
    assert "Waiver of description.unicode (owner: Team Orders) matched no failure" in done.stdout


def free_port() -> str:
    """Return a port that nothing listens on."""
    import socket

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return str(bound.getsockname()[1])
