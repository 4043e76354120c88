"""Check which texts are addresses, prefixes, ranges and AS numbers, and how they are written."""

from __future__ import annotations

import ipaddress
from socket import AF_INET, AF_INET6, inet_pton

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from rirdex.query import AddressError, Index
from rirdex.query.addresses import (
    Span,
    address_object,
    as_number,
    format_address,
    format_prefixes,
    format_range,
    pack,
    prefixes,
    span,
)

# What `inet_pton` takes, and what it is.
ADDRESSES = {
    "0.0.0.0": (4, 0),
    "255.255.255.255": (4, 0xFFFFFFFF),
    "8.0.0.1": (4, 0x08000001),
    "192.0.2.10": (4, 0xC000020A),
    "::": (6, 0),
    "::1": (6, 1),
    "2001:DB8::A": (6, 0x20010DB8 << 96 | 10),
    "2001:db8:0:0:0:0:0:a": (6, 0x20010DB8 << 96 | 10),
    "2001:0db8::000a": (6, 0x20010DB8 << 96 | 10),
    "64:ff9b::192.0.2.1": (6, 0x64FF9B << 96 | 0xC0000201),
    "::192.0.2.1": (6, 0xC0000201),
    "::ffff:192.0.2.1": (4, 0xC0000201),
    "::FFFF:c000:201": (4, 0xC0000201),
    "0:0:0:0:0:ffff:c000:201": (4, 0xC0000201),
    "::fffe:192.0.2.1": (6, 0xFFFE << 32 | 0xC0000201),
}
# What other programs read as an address: `inet_aton`, pytricia, py-radix, shells.
NO_ADDRESSES = [
    "",
    " ",
    "1",
    "127.1",
    "10.1.2",
    "1.2.3.4.5",
    "010.0.0.1",
    "10.0.0.01",
    "1.2.3.00",
    "0x7f.0.0.1",
    "0x7f000001",
    "2130706433",
    "300.1.1.1",
    "1.2.3.256",
    "1.2.3.1234",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "1.2.3.-4",
    "+1.2.3.4",
    "1.2.3.4 foo",
    "1.2.3.4\n",
    "1.2.3.4\n5.6.7.8",
    " 1.2.3.4",
    "1.2.3.4 ",
    "1.2.3.4\0",
    "1.2.3.4/32",
    "1.2.3.4:80",
    "1,2.3.4",
    "1.2.3.4e0",
    "\u0661.2.3.4",
    "\uff11.2.3.4",
    "1\u3002" + "2.3.4",
    "\udc80.2.3.4",
    "[::1]",
    ":",
    ":::",
    "1::2::3",
    "2001:db8::g",
    "2001:db8",
    "12345::",
    "2001:db8:0:0:0:0:0:0:a",
    "fe80::1%eth0",
    "fe80::1%",
    "::ffff:192.0.2.256",
    "::ffff:192.0.2.01",
    "::1/128",
    "localhost",
    "1" * 40,
    "1" * 5000,
    "1" * 5000 + ".1.1.1",
    "f" * 5000 + "::",
]
# What a look-up takes beside addresses.
SPANS = {
    "192.0.2.0/24": Span(4, 0xC0000200, 0xC00002FF, "prefix"),
    "0.0.0.0/0": Span(4, 0, 0xFFFFFFFF, "prefix"),
    "192.0.2.1/32": Span(4, 0xC0000201, 0xC0000201, "prefix"),
    "::/0": Span(6, 0, (1 << 128) - 1, "prefix"),
    "2001:db8::/32": Span(6, 0x20010DB8 << 96, (0x20010DB9 << 96) - 1, "prefix"),
    "::1/128": Span(6, 1, 1, "prefix"),
    "192.0.2.0 - 192.0.2.9": Span(4, 0xC0000200, 0xC0000209, "range"),
    "192.0.2.0-192.0.2.9": Span(4, 0xC0000200, 0xC0000209, "range"),
    "192.0.2.9 - 192.0.2.9": Span(4, 0xC0000209, 0xC0000209, "range"),
    "::1 - ::f": Span(6, 1, 15, "range"),
    "::ffff:192.0.2.0/120": Span(4, 0xC0000200, 0xC00002FF, "prefix", True),
    "::ffff:192.0.2.7": Span(4, 0xC0000207, 0xC0000207, "address", True),
}
# Texts that were surely meant as one of these, and are none.
WRONG_SPANS = [
    "300.1.1.1",
    "010.0.0.1",
    "127.1",
    "1.2.3.4.5",
    "1.2.3.4/33",
    "1.2.3.4/",
    "1.2.3.4/-1",
    "1.2.3.4/+8",
    "1.2.3.4/24.0",
    "10.0.0.0/255.0.0.0",
    "1.2.3.0/24/24",
    "10.0.0.1/8",
    "2001:db8::1/32",
    "2001:db8::/129",
    "::ffff:192.0.2.0/24",
    "::ffff:192.0.2.1/120",
    "10.0.0.9 - 10.0.0.1",
    "::f - ::1",
    "10.0.0.1 - ::1",
    "10.0.0.1 -",
    "10.0.0.1 - 10.0.0.300",
    "10.0.0.0/8 - 10.1.0.0/16",
    "fe80::1%eth0",
    "fe80::%eth0/64",
    "2001:db8:::1",
    "1" * 5000 + ".1.1.1",
]
# Handles that hold what addresses hold, too.
HANDLES = ["ORG-EX1-RIPE", "AS64500", "DE-EX-20180312", "A-B", "AS1:AS-EX", "EX/1", "a", "ex.1"]

