"""Check what is read out of the inputs of a batch, against readers that look at every byte."""

from __future__ import annotations

import io
import ipaddress
import json
import re
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rirdex.query import blocks, delimited, found
from rirdex.query.addresses import Span
from rirdex.query.asked import parse_query
from rirdex.query.blocks import BLANKS, BOM, HEAD, Block, InputError
from rirdex.query.delimited import cells_of
from rirdex.query.inputs import FORMS, line_quads, open_blocks, read_blocks


class Row(NamedTuple):
    """Hold one row: the text of its query, what it asks for or an error, its own record."""

    text: bytes
    asked: Span | str
    kept: bytes | None = None


class Slow(io.RawIOBase):
    """Give a text in steps of a few bytes."""

    def __init__(self, text: bytes, step: int) -> None:
        self.text, self.step, self.at = text, step, 0

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``step`` bytes."""
        part = self.text[self.at : self.at + min(size, self.step)]
        self.at += len(part)
        return part


def rows_of(block: Block) -> Iterator[Row]:
    """Yield the rows of a block, which must be true to what it promises."""
    size = len(block.start)
    assert size > 0
    assert len(block.end) == len(block.numbers) == len(block.known) == size
    assert block.start.dtype == block.end.dtype == np.int64
    assert block.numbers.dtype == np.uint32
    assert set(block.others) == set(np.flatnonzero(~block.known).tolist())
    assert block.kept is None or len(block.kept) == size
    for row in range(size):
        text = block.text[block.start[row] : block.end[row]]
        kept = block.kept[row] if block.kept is not None else None
        if block.known[row]:
            number = int(block.numbers[row])
            assert str(ipaddress.IPv4Address(number)).encode() == text
            yield Row(text, Span(4, number, number, "address"), kept)
        else:
            assert block.numbers[row] == 0
            yield Row(text, block.others[row], kept)


def read(
    text: bytes,
    form: str,
    *,
    step: int = 1 << 20,
    size: int = 1 << 20,
    field: str | None = None,
    keep: bool = False,
    header: bool | None = None,
) -> list[Row]:
    """Read a text to its end."""
    stream = Slow(text, step)
    parts = read_blocks(stream, form, field=field, keep=keep, header=header, size=size)  # type: ignore[arg-type]
    return [row for block in parts for row in rows_of(block)]


def asked(text: bytes) -> Span | str:
    """Return what a text asks for, dotted quads by the standard library."""
    try:
        number = int(ipaddress.IPv4Address(text.decode("ascii")))
    except ValueError:
        return parse_query(text.decode("utf-8", "replace"))
    return Span(4, number, number, "address")


def address(text: str) -> Span:
    """Return the query for one address."""
    value = ipaddress.ip_address(text)
    return Span(value.version, int(value), int(value), "address")


# -- one query ----------------------------------------------------------------------------------

QUAD = address("192.0.2.1")
SIX = address("2001:db8::1")
MAPPED = QUAD._replace(mapped=True)
QUERIES = {
    "192.0.2.1": QUAD,
    " \t192.0.2.1\r": QUAD,
    "\ufeff192.0.2.1": QUAD,
    "\u00a0192.0.2.1\u3000": QUAD,
    "192.0.2[.]1": QUAD,
    "192[.]0[.]2[.]1": QUAD,
    "192(.)0{.}2[dot]1": QUAD,
    "192[DOT]0.2(dot)1": QUAD,
    "192.0.2.1:80": QUAD,
    "192.0.2[.]1:0": QUAD,
    "192.0.2.1:65535": QUAD,
    "http://192.0.2.1": QUAD,
    "http://192.0.2.1:/": QUAD,
    "hxxp://192.0.2.1/": QUAD,
    "hXXps://192[.]0[.]2[.]1:8443/a-b/c?d=e#f@g": QUAD,
    "hxxp[://]192[.]0[.]2[.]1/a b": QUAD,
    "ftp://user:p@ss@192.0.2.1/": QUAD,
    "tcp://192.0.2.1?x": QUAD,
    "http://[2001:db8::1]": SIX,
    "http://u@[2001:db8::1]:80/x": SIX,
    "https://[::ffff:192.0.2.1]/": MAPPED,
    "2001:DB8:0::1": SIX,
    "2001[:]db8[:][:]1": SIX,
    "[2001:db8::1]": SIX,
    "[2001:db8::1]:443": SIX,
    "::ffff:192.0.2.1": MAPPED,
    "::ffff:c000:201": MAPPED,
    "[::ffff:192.0.2.1]:25": MAPPED,
    "192.0.2.0/24": Span(4, 0xC0000200, 0xC00002FF, "prefix"),
    "192.0.2[.]0/24": Span(4, 0xC0000200, 0xC00002FF, "prefix"),
    "192.0.2.0 - 192.0.2.9": Span(4, 0xC0000200, 0xC0000209, "range"),
    "192.0.2[.]0-192.0.2[.]9": Span(4, 0xC0000200, 0xC0000209, "range"),
    "2001:db8::/32": Span(6, 0x20010DB8 << 96, (0x20010DB9 << 96) - 1, "prefix"),
    "::ffff:192.0.2.0/120": Span(4, 0xC0000200, 0xC00002FF, "prefix", True),
}
NO_QUERIES = {
    "": "empty",
    " \t": "empty",
    "010.0.0.1": "ambiguous",
    "http://010.0.0.1/": "ambiguous",
    "192.0.2.01:80": "ambiguous",
    "192[.]0[.]2[.]01": "ambiguous",
    "fe80::1%eth0": "zone",
    "[fe80::1%25eth0]:80": "zone",
    "http://[fe80::1%25eth0]/": "zone",
    "http://example.com/": "'example.com' is a host name",
    "http://example.com:80/192.0.2.1": "'example.com' is a host name",
    "http://192.0.2.1@example.com/": "'example.com' is a host name",
    "http://example.com\\@192.0.2.1/": "'example.com' is a host name",
    "http://example.com#@192.0.2.1/": "'example.com' is a host name",
    "http://example.com?@192.0.2.1/": "'example.com' is a host name",
    "http://0x7f000001/": "host name",
    "http://2130706433/": "no IP address",
    "http://127.1/": "no IP address",
    "http://256.0.2.1/": "larger than 255",
    "http:///192.0.2.1": "no host",
    "http://": "no host",
    "example.com": "host name",
    "example.com:80": "host name",
    "1.2.3.4.example.com": "host name",
    "192.0.2.1:": "no port",
    "192.0.2.1:65536": "no port",
    "192.0.2.1:0000080": "no port",
    "192.0.2.1:-1": "no port",
    "192.0.2.1:\u0661": "no port",
    "192.0.2.1:80/24": "no port",
    "[2001:db8::1]:http": "no port",
    "[2001:db8::1": "leave out",
    "2001:db8::1]": "leave out",
    "[192.0.2.1]:80": "no address",
    "[]:80": "no address",
    "192.0.2.1,": "leave out",
    "'192.0.2.1'": "leave out",
    '"192.0.2.0/24";': "leave out",
    "192.0.2.1 192.0.2.2": "no address",
    "192.0.2.1/24": "did you mean 192.0.2.0/24",
    "192.0.2.0/33": "out of range",
    "192.0.2.9 - 192.0.2.0": "ends before",
    "192.0.2.0 - 2001:db8::": "IPv6",
    "192.0.2": "no IP address",
    "1": "no address",
    "AS64500": "AS number",
    "ORG-EX1-TEST": "no address",
    "1\0009\0002\000.\0000\000": "UTF-16",
    "\ufffd\ufffd": "no address",
    "[.]": "no address",
    "://": "",
    "-": "",
    "/": "",
    ":": "",
    "%": "",
}


@pytest.mark.parametrize("text", QUERIES)
def test_a_query_is_read_in_the_forms_that_people_write(text: str) -> None:
    assert parse_query(text) == QUERIES[text]


@pytest.mark.parametrize("text", NO_QUERIES)
def test_what_is_no_query_says_why(text: str) -> None:
    fault = parse_query(text)
    assert isinstance(fault, str)
    assert fault
    assert NO_QUERIES[text] in fault


@given(st.text(st.sampled_from("19.:/-[](){}dot@%\0 \n\ud800é#ahxp"), max_size=40))
def test_any_text_is_a_query_or_has_a_short_reason(text: str) -> None:
    found = parse_query(text)
    if isinstance(found, str):
        assert found
        assert len(found) < 400
        assert not re.search(r"[\0-\x1f\ud800-\udfff]", found)
    else:
        assert 0 <= found.first <= found.last < 1 << (32 if found.family == 4 else 128)


@pytest.mark.parametrize(
    "text",
    ["[.]", "[", "1.", "1", "a.", ":", "::", "@", "http://", "1.2.3.4", "-", "/", "%", '"', "[:"],
)
def test_a_megabyte_of_one_thing_is_refused_at_once(text: str) -> None:
    begun = time.process_time()
    found = parse_query(text * (1_000_000 // len(text)))
    assert isinstance(found, str)
    assert len(found) < 400
    assert time.process_time() - begun < 2


# -- lines --------------------------------------------------------------------------------------


def naive_lines(text: bytes, limit: int) -> list[Row]:
    """Read lines one by one."""
    lines = text.removeprefix(BOM).split(b"\n")
    if not lines[-1]:
        lines.pop()
    rows = []
    for line in lines:
        long = len(line) > limit
        if long:
            line = line.lstrip(BLANKS)[:HEAD]
        line = line.strip(BLANKS).removeprefix(BOM).strip(BLANKS)
        if line and line[:1] not in (b"#", b";"):
            rows.append(Row(line, "the line is longer than 1 MiB" if long else asked(line)))
    return rows


def cut_at(monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Make lines that are longer than a few bytes too long."""
    for module in (blocks, delimited, found):
        monkeypatch.setattr(module, "LIMIT", limit)


