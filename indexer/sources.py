"""Find dump files, tell what they are by their content, and read their text in chunks.

A file's compression is told by its first bytes. Where the name promises another one, the file is
mislabelled (a page of HTML named .gz, a ZIP named .gz) and refused: such a file is a broken
download, and its content is not what its name says. Whatever is wrong with a file raises
`DumpError` with its path; nothing here looks into objects.

Chunks end behind an empty line, so they hold whole objects. Where they end depends on the text
alone, never on the sizes in which it was read.
"""

from __future__ import annotations

import bz2
import contextlib
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO, Final, NamedTuple, Protocol, cast

import zstandard

from rirdex.query.errors import DumpError

CHUNK: Final = 4 << 20
LONGEST_OBJECT: Final = 64 << 20
_HEAD: Final = 1 << 20
_BAD_ZIP: Final = (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError)
_TAIL: Final = 1 << 16  # where a chunk's last empty line is looked for first
_SUFFIXES: Final = {
    ".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd", ".zip": "ZIP",
}  # fmt: skip
_MAGIC: Final = (
    (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "ZIP"), (b"PK\x05\x06", "ZIP"),
)  # fmt: skip


class Readable(Protocol):
    """Name what a stream of text must do."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, b"" at the end."""


class Source(NamedTuple):
    """Name one text: a file, or a member of a ZIP archive; ``name`` is its base name.

    ``kind`` is `records`, `arin-xml`, `delegated` or `transfers`; ``default`` the source of records
    that name none.
    """

    path: str
    name: str
    member: str | None
    size: int
    kind: str = "records"
    default: bytes = b""

    @property
    def place(self) -> str:
        """Return what an error calls the source."""
        return "standard input" if self.name == "-" else self.path


