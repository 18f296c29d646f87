"""Each format is read into the same exchanges; what is broken is one error that names file, reason and remedy."""

import gzip
import json
import tempfile
import zlib
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recording_files import (
    BEGAN,
    EXCHANGES,
    HOST,
    PLAIN,
    RECORDINGS,
    REFUSAL,
    entry,
    flow,
    har,
    json_lines,
    netstring,
    newman,
    packed,
)

from refund_conformance.app.recordings import messages
from refund_conformance.app.recordings.har import entry as read_entry
from refund_conformance.app.recordings.messages import (
    decoded,
    origin_and_target,
    sent_body,
    told_length,
    unix_time,
)
from refund_conformance.app.recordings.reading import LineReader, read
from refund_conformance.cases.recorded.exchange import Recorded
from refund_conformance.contract.errors import UsageError


def recorded(folder: Path, content: bytes, name: str = "recording") -> list[Recorded]:
    path = folder / name
    path.write_bytes(content)
    return list(read(path))


def read_or_refused(folder: Path, content: bytes) -> None:
    """Read a recording; an error must be one that a person can do something about."""
    with suppress(UsageError):
        recorded(folder, content)


@pytest.mark.parametrize("form", RECORDINGS)
def test_every_format_holds_the_same_exchanges(tmp_path: Path, form: str) -> None:
    found = recorded(tmp_path, RECORDINGS[form])
    assert [one.body for one in found] == [body.encode() for body, _, _ in EXCHANGES]
    answers = [one.answer for one in found]
    assert [(one.status, one.body) for one in answers if one] == [(s, a.encode()) for _, s, a in EXCHANGES]
    for one in found:
        assert (one.method, one.origin, one.target) == ("POST", f"https://{HOST}", "/v1/order/730001/refund")
        assert one.values("content-type") == ("application/json",)
        assert one.values("AUTHORIZATIONJWT")[0].startswith("Bearer ")
        assert one.earliest is not None
        assert one.latest is not None
        assert BEGAN <= one.earliest <= one.latest <= BEGAN + 3


def test_a_report_directory_stands_for_its_record(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(RECORDINGS["events"])
    assert len(list(read(tmp_path))) == 3


# ---- what a recording may lack


def changed(**more: Any) -> Recorded:
    """Return the first exchange of an archive whose entry has other members."""
    value = entry(PLAIN, 400, REFUSAL)
    for path, member in more.items():
        *steps, last = path.split("__")
        place = value
        for step in steps:
            place = place[step]
        if member is None:
            place.pop(last)
        else:
            place[last] = member
    return read_entry(value, "traffic.har", "entry 1")


def test_a_body_that_was_left_out_is_unknown() -> None:
    assert changed(request__postData=None).body is None
    assert changed(request__postData__text=None).body is None
    assert changed(request__postData__text="").body is None
    answer = changed(response__content__text=None).answer
    assert answer is not None
    assert answer.body is None


def test_a_body_of_another_length_than_was_sent_is_unknown() -> None:
    assert changed(request__postData__text=PLAIN[:-1]).body is None
    assert changed(request__postData__text=PLAIN.replace("product", "produc\ufffd")).body is None


def test_a_body_that_is_empty_for_sure_is_empty() -> None:
    empty = changed(
        request__postData=None, request__bodySize=0, request__headers=[], response__content={"size": 0}
    )
    assert empty.body == b""
    assert empty.answer is not None
    assert empty.answer.body == b""


def test_an_answer_that_was_cut_is_unknown() -> None:
    answer = changed(response__content={"text": REFUSAL[:-5], "size": len(REFUSAL)}).answer
    assert answer is not None
    assert answer.body is None


def test_packed_bodies_are_unpacked() -> None:
    sent = changed(request__postData={"text": packed(PLAIN), "encoding": "base64"})
    assert sent.body == PLAIN.encode()
    answer = changed(response__content={"text": packed(REFUSAL), "encoding": "base64"}).answer
    assert answer is not None
    assert answer.body == REFUSAL.encode()


def test_a_coding_that_was_undone_already_is_left_alone() -> None:
    coded = [{"name": "Content-Encoding", "value": "gzip"}]
    answer = changed(response__headers=coded).answer
    assert answer is not None
    assert answer.body == REFUSAL.encode()


@pytest.mark.parametrize("missing", [{"status": 0}, {"status": 0, "headers": [], "content": {}}])
def test_a_request_that_failed_has_no_answer(missing: dict[str, Any]) -> None:
    assert changed(response=missing).answer is None
    assert changed(response=None).answer is None


def test_an_archive_needs_no_times() -> None:
    assert changed(startedDateTime=None).earliest is None
    assert changed(startedDateTime="2026-03-01T12:00:00").earliest is None  # of which zone?
    assert changed(time=None).latest == BEGAN
    assert changed(time=-1).latest == BEGAN
    assert changed(time=float("inf")).latest == BEGAN


@pytest.mark.parametrize(
    ("coding", "packed_body"),
    [
        ("gzip", gzip.compress(b"{}", mtime=0)),
        ("deflate", zlib.compress(b"{}")),
        ("identity", b"{}"),
        ("br", b"{}"),
    ],
)
def test_codings_are_undone(coding: str, packed_body: bytes) -> None:
    assert decoded(packed_body, (("Content-Encoding", coding),)) == b"{}"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_what_cannot_be_unpacked_is_unknown(coding: str) -> None:
    for raw in (b"\x1f\x8b\xff", b"\x78\xff\xff", b"\xff\xfe"):
        assert decoded(raw, (("Content-Encoding", coding),)) is None


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "LARGEST_ANSWER", 1000)
    assert decoded(gzip.compress(b"0" * 10_000), (("Content-Encoding", "gzip"),)) is None


