"""The command line."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import click

from refund_conformance import __version__
from refund_conformance.app.cli_judge import judge
from refund_conformance.app.cli_mock import faults, mock, openapi, selfcheck
from refund_conformance.app.output import lenient
from refund_conformance.contract.errors import SuiteError

INTERRUPTED = 130


class Command(click.Group):
    """The command group: every error a person can cause is one message and an exit status."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command; never show a traceback for a SuiteError."""
        try:
            with lenient():
                return super().main(*args, **options)
        except SuiteError as problem:
            click.echo(f"refund-conformance: {problem}", err=True)
            sys.exit(problem.exit_status)

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke a command; let Ctrl-C be told by the exit status, where click would only say 1."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="refund-conformance")
def main() -> None:
    """Check whether a server keeps the promises of POST /v1/order/{order id}/refund."""


@main.command(context_settings={"ignore_unknown_options": False})
@click.option("--target", type=click.Path(path_type=Path), help="Target settings; without: the embedded mock.")
@click.option("--profile", default="ci", show_default=True, help="How much to do: smoke, ci or nightly.")
@click.option("--report", type=click.Path(path_type=Path), default=Path("reports/latest"), show_default=True)
@click.option("--strict", is_flag=True, help="Warnings count as violations.")
@click.option("--waivers", type=click.Path(path_type=Path), help="Known deviations (waivers.toml).")
@click.option("--shard", default="1/1", metavar="INDEX/COUNT", help="Run a part of the suites; see merge.")
@click.option("--require", multiple=True, metavar="CLAUSES|all", help="Clauses that must be tested.")
@click.option("--allow-writes", is_flag=True, help="The target may be another machine.")
@click.option("--read-only", is_flag=True, help="Send only what cannot create anything.")
@click.option("-n", "--in-flight", type=click.IntRange(1, 64), default=1, help="Requests under way at once.")
@click.option("-q", "--quiet", is_flag=True, help="Print one line at the end.")
@click.option("--seed", type=int, help="Seed of what is drawn.")
@click.option("--fault", multiple=True, help="A fault for the embedded mock, to see a failing report.")
@click.option("--variant", multiple=True, help="A lawful difference for the embedded mock.")
@click.option("--answer", multiple=True, metavar="QUESTION=ANSWER", help="The embedded mock's answer to one.")
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]... [-- PYTEST ARGS]")
@click.pass_context
def run(
    context: click.Context,
    target: Path | None,
    profile: str,
    report: Path,
    strict: bool,
    waivers: Path | None,
    shard: str,
    require: tuple[str, ...],
    allow_writes: bool,
    read_only: bool,
    in_flight: int,
    quiet: bool,
    seed: int | None,
    fault: tuple[str, ...],
    variant: tuple[str, ...],
    answer: tuple[str, ...],
    clauses: tuple[str, ...],
) -> None:
    """Run the suite and write a report.

    A CLAUSE is the id of a clause, or the beginning of some: auth, json.malformed.
    """
    from refund_conformance.app.run_command import Choice, execute

    chosen, extra = _split(clauses, context.obj or ())
    choice = Choice(
        target=target,
        profile=profile,
        report=report,
        strict=strict,
        waivers=waivers,
        shard=shard,
        require=tuple(name for names in require for name in names.split(",") if name),
        allow_writes=allow_writes,
        read_only=read_only,
        in_flight=in_flight,
        quiet=quiet,
        seed=seed,
        faults=fault,
        variants=variant,
        answers=answer,
        clauses=chosen,
        pytest_args=extra,
    )
    status = execute(choice)
    gc.freeze()  # or the interpreter would look for garbage several times before it ends
    sys.exit(status)