LINES = st.sampled_from(
    [
        b"192.0.2.1", b"0.0.0.0", b"255.255.255.255", b"1.2.3.256", b"01.2.3.4", b"1.2.3.00",
        b"10.0.0.100", b"1..2.3", b"1.2.3", b"1.2.3.4.5", b"1.2.3.1234", b".1.2.3", b"1.2.3.",
        b"999.1.1.1", b"12345678901", b"1.2.3.4:5", b"2001:db8::1", b"10.0.0.0/8", b"", b" ", b"#",
        b"# 1.2.3.4", b";x", b"\t#", b"\r", b"\x0b", b"\0", b"\xff\xfe", BOM, b"...", b"1.1.1.1.",
        b"9" * 30, b" " * 30, b"a", b"1.2.3.4 ", b" 1.2.3.4", b"1.2.3.4\r5.6.7.8", b'"1.2.3.4"',
    ]
)  # fmt: skip
TEXTS = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r\n", b"", b" ", b"\r"]))).map(
    lambda parts: b"".join(part for pair in parts for part in pair)
)


@given(
    TEXTS | st.binary(max_size=60),
    st.integers(1, 40), st.integers(1, 40), st.sampled_from([8, 16, 1 << 20]),
)  # fmt: skip
@settings(max_examples=400)
@example(BOM + BOM + b"1.2.3.4\n" + BOM + b"# x\n" + BOM + b" 1.2.3.4", 1, 1, 1 << 20)
@example(
    b"                      1.2.3.4\n                          \n                 #\n", 3, 4, 8
)
@example(b"\n", 1, 1, 8)
def test_lines_are_read_as_by_a_naive_reader(text: bytes, step: int, size: int, limit: int) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut_at(monkeypatch, limit)
        assert read(text, "lines", step=step, size=size) == naive_lines(text, limit)


