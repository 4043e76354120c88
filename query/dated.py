"""Read on which day each row of an input is: a date, a time, or seconds since 1970.

Days are numbers counted from 1970, in UTC: a time without a zone is taken for one of UTC.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Final

import numpy as np

from .addresses import shown
from .blocks import Block
from .days import day_of, number_of
from .errors import DateError

_FIRST: Final = number_of(date.min)
_LAST: Final = number_of(date.max)
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
_DATE: Final = re.compile(r"\d{8}", re.ASCII)  # without hyphens, as ISO 8601 has it, too
# The day of such a time is the one that it begins with.
_PLAIN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|\+00:00)?)?",
    re.ASCII,
)
_LONGEST: Final = 64  # letters of a time


def day_number(text: str) -> int | None:
    """Return the day of a time, None for what is none.

    A time is what `days.day_of` reads, or a number of seconds since 1970, with a fraction or
    without; one of 13 digits is of milliseconds, one of 8 a date.
    """
    if plain := _PLAIN.fullmatch(text):
        return _read(plain[1])
    return _read(text.strip()) if len(text) <= _LONGEST else None


@lru_cache(1 << 16)
def _read(text: str) -> int | None:
    try:
        if not _NUMBER.fullmatch(text) or _DATE.fullmatch(text):
            return number_of(day_of(text))
        seconds = float(text)
        day = math.floor(seconds / (86_400_000 if 1e12 <= abs(seconds) < 1e13 else 86_400))
    except (DateError, OverflowError):
        return None
    return day if _FIRST <= day <= _LAST else None


def dated(block: Block, times: Sequence[str | None], faults: dict[int, str]) -> Block:
    """Return a block whose rows have days, those of some times, None for one that is missing.

    A row without a day is no query: ``faults`` may say why.
    """
    days = np.zeros(len(times), np.int64)
    for row, text in enumerate(times):
        fault = faults.get(row)
        day = day_number(text) if text and fault is None else None
        if day is not None:
            days[row] = day
        elif not isinstance(block.others.get(row), str):
            fault = fault or (f"{shown(text)} is no date" if text else "empty")
            block.others[row] = f"time: {fault}"
            block.known[row], block.numbers[row] = False, 0
    return block._replace(days=days)