def _split(clauses: tuple[str, ...], extra: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take apart what stands before and after ``--``, which click hands over together."""
    words = sys.argv[1:]
    if "--" not in words:
        return clauses, tuple(extra)
    after = tuple(words[words.index("--") + 1 :])
    return clauses[: len(clauses) - len(after)], after


@main.command()
@click.option("--target", type=click.Path(path_type=Path), help="Target settings; without: the embedded mock.")
@click.option("--profile", default="ci", show_default=True, help="How much to do: smoke, ci or nightly.")
@click.option("--read-only", is_flag=True, help="As for a run that sends only what cannot create anything.")
@click.argument("clauses", nargs=-1, metavar="[CLAUSE]...")
def plan(target: Path | None, profile: str, read_only: bool, clauses: tuple[str, ...]) -> None:
    """Tell what a run will do, without sending anything.

    That is: requests, orders, time, and the clauses that stay untested, with the setting that would enable each.
    """
    from refund_conformance.app import plan as planning
    from refund_conformance.contract import model
    from refund_conformance.sut.profile import profile as profile_of

    loaded = model.load()
    chosen, bounds = loaded.select(clauses), profile_of(profile)
    settings = planning.settings_of(target, loaded)
    for line in planning.plan(settings, loaded, bounds, chosen, read_only=read_only).lines():
        click.echo(line)


@main.command()
@click.option("--target", type=click.Path(path_type=Path), default=Path("target.toml"), show_default=True)
@click.option("--base-url", help="The server: https://staging.example.")
@click.option("--header", help="The header that carries the token.")
@click.option(
    "--from",
    "described",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An OpenAPI document, a Postman environment or collection that gives URL and header.",
)
@click.option("--token", metavar="NAME", help="Environment variable with the token (default: REFUND_TOKEN).")
@click.option("--username", metavar="NAME", help="Environment variable with the user name, to log in instead.")
@click.option("--password", metavar="NAME", help="Environment variable with the password.")
@click.option("--source", type=click.Choice(["list", "hook", "search"]), help="Where orders come from.")
@click.option("--hook", help="URL that makes orders, for --source hook.")
@click.option("--ledger", help="Database URL of the order ledger.")
@click.option("--orders", multiple=True, metavar="GROUP=ID,ID", help="Orders of one group.")
@click.option(
    "--allow-writes/--no-allow-writes", default=None, help="Whether refund requests may be created there."
)
@click.option("--force", is_flag=True, help="Replace the file.")
@click.option("--ask/--no-ask", default=None, help="Ask for what is missing (default: on a terminal).")
def init(target: Path, **given: Any) -> None:
    """Write a target.toml with a comment on every setting.

    It asks for what the options leave open. Secrets are never written: they stay in environment variables.
    """
    from refund_conformance.app import init_command
    from refund_conformance.contract import model

    for line in init_command.execute(target, model.load(), asks=given.pop("ask"), **given):
        click.echo(line)


@main.command()
@click.option("--target", type=click.Path(path_type=Path), required=True, help="Target settings.")
def doctor(target: Path) -> None:
    """Look at a target and its settings: reach, certificate, clock, tokens, orders, ledger.

    Nothing that is sent has an effect. The exit status is 0 without a problem, 2 if there is one with the
    settings, 3 if with the target.
    """
    from refund_conformance.app import doctor as examining
    from refund_conformance.app.doctor_lines import exit_status
    from refund_conformance.contract import model

    lines = []
    for line in examining.examine(target, model.load()):
        lines.append(line)
        click.echo(line)
    sys.exit(exit_status(lines))


@main.command()
@click.argument("clause", required=False)
def clauses(clause: str | None) -> None:
    """List the clauses: level, id and promise."""
    from refund_conformance.contract import model

    loaded = model.load()
    chosen = loaded.select([clause] if clause else [])
    for item in loaded.clauses.values():
        if item.id in chosen:
            click.echo(f"{item.level:<6} {item.id:<28} {item.promise}")


@main.command()
@click.argument("name", required=False)
@click.option("--cause", type=int, metavar="N", help="A cause of the report, counted from 1.")
@click.option("--report", type=click.Path(path_type=Path), default=Path("reports/latest"), show_default=True)
def explain(name: str | None, cause: int | None, report: Path) -> None:
    """Explain a clause, a case, an open question or a cause: what it is about, and how it fared last.

    A NAME is the id of a case or question, or the id of a clause or the beginning of some.
    """
    from refund_conformance.cases.case import Case
    from refund_conformance.contract import model
    from refund_conformance.contract.errors import UsageError
    from refund_conformance.contract.model import Question
    from refund_conformance.mock.faults import catalogue
    from refund_conformance.report import explain as explanation

    loaded = model.load()
    lines: list[str] = []
    if cause is not None:
        lines += explanation.explain_cause(cause, report)
    elif name is None:
        raise UsageError("explain", "nothing is named", "Name a clause, case or question, or --cause N.")
    else:
        found = explanation.find(loaded, name)
        if isinstance(found, Case):
            lines += explanation.explain_case(loaded, found, report)
        elif isinstance(found, Question):
            lines += explanation.explain_question(found, report)
        else:
            chosen = loaded.select([name])
            for item in (item for item in loaded.clauses.values() if item.id in chosen):
                faults = [(fault.name, fault.story) for fault in catalogue().values() if fault.clause == item.id]
                lines += explanation.explain(loaded, item, faults, report)
    for line in lines:
        click.echo(line)


@main.command()
@click.option("--report", type=click.Path(path_type=Path), default=Path("reports/latest"), show_default=True)
def questions(report: Path) -> None:
    """List the questions that the document leaves open: their answers, and what the last run observed."""
    from refund_conformance.app import questions as listed
    from refund_conformance.contract import model

    for line in listed.lines(model.load(), report):
        click.echo(line)


@main.command()
@click.argument("directory", type=click.Path(path_type=Path), default=Path("reports/latest"))
def report(directory: Path) -> None:
    """Make the pages of a report again from its events, without sending anything."""
    from refund_conformance.contract import model
    from refund_conformance.report.render import render
    from refund_conformance.report.terminal import tell

    summary = render(directory)
    tell(summary, model.load(), directory, sys.stdout)
    sys.exit(summary.exit_status)


@main.command()
@click.argument("directories", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--report", type=click.Path(path_type=Path), default=Path("reports/latest"), show_default=True)
def merge(directories: tuple[Path, ...], report: Path) -> None:
    """Make one report of the shards of a run."""
    from refund_conformance.contract import model
    from refund_conformance.report import merge as merging
    from refund_conformance.report.github import publish
    from refund_conformance.report.render import render
    from refund_conformance.report.terminal import tell

    merging.merge(directories, report)
    summary = render(report)
    tell(summary, model.load(), report, sys.stdout)
    publish(summary, report, os.environ, sys.stdout)
    sys.exit(summary.exit_status)


@main.command()
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=Path("site"), show_default=True)
def site(reports: tuple[Path, ...], out: Path) -> None:
    """Make static pages of the history of some reports: clauses by run, and clauses by target."""
    from refund_conformance.contract import model
    from refund_conformance.report.site import build

    pages = build(model.load(), reports, out)
    click.echo(f"{len(pages)} pages; open {out / 'index.html'}")


@main.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
def compare(old: Path, new: Path) -> None:
    """Tell what changed from one report to another; the exit status is 1 for a regression."""
    from refund_conformance.report.compare import compare as compared

    text, status = compared(old, new)
    click.echo(text, nl=False)
    sys.exit(status)


@main.command()
@click.argument("cases", nargs=-1, metavar="[CASE]...")
@click.option("--failed", is_flag=True, help="All cases that failed in the report.")
@click.option("--cause", type=int, metavar="N", help="The cases of one cause of the report, counted from 1.")
@click.option("--report", type=click.Path(path_type=Path), default=Path("reports/latest"), show_default=True)
@click.option(
    "--target", type=click.Path(path_type=Path), help="Target settings; without: those of the report's run."
)
@click.option("--fault", multiple=True, help="A fault for the embedded mock; without: those of the report's run.")
@click.option("--allow-writes", is_flag=True, help="The target may be another machine.")
@click.option("--curl", is_flag=True, help="Show each request as a command, too.")
@click.option("--har", type=click.Path(path_type=Path), help="Write what was sent as an HTTP archive.")
@click.option(
    "--pytest", "pytest_file", type=click.Path(path_type=Path), help="Write it as tests that stand alone."
)
def replay(
    cases: tuple[str, ...],
    failed: bool,
    cause: int | None,
    report: Path,
    target: Path | None,
    fault: tuple[str, ...],
    allow_writes: bool,
    curl: bool,
    har: Path | None,
    pytest_file: Path | None,
) -> None:
    """Send cases again, by their ids or from a report, and show what went over the wire.

    Settings, faults and seed are those of the report's run, unless others are given.
    """
    from refund_conformance.app.replay import Again
    from refund_conformance.app.replay import replay as replayed

    again = Again(cases, report, failed, cause, target, fault, allow_writes, har, pytest_file, curl)
    sys.exit(replayed(again, click.echo))


for _command in (judge, openapi, mock, faults, selfcheck):
    main.add_command(_command)

if __name__ == "__main__":
    main()
