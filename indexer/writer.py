"""Write an index file beside its place, seal it, and swap it in.

The file is built as `INDEX.building` under an advisory lock on `INDEX.lock`, so that a second
build is told who is at work and what a killed build left behind is removed. Every value has its
own transaction, which keeps LMDB's memory at the size of one value. At the end both meta pages
of LMDB are made equal, the file is cut to its last page, and the seal is written: equal inputs
give equal bytes.

Whatever goes wrong, the index that was there before stays as it was.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final, Self, cast

import lmdb
import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.errors import StoreError
from rirdex.query.store import LMDB_ENGINE, head_digest, whole_digest

from .blobs import Blocks

_MAP_SIZE: Final = 256 << 30  # address space, not disk: constant, since LMDB writes it down
_SPARE: Final = 8 << 20


@contextlib.contextmanager
def building(target: str) -> Iterator[str]:
    """Hold the lock for building ``target``; give the path to build at.

    The file at that path is removed on leaving, unless `swap_in` has moved it.
    Raises `StoreError`.
    """
    folder = os.path.dirname(os.path.abspath(target))
    try:
        os.makedirs(folder, exist_ok=True)
        lock = _locked(f"{target}.lock", target)
    except OSError as error:
        raise StoreError(target, f"cannot be written ({error.strerror}): choose another place "
                         "with -o") from None  # fmt: skip
    path = f"{target}.building"
    try:
        if os.path.isdir(target):
            raise StoreError(target, "is a folder: name a file with -o")
        for leftover in (path, *glob.glob(f"{glob.escape(path)}.*")):
            _remove(leftover)
        yield path
    except lmdb.Error as error:
        raise _write_error(target, error) from None
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO):
            raise
        raise _write_error(target, error) from None
    finally:
        for leftover in (path, *glob.glob(f"{glob.escape(path)}.*"), f"{target}.lock"):
            _remove(leftover)
        os.close(lock)


def _write_error(target: str, error: Exception) -> StoreError:
    return StoreError(
        target, f"the index could not be written ({error}): free some space or choose another "
        "place with -o; an index that was there is as it was",
    )  # fmt: skip


def _remove(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)


def _locked(path: str, target: str) -> int:
    """Lock a file that names this process; return its descriptor."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 32).decode(errors="replace").strip() or "another process"
            os.close(lock)
            raise StoreError(target, f"is being built by process {holder}: wait for it, or choose "
                             "another place with -o") from None  # fmt: skip
        # The file may have been removed by its holder between opening and locking it.
        try:
            current = os.stat(path).st_ino == os.fstat(lock).st_ino
        except FileNotFoundError:
            current = False
        if current:
            os.truncate(lock, 0)
            os.write(lock, f"{os.getpid()}\n".encode())
            return lock
        os.close(lock)


def check_space(path: str, target: str, needed: int) -> None:
    """Raise `StoreError` when a folder has no room for ``needed`` bytes."""
    status = os.statvfs(os.path.dirname(os.path.abspath(path)))
    free = status.f_bavail * status.f_frsize
    if free < needed + _SPARE:
        raise StoreError(
            target, f"needs {needed + _SPARE:,} bytes, there are {free:,}: free some space or "
            "choose another place with -o",
        )  # fmt: skip


