"""The command that judges recorded traffic."""

import sys
from pathlib import Path

import click

PATH = click.Path(path_type=Path)


@click.command()
@click.option("--report", type=PATH, default=Path("reports/latest"), show_default=True)
@click.option(
    "--base-url", help="Where the endpoint is: https://api.example; without: wherever a path looks like it."
)
@click.option("--header", default="", help="The header that carries the token; without: the contract's.")
@click.option(
    "--answer", multiple=True, metavar="QUESTION=ANSWER", help="The server's answer to an open question."
)
@click.option(
    "--holds",
    type=click.FloatRange(min=0),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long what a recording shows still holds: that a refund request is open, that a token is valid.",
)
@click.option("--strict", is_flag=True, help="Warnings count as violations.")
@click.option("--waivers", type=PATH, help="Known deviations (waivers.toml).")
@click.option("--require", multiple=True, metavar="CLAUSES|all", help="Clauses that must be shown.")
@click.option("-q", "--quiet", is_flag=True, help="Print one line at the end.")
@click.option("--follow", is_flag=True, help="Watch a growing file of JSON Lines until Ctrl-C or SIGTERM.")
@click.argument("files", nargs=-1, required=True, type=PATH, metavar="FILE...")
def judge(
    files: tuple[Path, ...],
    report: Path,
    base_url: str | None,
    header: str,
    answer: tuple[str, ...],
    holds: float,
    strict: bool,
    waivers: Path | None,
    require: tuple[str, ...],
    quiet: bool,
    follow: bool,
) -> None:
    """Judge recorded traffic, without sending anything.

    A FILE is an HTTP archive (HAR), a newman run, flows of mitmproxy, a report of ours, or JSON Lines of HAR
    entries. What a recording does not tell (the state of an order, whether a token is valid) may be anything: only
    an answer that no possibility permits is a violation.
    """
    from refund_conformance.app.judging.command import Choice, execute

    sys.exit(
        execute(
            Choice(
                files=files,
                report=report,
                base_url=base_url,
                header=header,
                answers=answer,
                holds=holds,
                strict=strict,
                waivers=waivers,
                require=tuple(name for names in require for name in names.split(",") if name),
                quiet=quiet,
                follows=follow,
            )
        )
    )
