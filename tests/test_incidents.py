"""Check how incidents are read: what is recognised, what is refused, and that nothing stops."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rirdex.query.casework import CATEGORIES, Incident
from rirdex.query.incidents import NAMES, IncidentsError, read


def of_csv(text: str | bytes, zone: str | None = None, **mapping: str) -> list[Incident]:
    data = text.encode() if isinstance(text, str) else text
    return [*read(io.BytesIO(data), "csv", mapping, zone=zone)]


def of_json(*records: object) -> list[Incident]:
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    return [*read(lines, "jsonl")]


@pytest.mark.parametrize(
    ("text", "ip", "port"),
    [
        ("192.0.2.1", "192.0.2.1", None),
        ("192.0.2[.]1", "192.0.2.1", None),
        ("192.0.2.1:8080", "192.0.2.1", 8080),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
        ("2001:DB8:0::1", "2001:db8::1", None),
        ("hxxps://192[.]0[.]2[.]1:8443/login", "192.0.2.1", 8443),
        ("::ffff:192.0.2.1", "192.0.2.1", None),
    ],
)
def test_an_address_comes_as_people_write_it(text: str, ip: str, port: int | None) -> None:
    (found,) = of_json({"ip": text})
    assert (found.ip, found.port, found.error) == (ip, port, None)


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"ip": "bank.example"}, "host name"),
        ({"host": "bank.example"}, "nothing is resolved here"),
        ({"url": "https://bank.example/login"}, "nothing is resolved here"),
        ({"ip": "192.0.2.0/24"}, "range"),
        ({"ip": "AS64500"}, "AS number"),
        ({"ip": "010.1.1.1"}, "ambiguous"),
        ({"ip": ""}, "no address and no URL"),
        ({"note": "x"}, "no address and no URL"),
        ({"ip": "192.0.2.1", "time": "yesterday"}, "no time"),
        ({"ip": "192.0.2.1", "time": "0001-01-01T00:00:00+14:00"}, "no time"),
        ({"ip": "192.0.2.1", "port": "70000"}, "no port"),
        ({"ip": "192.0.2.1", "url": "http://192.0.2.1/\x1b[2J"}, "cannot be printed"),
        ([1, 2], "no JSON object"),
        (None, "no JSON object"),
    ],
)
def test_a_bad_record_says_why_and_the_next_is_read(record: object, error: str) -> None:
    bad, good = of_json(record, {"ip": "192.0.2.9"})
    assert bad.error is not None
    assert error in bad.error
    assert (good.row, good.ip, good.error) == (2, "192.0.2.9", None)


@pytest.mark.parametrize(
    ("record", "ip", "url", "host"),
    [
        ({"url": "http://192.0.2.1/a"}, "192.0.2.1", "http://192.0.2.1/a", None),
        ({"url": "hxxp://192.0.2[.]1/a[.]b"}, "192.0.2.1", "http://192.0.2.1/a[.]b", None),
        ({"ip": "192.0.2.1", "url": "hxxps[://]bank[.]example:444/a"}, "192.0.2.1",
         "https://bank.example:444/a", "bank.example"),
        ({"ip": "192.0.2.1", "host": "bank[.]example"}, "192.0.2.1", None, "bank.example"),
        ({"ip": "http://192.0.2.1/a"}, "192.0.2.1", "http://192.0.2.1/a", None),
        ({"url": "http://[2001:db8::1]/a"}, "2001:db8::1", "http://[2001:db8::1]/a", None),
    ],
)  # fmt: skip
def test_urls_and_host_names_are_kept_beside_the_address(
    record: object, ip: str, url: str | None, host: str | None
) -> None:
    (found,) = of_json(record)
    assert (found.ip, found.url, found.host, found.error) == (ip, url, host, None)


@pytest.mark.parametrize(
    ("text", "zone", "time"),
    [
        ("2025-03-02T10:15:30+09:00", None, datetime(2025, 3, 2, 1, 15, 30, tzinfo=UTC)),
        ("2025-03-02T10:15:30Z", "Asia/Tokyo", datetime(2025, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("2025-03-02 10:15:30", None, datetime(2025, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("2025-03-02 10:15:30", "Asia/Tokyo", datetime(2025, 3, 2, 1, 15, 30, tzinfo=UTC)),
        ("2025-03-02", "Asia/Tokyo", datetime(2025, 3, 1, 15, tzinfo=UTC)),
        ("1740910530", None, datetime(2025, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("1740910530000", None, datetime(2025, 3, 2, 10, 15, 30, tzinfo=UTC)),
        ("20250302", None, datetime(2025, 3, 2, tzinfo=UTC)),
    ],
)
def test_a_time_without_a_zone_is_of_utc_or_of_the_callers_zone(
    text: str, zone: str | None, time: datetime
) -> None:
    (found,) = of_csv(f"ip,time\n192.0.2.1,{text}\n", zone)
    assert (found.time, found.error) == (time, None)
    assert found.time is not None
    assert found.time.tzinfo is not None


def test_a_zone_that_was_given_stays() -> None:
    (found,) = of_json({"ip": "192.0.2.1", "time": "2025-03-02T10:15:30+09:00"})
    assert found.time is not None
    assert found.time.utcoffset() == timedelta(hours=9)
    assert found.time == datetime(2025, 3, 2, 10, 15, 30, tzinfo=timezone(timedelta(hours=9)))


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("phishing", "phishing"), ("Malware Distribution", "malware"), ("c2-server", "c2"),
        ("scanner", "scan"), ("brute_force", "login-attack"), ("ddos", "ddos"), ("spam", "spam"),
        ("infected-system", "compromised"),
    ],
)  # fmt: skip
def test_categories_of_intelmq_are_ours(text: str, category: str) -> None:
    (found,) = of_json({"source.ip": "192.0.2.1", "classification.type": text})
    assert (found.category, found.note) == (category, None)
    assert category in CATEGORIES


def test_an_unknown_category_stays_in_the_note() -> None:
    (found,) = of_json({"ip": "192.0.2.1", "type": "weird", "comment": "seen twice"})
    assert (found.category, found.note) == ("other", "category: weird\nseen twice")


def test_an_event_of_intelmq_is_read_whole_nested_or_not() -> None:
    flat = {
        "source.ip": "192.0.2.1", "source.port": 443, "source.fqdn": "bank.example",
        "source.url": "http://bank.example/", "time.source": "2025-03-02T10:15:30+00:00",
        "classification.type": "phishing", "event_description.text": "copy of a bank",
        "rtir_id": 17,
    }  # fmt: skip
    nested: dict[str, object] = {"rtir_id": 17}
    for name, value in flat.items():
        outer, dot, inner = name.partition(".")
        if dot:
            part = nested.setdefault(outer, {})
            assert isinstance(part, dict)
            part[inner] = value
    one, other = of_json(flat, nested)
    assert one == other._replace(row=1)
    assert one == Incident(
        1, "192.0.2.1", "http://bank.example/", "bank.example",
        datetime(2025, 3, 2, 10, 15, 30, tzinfo=UTC), "phishing", None, None, "copy of a bank",
        "17", 443,
    )  # fmt: skip


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_of_any_separator_with_or_without_a_byte_order_mark(
    separator: str, mark: bytes
) -> None:
    rows = [["Ticket", "IP", "Brand"], ["T 1", "192.0.2.1", "Bänk"]]
    text = "\r\n".join(separator.join(row) for row in rows)
    (found,) = of_csv(mark + text.encode())
    assert (found.reference, found.ip, found.brand) == ("T 1", "192.0.2.1", "Bänk")


def test_a_value_that_is_no_utf8_is_latin1_and_the_others_are_utf8() -> None:
    one, two = of_csv(b"ip,brand\n192.0.2.1,B\xe4nk\n192.0.2.2,\xe6\x97\xa5\n")
    assert (one.brand, two.brand) == ("Bänk", "日")


def test_columns_are_named_by_the_caller_over_common_names() -> None:
    (found,) = of_csv("ip,src\n192.0.2.1,192.0.2.2\n", ip="src")
    assert found.ip == "192.0.2.2"
    with pytest.raises(IncidentsError, match="no column 'dst'"):
        of_csv("ip,src\n192.0.2.1,192.0.2.2\n", ip="dst")


def test_a_list_without_a_heading_is_read_and_other_headings_are_an_error_of_each_row() -> None:
    assert [item.ip for item in of_csv("192.0.2.1\nhttp://192.0.2.2/\n")] == [
        "192.0.2.1", "192.0.2.2",
    ]  # fmt: skip
    found = of_csv("a,b\n1,2\n3,4\n")
    assert ["no column" in (item.error or "") for item in found] == [True, True]


@pytest.mark.parametrize("arguments", [("xml", {}), ("csv", {"colour": "x"})])
def test_wrong_arguments_are_the_callers_fault(arguments: tuple[str, dict[str, str]]) -> None:
    with pytest.raises(IncidentsError):
        read([], *arguments)
    with pytest.raises(IncidentsError, match="no time zone"):
        read([], "csv", zone="Atlantis/Capital")


def test_a_value_is_one_line_but_for_a_note_and_is_cut() -> None:
    (found,) = of_json(
        {"ip": "192.0.2.1", "id": "T1\r\nBcc: x", "note": "a\nb\x00c", "brand": "x" * 5000}
    )
    assert found.reference is not None
    assert "\n" not in found.reference + (found.brand or "")
    assert found.note == "a\nb c"
    assert len(found.brand or "") == 1000


def test_huge_fields_and_deep_nesting_stop_nothing() -> None:
    lines = [
        b'{"ip": "' + b"1" * 300_000 + b'"}\n', b"[" * 200_000 + b"\n",
        b'{"a":' * 50_000 + b"\n", b'{"port": ' + b"9" * 5000 + b"}\n", b'{"ip": "192.0.2.1"}\n',
    ]  # fmt: skip
    found = [*read(lines, "jsonl")]
    assert [item.error is None for item in found] == [False] * 4 + [True]
    rows = of_csv(b"ip,note\n192.0.2.1," + b"x" * 300_000 + b"\n192.0.2.2,y\n")
    assert [item.ip for item in rows] == [None, "192.0.2.2"]


# -- whatever comes ----------------------------------------------------------------------------

VALUES = st.one_of(
    st.text(max_size=30), st.sampled_from(["192.0.2.1", "hxxp://[::1]:9/", "\ud800", "1e9", "NaN"]),
    st.integers(), st.floats(), st.none(), st.booleans(), st.lists(st.text(max_size=3), max_size=2),
)  # fmt: skip
RECORDS = st.dictionaries(
    st.sampled_from([name for names in NAMES.values() for name in names] + ["source", "x"]),
    st.one_of(VALUES, st.dictionaries(st.sampled_from(["ip", "port", "a"]), VALUES, max_size=3)),
    max_size=6,
)


def sound(found: list[Incident]) -> bool:
    """Say whether every incident can be worked on or says why not, and can be written."""
    for item in found:
        assert (item.ip is None) <= (item.error is not None)
        assert item.category in CATEGORIES
        repr(item).encode()
        "".join(filter(None, (item.url, item.note, item.brand, item.reference))).encode()
    return [item.row for item in found] == [*range(1, len(found) + 1)]


@given(st.lists(st.one_of(RECORDS, VALUES), max_size=5))
def test_each_json_line_is_one_incident(records: list[object]) -> None:
    found = of_json(*records)
    assert len(found) == len(records)
    assert sound(found)


@given(st.lists(st.binary(max_size=60).map(lambda data: data.replace(b"\n", b"")), max_size=5))
def test_any_bytes_as_json_lines_are_read(lines: list[bytes]) -> None:
    found = [*read([line + b"\n" for line in lines], "jsonl")]
    kept = [
        line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        for number, line in enumerate(lines)
    ]
    assert len(found) == sum(bool(line.strip()) for line in kept)
    assert sound(found)


@given(st.binary(max_size=300))
def test_any_bytes_as_csv_are_read(data: bytes) -> None:
    assert sound(of_csv(data))
    assert sound(of_csv(b"ip,time,port,url,type\n" + data))


CELL = st.text(st.characters(exclude_characters='\r\n"', codec="utf-8"), min_size=1, max_size=20)


@given(st.lists(st.tuples(CELL, CELL), max_size=5))
def test_each_row_of_a_csv_is_one_incident(rows: list[tuple[str, str]]) -> None:
    text = "".join(",".join(f'"{cell}"' for cell in row) + "\n" for row in rows)
    found = of_csv("ip,note\n" + text)
    assert len(found) == len(rows)
    assert sound(found)
