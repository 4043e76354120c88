"""Read a watch list: address ranges, AS numbers, handles, mailboxes and mail domains.

What each line is follows from its text alone; whether an index knows a handle is asked afterwards
(`unknown`). What changed of the items is in `watching`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final, NamedTuple

from .addresses import Span, as_number, looks_like_address, shown, span
from .errors import AddressError, Error
from .handles import handled

if TYPE_CHECKING:
    from .index import Index

_MAIL: Final = re.compile(r"[^@\s]*@[^@\s.]+(?:\.[^@\s.]+)+")
_HANDLE: Final = re.compile(r"[A-Z0-9][A-Z0-9_-]*", re.IGNORECASE)
_FORMED: Final = re.compile(r"[0-9_-]")  # what a handle has, and a mere word has not
_SYSTEM: Final = re.compile(r"AS\d+", re.IGNORECASE)
_RANGE: Final = re.compile(r"(\S+?)\s*-\s*(\S+)(.*)")
_MARKS: Final = "#;-"  # what a note may begin with
_NOTHING: Final = "is no address, prefix, range, AS number, mailbox or @domain"


class WatchError(Error, ValueError):
    """Say that a line of a watch list is nothing that can be watched. ``line`` is its number."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line


class Item(NamedTuple):
    """Hold what is watched: ``kind`` is range, asn, handle, mailbox or domain.

    ``text`` is as it was written, ``line`` its number, ``note`` what stands behind it. ``span`` is
    the range.
    """

    line: int
    text: str
    kind: str
    note: str | None
    span: Span | None = None


def parse(lines: Iterable[str]) -> list[Item]:
    """Read a watch list: an item a line, behind it a note. Raises `WatchError`.

    Blank lines and those that begin with `#` or `;` are passed over.
    """
    found = []
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text and text[0] not in "#;":
            found.append(_item(number, text))
    return found


def _item(number: int, line: str) -> Item:
    text, note = _parted(line)
    if _MAIL.fullmatch(text):
        return Item(number, text, "domain" if text[0] == "@" else "mailbox", note)
    if as_number(text) is not None:
        return Item(number, text, "asn", note)
    try:
        bounds = span(text)
    except AddressError as error:
        raise WatchError(number, str(error)) from None
    if bounds is not None:
        return Item(number, text, "range", note, bounds)
    if _HANDLE.fullmatch(text) and not _SYSTEM.fullmatch(text):
        return Item(number, text, "handle", note)
    hint = f": of a domain write @{text}" if _MAIL.fullmatch(f"@{text}") else ", and no handle"
    raise WatchError(number, f"{shown(text)} {_NOTHING}{hint}")


def _parted(line: str) -> tuple[str, str | None]:
    """Return the item of a line and its note. A range may have blanks around its hyphen."""
    ends = _RANGE.fullmatch(line)
    if ends and looks_like_address(ends[1]) and looks_like_address(ends[2]):
        text, rest = f"{ends[1]} - {ends[2]}", ends[3]
    else:
        text, rest = (*line.split(None, 1), "")[:2]
    return text, rest.strip().lstrip(_MARKS).strip() or None


def unknown(items: Iterable[Item], *indexes: Index) -> list[Item]:
    """Return the handles that no index knows. Raises `WatchError` for a mere word.

    A handle may be gone, or not be there yet; a word without hyphen and digit is a slip.
    """
    found = []
    for item in items:
        if item.kind == "handle" and not any(_knows(index, item.text) for index in indexes):
            if not _FORMED.search(item.text):
                raise WatchError(item.line, f"{shown(item.text)} {_NOTHING}, and no known handle")
            found.append(item)
    return found


def _knows(index: Index, handle: str) -> bool:
    """Say whether there is an object with a handle, or a net that refers to one."""
    return bool(
        index.objects(handle) or handled(index, handle)
        or index.nets(org=handle) or index.nets(mnt_by=handle)
    )  # fmt: skip
