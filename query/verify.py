"""Check a whole index file against the digests it carries.

A damaged file can crash LMDB, so the check runs in a child process that says which table it is
about to read; when it dies, that table is the finding. The seal covers every byte of the file,
the digests of the tables tell where the damage lies.

`python -m rirdex.query.verify INDEX` is the child.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from typing import Any, Final

import lmdb

from . import layout
from .errors import Damaged, NoIndex, StoreError
from .store import LMDB_ENGINE, DamagedHead, read_seal, whole_digest

_OUTSIDE: Final = "the file outside its tables (page headers or unused space)"
_HEAD: Final = "the first two pages (header)"
_BYTES_PER_SECOND: Final = 20_000_000  # far below any disk's rate; a check that takes longer hangs


def verify(path: str) -> list[str]:
    """Return what is damaged, each a table's name or a description; [] when all is well.

    Raises `NoIndex`, `WrongVersion`, `Damaged` where the file cannot be opened at all.
    """
    try:
        with open(path, "rb") as file:
            size = read_seal(file, path).size
    except DamagedHead:
        return [_HEAD]
    except FileNotFoundError:
        raise NoIndex(path, "there is no index: build one with `rirdex build`") from None
    except (OSError, ValueError) as error:
        raise StoreError(path, f"the index cannot be read: {error}") from None
    # -P: no code from the folder the command happens to be called in.
    command = [sys.executable, "-P", "-m", "rirdex.query.verify", path]
    limit = 60 + size / _BYTES_PER_SECOND
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        output, code = done.stdout, done.returncode
    except subprocess.TimeoutExpired as error:
        output, code = (error.stdout or b"").decode(), -1
    return _findings(output, code)


def _findings(output: str, code: int) -> list[str]:
    """Read the child's report: `check NAME` before each table, `damaged NAME`, then `done`."""
    lines = [line.partition(" ") for line in output.splitlines()]
    found = [name for word, _, name in lines if word == "damaged"]
    finished = any(word == "done" for word, _, _ in lines)
    if not finished or code != 0:
        reading = [name for word, _, name in lines if word == "check"]
        found.append(reading[-1] if reading else "meta")
    return list(dict.fromkeys(found))


def _report(path: str) -> Iterator[str]:
    with open(path, "rb") as file:
        seal = read_seal(file, path)
        whole = whole_digest(file) == seal.whole
    found = False
    if not whole:
        for line in _damaged_tables(path, seal.meta):
            found = found or line.startswith("damaged")
            yield line
        if not found:
            yield f"damaged {_OUTSIDE}"
    yield "done"


def _damaged_tables(path: str, meta: bytes) -> Iterator[str]:
    yield "check meta"
    environment = lmdb.open(
        path, subdir=False, readonly=True, lock=False, create=False, max_dbs=len(layout.SORTED),
        **LMDB_ENGINE,
    )  # fmt: skip
    with environment.begin(buffers=True) as transaction:
        try:
            text = bytes(transaction.get(b"meta") or b"")
        except lmdb.Error:
            text = b""
        if sha256(text).digest() != meta:
            yield "damaged meta"
            return
        tables = json.loads(text)["tables"]
        for name, known in tables.items():
            yield f"check {name}"
            try:
                digest = (
                    _sorted_digest(environment, name)
                    if name in layout.SORTED
                    else _table_digest(transaction.get(name.encode()), known["size"])
                )
            except (lmdb.Error, OSError, MemoryError, ValueError):
                digest = ""
            if digest != known["sha256"]:
                yield f"damaged {name}"


def _table_digest(value: memoryview | None, size: int) -> str:
    if value is None or len(value) < size or any(value[size:]):
        return ""
    return sha256(value[:size]).hexdigest()


def _sorted_digest(environment: Any, name: str) -> str:
    database = environment.open_db(name.encode(), create=False)
    digest = sha256()
    with environment.begin(db=database) as transaction:
        for key, value in transaction.cursor():
            layout.update_digest(digest, key, value)
    return digest.hexdigest()


if __name__ == "__main__":
    try:
        for entry in _report(sys.argv[1]):
            print(entry, flush=True)
    except Damaged as problem:
        print(f"damaged {problem}", flush=True)
        sys.exit(1)
