"""Read which organisation has which AS number, as CAIDA derives it from the registries (as2org).

Formats (https://www.caida.org/catalog/datasets/as-organizations), told by the first character:

    # format:org_id|changed|org_name|country|source
    ORG-1|20200109|Example Networks|ZZ|RIPE
    # format:aut|changed|aut_name|org_id|opaque_id|source
    64500|20120224|EXAMPLE-AS|ORG-1|opaque|RIPE

or JSON objects, one a line, of type `Organization` (organizationId, name) and `ASN` (asn,
organizationId). The sections may come in either order, and their columns too.

One company has several ids, one for each registry at least, so organisations of the same name are
one (case and blanks do not matter). CAIDA writes organisations that a registry has deleted without
a name (`@del-10005`): those are told apart by id, as are names without a letter or digit. Two
companies may have one name; what that proves is decided elsewhere. What an AS missing from the file
is nobody knows: it decides nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query.errors import DumpError

from . import evidence_files as files
from .evidence_files import ASN, GOOD, KIND, SHORT, EvidenceFile, Lines, Text
from .scan import Ints

_TEXT: Final = "CAIDA as2org text"
_JSON: Final = "CAIDA as2org JSON lines"
_FORMAT = re.compile(rb"#\s*format\s*:\s*(.*)")
_NUMBER = re.compile(r"[0-9]{1,10}")
# What a line says: (organisation's id, date, name), or (AS number as text, date, organisation's
# id); the fault it has; None for no record.
_Said = tuple[bool, str, str, str] | int | None


class Organisations(NamedTuple):
    """Hold the organisations of AS numbers, n of them, sorted.

    ``asn`` is int64 (n,), ``code`` int64 (n,), equal for those of one organisation, ``owner`` int32
    (n,) a place in ``names``, which are as published, "" = none. ``counts`` are `organisations`
    (ids), `asns`, and `again` (lines about an id or AS number that had come before).
    """

    asn: Ints
    code: Ints
    owner: NDArray[np.int32]
    names: list[str]
    counts: dict[str, int]
    files: list[EvidenceFile]

    def name_code(self, asn: NDArray[Any]) -> Ints:
        """Return the organisations of AS numbers, int64 of any shape: -1 = not in the files."""
        at = np.minimum(np.searchsorted(self.asn, asn), len(self.asn) - 1)
        if not len(self.asn):
            return np.full(np.shape(asn), -1, np.int64)
        return np.where(self.asn[at] == asn, self.code[at], -1)

    def name(self, asn: int) -> str | None:
        """Return the name of an AS number's organisation, None where the files have none."""
        at = int(np.searchsorted(self.asn, asn))
        if at == len(self.asn) or self.asn[at] != asn:
            return None
        return self.names[self.owner[at]] or None

    def same(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of pairs of AS numbers whether both are known to be of one organisation.

        The shapes broadcast. An AS number missing from the files is not the same even as itself.
        """
        code = self.name_code(left)
        return np.asarray((code >= 0) & (code == self.name_code(right)))


class _Held:
    """Gather what lines say; of several about one thing the latest counts, then the greatest."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, str]] = {}
        self.owners: dict[int, tuple[str, str]] = {}
        self.again = 0

    def add(self, is_as: bool, key: str, said: tuple[str, str]) -> None:
        """Take (date, name) of an organisation, or (date, organisation) of an AS."""
        held: dict[Any, tuple[str, str]] = self.owners if is_as else self.names
        place: Any = int(key) if is_as else key
        before = held.get(place)
        self.again += before is not None
        held[place] = said if before is None or before < said else before


def read_organisations(paths: Sequence[str]) -> Organisations:
    """Read as2org files and bring them together; of no files the result is empty.

    Raises `DumpError` for a file that is none, or is cut off.
    """
    held = _Held()
    told = [_read(text, held) for text in files.read_texts(paths)]
    asns = sorted(held.owners)
    ids = sorted({held.owners[asn][1] for asn in asns})
    place = {name: number for number, name in enumerate(ids)}
    names = [held.names.get(name, ("", ""))[1] for name in ids]
    keys = [_key(name, number) for name, number in zip(names, ids, strict=True)]
    codes = {key: code for code, key in enumerate(sorted(set(keys)))}
    owner = np.array([place[held.owners[asn][1]] for asn in asns], np.int32)
    code = np.array([codes[key] for key in keys], np.int64)
    counts = {"organisations": len(held.names), "asns": len(asns), "again": held.again}
    known = np.array(asns, np.int64)
    return Organisations(known, code[owner], owner, names, counts, told)


def _key(name: str, number: str) -> tuple[bool, str]:
    """Return what an organisation is known by: its name, or its id where it has none."""
    folded = " ".join(name.split()).casefold()
    named = any(character.isalnum() for character in folded)
    return named, folded if named else number


def _read(text: Text, held: _Held) -> EvidenceFile:
    lines = files.lines_of(text, b"")
    json_lines = text.whole[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{")
    said = _from_json if json_lines else _from_text
    fault = np.full(len(lines.start), GOOD, np.uint8)
    kept = np.ones(len(lines.start), bool)
    number = {True: 0, False: 0}
    for k, record in enumerate(said(lines)):
        if isinstance(record, tuple):
            is_as, key, changed, value = record
            held.add(is_as, key, (changed, value))
            number[is_as] += 1
        elif record is None:
            kept[k] = False
        else:
            fault[k] = record
    lines = lines._replace(start=lines.start[kept], end=lines.end[kept])
    counts = {"organisations": number[False], "asns": number[True]}
    kind = _JSON if json_lines else _TEXT
    report = files.report(lines, kind, fault[kept], counts, closed=not json_lines)
    if not all(counts.values()):
        missing = "AS number" if counts["organisations"] else "organisation"
        why = f"names no {missing}: it is cut off, or no as2org file"
        raise DumpError(text.source.place, why)
    return report


def _from_json(lines: Lines) -> Iterator[_Said]:
    for line in _texts(lines):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            yield KIND
            continue
        kind = item.get("type") if isinstance(item, dict) else None
        if kind not in ("Organization", "ASN"):
            yield KIND
            continue
        owner, changed = item.get("organizationId"), str(item.get("changed") or "")
        if kind == "ASN":
            yield _as(str(item.get("asn")), changed, owner)
        elif isinstance(owner, str) and owner:
            yield False, owner, changed, str(item.get("name") or "")
        else:
            yield SHORT


def _from_text(lines: Lines) -> Iterator[_Said]:
    record: Callable[[list[str]], _Said] = lambda _: KIND  # noqa: E731
    for line in _texts(lines):
        if not line.startswith("#"):
            yield record(line.split("|"))
            continue
        found = _FORMAT.fullmatch(line.encode())
        if found:
            record = _section(found[1].decode().lower().split("|"))
        yield None


def _section(columns: list[str]) -> Callable[[list[str]], _Said]:
    """Return what reads the lines of a section with these columns."""
    columns = [column.strip() for column in columns]
    is_as = "aut" in columns
    title = next((name for name in ("org_name", "aut_name", "name") if name in columns), "")
    if not title or "org_id" not in columns:
        return lambda _: KIND
    width, long = len(columns), columns.index(title)
    # Only names may hold bars of their own; counted from the end, columns behind them stay.
    place = {name: k if k <= long else k - width for k, name in enumerate(columns)}
    changed, owner = place.get("changed"), place["org_id"]

    def record(parts: list[str]) -> _Said:
        if len(parts) < width:
            return SHORT
        day = parts[changed] if changed is not None else ""
        if is_as:
            return _as(parts[place["aut"]], day, parts[owner])
        name = "|".join(parts[long : len(parts) - width + long + 1])
        return (False, parts[owner], day, name.strip()) if parts[owner] else SHORT

    return record


def _as(number: str, changed: str, owner: object) -> _Said:
    if not (_NUMBER.fullmatch(number) and 0 < int(number) < files.AS_LIMIT):
        return ASN
    return (True, number, changed, owner) if isinstance(owner, str) and owner else SHORT


def _texts(lines: Lines) -> Iterator[str]:
    """Yield the lines as text; what is not UTF-8 is latin-1."""
    whole = lines.source.whole
    for start, end in zip(lines.start.tolist(), lines.end.tolist(), strict=True):
        line = whole[start:end]
        try:
            yield line.decode()
        except UnicodeDecodeError:
            yield line.decode("latin-1")