class Counted(io.RawIOBase):
    """Read a file, and tell the bytes that pass to a digest and to a progress report."""

    def __init__(self, file: BinaryIO, progress: Callable[[int], object] = lambda _: None) -> None:
        self._file = file
        self._progress = progress
        self.digest = sha256()

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Fill a buffer; return how many bytes came, 0 at the end."""
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        self.digest.update(memoryview(buffer)[:count])
        self._progress(count)
        return count


class _Frames:
    """Read compressed streams one after the other, as `cat a.xz b.xz` leaves them.

    Unlike the readers of the libraries, notice a stream that is cut off (zstandard) and data
    behind a stream that is none (bz2, lzma); and take large pieces (gzip takes 8 KiB at a time).
    """

    def __init__(self, file: Readable, fresh: Callable[[], Any], piece: int, limited: bool) -> None:
        self._file = file
        self._fresh = fresh
        self._piece = piece
        self._limited = limited
        self._reader: Any = None
        self._rest = b""
        self._ready = b""
        self._begun = False

    def read(self, size: int, /) -> bytes:
        """Return some bytes, b"" at the end. Raises EOFError where the file is cut off."""
        while not self._ready:
            packed = b""
            if self._reader is None or getattr(self._reader, "needs_input", True):
                packed = self._rest or self._file.read(self._piece)
                self._rest = b""
            if self._reader is None:
                if not packed:
                    return b""
                # Streams may be followed by zeros.
                packed = packed.lstrip(b"\0") if self._begun else packed
                if not packed:
                    continue
                self._reader, self._begun = self._fresh(), True
            if not self._decompress(packed, size) and not packed:
                raise EOFError
        ready, self._ready = self._ready[:size], self._ready[size:]
        return ready

    def _decompress(self, packed: bytes, size: int) -> bool:
        """Decompress a piece; say whether anything came of it."""
        reader = self._reader
        limit = (size,) if self._limited else ()
        self._ready = reader.decompress(packed, *limit)
        if reader.eof:
            self._rest, self._reader = reader.unused_data, None
        else:
            self._rest = getattr(reader, "unconsumed_tail", b"")
        return bool(self._ready) or reader.eof


# How to begin a stream of each kind, how many compressed bytes to take at a time, and whether the
# library can limit what comes out of them: zstandard cannot, and ten thousand times as much may.
_STREAMS: Final[dict[str, tuple[Callable[[], Any], int, bool]]] = {
    "gzip": (lambda: zlib.decompressobj(wbits=31), 1 << 16, True),
    "bzip2": (bz2.BZ2Decompressor, 1 << 16, True),
    "xz": (lzma.LZMADecompressor, 1 << 16, True),
    "zstd": (lambda: zstandard.ZstdDecompressor().decompressobj(), 1 << 13, False),
}


def find(
    paths: list[str], leave_out: frozenset[str] = frozenset()
) -> tuple[list[tuple[str, bool]], list[str]]:
    """Return the files named and those in folders named, each with whether it was named itself.

    ``leave_out`` are real paths that a walk passes over. The second list names what is missing.
    """
    found: list[tuple[str, bool]] = []
    missing = []
    for path in paths:
        if os.path.isdir(path):
            for folder, folders, files in os.walk(path):
                folders[:] = sorted(name for name in folders if not name.startswith("."))
                found += [
                    (os.path.join(folder, name), False)
                    for name in sorted(files)
                    if not name.startswith(".")
                    and os.path.realpath(os.path.join(folder, name)) not in leave_out
                ]
        elif os.path.exists(path):
            found.append((path, True))
        else:
            missing.append(path)
    return found, missing


def members(path: str) -> list[Source]:
    """Return the texts of a file: itself, or the files of a ZIP archive."""
    kind = compression(path)
    size = os.stat(path).st_size
    # A name that is no UTF-8 goes into the metadata, which is.
    name = os.fsencode(os.path.basename(path)).decode(errors="replace")
    if kind != "ZIP":
        return [Source(path, name, None, size)]
    try:
        with zipfile.ZipFile(path) as archive:
            files = [item for item in archive.infolist() if not item.is_dir()]
            return [
                Source(path, f"{name}/{item.filename}", item.filename, item.compress_size)
                for item in sorted(files, key=lambda item: item.filename)
            ]
    except _BAD_ZIP as error:
        raise DumpError(path, f"the ZIP archive is damaged or cut off ({error})") from None


def compression(path: str) -> str:
    """Return how a file is compressed, "" for plain text. Raises `DumpError` when mislabelled."""
    try:
        with open(path, "rb") as file:
            head = file.read(512)
    except OSError as error:
        raise DumpError(path, f"cannot be read: {error.strerror}") from None
    if not head:
        raise DumpError(path, "is empty: download it again")
    kind = next((name for magic, name in _MAGIC if head.startswith(magic)), "")
    promised = _SUFFIXES.get(os.path.splitext(path)[1].lower())
    if promised and promised != kind:
        held = (
            "HTML page"
            if b"<html" in head.lower() or b"<!doctype" in head.lower()
            else "plain text"
        )
        raise DumpError(
            path,
            f"is named like {promised} but holds {kind + ' data' if kind else 'a ' + held}: "
            "download it again, or rename it if that is what it should be",
        )
    return kind


class Opened(NamedTuple):
    """Hold an open text, the digest of its file once it is read, and how to close it."""

    text: Readable
    counted: Counted
    close: Callable[[], None]


def keep_apart(path: str, own: frozenset[str]) -> None:
    """Refuse an input that is one of the files of the build itself. Raises `DumpError`."""
    if os.path.realpath(path) in own:
        raise DumpError(path, "is where the index is to be written: choose another place with -o")


def open_source(source: Source, progress: Callable[[int], object] = lambda _: None) -> Opened:
    """Open a source's text for reading."""
    kind = compression(source.path)
    stack = contextlib.ExitStack()
    file = stack.enter_context(open(source.path, "rb"))
    counted = Counted(file, progress)
    packed = cast(BinaryIO, io.BufferedReader(counted, 1 << 17))
    if source.member is not None:
        try:
            archive = stack.enter_context(zipfile.ZipFile(source.path))
            member = archive.open(source.member)
        except _BAD_ZIP as error:
            stack.close()
            raise DumpError(source.path, f"the ZIP archive cannot be read: {error}") from None
        return Opened(_Progress(member, counted), counted, stack.close)
    text: Readable = _Frames(packed, *_STREAMS[kind]) if kind else packed
    return Opened(text, counted, stack.close)


