"""Open an index file and hand out its tables, zero-copy.

LMDB is called once for each table, when it is first used (the call touches every page of the
value), and for look-ups of handles and names; everything else is reading a `memoryview`. LMDB
refuses a second open of one file in a process, so all `Store`s of one file share a `Map`, found
by device and inode; a forked child goes on with what it inherited.

A view that is read after its map went is a segmentation fault. So the map lives as long as any
`Store`, and `close` only makes the store's tables unreadable: whoever reads on gets `StoreError`.

Errors: `NoIndex`, `Damaged`, `WrongVersion` on opening, `StoreError` after closing.
"""

from __future__ import annotations

import json
import os
import re
import threading
import time
import weakref
from collections.abc import Iterable
from hashlib import sha256
from os import PathLike
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, NamedTuple

import lmdb

from . import layout
from .errors import Damaged, NoIndex, StoreError, WrongVersion

if TYPE_CHECKING:
    from .raw import Blocks

_MAPS: weakref.WeakValueDictionary[tuple[int, int, bytes], Map] = weakref.WeakValueDictionary()
_LOCK = threading.Lock()
_ATTEMPTS: Final = 1000  # a millisecond each
# py-lmdb 3 links two engines with different file formats; ours is the one of LMDB 0.9.
LMDB_ENGINE: Final[dict[str, Any]] = (
    {"lib_version": 0} if int(lmdb.__version__.partition(".")[0]) >= 3 else {}
)


class Seal(NamedTuple):
    """Hold what the seal in page 0 says: format version, file size, build id, digests."""

    format: int
    size: int
    build_id: bytes
    meta: bytes
    head: bytes
    whole: bytes


class DamagedHead(Damaged):
    """Say that bytes of the first two pages are not what the seal says."""


def read_seal(file: BinaryIO, path: str) -> Seal:
    """Check everything that can be checked without reading a page of LMDB's; return the seal.

    Raises `Damaged` for what is no index or was cut off, `DamagedHead`, `WrongVersion`.
    """
    start = file.read(layout.SEAL_AT + layout.SEAL.size)
    sealed = start[layout.SEAL_AT :]
    found = os.fstat(file.fileno()).st_size
    if len(sealed) < layout.SEAL.size or not (
        sealed.startswith(layout.SEAL_MAGIC) or layout.SEAL.unpack(sealed)[3] == found
    ):
        raise Damaged(path, "is no rirdex index, or its beginning is damaged: rebuild it with "
                      "`rirdex build`")  # fmt: skip
    _, version, _, size, *rest = layout.SEAL.unpack(sealed)
    seal = Seal(version, size, *rest)
    lmdb_magic, _, _, _, page, _, _, last_page, _ = layout.META.unpack_from(start)
    sound = (
        lmdb_magic == layout.LMDB_MAGIC
        and 4096 <= page <= 65536
        and seal.head == head_digest(file, page, sealed[: layout.SEALED])
    )
    if version != layout.FORMAT and (sound or found == size):
        raise WrongVersion(path, version, layout.FORMAT)
    if found < 2 * page or (sound and not found == size == (last_page + 1) * page):
        raise Damaged(path, f"the index has {found:,} bytes instead of {size:,}: it was cut off, "
                      "copy or build it again")  # fmt: skip
    if not sound:
        raise DamagedHead(path, "the beginning of the index is damaged: rebuild it with "
                          "`rirdex build`")  # fmt: skip
    return seal


def head_digest(file: BinaryIO, page: int, sealed: bytes) -> bytes:
    """Return the digest of the two LMDB meta structures and of the beginning of the seal."""
    digest = sha256()
    for at in (0, page):
        file.seek(at)
        digest.update(file.read(layout.META.size))
    digest.update(sealed)
    return digest.digest()


def whole_digest(file: BinaryIO) -> bytes:
    """Return the digest of a whole index file: the seal as zeros, then the seal's beginning."""
    digest = sha256()
    file.seek(0)
    digest.update(file.read(layout.SEAL_AT))
    sealed = file.read(layout.SEAL.size)
    digest.update(bytes(len(sealed)))
    while part := file.read(1 << 20):
        digest.update(part)
    digest.update(sealed[: layout.SEALED])
    return digest.digest()


