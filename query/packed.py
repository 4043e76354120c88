"""Open files by what their names end in: packed or plain, to read or to write whole.

What is written takes the place of an old file when all of it is there, so that an error or Ctrl-C
leaves the old one as it was.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import re
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from .errors import Error

_PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}  # modules; most runs need none
_MAGIC: Final = {
    ".gz": re.compile(rb"\x1f\x8b\x08"),
    ".bz2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    ".xz": re.compile(rb"\xfd7zXZ\0"),
    ".zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),
}
_MAGIC_SIZE: Final = 10
_NO_LISTS: Final = {b"PK\x03\x04": "a zip file", b"PAR1": "Parquet", b"ARROW1": "an Arrow file"}
_NAMED: Final = {"/dev/stdout": 1, "/dev/stderr": 2}
_DESCRIPTOR: Final = re.compile(r"/dev/stdout|/dev/stderr|(?:/dev|/proc/self)/fd/(\d{1,9})")
_PIECE: Final = 1 << 13  # compressed bytes at a time; ten thousand times as many may come out


def suffix(name: str) -> str:
    """Return what the name of a file ends in, in lower case and without that of a compression."""
    base, end = os.path.splitext(name.lower())
    return os.path.splitext(base)[1] if end in (*_PACKED, ".zst") else end


def is_packed(name: str) -> bool:
    """Say whether a file is compressed by its name."""
    return os.path.splitext(name.lower())[1] in (*_PACKED, ".zst")


class _Unpacked:
    """Read frames of zstandard; unlike the library's reader, notice one that is cut off."""

    def __init__(self, packed: BinaryIO) -> None:
        import zstandard

        self._packed, self._fresh = packed, zstandard.ZstdDecompressor().decompressobj
        self._reader: Any = None
        self._ready, self._rest = io.BytesIO(), b""

    def read(self, size: int) -> bytes:
        """Return some bytes, b"" at the end. Raises EOFError."""
        while not (part := self._ready.read(size)):
            packed = self._rest or self._packed.read(_PIECE)
            if not packed:
                if self._reader is not None:
                    raise EOFError("the compressed data ends early")
                return b""
            self._reader = self._reader or self._fresh()
            self._ready = io.BytesIO(self._reader.decompress(packed))
            self._rest = self._reader.unused_data
            if self._reader.eof:
                self._reader = None
        return part


class _Prompt:
    """Read what there is from a stream, instead of waiting until a read is full."""

    def __init__(self, stream: Any) -> None:
        self.read = stream.read1


@contextlib.contextmanager
def to_read(name: str, *, at_once: bool = False) -> Iterator[BinaryIO]:
    """Open a file, or `-` for standard input; what is packed is unpacked, whatever its name.

    ``at_once`` gives what standard input has, instead of waiting until a read is full. Raises
    `Error`, OSError.
    """
    with contextlib.ExitStack() as stack:
        if name == "-":
            if sys.stdin is None:
                raise OSError(errno.EBADF, "standard input is closed")
            plain: Any = sys.stdin.buffer
            with contextlib.suppress(OSError):
                os.set_blocking(plain.fileno(), True)  # else a pause is taken for the end
        else:
            plain = stack.enter_context(open(name, "rb"))
        end = _packed_as(name, plain.peek(_MAGIC_SIZE))
        if end is None:
            yield cast(BinaryIO, _Prompt(plain)) if at_once and name == "-" else plain
            return
        stream, damage = _unpacking(end, plain)
        try:
            yield stream
        except damage as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # not of the data, or of the output
            raise Error(f"{name}: cannot be unpacked: {error}") from None


def _packed_as(name: str, head: bytes) -> str | None:
    """Return how a file is packed, by its first bytes, else by its name. Raises `Error`."""
    for magic, kind in _NO_LISTS.items():
        if head.startswith(magic):
            raise Error(f"{name}: {kind} is no list: unpack it or write it as text first")
    found = (end for end, magic in _MAGIC.items() if magic.match(head))
    named = os.path.splitext(name.lower())[1]
    return next(found, named if named in _MAGIC else None)


def _unpacking(end: str, plain: Any) -> tuple[BinaryIO, tuple[type[Exception], ...]]:
    """Return what unpacks a stream, and what it raises."""
    if end == ".zst":
        from zstandard import ZstdError

        return cast(BinaryIO, _Unpacked(plain)), (EOFError, ZstdError)
    from lzma import LZMAError
    from zlib import error as zlib_error

    damage = (EOFError, OSError, LZMAError, zlib_error)
    return import_module(_PACKED[end]).open(plain, "rb"), damage


@contextlib.contextmanager
def to_write(name: str | None) -> Iterator[BinaryIO]:
    """Open a file to write, packed by its name; None and `-` are standard output. Raises OSError.

    The file is written beside its place and moved there at the end; what is no regular file, such
    as a pipe, is written as it is, and so are open files by the names of their descriptors.
    """
    if name is None or name == "-":
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    descriptor = _DESCRIPTOR.fullmatch(name)
    if descriptor or (os.path.exists(name) and not os.path.isfile(name)):
        number = os.dup(_NAMED.get(name) or int((descriptor or "")[1])) if descriptor else None
        with _packing(name if number is None else number, name) as stream:
            yield stream
        return
    target = os.path.realpath(name)
    beside = f"{target}.{os.getpid()}.part"
    try:
        with _packing(beside, name) as stream:
            yield stream
        if os.path.exists(target):
            os.chmod(beside, os.stat(target).st_mode & 0o7777)
        os.replace(beside, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def is_one(name: str | None, other: str) -> bool:
    """Say whether two names are of one file."""
    return name is not None and os.path.isfile(name) and os.path.samefile(name, other)


@contextlib.contextmanager
def _packing(path: str | int, name: str) -> Iterator[BinaryIO]:
    end = os.path.splitext(name.lower())[1]
    try:
        plain = open(path, "wb")  # noqa: SIM115 - it is closed below
    except OSError as error:
        raise OSError(error.errno, error.strerror, name) from None
    with plain:
        if end == ".gz":
            from gzip import GzipFile

            # Neither the name of the moment nor the time: the same text gives the same bytes.
            packed: Any = GzipFile("", "wb", fileobj=plain, mtime=0)
        elif end == ".zst":
            import zstandard

            packed = zstandard.ZstdCompressor().stream_writer(plain)
        elif end in _PACKED:
            packed = import_module(_PACKED[end]).open(plain, "wb")
        else:
            yield plain
            return
        with packed:
            yield packed
