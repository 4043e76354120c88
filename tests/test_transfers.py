"""Check the reader of transfer logs."""

from __future__ import annotations

import ipaddress
import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rirdex.indexer.delegated import REGISTRIES
from rirdex.indexer.transfers import TYPES, is_transfers, read_transfers
from rirdex.query.errors import DumpError

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent")
VERSION = {"stats_version": "4.0", "producer": "NRO", "production_date": "2026-04-15T03:59:11Z"}
Members = dict[str, Any]


def transfer(**members: Any) -> Members:
    """Return a transfer of 192.0.2.0/24 from ARIN to RIPE; None takes a member away."""
    plain = {
        "transfer_date": "2024-02-29T19:00:00Z",
        "type": "RESOURCE_TRANSFER",
        "source_rir": "ARIN",
        "recipient_rir": "RIPE NCC",
        "ip4nets": nets("192.0.2.0", "192.0.2.255"),
    }
    return {name: value for name, value in (plain | members).items() if value is not None}


def nets(first: str, last: str, **more: Any) -> Members:
    return {"transfer_set": [{"start_address": first, "end_address": last}]} | more


def log(*transfers: object, **members: Any) -> bytes:
    return json.dumps({"version": VERSION, "transfers": list(transfers)} | members).encode()


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        (log(transfer()), True),
        (b'\xef\xbb\xbf\n{ "transfers" : [', True),
        (b'{"version": {"stats_version": "4.0", "producer": "NRO", "UTC', True),
        (b'{"version": 1}', False),
        (b'["transfers"]', False),
        (b"2|afrinic|20230323|15019|00000000|20230323|00000\n", False),
        (b"", False),
    ],
)
def test_a_log_is_known_by_its_members(head: bytes, answer: bool) -> None:
    assert is_transfers(head) is answer


def test_a_transfer_gives_its_range_registries_type_and_day() -> None:
    read = read_transfers(log(transfer()), "log")
    moves = read.ipv4
    assert (moves.first.tolist(), moves.last.tolist()) == ([0xC0000200], [0xC00002FF])
    assert [REGISTRIES[k] for k in (*moves.source, *moves.recipient)] == ["ARIN", "RIPE"]
    assert TYPES[moves.type[0]] == "resource_transfer"
    assert moves.day.tolist() == [(date(2024, 2, 29) - date(1970, 1, 1)).days]
    assert (read.producer, read.counts) == ("NRO", {"ipv4": 1, "ipv6": 0, "asn": 0})
    assert read.date == (date(2026, 4, 15) - date(1970, 1, 1)).days
    assert moves.first.dtype == np.int64
    assert moves.day.dtype == np.int32


@pytest.mark.parametrize(
    ("first", "last", "numbers"),
    [
        ("010.020.030.000", "010.020.030.255", (0x0A141E00, 0x0A141EFF)),  # not octal
        ("008.009.000.000", "008.009.000.255", (0x08090000, 0x080900FF)),  # no octal at all
        ("192.0.2.0", "192.000.002.009", (0xC0000200, 0xC0000209)),
        ("000.000.000.000", "255.255.255.255", (0, 0xFFFFFFFF)),
    ],
)
def test_padded_octets_are_decimal(first: str, last: str, numbers: tuple[int, int]) -> None:
    moves = read_transfers(log(transfer(ip4nets=nets(first, last))), "log").ipv4
    assert (moves.first[0], moves.last[0]) == numbers


def test_an_ipv6_range_is_read_as_halves() -> None:
    moved = nets("3FFF:001F:8000:0000:0000:0000:0000:0001", "3fff:1f:8000:ffff:ffff:ffff:ffff:ffff")
    moves = read_transfers(log(transfer(ip4nets=None, ip6nets=moved)), "log").ipv6
    assert moves.first.tolist() == [[0x3FFF001F80000000, 1]]
    assert moves.last.tolist() == [[0x3FFF001F8000FFFF, 2**64 - 1]]
    assert moves.first.dtype == np.uint64


def test_as_numbers_are_numbers_or_texts() -> None:
    moved = {"transfer_set": [{"start": 64496, "end": "64511"}, {"start": 65536, "end": 65536}]}
    read = read_transfers(log(transfer(ip4nets=None, asns=moved)), "log")
    assert read.asn.first.tolist() == [64496, 65536]
    assert read.asn.last.tolist() == [64511, 65536]
    assert read.counts["asn"] == 1


def test_what_moved_counts_and_not_what_it_was_cut_from() -> None:
    moved = nets(
        "192.0.2.0", "192.0.2.127", original_set=nets("0.0.0.0", "1.1.1.1")["transfer_set"]
    )
    assert read_transfers(log(transfer(ip4nets=moved)), "log").ipv4.last.tolist() == [0xC000027F]


@pytest.mark.parametrize(
    ("name", "registry"),
    [("RIPE NCC", "RIPE"), ("RIPE", "RIPE"), ("ripencc", "RIPE"), ("APNIC", "APNIC"),
     ("AFRINIC", "AFRINIC"), ("AfriNIC", "AFRINIC"), ("LACNIC", "LACNIC"), ("ARIN", "ARIN")],
)  # fmt: skip
def test_registries_get_the_names_of_rirdex(name: str, registry: str) -> None:
    moves = read_transfers(log(transfer(source_rir=name)), "log").ipv4
    assert REGISTRIES[moves.source[0]] == registry