class Map:
    """Hold the open LMDB environment of one file, shared by all stores of this process."""

    def __init__(self, path: str) -> None:
        self.environment = lmdb.open(
            path, subdir=False, readonly=True, lock=False, readahead=True,
            max_dbs=len(layout.SORTED), create=False, max_spare_txns=2, **LMDB_ENGINE,
        )  # fmt: skip
        self.databases: dict[str, Any] = {
            name: self.environment.open_db(name.encode(), create=False) for name in layout.SORTED
        }

    def get(self, name: str) -> memoryview | None:
        """Return a value as it lies in the file; it stays valid as long as this map."""
        with self.environment.begin(buffers=True) as transaction:
            value: memoryview | None = transaction.get(name.encode())
        return value

    def rows(self, database: str) -> list[tuple[bytes, bytes]]:
        """Return all rows of a database with sorted keys."""
        with self.environment.begin(db=self.databases[database]) as transaction:
            return [*transaction.cursor()]

    def row_before(self, database: str, key: bytes) -> bytes | None:
        """Return the value of the last key not behind ``key`` in a database with sorted keys."""
        with self.environment.begin(db=self.databases[database]) as transaction:
            cursor = transaction.cursor()
            found = cursor.set_range(key)
            if not (found and cursor.key() == key) and not (
                cursor.prev() if found else cursor.last()
            ):
                return None
            value: bytes = cursor.value()
            return value


