"""The commands of the mock, its faults and what is tried on them."""

import sys
from pathlib import Path
from typing import Any

import click


@click.command()
def openapi() -> None:
    """Print the operation as an OpenAPI 3.1 document, made from the contract."""
    import json

    from refund_conformance.contract import openapi as description

    click.echo(json.dumps(description.openapi(), indent=2, ensure_ascii=False))


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 takes a free one.")
@click.option("--fault", multiple=True, help="A fault to show; `refund-conformance faults` lists them.")
@click.option("--variant", multiple=True, help="A lawful difference to show.")
@click.option("--answer", multiple=True, metavar="QUESTION=ANSWER", help="Its answer to an open question.")
@click.option("--database", default="sqlite://", help="SQLAlchemy URL; without: in memory.")
@click.option("--refundable", type=click.IntRange(0), default=200, show_default=True, help="How many such orders.")
@click.option("--token-seconds", type=float, default=86400, show_default=True, help="Life of a token.")
@click.option("--delay", type=click.FloatRange(0), default=0.0, help="Seconds before each answer.")
@click.option("--rate-limit", type=click.FloatRange(0, min_open=True), help="Requests a second; more get 429.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Processes that serve.")
@click.option("--control/--no-control", default=None, help="The control API (default: on loopback only).")
@click.option("--well-known-passwords", is_flag=True, help="The documented passwords, beyond loopback too.")
@click.option("--rehearsal", is_flag=True, help="Add an order with a fixed id for every error.")
@click.option("--log", is_flag=True, help="A line of JSON for each request on standard error.")
def mock(fault: tuple[str, ...], variant: tuple[str, ...], answer: tuple[str, ...], **others: Any) -> None:
    """Serve the endpoint, with sample orders and tokens, until interrupted."""
    from refund_conformance.mock.answers import answers_from
    from refund_conformance.mock.server import serve
    from refund_conformance.mock.settings import MockSettings

    chosen = MockSettings(faults=fault, variants=variant, answers=answers_from(answer), **others)
    sys.exit(serve(chosen, lambda text: click.echo(text)))


@click.command()
def faults() -> None:
    """List the faults that the mock can show: name, clause, and how servers come to have it."""
    from refund_conformance.mock import faults as catalogue

    for fault in catalogue.catalogue().values():
        click.echo(f"{fault.name:<36} {fault.clause:<28} {fault.story}")


@click.command()
@click.option("--write", type=click.Path(path_type=Path), help="Write the matrix as a Markdown page.")
@click.option(
    "--signatures",
    type=click.Path(path_type=Path),
    help="Write how each fault fails (contracts/fault-signatures.json).",
)
@click.option(
    "--order",
    type=click.Path(path_type=Path),
    help="Write in what order checks add most (contracts/check-order.json).",
)
@click.option("-n", "--workers", type=click.IntRange(1), help="Processes (default: one for each processor).")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def selfcheck(
    write: Path | None, signatures: Path | None, order: Path | None, workers: int | None, names: tuple[str, ...]
) -> None:
    """Try the suite on the mock with each fault and each lawful difference.

    A NAME chooses those that begin with it. The exit status is 1 if a fault goes unseen, or under another name, or
    a lawful server is accused.
    """
    from rich.progress import track

    from refund_conformance.app import selfcheck as check
    from refund_conformance.app import selfcheck_matrix
    from refund_conformance.contract import model
    from refund_conformance.contract.errors import UsageError

    every = check.subjects(model.load())
    chosen = [one for one in every if not names or one.name.startswith(names)]
    if not chosen:
        raise UsageError(
            " ".join(names), "begins the name of nothing", "`refund-conformance faults` lists faults."
        )
    quiet = not sys.stdout.isatty()
    done = list(track(check.trials(chosen, workers), "Trying", total=len(chosen), disable=quiet))
    for trial in sorted(done, key=lambda trial: (trial.subject.clause, trial.subject.name)):
        click.echo(selfcheck_matrix.line(trial))
    wrong = sum(bool(trial.complaint) for trial in done)
    click.echo(f"{len(done)} trials, {wrong} wrong")
    if write:
        selfcheck_matrix.write(done, write)
    if signatures:
        from refund_conformance.app import signatures as keeping

        click.echo(f"{keeping.write(done, signatures)} signatures in {signatures}")
    if order:
        from refund_conformance.app import check_order

        failing = [(trial.subject, frozenset(case for case, *_ in trial.failing)) for trial in done]
        seen = [check_order.Seen(one.name, one.clause, cases) for one, cases in failing if cases and one.clause]
        click.echo(f"{check_order.write(seen, model.load(), order)} checks in {order}")
    sys.exit(1 if wrong else 0)
