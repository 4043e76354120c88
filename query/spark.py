"""Annotate frames of Spark with the columns of an index (extra `spark`).

Addresses go as Arrow batches through `mapInArrow`, so that no Python object is made of a row. The
index is a file that every worker maps: it lies on a path that all machines share, or was sent to
them by `--files` or `addFile`. A Python worker opens it once and keeps it for all its tasks; the
workers of one machine share its memory. Every worker must have the build that the driver has.

This module runs on the workers too, so Spark is imported only by functions that make a frame.
A job that needs no program of its own: `python -m rirdex.query.spark`.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from os import PathLike
from typing import TYPE_CHECKING, Final, NamedTuple

from .console import FAILED, NO_INDEX, USAGE, complain
from .errors import BatchError, Error, NoIndex, StoreError
from .index import Index
from .objects import beside
from .quads import write_quads

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame
    from pyspark.sql.types import DataType, StructType

Batches = Callable[[Iterator["pa.RecordBatch"]], Iterator["pa.RecordBatch"]]
_KEPT: Final = 4  # indexes that a worker keeps open
_BATCH: Final = 100_000  # rows: whole jobs took a fifth less than with Spark's 10,000
_TYPES: Final = ("string", "binary", "bigint")  # as Spark calls them
_OURS = re.compile(r"^rirdex\.query\.errors\.\w+: (.+)", re.M)
_OTHERS = re.compile(r"^(?:: |Caused by: )?([\w.$]+(?:Error|Exception): .+)", re.M)
_ROWS: Final = "spark.sql.execution.arrow.maxRecordsPerBatch"


class Place(NamedTuple):
    """Hold where an index is: the name of a file that was sent, or "", a path, and its build."""

    sent: str
    path: str
    build_id: str


def annotator(
    path: str | PathLike[str], column: str, columns: Sequence[str] | None = None, *,
    into: str | None = None,
) -> Batches:  # fmt: skip
    """Return a function for `mapInArrow` that adds columns behind those of its batches.

    ``path`` is a path that all workers share, or the bare name of a file that was sent to them.
    ``column`` has addresses: texts, packed bytes, or IPv4 as int64, which is what Spark makes of
    uint32. ``columns`` are by default `arrow.COLUMNS`; one that is called as a column of the input
    gets the prefix `rirdex_`. ``into`` names one struct that has them all instead. Pair it with
    `annotated_schema`.

    The driver must be able to read the index. Raises `StoreError`, `BatchError` for a column there
    is not; on workers `BatchError`, and `StoreError` for an index of another build.
    """
    return partial(_annotated, _place_of(os.fspath(path)), column, _chosen(columns), into)


def annotated_schema(
    schema: StructType, columns: Sequence[str] | None = None, *, into: str | None = None
) -> StructType:
    """Return the schema that `annotator` makes of a schema. Raises `BatchError`."""
    from pyspark.sql.types import StructField, StructType

    columns = _chosen(columns)
    kinds = [_spark_type(name) for name in columns]
    names = _names(schema.names, columns, into)
    inner = [StructField(name, kind) for name, kind in zip(columns, kinds, strict=True)]
    if into is not None:
        return StructType([*schema.fields, StructField(into, StructType(inner))])
    added = [StructField(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return StructType([*schema.fields, *added])


def annotate_frame(
    frame: DataFrame, column: str, path: str | PathLike[str],
    columns: Sequence[str] | None = None, *, into: str | None = None,
) -> DataFrame:  # fmt: skip
    """Return a frame with columns added, as `annotator` adds them.

    Raises `BatchError` also for a ``column`` that the frame does not have, or not as addresses.
    """
    kinds = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    if column not in kinds:
        raise BatchError(f"{column} is no column of the frame: it has {', '.join(kinds)}")
    if kinds[column] not in _TYPES:
        raise BatchError(
            f"{column} is {kinds[column]}: a column of addresses is {', '.join(_TYPES)}"
        )
    schema = annotated_schema(frame.schema, columns, into=into)
    return frame.mapInArrow(annotator(path, column, columns, into=into), schema)


def _chosen(columns: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that are meant. Raises `BatchError`."""
    from . import arrow
    from .columns import checked

    found = checked(arrow.COLUMNS if columns is None else columns)
    if len(set(found)) < len(found):
        raise BatchError("a frame has each column once")
    return found


def _names(taken: Iterable[str], columns: Sequence[str], into: str | None) -> list[str]:
    """Return what the columns are called. Raises `BatchError` when ``into`` is taken."""
    taken = {name.lower() for name in taken}  # Spark tells no cases apart
    if into is not None and into.lower() in taken:
        raise BatchError(f"the frame has a column {into} already: name another one")
    return [into] if into is not None else beside(taken, columns)


def _spark_type(name: str) -> DataType:
    from pyspark.sql.types import ArrayType, IntegerType, LongType, StringType

    from . import arrow

    kinds: dict[str, DataType] = {
        "string": StringType(), "int32": IntegerType(), "list<string>": ArrayType(StringType()),
        "list<int64>": ArrayType(LongType()),
    }  # fmt: skip
    kind = arrow.field_type(name, coded=False)
    # A list's items have a name of their own in Arrow.
    return kinds[f"list<{kind.value_type}>" if hasattr(kind, "value_type") else str(kind)]


# -- where the index is -----------------------------------------------------------------------


def _place_of(path: str) -> Place:
    """Return what workers need to find an index. Raises `StoreError`."""
    bare = os.path.basename(path) == path
    whole = os.path.abspath(path)
    with Index((_sent(path) if bare else None) or whole) as index:
        return Place(path if bare else "", whole, index.build_id)