v4 = st.integers(0, (1 << 32) - 1)
v6 = st.integers(0, (1 << 128) - 1)


@st.composite
def ranges(draw: st.DrawFn) -> tuple[int, int, int]:
    """Draw (family, first, last), often with ends that are near powers of two."""
    family = draw(st.sampled_from([4, 6]))
    number = v4 if family == 4 else v6
    low, high = sorted((draw(number), draw(number)))
    if draw(st.booleans()):
        bits = draw(st.integers(0, 32 if family == 4 else 128))
        low = low >> bits << bits
        high = min(low + (1 << bits) - 1, (1 << (32 if family == 4 else 128)) - 1)
    return family, low, high


@pytest.mark.parametrize("text", ADDRESSES)
def test_what_inet_pton_takes_is_an_address(text: str) -> None:
    assert pack(text) == ADDRESSES[text]


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text)[:30])
def test_what_inet_pton_refuses_is_no_address(text: str) -> None:
    with pytest.raises(AddressError, match="is no IP address"):
        pack(text)


@pytest.mark.parametrize("text", NO_ADDRESSES, ids=lambda text: ascii(text)[:30])
def test_no_form_of_match_takes_what_is_no_address(index: Index, text: str) -> None:
    with pytest.raises(AddressError) as one:
        index.match(text)
    assert one.value.position is None
    for before in (["192.0.2.1"], ["192.0.2.1", "2001:db8::1"], [b"\1\2\3\4", 7, "::1"]):
        with pytest.raises(AddressError) as many:
            index.match_many([*before, text, "192.0.2.2"])
        assert many.value.position == len(before)


@given(st.text(alphabet="0123456789abcdefxABCDEF.:/%- \n", max_size=20))
@example("192.0.2.1")
@example("::ffff:1.2.3.4")
def test_a_text_is_an_address_exactly_when_inet_pton_says_so(text: str) -> None:
    packed = None
    for family in (AF_INET, AF_INET6):
        try:
            packed = inet_pton(family, text)
            break
        except (OSError, ValueError):
            continue
    if packed is None:
        with pytest.raises(AddressError):
            pack(text)
    else:
        assert pack(text) == pack(packed)


def test_an_error_names_the_text_and_says_what_is_wrong_with_it() -> None:
    for text, reason in {
        "010.0.0.1": "leading zeros",
        "300.1.1.1": "larger than 255",
        "fe80::1%eth0": "zone",
        "10.0.0.1/8": "10.0.0.0/8",
        "1.2.3.4/33": "length",
        "10.0.0.9 - 10.0.0.1": "ends before it begins",
        "10.0.0.1 - ::1": "IPv4, the other IPv6",
    }.items():
        with pytest.raises(AddressError, match=reason) as caught:
            span(text)
        assert text in str(caught.value)