class IndexFile:
    """Write tables into a new LMDB file, one transaction each, and remember their digests.

    Use it as a context manager; ``tables`` and ``types`` belong into the metadata.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._environment = lmdb.open(
            path, subdir=False, map_size=_MAP_SIZE, lock=False, sync=False, metasync=False,
            max_dbs=len(layout.SORTED), mode=0o644, **LMDB_ENGINE,
        )  # fmt: skip
        self._held: dict[str, NDArray[Any]] = {}
        self.tables: dict[str, dict[str, Any]] = {}
        self.types: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._environment.close()

    def put(self, name: str, value: NDArray[Any] | bytes | bytearray | memoryview) -> None:
        """Write a table: an array or a text."""
        text = value.tobytes() if isinstance(value, np.ndarray) and not len(value) else value
        data = memoryview(cast(bytes, text)).cast("B")
        self.tables[name] = {"size": len(data), "sha256": sha256(data).hexdigest()}
        if isinstance(value, np.ndarray):
            self.types[name] = type_code(value)
        padding = layout.SMALLEST_TABLE - len(data)
        with self._environment.begin(write=True) as transaction:
            transaction.put(name.encode(), bytes(data) + bytes(padding) if padding > 0 else data)

    def hold(self, name: str, value: NDArray[Any]) -> None:
        """Take in a table that may be given again before `finish` writes it."""
        self._held[name] = np.ascontiguousarray(value)
        self.tables[name] = {"size": value.nbytes}
        self.types[name] = type_code(value)

    def get(self, name: str) -> memoryview | None:
        """Return a table that was given; it stays valid until the file is closed."""
        if name in self._held:
            return self._held[name].data.cast("B")
        with self._environment.begin(buffers=True) as transaction:
            value: memoryview | None = transaction.get(name.encode())
        return value

    def put_sorted(self, name: str, rows: list[tuple[bytes, bytes]]) -> None:
        """Write a database with sorted keys; the rows are in the order of their keys."""
        digest = sha256()
        for key, value in rows:
            layout.update_digest(digest, key, value)
        size = sum(len(key) + len(value) for key, value in rows)
        self.tables[name] = {"size": size, "sha256": digest.hexdigest()}
        database = self._environment.open_db(name.encode())
        with self._environment.begin(write=True, db=database) as transaction:
            transaction.cursor().putmulti(rows, append=True)

    def finish(self, meta: dict[str, Any]) -> bytes:
        """Write the metadata and bring everything to disk; return the digest of the metadata."""
        for name in sorted(self._held):
            self.put(name, self._held[name])
        meta = {**meta, "tables": self.tables, "types": self.types}
        text = json.dumps(meta, sort_keys=True, ensure_ascii=False).encode()
        with self._environment.begin(write=True) as transaction:
            transaction.put(b"meta", text)
        self._environment.sync(True)
        return sha256(text).digest()


def type_code(array: NDArray[Any]) -> str:
    """Return the type code with which `memoryview.cast` reads an array."""
    return {"u1": "B", "u2": "H", "u4": "I", "i4": "i", "u8": "Q"}[array.dtype.str[1:]]


def seal(path: str, build_id: bytes, meta: bytes) -> None:
    """Make a written LMDB file final: equal meta pages, no slack, and the seal in page 0."""
    with open(path, "r+b") as file:
        head = file.read(layout.META.size)
        page = layout.META.unpack(head)[4]
        file.seek(page)
        second = file.read(layout.META.size)
        newest = max(head, second, key=lambda meta: layout.META.unpack(meta)[8])
        body = newest[16:]
        for at in (0, page):
            file.seek(at + 16)
            file.write(body)
        size = (layout.META.unpack(newest)[7] + 1) * page
        file.truncate(size)
        blank = bytes(64)
        sealed = layout.SEAL.pack(
            layout.SEAL_MAGIC, layout.FORMAT, 0, size, build_id, meta, blank[:32], blank[32:]
        )[: layout.SEALED]
        file.seek(layout.SEAL_AT)
        file.write(sealed)
        digests = head_digest(file, page, sealed) + whole_digest(file)
        file.seek(layout.SEAL_AT + layout.SEALED)
        file.write(digests)
        file.flush()
        os.fsync(file.fileno())


def swap_in(path: str, target: str) -> None:
    """Rename a finished file over its target."""
    os.replace(path, target)
    folder = os.open(os.path.dirname(os.path.abspath(target)), os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


class RawParts:
    """Write the compressed raw texts as they come, in tables of `layout.PART` bytes."""

    def __init__(self, file: IndexFile, prefix: str = "") -> None:
        self._file = file
        self._prefix = prefix
        self._waiting = bytearray()
        self._sizes: list[NDArray[np.uint32]] = []
        self._number = 0

    def add(self, blocks: Blocks) -> None:
        """Take in the blocks of the next chunk."""
        self._sizes.append(blocks.sizes)
        self._waiting += blocks.data
        while len(self._waiting) >= layout.PART:
            with memoryview(self._waiting)[: layout.PART] as part:
                self._put(part)
            del self._waiting[: layout.PART]

    def finish(self, dictionary: bytes) -> None:
        """Write what is left, where each block begins, and the dictionary of the compressor."""
        self._put(self._waiting)
        sizes = np.concatenate([*self._sizes, np.zeros(0, np.uint32)])
        at = np.concatenate([np.zeros(1, np.uint64), np.cumsum(sizes, dtype=np.uint64)])
        self._file.put(f"{self._prefix}raw.at", at)
        self._file.put(f"{self._prefix}raw.dictionary", dictionary)

    def _put(self, data: bytearray | memoryview) -> None:
        self._file.put(f"{self._prefix}raw.{self._number}", data)
        self._number += 1
