"""What another process draws is what this one would draw, whatever becomes of that process."""

import io
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

import pytest

from engine_stage import CONTRACT
from refund_conformance.cases import explorations
from refund_conformance.cases.generation import Drawn, draw, fingerprint
from refund_conformance.cases.payloads.headers import bearer
from refund_conformance.engine.generator_process import BATCH, Generation, serve

pytestmark = pytest.mark.whole

SEVERAL = 2 * BATCH + 10
SEED = 3
STRATEGIES = explorations(CONTRACT)
CLAUSES = sorted(STRATEGIES)
LONG = "description.max-length"


@pytest.fixture
def generation() -> Iterator[Generation]:
    made = Generation(CONTRACT, SEVERAL, SEED)
    yield made
    made.close()


def told(drawn: Iterator[Drawn]) -> list[tuple[str, bytes, bytes, object, object]]:
    """Return what matters of drawn cases, with what their forms write."""
    return [
        (
            one.case.id,
            fingerprint(one.case),
            one.source,
            one.case.draft.path("17"),
            one.case.draft.authorization("Authorization", "a.b.c"),
        )
        for one in drawn
    ]


def here(clause: str) -> list[tuple[str, bytes, bytes, object, object]]:
    return told(draw(STRATEGIES[clause], SEVERAL, SEED))


def test_what_it_draws_is_what_this_process_draws(generation: Generation) -> None:
    assert told(generation.draw(LONG)) == here(LONG)


def test_several_threads_draw_from_it_at_once_and_each_clause_as_here(generation: Generation) -> None:
    with ThreadPoolExecutor(len(CLAUSES)) as pool:
        drawn = pool.map(lambda clause: told(generation.draw(clause)), CLAUSES)
        assert list(drawn) == [here(clause) for clause in CLAUSES]


def test_where_the_process_ends_this_one_goes_on(generation: Generation) -> None:
    drawn = generation.draw(LONG)
    first = list(islice(drawn, 3))
    os.kill(generation._started.result().pid, signal.SIGKILL)
    assert told(iter([*first, *drawn])) == here(LONG)


def test_where_no_process_can_be_started_this_one_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    made = Generation(CONTRACT, SEVERAL, SEED)
    assert told(made.draw(LONG)) == here(LONG)
    made.close()


def test_a_process_that_cannot_load_the_package_is_done_without(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "refund_conformance"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('broken')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    made = Generation(CONTRACT, SEVERAL, SEED)
    assert told(made.draw(LONG)) == here(LONG)
    made.close()


def test_the_process_ends_with_whoever_started_it(tmp_path: Path) -> None:
    script = (
        "from refund_conformance.contract import model; import os, signal;"
        "from refund_conformance.engine.generator_process import Generation;"
        "made = Generation(model.load(), 9, 0); next(made.draw('email.type'));"
        "print(made._started.result().pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    number = int(done.stdout)
    for _ in range(100):
        if not Path(f"/proc/{number}").exists() or "(zombie)" in Path(f"/proc/{number}/status").read_text():
            return
        signal.sigtimedwait([], 0.1)
    pytest.fail("it lives on")


def test_it_serves_until_nothing_more_is_asked() -> None:
    asked = b"".join(pickle.dumps(what) for what in ((CONTRACT, BATCH + 1, SEED), LONG, LONG))
    answered = io.BytesIO()
    serve(io.BytesIO(asked), answered)
    answered.seek(0)
    batches = [pickle.load(answered) for _ in range(2)]  # noqa: S301
    assert [len(batch) for batch in batches] == [BATCH, 1]
    assert batches[0][0].case.draft.authorization is bearer
    assert answered.read() == b""