@pytest.mark.parametrize(
    ("body", "length", "is_raw", "known"),
    [
        (b"{}", 2, False, True),
        (b"{}", 3, False, False),
        (b"{}", 3, True, False),
        (b"{}", None, False, True),
        (b"{", None, False, False),
        (b"{", None, True, True),
        (b"{", 1, False, True),
        (None, None, False, False),
        (None, None, True, True),
        (None, 0, False, True),
        (b'{"a":"[redacted]"}', None, True, False),
    ],
)
def test_a_body_is_known_if_it_is_as_it_was_sent(
    body: bytes | None, length: int | None, is_raw: bool, known: bool
) -> None:
    assert (sent_body(body, length, is_raw=is_raw) is not None) == known


def test_lengths_urls_and_times() -> None:
    assert told_length((("content-length", "12"),), 99) == 12
    assert told_length((("content-length", "1"), ("content-length", "2")), -1) is None
    assert told_length((("content-length", "x"),), True) is None
    assert origin_and_target("HTTPS://user:pass@API.example:443/a?b#c") == ("https://api.example", "/a?b")
    assert origin_and_target("http://h:8080?x") == ("http://h:8080", "/?x")
    assert origin_and_target("data:,x") == ("", "data:,x")
    assert unix_time("2026-03-01T13:00:00+01:00") == BEGAN
    assert unix_time(None) is None


# ---- broken and hostile files


