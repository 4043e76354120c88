"""Keep what is known of fetched files in `rirdex-manifest.json` beside them.

The file is JSON: `version`, and `files`, which has for each file name where it came from, whose
it is, under what terms, its size and digests, the validators of the server, its date and serial.
`fetch` writes it, `build` reads the dates. It is replaced as a whole, never written in place.
A file whose size is not the one written down is one that somebody else put there: nothing is
said about it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from rirdex.query.errors import DumpError

NAME: Final = "rirdex-manifest.json"
VERSION: Final = 1
_REMEDY: Final = "delete it and run `rirdex fetch`, which writes a new one"


class Entry(NamedTuple):
    """Hold what is known of one file. ``date`` is ISO 8601, ``fetched`` a UTC time in that form."""

    url: str
    registry: str
    licence: str
    size: int
    sha256: str
    md5: str
    etag: str | None = None
    last_modified: str | None = None
    date: str | None = None
    serial: str | None = None
    fetched: str | None = None


def read(folder: str) -> dict[str, Entry]:
    """Read the manifest of a folder, {} when it has none. Raises `DumpError` for a broken one."""
    path = os.path.join(folder, NAME)
    try:
        with open(path, "rb") as file:
            found: object = json.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DumpError(path, f"cannot be read ({error.strerror}): {_REMEDY}") from None
    except (ValueError, RecursionError):
        raise DumpError(path, f"is no manifest, for it is no JSON: {_REMEDY}") from None
    if not isinstance(found, dict) or not isinstance(found.get("files"), dict):
        raise DumpError(path, f"is no manifest, for it has no files: {_REMEDY}")
    if found.get("version") != VERSION:
        raise DumpError(
            path, f"has version {found.get('version')!r}, this rirdex reads {VERSION}: {_REMEDY}"
        )
    return {name: _entry(path, name, item) for name, item in found["files"].items()}


def _entry(path: str, name: str, item: object) -> Entry:
    """Make an entry of what the JSON has for a file; members of later versions are passed over."""
    fault = DumpError(path, f"is no manifest, for it is wrong about {name!r}: {_REMEDY}")
    if not isinstance(item, dict):
        raise fault
    try:
        entry = Entry(**{member: item[member] for member in Entry._fields if member in item})
        if entry.date is not None:
            date.fromisoformat(entry.date)
    except (TypeError, ValueError):
        raise fault from None
    if type(entry.size) is not int:
        raise fault
    needed = (entry.url, entry.registry, entry.licence, entry.sha256, entry.md5)
    known = (entry.etag, entry.last_modified, entry.serial, entry.fetched)
    if not all(isinstance(text, str) for text in needed):
        raise fault
    if not all(text is None or isinstance(text, str) for text in known):
        raise fault
    return entry


def write(folder: str, entries: Mapping[str, Entry]) -> None:
    """Replace the manifest of a folder in one step."""
    files = {name: entries[name]._asdict() for name in sorted(entries)}
    text = json.dumps({"version": VERSION, "files": files}, indent=1, ensure_ascii=False)
    replace(os.path.join(folder, NAME), f"{text}\n".encode())


def replace(path: str, data: bytes) -> None:
    """Write a small file under a hidden name, then give it its own in one step."""
    folder, name = os.path.split(path)
    beside = os.path.join(folder, f".{name}.new")
    with open(beside, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, path)


def is_there(folder: str, name: str, entry: Entry) -> bool:
    """Say whether a file still has the size that was written down."""
    try:
        return os.stat(os.path.join(folder, name)).st_size == entry.size
    except OSError:
        return False


def manifest_dates(folder: str) -> dict[str, date]:
    """Return the dates of a folder's fetched files by base name, {} without a manifest.

    Files that are missing or of another size are left out; who has read a file compares
    `read(folder)[name].sha256` too. Raises `DumpError` for a broken manifest.
    """
    return {
        name: date.fromisoformat(entry.date)
        for name, entry in read(folder).items()
        if entry.date is not None and is_there(folder, name, entry)
    }


def day_of(last_modified: str | None) -> str | None:
    """Return the ISO date of a Last-Modified header (RFC 9110, 8.8.2), None when it has none."""
    try:
        return parsedate_to_datetime(last_modified or "").date().isoformat()
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
