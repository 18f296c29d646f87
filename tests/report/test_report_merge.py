"""Shards put together: which of them there are, and what an incomplete set says."""

import json
from pathlib import Path
from typing import Any

import pytest
from report_story import Story

from refund_conformance.contract.errors import RunError
from refund_conformance.report import artifacts, merge, render
from refund_conformance.report.summary import Summary

CLAUSES = list(Story().contract.clauses)
SHARDS = 3


def shard(folder: Path, number: int, count: int = SHARDS, **start: Any) -> Path:
    """Write the record of a shard that tested every third clause."""
    mine = CLAUSES[number - 1 :: SHARDS]
    story = Story().everything_held(but=tuple(set(CLAUSES) - set(mine)))
    more = {"chosen": mine, "shards": {"count": count, "present": [number]}, **start}
    return story.write(folder / f"shard-{number}", **more)


def merged(folder: Path, *shards: Path) -> Summary:
    merge.merge(shards, folder / "latest")
    return render.render(folder / "latest")


def test_all_shards_together_are_a_whole_run(tmp_path: Path) -> None:
    made = merged(tmp_path, *(shard(tmp_path, number) for number in (2, 1, 3)))
    assert (made.data["verdict"], made.exit_status, made.data["partial"]) == ("conformant", 0, "")


@pytest.mark.parametrize(("numbers", "absent"), [((1,), "2, 3"), ((1, 3), "2")])
def test_a_merge_without_some_shards_is_partial_and_says_which(
    numbers: tuple[int, ...], absent: str, tmp_path: Path
) -> None:
    made = merged(tmp_path, *(shard(tmp_path, number) for number in numbers))
    assert (made.data["verdict"], made.exit_status) == ("partial", 0)
    assert made.data["partial"].startswith(f"of 3 shards, it is without {absent}; ")
    badge = json.loads((tmp_path / "latest" / artifacts.BADGE).read_text())
    assert (badge["message"], badge["color"]) == (
        f"{len(made.account.with_result('held'))}/{len(CLAUSES)}",
        "#ffbf00",
    )


def test_merged_again_the_missing_shard_makes_it_whole(tmp_path: Path) -> None:
    merged(tmp_path, shard(tmp_path, 1), shard(tmp_path, 3))
    made = merged(tmp_path / "again", tmp_path / "latest", shard(tmp_path, 2))
    assert made.data["verdict"] == "conformant"


def test_what_a_shard_requires_the_whole_requires(tmp_path: Path) -> None:
    some = [shard(tmp_path, number, required=CLAUSES) for number in (1, 2)]
    assert merged(tmp_path, *some).exit_status == 3


def test_the_same_shard_twice_is_refused(tmp_path: Path) -> None:
    first = shard(tmp_path, 1)
    with pytest.raises(RunError, match="shard 1/3: is there twice"):
        merge.merge((first, first), tmp_path / "latest")


def test_shards_of_differently_shared_runs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is one of 2 shards, not of 3"):
        merge.merge((shard(tmp_path, 1), shard(tmp_path, 2, count=2)), tmp_path / "latest")


def test_records_of_version_0_1_which_do_not_tell_their_shards_are_put_together(tmp_path: Path) -> None:
    some = []
    for number in (1, 2, 3):
        mine = CLAUSES[number - 1 :: SHARDS]
        story = Story().everything_held(but=tuple(set(CLAUSES) - set(mine)))
        some.append(story.write(tmp_path / f"old-{number}"))
    assert merged(tmp_path, *some).data["verdict"] == "conformant"


def test_the_failing_exchanges_keep_their_numbers_together(tmp_path: Path) -> None:
    story = Story()
    number = story.exchange()
    story.case("email.null/null", "violated", exchanges=[number], failing=[number])
    directories = [Story().write(tmp_path / "one"), story.write(tmp_path / "two")]
    merge.merge(directories, tmp_path / "latest")
    lines = (tmp_path / "latest" / artifacts.EVENTS).read_text().splitlines()
    (case,) = (event for event in map(json.loads, lines) if event["event"] == "case")
    assert case["failing"] == case["exchanges"] != [number]
