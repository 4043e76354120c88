"""Recognise which files are dumps, by their content, whatever they are called.

A file that was named and is no dump is an error; in a folder that is walked it is skipped and
listed. What claims to be a dump and is broken is an error in both cases.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import BinaryIO, Final, NamedTuple

from rirdex.query.errors import DumpError

from . import sources
from .arin_xml import is_arin_xml
from .delegated import is_delegated
from .scan import ATTRIBUTES
from .sources import Source
from .transfers import is_transfers

_CLASSES: Final = frozenset(ATTRIBUTES[1:])
_KINDS: Final[dict[str, Callable[[bytes], bool]]] = {
    "delegated": is_delegated, "transfers": is_transfers, "arin-xml": is_arin_xml,
}  # fmt: skip
_SOURCE_LINE = re.compile(rb"^source:", re.MULTILINE | re.IGNORECASE)
_LACNIC_STATUS = re.compile(rb"^status:[ \t]*(?:re)?(?:allocated|assigned)[ \t\r]*$", re.MULTILINE)
_CLASS_LINE = re.compile(rb"([a-z][a-z0-9-]{1,40}):", re.IGNORECASE)
_NO_DUMP: Final = "is no dump that rirdex can read"
_SERIAL: Final = ".CURRENTSERIAL"


class Recognised(NamedTuple):
    """Hold the sources in the order they are read, what was skipped and why, and the serials.

    ``skipped`` are (path, reason); ``serials`` are by the name of the source.
    """

    found: list[Source]
    skipped: list[tuple[str, str]]
    serials: dict[str, str]


def recognise(paths: Sequence[str], beside: str, own: frozenset[str]) -> Recognised:
    """Find the dumps among files and folders (`-` = standard input).

    What can be read only once is copied to files that begin with ``beside``. ``own`` are the real
    paths of the files of the build itself. Raises `DumpError`.
    """
    files, missing = sources.find([path for path in dict.fromkeys(paths) if path != "-"], own)
    if missing:
        raise DumpError(missing[0], "there is no such file or folder")
    recognised = Recognised([], [], {})
    for path, named in files:
        if named:
            sources.keep_apart(path, own)
        if named or os.path.isfile(path):
            _take(path, named, beside, recognised)
    if "-" in paths:
        _take_stream(sys.stdin.buffer, "-", beside, recognised)
    if not recognised.found:
        raise DumpError(paths[0], "holds no dump: name files or folders with the registries' dumps")
    return recognised._replace(found=_in_order(recognised.found))


def _take(path: str, named: bool, beside: str, recognised: Recognised) -> None:
    """Add what a file holds: sources, a serial, or a reason to skip it."""
    name = os.path.basename(path)
    if not os.path.isfile(path):
        with open(path, "rb") as stream:
            _take_stream(stream, name, beside, recognised)
        return
    if name.endswith(_SERIAL):
        _take_serial(path, name.removesuffix(_SERIAL), recognised.serials)
        return
    try:
        dumps = [told for source in sources.members(path) if (told := recognised_as(source))]
        if not dumps:
            raise DumpError(path, _NO_DUMP)
        recognised.found.extend(_once(dumps, recognised))
    except DumpError as error:
        reason = str(error).removeprefix(f"{path}: ")
        if named or not reason.startswith((_NO_DUMP, "is empty")):
            raise
        recognised.skipped.append((path, reason))


def _take_serial(path: str, source: str, serials: dict[str, str]) -> None:
    with open(path, "rb") as file:
        serial = file.read(32).decode("latin-1").strip()
    # Of two serials the later one, in whatever order they were found.
    known = serials.get(source, "")
    serials[source] = max(known, serial, key=lambda text: (len(text), text))


def _take_stream(stream: BinaryIO, name: str, beside: str, recognised: Recognised) -> None:
    """Copy to a file what can be read only once, and read that."""
    copy = f"{beside}.{len(recognised.found)}"
    with open(copy, "wb") as file:
        shutil.copyfileobj(stream, file, 1 << 20)
    source = Source(copy, name, None, os.stat(copy).st_size)
    try:
        dump = recognised_as(source)
    except DumpError as error:
        raise DumpError(source.place, str(error).removeprefix(f"{copy}: ")) from None
    if dump is None:
        raise DumpError(source.place, _NO_DUMP)
    recognised.found.append(dump)


def recognised_as(source: Source) -> Source | None:
    """Return a source with its kind, told by how its text begins; None when it is no dump."""
    head = sources.read_head(source)
    for kind, test in _KINDS.items():
        if test(head):
            return source._replace(kind=kind)
    for line in head.split(b"\n"):
        if line.strip() and line[:1] not in b"#%":
            found = _CLASS_LINE.match(line)
            if found is None or found[1].lower() not in _CLASSES:
                return None
            return source._replace(default=b"LACNIC" if _nameless_lacnic(head) else b"")
    return None


def _nameless_lacnic(head: bytes) -> bool:
    """Say whether records are LACNIC's though they name no source: its statuses are its own."""
    return not _SOURCE_LINE.search(head) and _LACNIC_STATUS.search(head) is not None


def _once(dumps: list[Source], recognised: Recognised) -> list[Source]:
    """Leave out the XML where an archive has the same as text: ARIN delivers both."""
    texts = any(source.kind == "records" for source in dumps)
    kept = []
    for source in dumps:
        if source.kind == "arin-xml" and texts:
            reason = "the same records are read from the text beside it"
            recognised.skipped.append((f"{source.path}/{source.member}", reason))
        else:
            kept.append(source)
    return kept


def _in_order(found: list[Source]) -> list[Source]:
    """Sort sources by base name; where names are equal, by what the files hold."""
    names = [source.name for source in found]

    def key(source: Source) -> tuple[str, str]:
        if names.count(source.name) == 1:
            return source.name, ""
        with open(source.path, "rb") as file:
            digest = sha256()
            while part := file.read(1 << 20):
                digest.update(part)
        return source.name, digest.hexdigest()

    return sorted(found, key=key)
