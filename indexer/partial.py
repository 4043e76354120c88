"""Keep a download on disk until it is whole and sound, then give it its name.

A download NAME is written to `.NAME.part`, hidden so that `build` passes over it in a folder,
with what the server said about it in `.NAME.part.json`: a part is only continued under the same
validator. The content is walked to its end before the part may take its name: gzip and ZIP by
their own checksums, JSON by parsing, plain text by what it must not be. No network here.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from hashlib import md5, sha256
from typing import BinaryIO, Final, NamedTuple

from .manifest import replace

_PIECE: Final = 1 << 18
_OUT: Final = 1 << 20
_PACKED: Final = {b"\x1f\x8b": "gzip data", b"PK\x03\x04": "a ZIP archive"}


class Broken(Exception):
    """Say what is wrong with the content of a download."""


class State(NamedTuple):
    """Hold what the server said about a file; a part of ``total`` bytes is whole."""

    url: str
    etag: str | None
    last_modified: str | None
    total: int | None

    @property
    def validator(self) -> str | None:
        """Return what If-Range may carry: no weak ETag (RFC 9110, 13.1.5)."""
        if self.etag and not self.etag.startswith("W/"):
            return self.etag
        return self.last_modified


class Facts(NamedTuple):
    """Hold the size and the digests of a file."""

    size: int
    sha256: str
    md5: str


def place(folder: str, name: str) -> str:
    """Return where the part of a file is kept."""
    return os.path.join(folder, f".{name}.part")


def load(folder: str, name: str, url: str) -> State | None:
    """Return what is known of the part of a file from a URL, None where there is none to use."""
    path = place(folder, name)
    try:
        with open(f"{path}.json", "rb") as file:
            state = State(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None
    have = size(folder, name)
    fits = 0 < have <= (have if state.total is None else state.total)
    return state if fits and state.url == url else None


def size(folder: str, name: str) -> int:
    """Return how many bytes of a file have come."""
    try:
        return os.stat(place(folder, name)).st_size
    except OSError:
        return 0


def save(folder: str, name: str, state: State) -> None:
    """Write down what the server said about the part of a file."""
    replace(f"{place(folder, name)}.json", json.dumps(state._asdict()).encode())


def drop(folder: str, name: str) -> None:
    """Remove the part of a file, and what was known of it first."""
    path = place(folder, name)
    for left in (f"{path}.json", path):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(left)


def keep(folder: str, name: str) -> None:
    """Give a whole part its name."""
    path = place(folder, name)
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    os.replace(path, os.path.join(folder, name))
    drop(folder, name)


def markup(head: bytes) -> bool:
    """Say whether data begins like a page of HTML or XML: no source of ours does."""
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def examine(path: str, name: str) -> Facts:
    """Read a file to its end; return its facts. Raises `Broken` when it is not what it should be.

    What it should be is told by ``name``: `.gz`, `.zip`, `.json`, else plain text.
    """
    strong, weak = sha256(), md5(usedforsecurity=False)
    with open(path, "rb") as file:
        _refuse_pages(file.read(512))
        file.seek(0)

        def pieces() -> Iterator[bytes]:
            while piece := file.read(_PIECE):
                strong.update(piece)
                weak.update(piece)
                yield piece

        passing = pieces()
        _CHECKS.get(os.path.splitext(name)[1].lower(), _check_plain)(passing)
        for _ in passing:
            pass
        if name.lower().endswith(".zip"):
            _check_zip(file)
        return Facts(os.fstat(file.fileno()).st_size, strong.hexdigest(), weak.hexdigest())


def _refuse_pages(head: bytes) -> None:
    if not head:
        raise Broken("is empty")
    if markup(head):
        raise Broken("is a web page, not data")


def _check_gzip(pieces: Iterator[bytes]) -> None:
    """Walk gzip members to their end, which checks lengths and checksums (RFC 1952)."""
    reader = None
    begun = False
    for piece in pieces:
        # Members may be followed by zeros, as on tapes.
        while piece := piece.lstrip(b"\0") if begun and reader is None else piece:
            reader = reader or zlib.decompressobj(wbits=31)
            try:
                reader.decompress(piece, _OUT)
            except zlib.error as error:
                raise Broken(f"holds damaged gzip data ({error})") from None
            piece = reader.unconsumed_tail
            if reader.eof:
                piece, reader, begun = reader.unused_data, None, True
    if reader is not None:
        raise Broken("is cut off: its gzip data ends early")


def _check_zip(file: BinaryIO) -> None:
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise Broken(f"is a damaged ZIP archive or none ({error})") from None
    if bad is not None:
        raise Broken(f"is a damaged ZIP archive (in {bad!r})")


def _check_json(pieces: Iterator[bytes]) -> None:
    try:
        json.loads(b"".join(pieces))
    except (ValueError, RecursionError):
        raise Broken("is no JSON, or is cut off") from None


def _check_plain(pieces: Iterator[bytes]) -> None:
    for piece in pieces:
        held = next((kind for magic, kind in _PACKED.items() if piece.startswith(magic)), "")
        if held:
            raise Broken(f"should be plain text and holds {held}")
        return


def _check_later(_: Iterator[bytes]) -> None:
    """Leave a ZIP archive to `_check_zip`: its directory is at its end."""


_CHECKS: Final[dict[str, Callable[[Iterator[bytes]], None]]] = {
    ".gz": _check_gzip, ".json": _check_json, ".zip": _check_later,
}  # fmt: skip


def checks_itself(name: str) -> bool:
    """Say whether content of a name's kind shows that it was cut off."""
    return os.path.splitext(name)[1].lower() in _CHECKS