def _sent(name: str) -> str | None:
    """Return where a file that was sent to the workers lies here, None if it does not."""
    try:
        from pyspark import SparkFiles

        found = SparkFiles.get(name)
    except Exception:  # no Spark, none that runs, one that was stopped: each its own error
        return None
    return found if os.path.exists(found) else None


def _index_at(place: Place) -> Index:
    """Return the index that this worker has open. Raises `StoreError`."""
    path = (_sent(place.sent) if place.sent else None) or place.path
    return _opened(path, place.build_id)


@lru_cache(_KEPT)
def _opened(path: str, build_id: str) -> Index:
    """Open an index once. A worker process is reused, so that its tasks find the index open."""
    try:
        index = Index(path)
    except NoIndex:
        raise NoIndex(
            path, "this worker has no index: send it with `--files`, or use a path that all share"
        ) from None
    if index.build_id != build_id:
        found = index.build_id
        index.close()
        raise StoreError(
            path, f"this worker has another build ({found[:12]}) than the driver had "
            f"({build_id[:12]}): give all machines the same file, and start the job again"
        )  # fmt: skip
    return index


# -- on the workers ---------------------------------------------------------------------------


def _annotated(
    place: Place, column: str, columns: tuple[str, ...], into: str | None,
    batches: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Yield batches with their columns added."""
    from . import arrow

    index = _index_at(place)
    for batch in batches:
        names = batch.schema.names
        if column not in names:
            raise BatchError(f"{column} is no column of the frame: it has {', '.join(names)}")
        added = arrow.annotate(index, _asked(batch.column(column)), columns, coded=False)
        arrays = [added] if into is not None else added.flatten()
        for name, array in zip(_names(names, columns, into), arrays, strict=True):
            batch = batch.append_column(name, array)
        yield batch


def _asked(array: pa.Array) -> pa.Array:
    """Return addresses as `arrow.annotate` takes them: int64 becomes uint32.

    Where a number is too large or negative, all become texts, and those are no addresses.
    """
    if str(array.type) != "int64":
        return array
    try:
        return array.cast("uint32")
    except ValueError:
        return _written(array.to_pylist())


def _written(numbers: list[int | None]) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    inside = [number is not None and 0 <= number < 1 << 32 for number in numbers]
    four = [number for number, fits in zip(numbers, inside, strict=True) if fits]
    quads = iter(write_quads(np.array(four, np.uint32)))
    return pa.array([
        next(quads).decode() if fits else None if number is None else f"{number}"
        for number, fits in zip(numbers, inside, strict=True)
    ], "string")  # fmt: skip


# -- the job ----------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> int:
    """Annotate Parquet with Parquet; return the exit code, as `rirdex` gives them.

    A session that runs already is used, and goes on.
    """
    options = _parser().parse_args(arguments)
    try:
        from pyspark.errors import PySparkException

        return _run(options)
    except ImportError as error:
        library = str(error.name).partition(".")[0]
        complain(f"{library} is missing: pip install 'rirdex[spark]'")
    except StoreError as error:
        complain(error)
        return NO_INDEX
    except Error as error:
        complain(error)
        return USAGE
    except Exception as error:
        # What Spark has no class for comes from py4j, which is no library of Spark Connect.
        if not isinstance(error, PySparkException) and type(error).__module__ != "py4j.protocol":
            raise
        complain(_reason(str(error)))
    return FAILED


def _run(options: argparse.Namespace) -> int:
    """Run the job. Raises what Spark raises, ImportError, `Error`."""
    from pyspark.sql import SparkSession

    named = options.columns
    columns = _chosen(None if named is None else named.replace(",", " ").split())
    if os.path.basename(options.index) != options.index:
        _place_of(options.index)  # Spark takes seconds to start
    if "PYSPARK_GATEWAY_PORT" not in os.environ:  # not by spark-submit: workers run this Python
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    others = SparkSession.getActiveSession()
    session = others or SparkSession.builder.appName("rirdex").getOrCreate()
    try:
        if not session.sparkContext.getConf().contains(_ROWS):
            session.conf.set(_ROWS, str(_BATCH))
        frame = session.read.parquet(options.source)
        found = annotate_frame(frame, options.column, options.index, columns, into=options.into)
        found.write.parquet(options.target)
    finally:
        if others is None:
            session.stop()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m rirdex.query.spark",
        description="Annotate Parquet of any size with Spark.",
        epilog="Example: python -m rirdex.query.spark flows.parquet told.parquet --index "
        "/shared/index.rirdex --column ip --columns holder,abuse",
    )
    parser.add_argument("source", metavar="IN", help="Parquet to read: a path that Spark reads")
    parser.add_argument("target", metavar="OUT", help="Parquet to write; must not exist")
    parser.add_argument(
        "--index", required=True, metavar="INDEX",
        help="a path that all workers share, or the name of a file sent with --files",
    )  # fmt: skip
    parser.add_argument("--column", required=True, metavar="NAME", help="the one with addresses")
    parser.add_argument(
        "--columns", metavar="NAMES", help="what to add, with commas between; default: all usual"
    )
    parser.add_argument("--into", metavar="NAME", help="add one struct of this name")
    return parser


def _reason(message: str) -> str:
    """Return the line of Spark's message that says what went wrong."""
    found: list[str] = _OURS.findall(message) or _OTHERS.findall(message)
    return found[-1] if found else message.strip().partition("\n")[0]


if __name__ == "__main__":
    # By its own name: functions of `__main__` would be sent whole, and each task open the index.
    from rirdex.query.spark import main as job

    sys.exit(job())