@given(st.lists(st.lists(st.sampled_from("0123456789.\n"), max_size=20).map("".join)))
@settings(max_examples=400)
def test_quads_of_whole_lines_are_those_of_the_standard_library(lines: list[str]) -> None:
    text = ("\n".join(lines) + "\n").encode()
    start, end, numbers, known = line_quads(text)
    cut = text.split(b"\n")[:-1]
    assert [text[a:b] for a, b in zip(start, end, strict=True)] == cut
    for line, number, is_known in zip(cut, numbers.tolist(), known.tolist(), strict=True):
        span = asked(line)
        good = isinstance(span, Span) and span.kind == "address"
        assert is_known == good
        assert number == (span.first if isinstance(span, Span) else 0)


def test_every_byte_of_an_address_is_read() -> None:
    numbers = np.random.default_rng(7).integers(0, 1 << 32, 100_000, dtype=np.uint32)
    text = b"".join(b"%s\n" % str(ipaddress.IPv4Address(int(n))).encode() for n in numbers)
    parts = list(read_blocks(io.BytesIO(text), "lines", size=1 << 16))
    assert len(parts) > 10
    assert all(part.known.all() for part in parts)
    assert (np.concatenate([part.numbers for part in parts]) == numbers).all()


def test_utf_16_loses_no_line() -> None:
    for encoding in ("utf-16-le", "utf-16-be", "utf-16"):
        rows = read("192.0.2.1\r\n192.0.2.2\r\n".encode(encoding), "lines")
        assert len(rows) >= 2
        assert all(isinstance(row.asked, str) for row in rows)
        assert "UTF-16" in str(rows[0].asked)


