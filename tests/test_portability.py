"""No call that Windows or macOS lacks stands in the package without another way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import refund_conformance

ROOT = Path(refund_conformance.__file__).parent

POSIX_MODULES = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
POSIX_NAMES = {
    "os": {"fork", "forkpty", "getegid", "geteuid", "getgid", "getuid", "initgroups", "kill", "killpg", "mkfifo"}
    | {"nice", "O_CLOEXEC", "O_NONBLOCK", "setpgid", "setsid", "sched_getaffinity", "uname", "wait", "waitid"},
    "signal": {"SIGALRM", "SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGUSR2", "alarm", "pause"}
    | {"pthread_sigmask", "setitimer", "sigwait"},
    "socket": {"AF_UNIX", "SO_REUSEPORT", "socketpair_fork", "send_fds", "recv_fds"},
    "select": {"epoll", "kqueue", "poll"},
    "time": {"tzset"},
}
POSIX_KEYWORDS = {"pass_fds", "preexec_fn", "start_new_session"}

KNOWN = {("mock/workers.py", "pass_fds")}
"""What is said to be for POSIX systems alone in docs/install.md."""


def used(tree: ast.Module) -> Iterator[str]:
    """Yield the names of POSIX systems alone that a module uses without asking whether there are such."""
    asked = {
        str(node.args[1].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("hasattr", "getattr")
        and isinstance(node.args[1], ast.Constant)
    }

    def asks(function: ast.FunctionDef) -> bool:
        return any(ast.unparse(node) == "sys.platform" for node in ast.walk(function))

    guarded = {
        inner
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        and any(
            isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.platform" for node in ast.walk(function)
        )
        for inner in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and node not in guarded:
            yield from (alias.name for alias in node.names if alias.name in POSIX_MODULES)
        elif isinstance(node, ast.ImportFrom):
            names = POSIX_NAMES.get(node.module or "", set())
            yield from (alias.name for alias in node.names if alias.name in names or node.module in POSIX_MODULES)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in POSIX_NAMES.get(node.value.id, set()) - asked:
                yield node.attr
        elif isinstance(node, ast.keyword) and node.arg in POSIX_KEYWORDS:
            yield node.arg


def test_what_is_of_posix_systems_alone_is_found() -> None:
    program = "import fcntl, os\nfrom signal import SIGHUP\nos.fork()\nf(pass_fds=[])\n"
    program += "if hasattr(os, 'nice'): os.nice(5)\n"
    program += "def limit():\n if sys.platform == 'win32': return\n import resource"
    assert set(used(ast.parse(program))) == {"fcntl", "SIGHUP", "fork", "pass_fds"}


def test_no_call_is_of_posix_systems_alone() -> None:
    found = {
        (path.relative_to(ROOT).as_posix(), name)
        for path in sorted(ROOT.rglob("*.py"))
        for name in used(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == KNOWN
