"""Read what people write for a day."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Final

from .addresses import shown
from .errors import DateError

Day = date | datetime | str
_EPOCH: Final = date(1970, 1, 1).toordinal()


def day_of(asked: Day) -> date:
    """Return the day that a date, a time or a text of ISO 8601 names; times with a zone in UTC.

    Raises `DateError`.
    """
    if isinstance(asked, str):
        text = asked
        try:
            asked = datetime.fromisoformat(text.strip())
        except ValueError:
            raise DateError(f"{shown(text)} is no date: write it as 2025-03-02") from None
    if isinstance(asked, datetime):
        try:
            return (asked.astimezone(UTC) if asked.tzinfo else asked).date()
        except OverflowError:
            raise DateError(f"{asked} lies outside the calendar") from None
    if not isinstance(asked, date):
        raise DateError(f"{type(asked).__name__} is no date")
    return asked


def number_of(day: date | str) -> int:
    """Return a day, or its text in ISO 8601, as days since 1970."""
    return (date.fromisoformat(day) if isinstance(day, str) else day).toordinal() - _EPOCH


def day_at(number: int) -> date:
    """Return the day that is so many days after the first of 1970."""
    return date.fromordinal(_EPOCH + number)
