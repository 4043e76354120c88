"""Read ranges, dates and numbers out of many spans of text at once, else one by one.

The fast path takes what nearly every object has (`a.b.c.d - e.f.g.h`, `2015-03-09T17:35:16Z`);
whatever it does not recognise, well-formed or not, goes through the slow path, which decides.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query.quads import read_quads

from .scan import Bytes, Ints, Words, words_of

Flags = NDArray[np.bool_]

_ASCII_ZEROS = np.uint64(0x3030303030303030)
_TENS = np.uint64(0x7676767676767676)  # carries into the high bit of every byte above 9
_HIGHS = np.uint64(0x8080808080808080)
_HEX = np.full(256, 255, np.uint8)
_HEX[[*b"0123456789abcdef"]] = range(16)
_HEX[[*b"ABCDEF"]] = range(10, 16)
MASKS: Final = np.array([(1 << bits) - 1 for bits in range(65)], np.uint64)


def read_ranges(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Ints, Flags]:
    """Read IPv4 ranges; return first, last, and whether each was read.

    Shapes (n,); first and last are int64. A False may still be a legal range.
    """
    first, stop, good = read_quads(text, start)
    dash = np.where(text[stop] == 32, stop + 1, stop)
    good &= text[dash] == 45
    begin = dash + 1
    begin = np.where(text[begin] == 32, begin + 1, begin)
    last, stop, fine = read_quads(text, begin)
    good &= fine & (stop == end) & (first <= last)
    return first, last, good


def parse_range(value: str) -> tuple[int, int, int] | None:
    """Read one range or prefix as (family 4 or 6, first, last); None when it is neither.

    Takes `a - b` and `a/len` of either family; host bits of a prefix are dropped. Octets with
    leading zeros are refused: they may be meant as octal.
    """
    if "/" in value:
        address, _, bits = value.partition("/")
        low = _address(address.strip())
        if low is None or not re.fullmatch(r"[0-9]{1,3}", bits.strip()):
            return None
        family, number = low
        width = 32 if family == 4 else 128
        host = width - int(bits)
        if host < 0:
            return None
        first = number >> host << host
        return family, first, first | ((1 << host) - 1)
    begin, dash, finish = value.partition("-")
    low, high = _address(begin.strip()), _address(finish.strip())
    if not dash or low is None or high is None or low[0] != high[0] or low[1] > high[1]:
        return None
    return low[0], low[1], high[1]


def _address(text: str) -> tuple[int, int] | None:
    for family, version in ((AF_INET, 4), (AF_INET6, 6)):
        try:
            return version, int.from_bytes(inet_pton(family, text), "big")
        except (OSError, ValueError):
            continue
    return None


# `YYYY-MM-DDThh:mm:ssZ` as three little-endian words: where digits stand, and what the other
# bytes hold. A byte is a digit when its high half is 3 and its low half at most 9.
_FORM = np.frombuffer(b"0000-00-00T00:00:00Z\0\0\0\0", "<u8")
_DIGIT = np.frombuffer(bytes(0xF0 if c == 48 else 0 for c in _FORM.tobytes()), "<u8")
_MARK = np.frombuffer(bytes(0xFF if c not in (0, 48) else 0 for c in _FORM.tobytes()), "<u8")
_CARRY = np.frombuffer(bytes(0x06 if c == 48 else 0 for c in _FORM.tobytes()), "<u8")
_LOW = np.uint64(0x0F0F0F0F0F0F0F0F)
_SHORT = (~np.uint64(0), np.uint64(0xFFFF), np.uint64(0))  # what of the words a bare date fills


def read_dates(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Flags]:
    """Read `YYYY-MM-DDThh:mm:ssZ` and `YYYY-MM-DD`.

    Returns seconds since 1970 (int64) and whether each was read.
    """
    words = words_of(text)
    short = end - start == 10
    good = short | (end - start == 20)
    at = np.where(good, start, 0)
    numbers = []
    for k, mask in enumerate(_SHORT):
        counted = np.where(short, mask, ~np.uint64(0))
        word = words[at + 8 * k]
        good &= (word ^ _FORM[k]) & (_DIGIT[k] | _MARK[k]) & counted == 0
        low = word & _LOW & counted
        good &= (low + (_CARRY[k] & counted)) & _DIGIT[k] == 0
        # Each byte times ten plus the byte behind it: two digits stand in the second one.
        numbers.append(low * np.uint64(10) + (low >> np.uint64(8)))

    def pair(place: int) -> Ints:
        word, byte = divmod(place, 8)
        found = numbers[word] >> np.uint64(8 * byte) & np.uint64(0xFF)
        return np.asarray(found.astype(np.int64))

    year = pair(0) * 100 + pair(2)
    month, day = pair(5), pair(8)
    hour, minute, second = pair(11), pair(14), pair(17)
    good &= (month >= 1) & (month <= 12) & (day >= 1) & (day <= _month_days(year, month))
    good &= (hour < 24) & (minute < 60) & (second < 60)
    days = _days(year, month, day)
    return np.where(good, days * 86400 + hour * 3600 + minute * 60 + second, 0), good


def _month_days(year: Ints, month: Ints) -> Ints:
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    return np.asarray(lengths[np.clip(month, 0, 12)] + ((month == 2) & leap))


def _days(year: Ints, month: Ints, day: Ints) -> Ints:
    """Count days from 1970-01-01 in the Gregorian calendar, with March as the first month."""
    shifted = year - (month <= 2)
    of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
    return shifted * 365 + shifted // 4 - shifted // 100 + shifted // 400 + of_year - 719468


_DATE = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?:T(\d\d):(\d\d):(\d\d)Z?)?(?!\d)")


def parse_date(value: str) -> int:
    """Read the last date of a value (`changed: someone@example.net 20010118`).

    Returns seconds since 1970, 0 = none.
    """
    for found in reversed(_DATE.findall(value)):
        year, month, day, hour, minute, second = (int(part or 0) for part in found)
        try:
            moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            continue
        return max(int(moment.timestamp()), 0)
    return 0


def read_decimals(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Flags]:
    """Read decimal numbers of 1 to 10 digits; return them and whether each is one."""
    words, size = words_of(text), end - start
    good = (size > 0) & (size <= 10)
    size = np.where(good, size, 0)
    long = np.flatnonzero(size > 8)
    head = size[long] - 8
    rest = start.copy()
    rest[long] += head
    value, fine = _eight_digits(words, rest, np.minimum(size, 8))
    good &= fine
    upper, fine = _eight_digits(words, start[long], head)
    value[long] += upper * 10**8
    good[long] &= fine
    return value, good


def _eight_digits(words: Words, start: Ints, size: Ints) -> tuple[Ints, Flags]:
    """Read numbers of up to eight digits from the words that begin with them."""
    # The first digit is the lowest byte; shifting puts zeros before it.
    some = size > 0
    digits = (words[start] ^ _ASCII_ZEROS) << np.where(some, 64 - 8 * size, 0).astype(np.uint64)
    digits[~some] = 0
    good = ((digits + _TENS) | digits) & _HIGHS == 0
    digits = digits * np.uint64(10) + (digits >> np.uint64(8))
    digits = digits & np.uint64(0x00FF00FF00FF00FF)
    digits = (digits * np.uint64(100) + (digits >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    digits = (digits * np.uint64(10000) + (digits >> np.uint64(32))) & np.uint64(0xFFFFFFFF)
    return digits.astype(np.int64), good


def read_high_halves(text: Bytes, start: Ints, end: Ints) -> tuple[Words, Flags]:
    """Read IPv6 addresses of one to four groups and `::` behind: the form of nearly all prefixes.

    Returns the high half, and whether each was read; any other form may be legal too.
    """
    at = start.copy()
    high = np.zeros(len(at), np.uint64)
    done, good = np.zeros(len(at), bool), np.ones(len(at), bool)
    for group in range(4):
        value, begin = np.zeros(len(at), np.uint64), at
        for _ in range(4):
            digit = _HEX[text[at]]
            more = digit < 16
            value = np.where(more, value << np.uint64(4) | digit, value)
            at = at + more
        high = np.where(done, high, high | value << np.uint64(48 - 16 * group))
        good &= done | ((at > begin) & (text[at] == 58))
        done |= good & (text[at + 1] == 58) & (at + 2 == end)
        at = np.where(good & ~done, at + 1, start)
    return high, good & done