def open_map(path: str) -> tuple[Map, Seal]:
    """Open a file or share the map this process already has of it."""
    try:
        attempt = 0
        while True:
            attempt += 1
            with open(path, "rb") as file, _LOCK:
                seal = read_seal(file, path)
                status = os.fstat(file.fileno())
                key = (status.st_dev, status.st_ino, seal.build_id)
                shared = _MAPS.get(key) or _opened(path, key[:2], attempt)
                if shared is not None:
                    _MAPS[key] = shared
                    return shared, seal
    except FileNotFoundError:
        raise NoIndex(path, "there is no index: build one with `rirdex build`") from None
    except lmdb.Error as error:
        raise Damaged(path, f"the index cannot be opened ({error}): rebuild it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(path, f"the index cannot be read: {reason}") from None


def _opened(path: str, place: tuple[int, int], attempt: int) -> Map | None:
    """Open a map; None when that is to be tried again.

    The path may be another file by now, since LMDB opens it once more; or another thread is just
    letting go of the last map of this file, which LMDB still counts as open.
    """

    def replaced() -> bool:
        now = os.stat(path)
        return (now.st_dev, now.st_ino) != place

    try:
        opened = Map(path)
    except lmdb.Error as error:
        if replaced():
            return None
        if "already open" not in str(error) or attempt >= _ATTEMPTS:
            raise
        time.sleep(0.001)
        return None
    return None if replaced() else opened


def _tables_of(columns: Iterable[str], texts: Iterable[str]) -> dict[str, str]:
    """Return the tables by the names of their attributes."""
    found = [*columns, *(f"text.{name}{end}" for name in texts for end in ("", ".at"))]
    return {name.replace(".", "_"): name for name in found}


_TABLE_OF: Final = _tables_of(layout.COLUMNS, layout.TEXTS)
_PAST_OF: Final = _tables_of(layout.PAST_COLUMNS, layout.PAST_TEXTS)
_IS_TEXT: Final = re.compile(r"text\.\w+\Z")


class Unread:
    """Stand in for a table until it is first read; then put the table in its own place.

    It holds the store, not the `Tables` it stands in: a cycle would keep the file mapped until
    the collector runs.
    """

    __slots__ = ("_name", "_store", "_table", "_tables")

    def __init__(self, tables: Tables, name: str, table: str) -> None:
        self._store = tables.store
        self._tables = weakref.ref(tables)
        self._name = name
        self._table = table

    def load(self) -> memoryview:
        """Fetch the table. Raises `StoreError` when the index is closed."""
        store, table = self._store, self._table
        value = store.raw(table) if _IS_TEXT.search(table) else store.table(table)
        tables = self._tables()
        if tables is not None:
            setattr(tables, self._name, value)
        return value

    def __getitem__(self, place: Any) -> Any:
        return self.load()[place]

    def __len__(self) -> int:
        return len(self.load())


class Tables:
    """Hold the tables of an open store as attributes: `net_first4` is table `net.first4`.

    A table is fetched when it is first read; from then on reading it costs one slot.
    `text_netname` is a dictionary's text, `text_netname_at` where its texts begin; code 0, the
    empty text, is "missing". After `Store.close` and `release` every table raises `StoreError`.
    """

    __slots__ = (
        "__weakref__", "blocks", "large4", "levels4", "meta", "nets", "nets4", "parts",
        "segments6", "shift4", "store", *_TABLE_OF,
    )  # fmt: skip
    prefix = ""
    names: ClassVar[dict[str, str]] = _TABLE_OF

    def __init__(self, store: Store) -> None:
        self.store = store
        self.meta = store.meta
        self.nets: int = store.meta["counts"]["nets"]
        self.nets4: int = store.meta["counts"]["nets4"]
        self.blocks: Blocks | None = None
        self.segments6: int = store.meta["tables"]["trie6.piece"]["size"] // 4
        self.large4 = tuple(store.meta["strides"]) == layout.STRIDES_LARGE
        self.shift4, self.levels4 = layout.levels(tuple(store.meta["strides"]))
        self.release()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def view(self, name: str) -> memoryview:
        """Return a table as a memoryview, for those who need its buffer."""
        found = getattr(self, name)
        return found.load() if isinstance(found, Unread) else found

    def release(self) -> None:
        """Forget all tables, so that reading them asks the store, which fails once it is closed."""
        self.parts: dict[int, memoryview] = {}
        for name, table in self.names.items():
            setattr(self, name, Unread(self, name, self.prefix + table))


class PastTables(Tables):
    """Hold the tables of the past (`layout.PAST_COLUMNS`), by the same names as the present's.

    ``nets`` are as many as there are rows; `meta` is what the metadata say of the past.
    """

    __slots__ = (*(name for name in _PAST_OF if name not in _TABLE_OF),)
    prefix = "past."
    names = _PAST_OF

    def __init__(self, store: Store) -> None:
        self.store = store
        self.meta = store.meta["past"]
        self.nets = self.meta["nets"]
        self.nets4 = self.meta["nets4"]
        self.blocks = None
        self.release()


class Store:
    """Hold one open index: its tables by name, its metadata, and look-ups by sorted key."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._map, self.seal = open_map(self.path)
        self.closed = False
        raw = bytes(self._get("meta") or b"")
        if sha256(raw).digest() != self.seal.meta:
            raise Damaged(self.path, "the metadata is damaged: rebuild it with `rirdex build`")
        self.meta: dict[str, Any] = json.loads(raw)

    def _get(self, name: str) -> memoryview | None:
        try:
            return self._map.get(name)
        except lmdb.Error as error:
            raise Damaged(self.path, f"table {name} is damaged ({error}): rebuild it") from None

    @property
    def build_id(self) -> str:
        """Return the build id as text."""
        return self.seal.build_id.hex()

    def check_open(self) -> None:
        """Raise `StoreError` when the index is closed."""
        if self.closed:
            raise StoreError(self.path, "index is closed")

    def raw(self, name: str) -> memoryview:
        """Return a table's bytes without the padding."""
        self.check_open()
        value = self._get(name)
        size = self.meta["tables"].get(name, {}).get("size")
        if value is None or size is None:
            raise Damaged(self.path, f"table {name} is missing: rebuild it with `rirdex build`")
        return value[:size]

    def table(self, name: str) -> memoryview:
        """Return an array table as a memoryview of integers; it indexes like a list."""
        return self.raw(name).cast(self.meta["types"][name])

    def find(self, database: str, key: bytes) -> list[int]:
        """Return the ids under a key of one of the `layout.SORTED` databases, ascending."""
        self.check_open()
        if not key:
            return []
        try:
            row = self._map.row_before(database, key)
            return layout.ids_in_row(row, key) if row else []
        except (lmdb.Error, ValueError, layout.RowError) as error:
            raise Damaged(self.path, f"table {database} is damaged ({error}): rebuild it") from None

    def rows(self, database: str) -> list[tuple[bytes, bytes]]:
        """Return the rows of one of the `layout.SORTED` databases, in order."""
        self.check_open()
        return self._map.rows(database)

    def close(self) -> None:
        """Make every table unreadable; the memory goes when the last reader does."""
        self.closed = True
