"""Read ranges and dates out of many spans of text at once, and one by one where that fails.

The fast path takes what nearly every object has (`a.b.c.d - e.f.g.h`, `2015-03-09T17:35:16Z`);
whatever it does not recognise, well-formed or not, goes through the slow path, which decides.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from socket import AF_INET, AF_INET6, inet_pton

import numpy as np
from numpy.typing import NDArray

from rirdex.query.quads import read_quads

from .scan import Bytes, Ints

Flags = NDArray[np.bool_]


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


def read_dates(text: Bytes, start: Ints, end: Ints) -> tuple[Ints, Flags]:
    """Read `YYYY-MM-DDThh:mm:ssZ`; return seconds since 1970 (int64) and whether each was read."""
    at = start[:, None] + np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])
    size = len(text) - 1
    digits = text[np.minimum(at, size)].astype(np.int64) - 48
    marks = text[np.minimum(start[:, None] + np.array([4, 7, 10, 13, 16, 19]), size)]
    good = (end - start == 20) & ((digits >= 0) & (digits <= 9)).all(axis=1)
    good &= (marks == np.frombuffer(b"--T::Z", np.uint8)).all(axis=1)
    year = digits[:, 0] * 1000 + digits[:, 1] * 100 + digits[:, 2] * 10 + digits[:, 3]
    month, day, hour, minute, second = (
        digits[:, k] * 10 + digits[:, k + 1] for k in (4, 6, 8, 10, 12)
    )
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
