"""Offer an index as functions of DuckDB's SQL (extra `duckdb`).

`register` makes a function for each column, and one that gives several columns as a struct. They
take VARCHAR and go over Arrow, 2,048 rows at a time, in whatever thread DuckDB has; no Python
object is made of a row. NULL gives NULL, and so does a text that is no query: `ip_error` says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from .columns import COLUMNS
from .errors import BatchError
from .index import Index, open_index
from .matched import OF_ROWS

try:
    import duckdb
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        'rirdex.query.duck needs duckdb: pip install "rirdex[duckdb]"', name=missing.name
    ) from None

SCALARS: Final = tuple(name for name in COLUMNS if name not in OF_ROWS)
STRUCT: Final = "answer"


def register(
    connection: duckdb.DuckDBPyConnection,
    index: Index | None = None,
    *,
    prefix: str = "ip_",
    columns: Sequence[str] | None = None,
) -> tuple[str, ...]:
    """Make the functions of an index on a connection; return their names.

    Without one it is the index of the command line's default place, which stays open.

    They are ``prefix`` and a name of `SCALARS`, such as `ip_holder(VARCHAR)`, and `ip_answer`, a
    struct of ``columns`` (by default `arrow.COLUMNS`). Texts are VARCHAR, `depth` INTEGER,
    `origins` BIGINT[], other lists VARCHAR[]. All connections to one database share functions.

    Functions that this connection has by these names are replaced: an index that was built anew
    takes the place of the old one. Call it outside of a transaction: DuckDB keeps the names of
    functions that were rolled back. Raises `BatchError` for a column there is not, and for a name
    that DuckDB or another connection to the database has.
    """
    annotate, types = _arrow()
    struct = types(columns)
    index = open_index() if index is None else index
    made: list[str] = []
    for name in SCALARS:
        kind = types([name])[name]
        _create(connection, prefix + name, _scalar(annotate, index, name), kind, made)
    whole = _struct(annotate, index, tuple(struct))
    _create(connection, prefix + STRUCT, whole, duckdb.struct_type(struct), made)
    return tuple(made)


def unregister(connection: duckdb.DuckDBPyConnection, *, prefix: str = "ip_") -> None:
    """Take the functions away that `register` made on this connection, as far as they are there."""
    for name in (*SCALARS, STRUCT):
        _remove(connection, prefix + name)


def _arrow() -> tuple[Callable[..., Any], Callable[[Sequence[str] | None], dict[str, Any]]]:
    """Return `arrow.annotate`, and a function from columns to DuckDB's types."""
    try:
        from . import arrow
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f'DuckDB\'s functions need {missing.name}: pip install "rirdex[duckdb]"',
            name=missing.name,
        ) from None
    known = {
        arrow.field_type(name, coded=False): duckdb.type(kind)
        for name, kind in (("netname", "VARCHAR"), ("depth", "INTEGER"), ("origins", "BIGINT[]"),
                           ("country", "VARCHAR[]"))
    }  # fmt: skip

    def types(columns: Sequence[str] | None) -> dict[str, Any]:
        struct = arrow.struct_type(arrow.COLUMNS if columns is None else columns, coded=False)
        found = {field.name: known[field.type] for field in struct}
        if len(found) < len(struct):
            raise BatchError("a struct has each column once")
        return found

    return arrow.annotate, types


def _scalar(annotate: Callable[..., Any], index: Index, name: str) -> Callable[[Any], Any]:
    # `flatten`, unlike `field`, leaves a null where the struct is null.
    return lambda addresses: annotate(index, addresses, [name], coded=False).flatten()[0]


def _struct(
    annotate: Callable[..., Any], index: Index, columns: Sequence[str]
) -> Callable[[Any], Any]:
    return lambda addresses: annotate(index, addresses, columns, coded=False)


def _create(
    connection: duckdb.DuckDBPyConnection, name: str, function: Callable[[Any], Any], kind: Any,
    made: list[str],
) -> None:  # fmt: skip
    """Make one function; where that fails, take away those that were ``made`` before."""
    _remove(connection, name)
    create: Any = connection.create_function  # its enumerations have no one home in all versions
    try:
        create(name, function, ["VARCHAR"], kind, type="arrow", null_handling="special")
    except (duckdb.CatalogException, duckdb.NotImplementedException) as error:
        for other in made:
            _remove(connection, other)
        raise BatchError(
            f"{name} is taken by DuckDB or by another connection to the database: choose another "
            f"prefix, or unregister it there ({error})"
        ) from None
    made.append(name)


def _remove(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    # The first is raised for what this connection never made, the second for what was rolled back.
    with suppress(duckdb.InvalidInputException, duckdb.CatalogException):
        connection.remove_function(name)