def without(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode("utf-8", "surrogatepass")


DEEP = 200_000
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "blank": b"\n \n",
    "text": b"hello\n",
    "picture": b"\x89PNG\r\n\x1a\n\0\0",
    "zip": b"PK\x03\x04aaaa",
    "gzip": gzip.compress(har().encode()),
    "utf-16": har().encode("utf-16"),
    "latin-1": har().encode().replace(b"Wrong", b"Wr\xffng"),
    "truncated har": har().encode()[:-50],
    "truncated newman": newman().encode()[:-50],
    "truncated flows": RECORDINGS["mitmproxy"][:-50],
    "deep": b"[" * DEEP,
    "deep har": b'{"log":{"entries":' + b"[" * DEEP + b"]" * DEEP + b"}}",
    "deep line": json_lines().encode() + b"[" * DEEP + b"\n",
    "other json": b'{"a":1}',
    "number": b"12345",
    "null": b"null",
    "entries are no list": b'{"log":{"entries":{}}}',
    "entry is no object": b'{"log":{"entries":[1]}}',
    "entry without url": without(har(), '"url"', '"uri"'),
    "method is a number": without(har(), '"method": "POST"', '"method": 1'),
    "header without value": without(har(), '"value": "api.example"', '"v": 1'),
    "status is a text": without(har(), '"status": 200', '"status": "200"'),
    "executions are no list": b'{"run":{"executions":1}}',
    "timings are no object": b'{"run":{"executions":[],"timings":1}}',
    "execution without request": b'{"run":{"executions":[{}]}}',
    "stream is no bytes": without(newman(), '"data": []', '"data": [256]'),
    "line is no exchange": json_lines().encode() + b'{"a":1}\n',
    "line is no json": json_lines().encode() + b"{\n",
    "line is not utf-8": json_lines().encode() + b'{"request":"\xff"}\n',
    "event is broken": without(RECORDINGS["events"].decode(), '"bytes": 60', '"bytes": "60"'),
    "flow without method": netstring({"request": {}, "response": None}),
    "flow without type": b"2:{}@",
    "flow with a huge length": b"999999999999:",
    "flow of odd members": netstring({"request": 1})[:-1].replace(b"7:request;1:1#", b"7:request;") + b"}",
    "flow that nests": b"".join(f"{n}:".encode() for n in range(900, 10, -1)),
    "flow with a bad number": b"14:7:request;1:x#}",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_one_error_with_a_remedy(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as raised:
        recorded(tmp_path, BROKEN[name], "given.file")
    assert "given.file" in raised.value.what
    assert raised.value.why
    assert raised.value.remedy
    assert raised.value.exit_status == 2


@pytest.mark.parametrize("place", ["request", "response"])
def test_what_is_not_base64_is_an_error(place: str) -> None:
    packed_badly = {"text": "!!!", "encoding": "base64"}
    with pytest.raises(UsageError, match=f"{place}.*base64"):
        changed(**{f"{place}__{'postData' if place == 'request' else 'content'}": packed_badly})


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "none.har", tmp_path):
        with pytest.raises(UsageError, match=r"No such file|Is a directory"):
            list(read(path))


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        read_or_refused(Path(folder), raw)


@given(st.data())
def test_any_change_of_a_recording_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(RECORDINGS[data.draw(st.sampled_from(sorted(RECORDINGS)))])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        read_or_refused(Path(folder), bytes(raw))


JUNK: tuple[Any, ...] = (None, True, -1, "x", [], [1], {"a": 1}, 10**400)


OTHER: tuple[Any, ...] = (None, True, -1, 1.5, "x", b"x", [], {}, [[b"x"]])


def replaced(value: Any, path: tuple[Any, ...], junk: Any) -> Any:
    copy = deepcopy(value)
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = junk
    return copy


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in ((*path, key), *paths(one, (*path, key)))]


def test_any_member_of_another_type_is_read_or_refused(tmp_path: Path) -> None:
    first = json.loads(newman())
    first["run"]["executions"] = first["run"]["executions"][1:2]
    for value in ({"log": {"entries": [entry(PLAIN, 400, REFUSAL)]}}, first):
        for path in paths(value):
            for junk in JUNK:
                read_or_refused(tmp_path, json.dumps(replaced(value, path, junk)).encode())


def test_any_member_of_a_flow_of_another_type_is_read_or_refused(tmp_path: Path) -> None:
    value = flow(PLAIN, 400, REFUSAL)
    for path in paths(value):
        for junk in OTHER:
            read_or_refused(tmp_path, netstring(replaced(value, path, junk)))


def test_a_last_line_that_is_being_written_is_left_out(tmp_path: Path) -> None:
    assert len(recorded(tmp_path, json_lines().encode()[:-60])) == 2
    assert len(recorded(tmp_path, json_lines().encode()[:-1])) == 3


def test_empty_lines_and_other_events_are_no_exchanges() -> None:
    reader = LineReader("traffic.jsonl")
    assert reader.take(b"\n") is None
    assert reader.take(b'{"event":"note","text":"x"}\n') is None
    assert reader.number == 2


def test_a_newman_run_has_only_the_times_of_the_whole(tmp_path: Path) -> None:
    first, second, third = recorded(tmp_path, newman().encode())
    assert (first.earliest, first.latest) == (BEGAN, BEGAN + 0.5)
    assert second.earliest == pytest.approx(BEGAN + 0.042)
    assert third.is_sequential
