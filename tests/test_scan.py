"""Check the cutting of texts: chunks of whole objects, and objects, lines, names within a chunk."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import ATTRIBUTES, CLASSES, COUNTED, FREE_TEXT, Parsed, dumps, parse

from rirdex.indexer import sources
from rirdex.indexer.scan import CODE, attribute_codes, joined_value, padded, scan, trim, words_of
from rirdex.indexer.sources import Chunk, Source

SOURCE = Source("dump.db", "dump.db", None, 0)
KNOWN = (*CLASSES, *ATTRIBUTES, *COUNTED)


class Slow:
    """Read a text in steps of a few bytes."""

    def __init__(self, text: bytes, step: int) -> None:
        self.text, self.step, self.at = text, step, 0

    def read(self, size: int, /) -> bytes:
        """Return up to ``step`` bytes."""
        part = self.text[self.at : self.at + min(size, self.step)]
        self.at += len(part)
        return part


def chunks(text: bytes, size: int, step: int) -> list[Chunk]:
    """Cut a text with a reader that gives at most ``step`` bytes at a time."""
    return list(sources.chunks(SOURCE, Slow(text, step), size))


def objects_of(pieces: list[Chunk]) -> list[Parsed]:
    """Parse each chunk by itself; offsets are those of the whole text."""
    return [
        Parsed(offset + start, offset + end, attributes)
        for offset, text in pieces
        for start, end, attributes in parse(text or b"")
    ]


# -- lines, names, objects --------------------------------------------------------------------

NOT_THE_NAME = [
    b"inetnu:", b"inetnumm:", b"inetnum :", b"inet-num:", b"descr", b"descr;", b"status\0:",
    b"last-modifie:", b"last-modifiedd:", b"organisatio:", b"organisation-:", b"xnetname:", b":",
    b"", b"netname\n:", b"created\n", b"role\nirt:", b"mnt_by:",
    b"sponsoring-organisation-name:", b"organisation\0\0\0\0:",
]  # fmt: skip
ONLY_WITH_CASE_BIT_SET = [b"descr\x1a x", b"mnt\rby:", b"inet\x16num:", b"as\rset:"]


@pytest.mark.parametrize("name", KNOWN)
@pytest.mark.parametrize("behind", [b"", b" x\n", b"x" * 20, b":::::::::", b"\0\0\0", b"\xff" * 9])
def test_every_attribute_is_known_in_any_case_whatever_follows(name: bytes, behind: bytes) -> None:
    for spelt in (name, name.upper(), name.title(), name.swapcase()):
        text = padded(b"??", spelt + b":" + behind)
        assert attribute_codes(words_of(text), np.array([2])) == [CODE[name.decode()]]


@pytest.mark.parametrize("line", NOT_THE_NAME + ONLY_WITH_CASE_BIT_SET)
def test_what_is_only_nearly_an_attribute_is_another(line: bytes) -> None:
    text = padded(line + b" x: y\nnetname: z\n")
    assert attribute_codes(words_of(text), np.array([0])) == [0]


@given(st.binary(max_size=40))
def test_a_name_is_known_exactly_when_it_stands_before_the_first_colon(line: bytes) -> None:
    line = bytes(max(byte, 0x20) for byte in line)
    name, colon, _ = line.partition(b":")
    expected = CODE.get(name.decode("latin-1").lower(), 0) if colon and name.isascii() else 0
    assert attribute_codes(words_of(padded(line)), np.array([0])) == [expected]


@pytest.mark.parametrize("name", [name for name in KNOWN if len(name) > 7])
def test_a_long_name_is_known_by_every_letter(name: bytes) -> None:
    letters = b"abcdefghijklmnopqrstuvwxyz-0"
    lines = [name[:8] + bytes([a, b]) + name[10:] + b":" for a in letters for b in letters]
    lines += [name[:8] + bytes([a]) + b":" for a in letters]
    start = np.cumsum([0, *map(len, lines)])[:-1]
    found = attribute_codes(words_of(padded(b"".join(lines))), start)
    assert found.tolist() == [CODE.get(line[:-1].decode(), 0) for line in lines]


@settings(max_examples=200, deadline=None)
@given(dumps())
def test_a_chunk_is_cut_into_the_objects_and_values_of_the_naive_parser(text: bytes) -> None:
    scanned = scan(padded(text), len(text))
    found = parse(text)
    assert list(zip(scanned.object_start.tolist(), scanned.object_end.tolist(), strict=True)) == [
        (start, end) for start, end, _ in found
    ]
    lines = np.flatnonzero(~scanned.continues).tolist()
    values = [
        joined_value(scanned, line, comments=name not in FREE_TEXT)
        for line, (name, _) in zip(
            lines, (a for item in found for a in _named(text, item)), strict=True
        )
    ]
    named = [a for item in found for a in _named(text, item)]
    coded = [CODE.get(name.decode("latin-1"), 0) for name, _ in named]
    assert scanned.line_key[lines].tolist() == coded
    assert [v for v, (name, _) in zip(values, named, strict=True) if name] == [
        value for name, value in named if name
    ]
    owners = scanned.line_object[lines].tolist()
    assert owners == [k for k, item in enumerate(found) for _ in _named(text, item)]


def _named(text: bytes, item: Parsed) -> list[tuple[bytes, bytes]]:
    """Return an object's attributes without the continuation lines that it may begin with."""
    begins = text[item.start : item.start + 1]
    return item.attributes[1:] if begins in (b" ", b"\t", b"+") else item.attributes


@pytest.mark.parametrize("text", [b"", b"\n", b"\r\n\r\n", b"# x", b"%\n\n# x\r\n", b"\n\n\n%"])
def test_a_text_of_comments_and_empty_lines_holds_no_object(text: bytes) -> None:
    scanned = scan(padded(text), len(text))
    assert len(scanned.object_start) == len(scanned.object_end) == len(scanned.line_start) == 0