OPTIONAL: list[Members] = [
    {"type": None},
    {"type": "SOMETHING_NEW"},
    {"transfer_date": "2024-02-29"},
    {"source_organization": None, "recipient_organization": {"name": "Exämple"}},
    {"status": "COMPLETED", "status_date": "2024-03-01", "unheard_of": [1]},
    {"asns": None, "ip6nets": {}},
]


@pytest.mark.parametrize("members", OPTIONAL, ids=str)
def test_what_is_missing_or_unknown_beside_the_range_does_no_harm(members: Members) -> None:
    read = read_transfers(log(transfer(**members)), "log")
    assert (len(read.ipv4.day), read.rejects) == (1, [])


MALFORMED: list[tuple[object, str]] = [
    (transfer(ip4nets=None), "exactly one"),
    (transfer(asns={"transfer_set": [{"start": 1, "end": 1}]}), "exactly one"),
    (transfer(source_rir="EXAMPLE"), "source_rir"),
    (transfer(recipient_rir=None), "recipient_rir"),
    (transfer(transfer_date=None), "transfer_date"),
    (transfer(transfer_date="2023-02-30T00:00:00Z"), "transfer_date"),
    (transfer(transfer_date=20230228), "transfer_date"),
    (transfer(ip4nets=nets("192.0.2.256", "192.0.3.0")), "no legal range"),
    (transfer(ip4nets=nets("192.0.2", "192.0.3.0")), "no legal range"),
    (transfer(ip4nets=nets("0xC0.0.2.0", "192.0.3.0")), "no legal range"),
    (transfer(ip4nets=nets("192.0.2.1", "192.0.2.0")), "no legal range"),
    (transfer(ip4nets=nets("3fff::", "3fff::1")), "no legal range"),
    (transfer(ip4nets=None, ip6nets=nets("::ffff:1.2.3.4", "3fff::")), "no legal range"),
    (transfer(ip4nets=None, asns={"transfer_set": [{"start": True, "end": 1}]}), "no legal"),
    (transfer(ip4nets=None, asns={"transfer_set": [{"start": 1, "end": 1 << 32}]}), "no legal"),
    (transfer(ip4nets={"original_set": [{}]}), "no transfer_set"),
    (transfer(ip4nets={"transfer_set": []}), "no transfer_set"),
    (transfer(ip4nets={"transfer_set": ["192.0.2.0"]}), "no object"),
    ("192.0.2.0/24", "no object"),
]


@pytest.mark.parametrize(("bad", "reason"), MALFORMED, ids=str)
def test_a_malformed_transfer_is_a_reject_and_the_rest_is_read(bad: object, reason: str) -> None:
    read = read_transfers(log(transfer(), bad, transfer()), "log")
    assert read.counts == {"ipv4": 2, "ipv6": 0, "asn": 0}
    (reject,) = read.rejects
    assert reject.offset == 1
    assert reason in reject.reason
    assert json.dumps(bad).startswith(reject.sample.decode())


def test_a_log_without_transfers_is_empty() -> None:
    read = read_transfers(log(version=None), "log")
    assert (read.producer, read.date) == ("", 0)
    assert read.ipv6.first.shape == (0, 2)
    assert read.ipv4.first.shape == read.asn.day.shape == (0,)


def test_a_log_that_is_cut_anywhere_is_refused() -> None:
    text = log(
        transfer(source_organization={"name": 'Ex\u00e4mple "\\'}, odd=[True, None, -1.5e-3, {}])
    )
    assert b"\\u00e4" in text
    for length in range(1, len(text)):
        with pytest.raises(DumpError, match="is cut off: its JSON does not end: download it again"):
            read_transfers(text[:length], "log")
    assert read_transfers(text + b"\n", "log").counts["ipv4"] == 1


def test_names_that_are_no_utf8_do_no_harm() -> None:
    text = log(transfer(source_organization={"name": "XYZ"})).replace(b"XYZ", b"X\xe9Z")
    assert read_transfers(text, "log").counts["ipv4"] == 1


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", "is no JSON"),
        (b"<html></html>", "is no JSON"),
        (b'{"transfers": [1,]}', "is no JSON"),
        (b"[]", "has no list of transfers"),
        (b'{"transfers": {}}', "has no list of transfers"),
        (b'{"version": {}}', "has no list of transfers"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"transfers": [' + b"9" * 5000 + b"]}", "is no transfer log"),
    ],
    ids=range(8),
)
def test_what_is_no_log_is_refused(text: bytes, fault: str) -> None:
    with pytest.raises(DumpError, match=fault):
        read_transfers(text, "log")


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.booleans())
def test_any_ipv4_range_is_read_padded_or_not(one: int, other: int, padded: bool) -> None:
    first, last = sorted((one, other))
    texts = [str(ipaddress.IPv4Address(number)) for number in (first, last)]
    if padded:
        texts = [".".join(octet.zfill(3) for octet in text.split(".")) for text in texts]
    moves = read_transfers(log(transfer(ip4nets=nets(*texts))), "log").ipv4
    assert (moves.first[0], moves.last[0]) == (first, last)


@pytest.mark.skipif(not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
def test_real_transfers_are_read_without_a_reject() -> None:
    text = (DATA / "dialects" / "transfers_sample.json").read_bytes()
    assert is_transfers(text[:4096])
    read = read_transfers(text, "sample")
    assert (read.counts, read.rejects) == ({"ipv4": 2, "ipv6": 1, "asn": 2}, [])
