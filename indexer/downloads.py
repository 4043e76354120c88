"""Read the table of what can be fetched, and choose from it. No network here.

`downloads.toml` has a table for each set: files of one registry under one serial and one licence
note. A user's file of the same form goes over it: what it says of a set replaces what the
table says (`base` alone names a mirror), and sets of other names are added.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from rirdex.query.errors import DumpError, Error

from . import manifest

_OWN: Final = "the table of sources"
_SET: Final[Mapping[str, type]] = {
    "registry": str, "licence": str, "base": str, "serial": str, "key": str, "default": bool,
    "files": list,
}  # fmt: skip
_FILE: Final = ("file", "url", "fallback", "md5")
_NAME = re.compile(r"[A-Za-z0-9_][\w.+-]*", re.ASCII)
Table = dict[str, dict[str, object]]


class Download(NamedTuple):
    """Name one file to fetch. ``fallback`` is tried where ``url`` is missing.

    ``key`` is the environment variable whose value stands for `{key}` in the URLs; the value
    itself is never kept.
    """

    set: str
    registry: str
    file: str
    url: str
    fallback: str | None
    md5: str | None
    serial: str | None
    licence: str
    key: str | None
    default: bool


def read_table(path: str | None = None) -> list[Download]:
    """Read the table, with a user's file over it. Raises `DumpError` for a file that is wrong."""
    table = _load(files("rirdex.indexer").joinpath("downloads.toml").read_bytes(), _OWN)
    if path is not None:
        try:
            with open(path, "rb") as file:
                mine = _load(file.read(), path)
        except OSError as error:
            raise DumpError(path, f"cannot be read ({error.strerror})") from None
        table = {name: table.get(name, {}) | mine.get(name, {}) for name in [*table, *mine]}
    return [item for name in table for item in _downloads(path or _OWN, name, table[name])]


def _load(text: bytes, place: str) -> Table:
    """Parse a table, and check the types of what it says."""
    try:
        table = tomllib.loads(text.decode())
    except ValueError as error:
        raise DumpError(place, f"is no TOML ({error}): correct it") from None
    for name, values in table.items():
        if not isinstance(values, dict):
            raise DumpError(place, f"{name} is outside a set: put it below a line like [mine]")
        for key, value in values.items():
            if key not in _SET or type(value) is not _SET[key]:
                raise DumpError(place, f"[{name}] {key} is unknown or of a wrong type: the keys "
                                f"are {', '.join(_SET)}")  # fmt: skip
    return table


def _downloads(place: str, name: str, values: Mapping[str, object]) -> Iterator[Download]:
    """Make the downloads of one set."""
    for key in ("registry", "licence", "files"):
        if key not in values:
            raise DumpError(place, f"[{name}] has no {key}: add it")
    listed = values["files"]
    assert isinstance(listed, list)
    base = str(values.get("base", ""))
    for row in listed:
        item = _row(place, name, row)
        yield Download(
            set=name, registry=str(values["registry"]), file=item["file"],
            url=_url(place, name, base, item.get("url", item["file"])) or "",
            fallback=_url(place, name, base, item.get("fallback")),
            md5=_url(place, name, base, item.get("md5")),
            serial=_url(place, name, base, values.get("serial")),
            licence=str(values["licence"]), key=str(values["key"]) if "key" in values else None,
            default=bool(values.get("default", False)),
        )  # fmt: skip


def _row(place: str, name: str, row: object) -> dict[str, str]:
    """Return a row of `files` as texts: a file name alone, or a table of `_FILE`."""
    item: object = {"file": row} if isinstance(row, str) else row
    if not isinstance(item, dict) or not isinstance(item.get("file"), str):
        raise DumpError(place, f"[{name}] files has a row without a file: name it")
    if not all(key in _FILE and isinstance(text, str) for key, text in item.items()):
        raise DumpError(place, f"[{name}] {item['file']}: the keys are {', '.join(_FILE)}")
    if not _NAME.fullmatch(item["file"]) or item["file"] == manifest.NAME:
        raise DumpError(place, f"[{name}] {item['file']!r} is no name for a file: take letters, "
                        "digits, dots and dashes")  # fmt: skip
    return item


def _url(place: str, name: str, base: str, given: object) -> str | None:
    """Return a whole URL, None for none."""
    if given is None:
        return None
    url = urljoin(base, str(given))
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise DumpError(place, f"[{name}] {url} is no http or https URL: correct it or its base")
    return url


def choose(
    table: Sequence[Download], names: Sequence[str], environ: Mapping[str, str]
) -> list[Download]:
    """Return what names choose: a set, else a registry, else a file; or `all`, or the default.

    What needs a key that ``environ`` lacks is chosen only by its own name. Raises `Error`.
    """
    usable = [item for item in table if item.key is None or environ.get(item.key)]
    chosen = [item for item in usable if item.default] if not names else []
    for name in names:
        found = _called(table, usable, name.lower())
        if not found:
            sets = ", ".join(dict.fromkeys(item.set for item in table))
            raise Error(f"{name}: no such source: name a registry, a file, or one of {sets}, all")
        chosen += found
    chosen = list(dict.fromkeys(chosen))
    _refuse_equal_names(chosen)
    return chosen


def _called(table: Sequence[Download], usable: Sequence[Download], name: str) -> list[Download]:
    if name == "all":
        return list(usable)
    return (
        [item for item in table if item.set.lower() == name]
        or [item for item in usable if item.registry.lower() == name]
        or [item for item in table if item.file.lower() == name]
    )


def _refuse_equal_names(chosen: Sequence[Download]) -> None:
    seen: dict[str, Download] = {}
    for item in chosen:
        other = seen.setdefault(item.file, item)
        if other is not item:
            raise Error(f"{item.file} is in the sets {other.set} and {item.set}: choose one of "
                        "them, or give one another name")  # fmt: skip


def keyless(table: Sequence[Download], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the default sets that are left out for want of a key, and the variable of each."""
    return {
        item.set: item.key for item in table
        if item.default and item.key and not environ.get(item.key)
    }  # fmt: skip


def terms(chosen: Sequence[Download]) -> list[str]:
    """Return the terms of each registry chosen, a line each."""
    return list(dict.fromkeys(f"{item.registry}: {item.licence}" for item in chosen))


def listing(table: Sequence[Download]) -> list[str]:
    """Return the table as lines of text: sets, then the files of each."""
    lines: list[str] = []
    shown = ""
    for item in table:
        if item.set != shown:
            shown = item.set
            marks = ["default"] if item.default else []
            marks += [f"needs ${item.key}"] if item.key else []
            lines.append(f"{item.set}  {item.registry}  {', '.join(marks)}".rstrip())
            lines.append(f"  terms: {item.licence}")
            lines += [f"  serial: {item.serial}"] if item.serial else []
        lines.append(f"  {item.file}  {item.url}")
    return lines
