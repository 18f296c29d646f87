"""The command in processes of their own that are forked from one which has the package loaded already.

``python warm_start.py`` prints where its socket is and serves until its input ends: whoever connects hands over
the words of a command line, a folder, an environment and two files for the output, and gets back the exit status.
What runs is the command as a shell starts it, less the second that its imports take.
"""

import json
import os
import selectors
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

END_SECONDS = 60.0
LIMIT = 1 << 20
"""Bytes that may describe a call."""


class WarmStart:
    """The process that others are forked from; it ends with the one that made it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        self._socket = self._process.stdout.readline().strip()
        assert self._socket, "the process that others are forked from did not start"

    def call(
        self, words: Sequence[str], folder: Path, variables: Mapping[str, str], out: Path, err: Path, bound: float
    ) -> int:
        """Call the command in a folder; return its exit status, negative for a signal.

        Raises TimeoutExpired where it takes longer than ``bound`` seconds; it is then killed.
        """
        asked = {"words": words, "folder": str(folder), "variables": dict(variables)}
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(bound)
            connection.connect(self._socket)
            connection.send(json.dumps({**asked, "out": str(out), "err": str(err)}).encode())
            try:
                return int(connection.recv(LIMIT))
            except TimeoutError as late:
                raise subprocess.TimeoutExpired(list(words), bound) from late

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=END_SECONDS)


def main() -> None:
    """Serve; return in each forked process, where all is as it was asked for."""
    load()
    folder = mkdtemp(prefix="warm-start-")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, selectors.DefaultSelector() as selector:
        listener.bind(f"{folder}/socket")
        listener.listen(100)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print(f"{folder}/socket", flush=True)
        while all(key.fileobj is listener for key, _ in selector.select()):
            connection, _ = listener.accept()
            if not os.fork():
                break
            connection.close()
            _reap()
        else:
            shutil.rmtree(folder)
            os._exit(0)
    _attend(connection)


def load() -> None:
    """Import what a run imports, and compile the templates of its pages."""
    from refund_conformance.app import cli, run_command
    from refund_conformance.app.pytest_plugin import embedded_mock, plugin
    from refund_conformance.report import github, render, secret_scan, templating, terminal

    assert all((cli, run_command, embedded_mock, plugin, github, render, secret_scan, terminal))
    environment = templating._environment()
    for name in environment.list_templates(["html", "md"]):
        environment.get_template(name)


def _reap() -> None:
    """Let go of the processes that have ended."""
    while True:
        try:
            if not os.waitpid(-1, os.WNOHANG)[0]:
                return
        except ChildProcessError:
            return


def _attend(connection: socket.socket) -> None:
    """Start what a connection asks for, and tell its exit status; return in the process that is started."""
    asked: dict[str, Any] = json.loads(connection.recv(LIMIT))
    child = os.fork()
    if not child:
        connection.close()
        _become(**asked)
        return
    with selectors.DefaultSelector() as selector:
        ended = os.pidfd_open(child)
        selector.register(ended, selectors.EVENT_READ)
        selector.register(connection, selectors.EVENT_READ)
        if not any(key.fileobj == ended for key, _ in selector.select()):
            os.kill(child, 9)  # nobody waits for it any more
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        connection.send(str(status).encode())
    finally:
        os._exit(0)


def _become(words: Sequence[str], folder: str, variables: Mapping[str, str], out: str, err: str) -> None:
    """Give this process what a shell would have given it."""
    files = (os.devnull, os.O_RDONLY), *((path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for path in (out, err))
    for number, (path, flags) in enumerate(files):
        opened = os.open(path, flags, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["refund-conformance", *words]
    sys.path.pop(0)  # the folder of this module


if __name__ == "__main__":
    main()
    from refund_conformance.app.cli import main as command

    command()