def test_an_error_cuts_long_texts_and_has_one_line() -> None:
    for text in ("x" * 100_000, "1\n2.3.4", "1" * 100_000 + ".1.1.1", "\x1b[31m1.2.3.4"):
        with pytest.raises(AddressError) as caught:
            pack(text)
        message = str(caught.value)
        assert len(message) < 200
        assert message.isprintable()


@pytest.mark.parametrize("text", SPANS)
def test_prefixes_and_ranges_are_read(text: str) -> None:
    assert span(text) == SPANS[text]
    assert span(f" {text} ") == SPANS[text]


@pytest.mark.parametrize("text", WRONG_SPANS, ids=lambda text: text[:30])
def test_what_looks_like_an_address_and_is_none_is_refused(index: Index, text: str) -> None:
    with pytest.raises(AddressError):
        span(text)
    with pytest.raises(AddressError):
        index.lookup(text)
    with pytest.raises(AddressError) as caught:
        list(index.lookup_many(["192.0.2.1", text]))
    assert caught.value.position == 1


@pytest.mark.parametrize("text", HANDLES)
def test_what_is_surely_no_address_is_left_to_handles(text: str) -> None:
    assert span(text) is None


def test_as_numbers_have_up_to_32_bits() -> None:
    assert as_number("AS64500") == 64500
    assert as_number("as0") == 0
    assert as_number("As4294967295") == 4294967295
    for text in (
        "AS4294967296",
        "AS",
        "AS-1",
        "AS1.5",
        "ASX",
        "64500",
        "AS\u0661",
        "AS" + "1" * 5000,
    ):
        assert as_number(text) is None


def test_an_address_comes_as_text_int_bytes_or_object() -> None:
    number = 0x20010DB8 << 96 | 10
    for form in (
        "2001:db8::a",
        number,
        number.to_bytes(16, "big"),
        ipaddress.ip_address("2001:db8::a"),
    ):
        assert pack(form) == (6, number)
    for narrow in ("192.0.2.1", 0xC0000201, b"\xc0\0\2\1", ipaddress.ip_address("192.0.2.1")):
        assert pack(narrow) == (4, 0xC0000201)


def test_integers_below_two_to_the_32_are_ipv4_and_the_others_ipv6() -> None:
    assert pack(0) == (4, 0)
    assert pack((1 << 32) - 1) == (4, (1 << 32) - 1)
    assert pack(1 << 32) == (6, 1 << 32)
    assert pack((1 << 128) - 1) == (6, (1 << 128) - 1)
    for number in (-1, 1 << 128, 1 << 20000, -(1 << 20000)):
        with pytest.raises(AddressError):
            pack(number)


def test_an_ipv4_mapped_address_is_its_ipv4_address_in_every_form(index: Index) -> None:
    plain, mapped = "240.10.33.7", "::ffff:240.10.33.7"
    number = int(ipaddress.IPv6Address(mapped))
    wanted = index.match(plain)
    assert wanted is not None
    packed = number.to_bytes(16, "big")
    for form in (mapped, mapped.upper(), number, packed, ipaddress.IPv6Address(mapped)):
        assert index.match(form) == wanted
        assert index.match_many([form]).tolist() == [wanted]
        assert index.lookup(form).chain == index.lookup(plain).chain
    assert index.match_many(np.frombuffer(packed, np.uint8).reshape(1, 16)).tolist() == [wanted]


def test_an_ipv4_mapped_prefix_or_range_is_its_ipv4_range_in_every_form(index: Index) -> None:
    wanted = index.lookup("240.10.33.0/24").chain
    assert wanted
    for query in (
        "::ffff:240.10.33.0/120",
        "::ffff:240.10.33.0 - ::ffff:240.10.33.255",
        ipaddress.IPv6Network("::ffff:240.10.33.0/120"),
    ):
        assert index.lookup(query).chain == wanted


def test_network_objects_are_prefixes(index: Index) -> None:
    for text in ("240.10.33.0/24", "3fff:10:4001::/48"):
        answer = index.lookup(ipaddress.ip_network(text))
        assert answer.kind == "prefix"
        assert answer.chain
        assert answer.chain == index.lookup(text).chain