@pytest.mark.parametrize("form", ["lines", "csv", "tsv", "jsonl"])
@pytest.mark.parametrize("filling", [b"x", b"\0", b"\xff", b"1.2.3.4", b",", b" ", b'x"', b"["])
def test_a_line_of_ten_megabytes_is_one_row(form: str, filling: bytes) -> None:
    good = b'{"ip": "192.0.2.1"}' if form == "jsonl" else b"192.0.2.1"
    text = good + b"\n" + filling * (10_000_000 // len(filling)) + b"\n" + good + b"\n"
    options = {} if form == "jsonl" or form == "lines" else {"field": "1", "header": False}
    begun = time.process_time()
    rows = read(text, form, **options)  # type: ignore[arg-type]
    assert time.process_time() - begun < 5
    assert rows[0] == rows[-1] == (b"192.0.2.1", QUAD, None)
    if form in ("lines",) and filling == b" ":
        assert len(rows) == 2
    else:
        assert [row.asked for row in rows[1:-1]] == ["the line is longer than 1 MiB"]
        assert len(rows[1].text) <= HEAD


def test_a_line_of_exactly_a_megabyte_is_read() -> None:
    line = b"192.0.2.1".ljust(1 << 20)
    for size in (1 << 12, 1 << 20):
        assert read(line + b"\n" + line + b" \n", "lines", size=size) == [
            Row(b"192.0.2.1", QUAD),
            Row(b"192.0.2.1", "the line is longer than 1 MiB"),
        ]


def test_memory_is_bounded_by_the_read_and_rows_come_as_reads_return() -> None:
    class Endless(Slow):
        def read(self, size: int = -1, /) -> bytes:
            return b"192.0.2.1\n" * 10

    parts = read_blocks(Endless(b"", 1), "lines")  # type: ignore[arg-type]
    for _ in range(3):
        assert len(next(parts).start) == 10


# -- CSV and TSV --------------------------------------------------------------------------------


def naive_cells(text: bytes, at: int, delimiter: bytes) -> tuple[list[bytes], int]:
    """Return the raw cells of the record at an offset, and where its line feed is, -1 for none."""
    cells, cell, state = [], b"", "start"
    for here in range(at, len(text)):
        byte = text[here : here + 1]
        if state == "quoted":
            state = "quote" if byte == b'"' else state
        elif byte == b'"' and state in ("start", "quote"):
            state = "quoted"
        elif byte == delimiter:
            cells.append(cell)
            cell, state = b"", "start"
            continue
        elif byte == b"\n":
            return [*cells, cell.removesuffix(b"\r")], here
        else:
            state = "plain"
        cell += byte
    return [], -1


def naive_records(text: bytes, delimiter: bytes, limit: int) -> Iterator[bytes | list[bytes]]:
    """Yield the raw cells of every record, or the head of what is too long or left open."""
    text = text.removeprefix(BOM)
    if text and not text.endswith(b"\n"):
        text += b"\n"
    at = 0
    while at < len(text):
        cells, end = naive_cells(text, at, delimiter)
        if 0 <= end <= at + limit:
            if cells != [b""]:
                yield cells
            at = end + 1
        elif (stop := text.rfind(b"\n", at, at + limit + 1)) < 0:
            end = text.index(b"\n", at)
            yield text[at:end].lstrip(BLANKS)
            at = end + 1
        else:
            for line in text[at:stop].split(b"\n"):
                cells, end = naive_cells(line + b"\n", 0, delimiter)
                if cells != [b""]:
                    yield cells or line.removesuffix(b"\r")
            at = stop + 1


def naive_value(cell: bytes) -> bytes:
    """Take the quotes around a cell away."""
    return cell[1:-1] if len(cell) > 1 and cell[:1] == cell[-1:] == b'"' else cell


CELLS = st.sampled_from(
    [
        b"192.0.2.1", b" 192.0.2.1 ", b"2001:db8::1", b"", b"x", b'"192.0.2.1"', b'"a,b"', b'""',
        b'"a\nb"', b'"a\r\nb"', b'"a""b"', b'a"b', b'"a"b', b'" 192.0.2.1"', b"\r", b'"', b'"""',
        b"\0", b"\xff", b"10.0.0.0/8", b'"\t"', b"a\rb", b"1.2.3.4,5",
    ]
)  # fmt: skip
RECORDS = st.lists(
    st.tuples(st.lists(CELLS, max_size=4), st.sampled_from([b"\n", b"\r\n", b"\n\n"])), max_size=6
)


@given(
    RECORDS,
    st.sampled_from([("csv", b","), ("tsv", b"\t")]),
    st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from([12, 40, 1 << 20]),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=800)
def test_records_are_read_as_by_a_naive_reader(
    parts: list[tuple[list[bytes], bytes]],
    form: tuple[str, bytes],
    column: int,
    step: int,
    size: int,
    limit: int,
    keep: bool,
) -> None:
    name, delimiter = form
    first = delimiter.join([b"a", b"b", b"c"]) + b"\n"
    text = first + b"".join(delimiter.join(cells) + end for cells, end in parts)
    with pytest.MonkeyPatch.context() as monkeypatch:
        cut_at(monkeypatch, limit)
        rows = read(text, name, step=step, size=size, field=str(column), keep=keep)
    records = list(naive_records(text, delimiter, limit))[1:]
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        if isinstance(record, bytes):
            assert row.text == record.strip(BLANKS)[:HEAD]
            assert isinstance(row.asked, str)
            values = [b"", b"", b""]
        else:
            values = [naive_value(cell).replace(b'""', b'"') for cell in record]
            odd = keep and any(values[3:])
            if column <= len(record):
                assert row.text == naive_value(record[column - 1]).strip(BLANKS)
                assert odd or row.asked == asked(row.text)
            if odd or column > len(record):
                assert isinstance(row.asked, str)
            values = [*values, b"", b""][:3]
        if keep:
            assert row.kept is not None
            again = list(naive_records(b"-," + row.kept, b",", 1 << 20))
            assert len(again) == 1
            cells = [naive_value(cell).replace(b'""', b'"') for cell in again[0][1:]]  # type: ignore[arg-type]
            if all(cell.count(b'"') == 0 for cell in values):
                assert cells == values
            assert cells_of(row.kept) == cells


COLUMNS: dict[bytes, tuple[str | None, bool | None, tuple[str, ...], list[bytes]]] = {
    b"id,IP,x\n1,192.0.2.1,y\n": (None, None, ("id", "IP", "x"), [b"192.0.2.1"]),
    BOM + b"Src Addr,x\r\n192.0.2.1,y\r\n": ("src addr", None, ("Src Addr", "x"), [b"192.0.2.1"]),
    b'\n\n"x, y",ip\n1,192.0.2.1': ("IP", None, ("x, y", "ip"), [b"192.0.2.1"]),
    b"192.0.2.1,x\n192.0.2.2,y\n": (
        None, None, ("column_1", "column_2"), [b"192.0.2.1", b"192.0.2.2"],
    ),
    b"x,192.0.2.1\n": ("2", None, ("column_1", "column_2"), [b"192.0.2.1"]),
    b"x,source\ny,192.0.2.1\n": ("2", None, ("x", "source"), [b"192.0.2.1"]),
    b"x,source\nz,192.0.2.1\n": ("2", False, ("column_1", "column_2"), [b"source", b"192.0.2.1"]),
    b"192.0.2.1\n192.0.2.2\n": ("1", True, ("192.0.2.1",), [b"192.0.2.2"]),
    b"one\n192.0.2.1\n": (None, False, ("column_1",), [b"one", b"192.0.2.1"]),
    b"ip\n": (None, None, ("ip",), []),
    b"": ("ip", None, (), []),
    b"\n\r\n": ("1", None, (), []),
}  # fmt: skip


@pytest.mark.parametrize("text", COLUMNS)
def test_the_column_is_found_and_the_header_known_before_the_first_row(text: bytes) -> None:
    field, header, names, values = COLUMNS[text]
    reading = open_blocks(io.BytesIO(text), "csv", field=field, header=header, keep=True)
    assert reading.header == names
    assert [row.text for block in reading.blocks for row in rows_of(block)] == values


@pytest.mark.parametrize(
    ("text", "field", "header"),
    [
        (b"a,b\n1,2\n", "c", None), (b"a,b\n1,2\n", "3", None), (b"a,b\n1,2\n", "0", None),
        (b"a,b\n1,2\n", None, None), (b"a,b\n", "a", False), (b'"a,b\n', "a", None),
        (b"x" * (1 << 21), "a", None), (b"a,b\n", "9" * 5000, None),
    ],
)  # fmt: skip
def test_a_column_that_is_not_there_is_an_error(
    text: bytes, field: str | None, header: bool | None
) -> None:
    with pytest.raises(InputError):
        open_blocks(io.BytesIO(text), "csv", field=field, header=header)


def test_a_quote_that_is_never_closed_spoils_its_line_only() -> None:
    lines = b"192.0.2.1,x\n" * 200_000
    rows = read(b'ip,x\n192.0.2.7,"open\n' + lines, "csv", field="ip")
    assert rows[0] == Row(b'192.0.2.7,"open', "a quote is not closed within 1 MiB")
    assert len(rows) == 200_001
    assert all(row == (b"192.0.2.1", QUAD, None) for row in rows[1:])


@pytest.mark.parametrize("line", [b'"', b'"""x', b'""",""', b'"a"b,"', b'x",""', b'"",', b'"\0'])
def test_quotes_take_time_in_proportion(line: bytes) -> None:
    text = b"x,y\n" + (line + b"\n") * (1_500_000 // (len(line) + 1))
    begun = time.process_time()
    rows = read(text, "csv", field="1", header=False, keep=True)
    assert time.process_time() - begun < 20
    assert rows


def test_kept_records_are_cells_of_csv() -> None:
    text = (
        b'ip\tx\n192.0.2.1\ta,b\n192.0.2.2\t"c\td"\n192.0.2.3\n192.0.2.4\te\t\t\n192.0.2.5\tf\tg\n'
    )
    rows = read(text, "tsv", keep=True)
    assert [row.kept for row in rows] == [
        b'192.0.2.1,"a,b"', b"192.0.2.2,c\td", b"192.0.2.3,", b"192.0.2.4,e", b"192.0.2.5,f",
    ]  # fmt: skip
    assert rows[4].asked == "the record has 3 cells, the first one 2"
    assert all(isinstance(row.asked, Span) for row in rows[:4])


# -- JSON lines ---------------------------------------------------------------------------------


def test_json_lines_are_read_by_field() -> None:
    lines = {
        b'{"ip": "192.0.2.1"}': QUAD,
        b'  {"x": [1], "ip": " 192.0.2[.]1 "}\r': QUAD,
        b'{"ip": "192\\u002e0.2.1"}': QUAD,
        b'{"ip": 3221225985}': "no text 'ip'",
        b'{"ip": null}': "no text 'ip'",
        b"{}": "no text 'ip'",
        b'{"ip": ""}': "empty",
        b'{"ip": "\\ud800\\n"}': "no address",
        b'{"ip": "192.0.2.1"': "broken JSON",
        b'{"ip": "192.0.2.1", "x": NaN}': "broken JSON",
        b'{"ip": "192.0.2.1\xff"}': "broken JSON",
        b'"192.0.2.1"': "no JSON object",
        b"null": "no JSON object",
        b"192.0.2.1": "broken JSON",
        b"[" * 100_000: "broken JSON",
        b'{"x":' * 100_000: "broken JSON",
        b"\0": "broken JSON",
    }
    for size in (1, 7, 1 << 20):
        rows = read(b"\n \n".join(lines), "jsonl", keep=True, size=size if size > 1 else 50)
        assert len(rows) == len(lines)
        for row, (line, wanted) in zip(rows, lines.items(), strict=True):
            if isinstance(wanted, str):
                assert isinstance(row.asked, str)
                assert wanted in row.asked
            else:
                assert row.asked == wanted
            assert row.kept is not None
            json.loads(row.kept)
            if line.strip()[:1] == b"{" and "broken" not in str(wanted):
                assert row.kept == line.strip()


def test_a_field_may_be_inside_and_may_hold_a_dot() -> None:
    text = b'{"a": {"b": {"c": "192.0.2.1"}}, "d.e": "192.0.2.2", "d": {"e": "192.0.2.3"}}\n'
    assert read(text, "jsonl", field="a.b.c")[0].text == b"192.0.2.1"
    assert read(text, "jsonl", field="d.e")[0].text == b"192.0.2.2"
    assert isinstance(read(text, "jsonl", field="a.b.c.d")[0].asked, str)
    assert isinstance(read(text, "jsonl", field="a.b")[0].asked, str)


# -- free text ----------------------------------------------------------------------------------

FANGS = re.compile(r"\[(\.|:|dot)\]|\((\.|:|dot)\)|\{(\.|:|dot)\}", re.I)


def refanged(text: str) -> str:
    """Take the brackets around dots and colons away."""
    return FANGS.sub(lambda match: ":" if match[0][1] == ":" else ".", text)


def naive_addresses(raw: bytes) -> list[Span]:
    """Find addresses by looking at every run of the letters they are made of."""
    text = refanged(raw.removeprefix(BOM).decode("latin-1"))
    number = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
    quad = rf"(?<![A-Za-z0-9_.]){number}(?:\.{number}){{3}}(?![A-Za-z0-9_]|\.[A-Za-z0-9_])"
    spans: dict[int, tuple[int, Span]] = {}
    for match in re.finditer(r"[0-9A-Fa-f:.]+", text):
        start, end = match.span()
        if match[0].count(":") < 2:
            continue
        if re.match(r"[A-Za-z0-9_]", text[start - 1 : start] if start else ""):
            start = text.index(":", start) + 1
            if text[start : start + 1] == ":":
                continue
        if re.match(r"[A-Za-z0-9_]", text[end : end + 1]):
            end = text.rindex(":", 0, end)
            if text[end - 1] == ":":
                continue
        while text[start:end].startswith(".") or re.match(":(?!:)", text[start:end]):
            start += 1
            if text[start - 1] == ":":
                break
        body = text[start:end].rstrip(".")
        body = body[:-1] if body.endswith(":") and not body.endswith("::") else body
        if body != "::" and ":" in body:
            try:
                value = ipaddress.IPv6Address(body)
            except ValueError:
                continue
            mapped = value.ipv4_mapped
            span = address(str(mapped or value))._replace(mapped=mapped is not None)
            spans[start] = (start + len(body), span)
    inside = {place for begin, (stop, _) in spans.items() for place in range(begin, stop)}
    for match in re.finditer(quad, text):
        if match.start() not in inside:
            spans[match.start()] = (match.end(), address(match[0]))
    return [spans[place][1] for place in sorted(spans)]


WORDS = st.sampled_from(
    [
        "1.2.3.4", "192.0.2.1", "010.0.0.1", "256.1.1.1", "1.2.3", ".", ":", "::", "[.]", "(dot)",
        "{:}", "[:]", "a", "g", "_", " ", "\n", "2001:db8::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4",
        "1:2:3:4:5:6:9.9.9.9", "12:34:56", "00:11:22:33:44:55", "fe80::1%e", "/24", "[", "]", "(",
        "é", ",", "9", "0", "-", "http://", "src:", "face:", "std::a", "1[.]2[.]3[.]4",
    ]
)  # fmt: skip


@given(
    st.lists(WORDS, max_size=12).map("".join), st.integers(1, 40), st.integers(1, 40)
)  # fmt: skip
@settings(max_examples=600)
def test_addresses_in_text_are_found_as_by_a_naive_reader(text: str, step: int, size: int) -> None:
    raw = text.encode()
    rows = read(raw, "text", step=step, size=size)
    assert [row.asked for row in rows] == naive_addresses(raw)
    for row in rows:
        assert parse_query(row.text.decode()) == row.asked
        assert row.text in raw


def test_logs_give_their_addresses_in_order() -> None:
    text = """
192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET http://192.0.2.2/x HTTP/1.0" 200 "v1.2.3.4"
Accepted publickey for root from 192.0.2.3 port 22 ssh2, not 192.0.2.4.5 but 192.0.2.5.
client=unknown[192.0.2.6]:25, [2001:db8::7]:80; inet6 addr:2001:db8::8/64 ether 00:11:22:33:44:55
hxxp://192[.]0[.]2[.]9/a (2001:db8::10) 1.2.0.192.in-addr.arpa \u306f192.0.2.11\u3067
SRC=192.0.2.12 DST=::ffff:192.0.2.13 std::string x:: :: 12:30:45.678 "192.0.2.14" 192.0.2.15:53
""".encode()
    numbers = [row.asked.last & 0xFF for row in read(text, "text") if isinstance(row.asked, Span)]
    assert numbers == [1, 2, 3, 5, 6, 7, 8, 9, 0x10, 11, 12, 13, 14, 15]


@pytest.mark.parametrize(
    "filling",
    [b"1", b"1.", b"1.2.3.4.", b":", b"::", b"a:", b"1:2:3:4:5:6:7:8:", b"[", b"[.]", b"(dot)",
     b"\0", b"\xff", b"1.2.3.4 ", b"::1 ", b"a::1],", b"{:}", b"\n"],
)  # fmt: skip
def test_finding_takes_time_in_proportion(filling: bytes) -> None:
    text = filling * (2_500_000 // len(filling))
    begun = time.process_time()
    count = sum(len(block.start) for block in read_blocks(io.BytesIO(text), "text"))
    assert time.process_time() - begun < 20
    assert count == (2_500_000 // len(filling) if filling[-1:] in (b" ", b",") else count)


# -- all forms ----------------------------------------------------------------------------------


QUOTES = st.lists(
    st.sampled_from([b'"', b'""', b",", b"\t", b"\n", b"\r", b"\r\n", b"a", b"\0", b" ", BOM]),
    max_size=40,
).map(b"".join)


@given(
    st.binary(max_size=200) | TEXTS | QUOTES,
    st.sampled_from(FORMS), st.integers(1, 9), st.booleans(),
)  # fmt: skip
@example(b'"b"\n\0"\n', "csv", 1, True)
@settings(max_examples=800)
def test_no_bytes_break_a_reader_and_reads_do_not_matter(
    text: bytes, form: str, step: int, keep: bool
) -> None:
    options = {"field": "1", "header": False} if form in ("csv", "tsv") else {}
    keep = keep and form not in ("lines", "text")
    try:
        whole = read(text, form, keep=keep, **options)  # type: ignore[arg-type]
    except InputError:
        assert keep
        assert b'"' in text
        return
    assert read(text, form, keep=keep, step=step, size=step, **options) == whole  # type: ignore[arg-type]


def test_what_cannot_be_asked_of_a_form_is_an_error() -> None:
    for form in ("lines", "text"):
        with pytest.raises(InputError):
            open_blocks(io.BytesIO(), form, keep=True)
        with pytest.raises(InputError):
            open_blocks(io.BytesIO(), form, field="ip")
    with pytest.raises(InputError, match="lines, csv, tsv, jsonl, text"):
        open_blocks(io.BytesIO(), "xml")
    assert [list(read_blocks(io.BytesIO(), form)) for form in FORMS] == [[]] * len(FORMS)