class _Progress:
    """Read a ZIP member; its archive is read through once more beside it, for the digest."""

    def __init__(self, member: Readable, counted: Counted) -> None:
        self._member = member
        self._counted = counted

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes of the member."""
        self._counted.read(size // 4)
        return self._member.read(size)


def read_exactly(source: Source, text: Readable, size: int) -> bytes:
    """Read ``size`` bytes, fewer only at the end. Raises `DumpError` where the data is damaged."""
    parts = []
    try:
        while size > 0:
            part = text.read(size)
            if not part:
                break
            parts.append(part)
            size -= len(part)
    except EOFError:
        raise DumpError(source.place, "is cut off: the compressed data ends early, "
                        "download it again") from None  # fmt: skip
    except (*_BAD_ZIP, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise DumpError(source.place, f"is damaged: {error}, download it again") from None
    return b"".join(parts)


def digest(source: Source, opened: Opened) -> str:
    """Return the sha256 of a source's file, reading what is left of it."""
    while opened.counted.read(1 << 20):
        pass
    return opened.counted.digest.hexdigest()


def read_head(source: Source) -> bytes:
    """Return the beginning of a source's text, up to 1 MiB."""
    opened = open_source(source)
    try:
        return read_exactly(source, opened.text, _HEAD)
    finally:
        opened.close()


class Chunk(NamedTuple):
    """Hold whole objects of a text, and where they begin in it; ``text`` is None when oversized."""

    offset: int
    text: bytes | None


def chunks(source: Source, text: Readable, size: int = CHUNK) -> Iterator[Chunk]:
    """Cut a text into chunks of whole objects, about ``size`` bytes each.

    A single object longer than `LONGEST_OBJECT` is given as a chunk without text.
    """
    offset = 0
    carry = b""
    while True:
        data = carry + read_exactly(source, text, size - len(carry))
        if len(data) < size:
            if data:
                yield Chunk(offset, data)
            return
        cut = last_break(data)
        if cut < 0:
            data, cut = _finish_object(source, text, data)
        if cut < 0:
            yield Chunk(offset, None)
            offset, carry = offset + len(data), b""
            skipped, carry = _skip_object(source, text, data[-2:])
            offset += skipped
            continue
        yield Chunk(offset, data[:cut])
        offset, carry = offset + cut, data[cut:]


def last_break(data: bytes) -> int:
    """Return the end of the last empty line of a text, -1 when there is none."""
    for begin in (max(len(data) - _TAIL, 0), 0):
        ends = [
            at + len(mark) for mark in (b"\n\n", b"\n\r\n") if (at := data.rfind(mark, begin)) >= 0
        ]
        if ends:
            return max(ends)
    return -1


def first_break(data: bytes) -> int:
    """Return the end of the first empty line of a text, -1 when there is none."""
    ends = [at + len(mark) for mark in (b"\n\n", b"\n\r\n") if (at := data.find(mark)) >= 0]
    return min(ends, default=-1)


def _finish_object(source: Source, text: Readable, data: bytes) -> tuple[bytes, int]:
    """Read on until an object longer than a chunk ends; the end is -1 when it is too long."""
    parts = [data]
    length = len(data)
    while length < LONGEST_OBJECT:
        part = read_exactly(source, text, 1 << 16)
        if not part:
            return b"".join(parts), length
        seam = parts[-1][-2:] + part
        parts.append(part)
        length += len(part)
        if first_break(seam) >= 0:
            whole = b"".join(parts)
            return whole, last_break(whole)
    return b"".join(parts), -1


def _skip_object(source: Source, text: Readable, tail: bytes) -> tuple[int, bytes]:
    """Read over the rest of an object; return how much was dropped and what follows."""
    dropped = 0
    while part := read_exactly(source, text, 1 << 16):
        seam = tail + part
        end = first_break(seam)
        if end >= 0:
            keep = seam[end:]
            return dropped + len(part) - len(keep), keep
        dropped += len(part)
        tail = part[-2:]
    return dropped, b""