@given(st.lists(st.binary(max_size=60).map(lambda b: bytes(c % 40 for c in b)), max_size=5))
def test_trim_strips_blanks_and_control_characters_at_both_ends(values: list[bytes]) -> None:
    end = np.cumsum([len(value) for value in values]).astype(np.int64)
    start = end - np.array([len(value) for value in values], np.int64)
    # A line feed stands behind every value of a text, and none is in it.
    flat = b"".join(value.replace(b"\n", b"!") for value in values)
    low, high = trim(padded(flat), start, end)
    stripped = [flat[a:b].strip(bytes(range(33))) for a, b in zip(start, end, strict=True)]
    assert [flat[a:b] for a, b in zip(low, high, strict=True)] == stripped


# -- chunks -----------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(dumps().map(lambda text: text[-300:]))
def test_chunks_of_any_size_hold_every_object_once_and_whole(text: bytes) -> None:
    whole = parse(text)
    for size in range(1, len(text) + 2):
        pieces = chunks(text, size, 1 << 20)
        assert b"".join(piece.text or b"" for piece in pieces) == text
        offsets = np.cumsum([0, *(len(piece.text or b"") for piece in pieces)])
        assert [piece.offset for piece in pieces] == offsets[:-1].tolist()
        assert objects_of(pieces) == whole


@settings(max_examples=50, deadline=None)
@given(dumps(), st.integers(1, 200), st.sampled_from([1, 2, 3, 7, 64]))
def test_chunks_do_not_depend_on_the_steps_in_which_a_text_is_read(
    text: bytes, size: int, step: int
) -> None:
    assert chunks(text, size, step) == chunks(text, size, 1 << 20)


def test_chunks_are_no_longer_than_asked_and_hardly_shorter() -> None:
    text = b"".join(_object(b"x", 50 + k % 50) + b"\n\n" for k in range(2000))
    sizes = [len(piece.text or b"") for piece in chunks(text, 5000, 1 << 20)]
    assert max(sizes) <= 5000
    assert min(sizes[:-1]) > 4900


# How far behind a multiple of the sizes in which the code reads on a break may end.
SHIFTS = range(-5, 6)
BREAKS = [b"\n\n", b"\n\r\n", b"\r\n\r\n", b"\n\n\n", b"\n\n\r\n"]


def _object(key: bytes, length: int) -> bytes:
    """Return an object of exactly ``length`` bytes, without the line feed of its last line."""
    head = b"role: " + key + b"\nremarks: "
    return head + b"x" * (length - len(head))


@pytest.mark.parametrize("mark", BREAKS)
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("reads", [1, 2])
def test_an_object_longer_than_a_chunk_ends_where_it_ends(
    mark: bytes, shift: int, reads: int
) -> None:
    long = _object(b"long", 100 + reads * 65536 + shift - len(mark)) + mark
    text = _object(b"before", 40) + b"\n\n" + long + _object(b"after", 300) + b"\n\nrole: end\n"
    for size in (42 + 100, 100):
        pieces = chunks(text, size, 1 << 20)
        assert b"".join(piece.text or b"" for piece in pieces) == text
        assert objects_of(pieces) == parse(text)


@pytest.mark.parametrize("mark", BREAKS[:3])
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("reads", [0, 1, 2])
def test_an_object_that_is_too_long_is_left_out_and_nothing_else(
    mark: bytes, shift: int, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONGEST_OBJECT", 100)
    long = _object(b"long", 100 + reads * 65536 + shift - len(mark)) + mark
    before, after = _object(b"before", 40) + b"\n\n", _object(b"after", 60) + b"\n\nrole: end\n"
    text = before + long + after
    for size in (100, 110):
        pieces = chunks(text, size, 50)
        oversized = [offset for offset, piece in pieces if piece is None]
        assert oversized == ([len(before)] if len(long) > size else [])
        kept = [item for item in parse(text) if item.start not in oversized]
        assert objects_of(pieces) == kept
        for offset, piece in pieces:
            assert piece is None or text[offset : offset + len(piece)] == piece


@pytest.mark.parametrize("mark", BREAKS[:3])
@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("reads", [0, 1])
def test_an_object_before_one_that_is_too_long_is_kept(
    mark: bytes, shift: int, reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "LONGEST_OBJECT", 150 + reads * 65536)
    short = _object(b"short", 100 + reads * 65536 + shift - len(mark)) + mark
    text = short + _object(b"long", 300_000) + b"\n\nrole: end\n"
    pieces = chunks(text, 100, 1 << 20)
    assert [offset for offset, piece in pieces if piece is None] == [len(short)]
    assert objects_of(pieces) == [item for item in parse(text) if item.start != len(short)]


def test_a_last_object_that_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_OBJECT", 1000)
    text = b"role: x\n\n" + _object(b"long", 200_000)
    assert chunks(text, 500, 1 << 20) == [Chunk(0, b"role: x\n\n"), Chunk(9, None)]


def test_an_object_just_within_the_limit_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "LONGEST_OBJECT", 100_000)
    text = _object(b"long", 99_990) + b"\n\n" + _object(b"last", 99_990)
    assert objects_of(chunks(text, 500, 1 << 20)) == parse(text)


def test_an_object_of_two_megabytes_is_one_chunk_of_its_own() -> None:
    text = b"role: a\n\n" + _object(b"long", 2 << 20) + b"\n\nrole: b\n"
    pieces = chunks(text, sources.CHUNK, 1 << 20)
    assert objects_of(pieces) == parse(text)
    assert len(objects_of(pieces)) == 3