@pytest.mark.parametrize(
    "value",
    [
        True,
        False,
        None,
        1.0,
        b"",
        b"123",
        b"12345",
        b"1.2.3.4.",
        bytearray(4),
        [1],
        (4, 1),
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_other_types_are_refused(index: Index, value: object) -> None:
    with pytest.raises(AddressError):
        pack(value)  # type: ignore[arg-type]
    with pytest.raises(AddressError):
        index.match(value)  # type: ignore[arg-type]
    with pytest.raises(AddressError):
        index.lookup(value)  # type: ignore[arg-type]
    with pytest.raises(AddressError) as caught:
        index.match_many(["192.0.2.1", 7, value])
    assert caught.value.position == 2


def test_an_array_of_truth_values_is_no_array_of_addresses(index: Index) -> None:
    with pytest.raises(AddressError) as caught:
        index.match_many(np.array([True, False]))
    assert caught.value.position == 0


def test_the_position_of_an_error_counts_from_nought_over_any_iterable(index: Index) -> None:
    texts = ["192.0.2.1"] * 70_000
    texts[69_999] = "1.2.3"
    for iterable in (texts, iter(texts), tuple(texts)):
        with pytest.raises(AddressError) as caught:
            index.match_many(iterable)
        assert caught.value.position == 69_999
    with pytest.raises(AddressError) as caught:
        list(index.lookup_many(iter(["ORG-EX1-RIPE", "192.0.2.1", "1.2.3"])))
    assert caught.value.position == 2


def test_lookup_many_gives_the_answers_before_the_bad_one(index: Index) -> None:
    answers = index.lookup_many(["240.10.33.7", "1.2.3", "240.10.33.8"])
    assert next(answers).query == "240.10.33.7"
    with pytest.raises(AddressError, match=r"1\.2\.3"):
        next(answers)


@given(v4)
@example(0)
@example((1 << 32) - 1)
def test_an_ipv4_address_is_written_as_it_is_read(number: int) -> None:
    text = format_address(4, number)
    assert text == str(ipaddress.IPv4Address(number))
    assert pack(text) == (4, number)
    assert address_object(4, number) == ipaddress.IPv4Address(number)


@given(v6)
@example(0)
@example((1 << 128) - 1)
@example(0xC0000201)
@example(0x20010DB8_00000000_00010000_00000001)
def test_an_ipv6_address_is_written_as_it_is_read(number: int) -> None:
    assume(number >> 32 != 0xFFFF)
    text = format_address(6, number)
    assert pack(text) == (6, number)
    # RFC 5952: lower case, no leading zeros, the longest run of zeros is "::" (section 4).
    assert text == text.lower()
    assert ipaddress.IPv6Address(text) == address_object(6, number)
    groups = [f"{number >> shift & 0xFFFF:x}" for shift in range(112, -1, -16)]
    if "::" not in text:
        assert text.split(":") == groups


@given(ranges())
@example((4, 0, (1 << 32) - 1))
@example((6, 0, (1 << 128) - 1))
@example((4, 0, 0))
@example((4, (1 << 32) - 1, (1 << 32) - 1))
@example((6, 1, (1 << 128) - 2))
def test_prefixes_are_those_of_the_standard_library(case: tuple[int, int, int]) -> None:
    family, first, last = case
    wanted = [
        (int(network.network_address), network.prefixlen)
        for network in ipaddress.summarize_address_range(
            address_object(family, first),
            address_object(family, last),
        )
    ]
    assert list(prefixes(family, first, last)) == wanted
    texts = format_prefixes(family, first, last)
    assert texts == [f"{address_object(family, base)}/{length}" for base, length in wanted]


@given(ranges())
@example((6, 0xFFFF << 32, (0xFFFF << 32) + 1))
def test_a_range_is_read_back_as_it_was_written(case: tuple[int, int, int]) -> None:
    family, first, last = case
    assume(family == 4 or first >> 32 != 0xFFFF)
    assume(family == 4 or last >> 32 != 0xFFFF)
    read = span(format_range(family, first, last))
    assert read is not None
    assert read[:3] == case


def test_an_ipv6_range_is_written_as_a_prefix_where_it_is_one() -> None:
    assert format_range(6, 0, (1 << 128) - 1) == "::/0"
    assert format_range(6, 1, 2) == "::1 - ::2"
    assert format_range(4, 0, (1 << 32) - 1) == "0.0.0.0 - 255.255.255.255"
