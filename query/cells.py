"""Read single cells of an index's columns: texts and lists by code, days, where a row is from."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from .days import day_at
from .raw import raw_offset

if TYPE_CHECKING:
    from .store import Tables

Json = dict[str, Any]


def text_at(tables: Tables, name: str, code: int) -> str | None:
    """Return the text of a code in a dictionary, None for code 0."""
    if not code:
        return None
    at = getattr(tables, f"text_{name}_at")
    return str(getattr(tables, f"text_{name}")[at[code] : at[code + 1]], "utf-8")


def list_at(tables: Tables, name: str, code: int) -> tuple[str, ...]:
    """Return the items of a list of a dictionary."""
    text = text_at(tables, name, code)
    return tuple(text.split("\n")) if text else ()


def date_of(days: int) -> date | None:
    """Return a day counted from 1970, None for 0."""
    return day_at(days) if days else None


def day_text(value: date | None) -> str | None:
    """Return a day as JSON has it."""
    return value.isoformat() if value else None


def origin_of(tables: Tables, code: int) -> Json:
    """Return the file, source and registry of a row."""
    origins: list[Json] = tables.meta["origins"]
    return origins[code]


def dump_of(tables: Tables, origin: Json, number: int) -> Json:
    """Return where an object stands: file, date and sha256 of its dump, offset in its text.

    Of an object of the past the offset is not kept: None.
    """
    source = tables.meta["sources"][origin["file"]]
    return {
        "file": source["name"], "date": source["date"], "sha256": source["sha256"],
        "offset": None if tables.prefix else raw_offset(tables, number),
    }  # fmt: skip
