"""Write rows of `batch` as Arrow record batches: Parquet, Arrow files, Arrow streams.

A batch travels as one message of an Arrow stream, so that another process can make it; an Arrow
stream is these messages as they are. Texts are plain in files: Parquet makes dictionaries of its
own, and a file of Arrow has no room for one that grows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO, TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from .arrow import array_of, field_type
from .batch import Done
from .blocks import Block
from .columns import checked
from .delimited import cells_of
from .matched import Matcher
from .objects import beside, distinct

if TYPE_CHECKING:
    from .earlier import Earlier
    from .index import Index

_GROUP: Final = 1 << 20  # rows of a row group, the unit that engines read by
_END: Final = b"\xff\xff\xff\xff\0\0\0\0"  # of a stream (Arrow columnar format, IPC)


class Records:
    """Turn blocks of queries into record batches; the counterpart of `batch.Batch`.

    ``kept`` are the names of the input's own columns, which are texts; ``earlier`` answers for
    earlier days. Raises `BatchError`, `DeskError`.
    """

    def __init__(
        self, index: Index, columns: Sequence[str], kept: Sequence[str] = (),
        earlier: Earlier | None = None,
    ) -> None:  # fmt: skip
        self._columns = tuple(dict.fromkeys(checked(columns)))
        self._kept = distinct(kept)
        self._matcher = Matcher(index, self._columns, earlier)
        names = beside(self._kept, self._columns)
        own = zip(names, (field_type(name, coded=False) for name in self._columns), strict=True)
        self.schema = pa.schema([*((name, pa.string()) for name in self._kept), *own])

    def header(self) -> bytes:
        """Return the schema as a message."""
        return bytes(self.schema.serialize())

    def rows(self, block: Block) -> Done:
        """Return the rows of a block as a message."""
        matched = self._matcher.match(block)
        arrays = [array_of(matched, name, coded=False) for name in self._columns]
        if block.kept is not None:
            records = [cells_of(record) for record in block.kept]
            cells = zip(*records, strict=True) if records else ((),) * len(self._kept)
            texts = [[cell.decode("utf-8", "replace") for cell in column] for column in cells]
            arrays = [*(pa.array(column, pa.string()) for column in texts), *arrays]
        batch = pa.record_batch(arrays, schema=self.schema)
        invalid = sum(isinstance(found, str) for found in matched.singles.values())
        return Done(bytes(batch.serialize()) if len(block.start) else b"", len(batch), invalid)


class Stream:
    """Write messages as an Arrow stream; the first one is the schema."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def write(self, message: bytes) -> None:
        """Write a message, if there is anything in it."""
        self._file.write(message)

    def abandon(self) -> None:
        """Write no more, and no end."""

    def close(self) -> None:
        """End the stream; the file stays open."""
        self._file.write(_END)


class File:
    """Write messages into a file of Parquet or Arrow, with zstandard; the first is the schema."""

    def __init__(self, file: IO[bytes], form: str) -> None:
        self._file, self._form = file, form
        self._schema: Any = None
        self._writer: Any = None
        self._waiting: list[Any] = []

    def write(self, message: bytes) -> None:
        """Write a message, if there is anything in it."""
        if self._writer is None:
            self._schema = pa.ipc.read_schema(pa.py_buffer(message))
            self._writer = self._opened()
        elif message:
            self._waiting.append(pa.ipc.read_record_batch(pa.py_buffer(message), self._schema))
            if self._form == "arrow" or sum(map(len, self._waiting)) >= _GROUP:
                self._flush()

    def _opened(self) -> Any:
        if self._form == "parquet":
            return pq.ParquetWriter(self._file, self._schema, compression="zstd")
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        return pa.ipc.new_file(self._file, self._schema, options=options)

    def _flush(self) -> None:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting = []

    def abandon(self) -> None:
        """Write no more: the file has no end, so that nobody takes it for whole."""
        if self._form == "parquet" and self._writer is not None:
            self._writer.is_open = False  # else it would be ended when it is collected

    def close(self) -> None:
        """Write what is left and the end of the file, which stays open."""
        self._flush()
        self._writer.close()
