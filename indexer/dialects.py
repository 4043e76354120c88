"""Recognise which files are dumps, by their content, whatever they are called.

A file that was named and is no dump is an error; in a folder that is walked it is skipped and
listed. What claims to be a dump and is broken is an error in both cases.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Sequence
from hashlib import sha256
from typing import BinaryIO, Final, NamedTuple

from rirdex.query.errors import DumpError

from . import sources
from .scan import ATTRIBUTES
from .sources import Source

_CLASSES: Final = frozenset(ATTRIBUTES[1:])
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
        if named and os.path.realpath(path) in own:
            raise DumpError(
                path, "is where the index is to be written: choose another place with -o"
            )
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
        dumps = [source for source in sources.members(path) if is_dump(source)]
        if not dumps:
            raise DumpError(path, _NO_DUMP)
        recognised.found.extend(dumps)
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
        dump = is_dump(source)
    except DumpError as error:
        raise DumpError(source.place, str(error).removeprefix(f"{copy}: ")) from None
    if not dump:
        raise DumpError(source.place, _NO_DUMP)
    recognised.found.append(source)


def is_dump(source: Source) -> bool:
    """Say whether a source's text begins like an RPSL dump: with an attribute that is a class."""
    for line in sources.read_head(source).split(b"\n"):
        if line.strip() and line[:1] not in b"#%":
            found = _CLASS_LINE.match(line)
            return found is not None and found[1].lower() in _CLASSES
    return False


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
