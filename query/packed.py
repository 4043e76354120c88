"""Open files by what their names end in: packed or plain, to read or to write whole.

What is written takes the place of an old file when all of it is there, so that an error or Ctrl-C
leaves the old one as it was.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from importlib import import_module
from typing import Any, BinaryIO, Final, cast

from .errors import Error

_PACKED: Final = {".gz": "gzip", ".bz2": "bz2", ".xz": "lzma"}  # modules; most runs need none
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


def _open(end: str, path: str, mode: str) -> Any:
    return import_module(_PACKED[end]).open(path, mode) if end in _PACKED else open(path, mode)


@contextlib.contextmanager
def to_read(name: str, *, at_once: bool = False) -> Iterator[BinaryIO]:
    """Open a file, unpacked by its name; `-` is standard input.

    ``at_once`` gives what standard input has, instead of waiting until a read is full. Raises
    `Error`, OSError.
    """
    if name == "-":
        if sys.stdin is None:
            raise OSError(errno.EBADF, "standard input is closed")
        buffer: Any = sys.stdin.buffer
        yield buffer.raw if at_once else buffer
        return
    end = os.path.splitext(name.lower())[1]
    damage: tuple[type[Exception], ...] = (EOFError, OSError)
    with contextlib.ExitStack() as stack:
        stream = stack.enter_context(_open(end, name, "rb"))
        if end in _PACKED:
            from lzma import LZMAError
            from zlib import error as zlib_error

            damage += (LZMAError, zlib_error)
        if end == ".zst":
            from zstandard import ZstdError

            damage, stream = (EOFError, ZstdError), cast(BinaryIO, _Unpacked(stream))
        try:
            yield stream
        except damage as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # not of the data, or of the output
            raise Error(f"{name}: cannot be unpacked: {error}") from None


@contextlib.contextmanager
def to_write(name: str | None) -> Iterator[BinaryIO]:
    """Open a file to write, packed by its name; None and `-` are standard output. Raises OSError.

    The file is written beside its place and moved there at the end; what is no regular file, such
    as a pipe, is written as it is.
    """
    if name is None or name == "-":
        if sys.stdout is None:
            raise OSError(errno.EBADF, "standard output is closed")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    target = os.path.realpath(name)
    if os.path.exists(target) and not os.path.isfile(target):
        with _packing(target, name) as stream:
            yield stream
        return
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


@contextlib.contextmanager
def _packing(path: str, name: str) -> Iterator[BinaryIO]:
    end = os.path.splitext(name.lower())[1]
    if end != ".zst":
        with _open(end, path, "wb") as opened:
            yield opened
        return
    import zstandard

    with open(path, "wb") as plain, zstandard.ZstdCompressor().stream_writer(plain) as packed:
        yield cast(BinaryIO, packed)
