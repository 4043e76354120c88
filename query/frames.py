"""Annotate columns of addresses in Polars and pandas (extras `polars`, `pandas`).

Importing this module gives Polars' expressions and series a namespace, `pl.col("ip").rirdex`, for
that is how Polars is extended. For pandas there is a function that takes a frame and gives one
back, `annotate_frame`, so that it stands in `frame.pipe` and rows keep their labels: pandas has
columns, not structs, so an accessor of a series could not give several. Neither library needs the
other; pandas does not need Arrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .addresses import span
from .columns import DEFAULT, checked
from .entries import LISTS
from .errors import AddressError, BatchError, StoreError
from .matched import OF_ROWS, written

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from .blocks import Block
    from .index import Index
    from .matched import Matched

COLUMNS: Final = tuple(name for name in DEFAULT if name != "ip")  # those of `arrow.COLUMNS`


def _chosen(columns: Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns that are meant. Raises `BatchError`."""
    found = checked(COLUMNS if columns is None else columns)
    if len(set(found)) < len(found):
        raise BatchError("a frame has each column once")
    return found


# -- Polars -----------------------------------------------------------------------------------


class Expressions:
    """Hold what an expression of addresses can do: `pl.col("ip").rirdex`, in lazy frames too.

    The addresses are String, Categorical, Enum, Binary (packed) or UInt32 (IPv4).
    """

    def __init__(self, expression: pl.Expr) -> None:
        self._expression = expression

    def annotate(self, index: Index, columns: Sequence[str] | None = None) -> pl.Expr:
        """Return a struct of columns (by default `COLUMNS`), null for a null.

        Texts are String, `depth` Int32, lists List. It keeps the name of the addresses:
        `.struct.unnest()` puts its columns beside theirs. Raises `BatchError` for a column there
        is not; when it runs, `BatchError` for a type there is not, `StoreError`, `DeskError`.
        """
        columns = _chosen(columns)
        return self._expression.map_batches(
            lambda series: _struct_of(series, index, columns),
            return_dtype=_struct_type(columns),
            is_elementwise=True,
        )

    def column(self, index: Index, name: str) -> pl.Expr:
        """Return one column, called as it is. Raises as `annotate` does."""
        return self.annotate(index, [name]).struct.field(name)


class Values:
    """Hold what a series of addresses can do: `series.rirdex`, as `Expressions`."""

    def __init__(self, series: pl.Series) -> None:
        self._series = series

    def annotate(self, index: Index, columns: Sequence[str] | None = None) -> pl.Series:
        """Return a series of structs, as `Expressions.annotate`."""
        return _struct_of(self._series, index, _chosen(columns))

    def column(self, index: Index, name: str) -> pl.Series:
        """Return one column, called as it is."""
        return self.annotate(index, [name]).struct.field(name)


class Unusable(StoreError):
    """Stand for a `StoreError` in Polars, which makes its errors anew of one text."""

    def __init__(self, text: str) -> None:
        super().__init__("", text)


def _struct_of(series: pl.Series, index: Index, columns: Sequence[str]) -> pl.Series:
    import polars as pl

    try:
        from . import arrow

        found = arrow.annotate(index, series.to_arrow(), columns, coded=False)
    except ModuleNotFoundError as missing:
        raise _absent("Polars", missing, "polars") from None
    except StoreError as error:
        raise Unusable(str(error)) from None
    return pl.Series(series.name, pl.from_arrow(found))


def _struct_type(columns: Sequence[str]) -> pl.Struct:
    import polars as pl

    def kind(name: str) -> Any:
        if name in LISTS:
            return pl.List(pl.Int64 if name == "origins" else pl.String)
        return pl.Int32 if name == "depth" else pl.String

    return pl.Struct([pl.Field(name, kind(name)) for name in columns])


def _extend_polars() -> None:
    try:
        from polars import api
    except ModuleNotFoundError:
        return
    api.register_expr_namespace("rirdex")(Expressions)
    api.register_series_namespace("rirdex")(Values)


_extend_polars()


# -- pandas -----------------------------------------------------------------------------------


def annotate_frame(
    frame: pd.DataFrame, column: str, index: Index, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a frame with columns behind its own (by default `COLUMNS`); the rows stay.

    ``column`` has addresses in any form that `Index.match` takes, prefixes and ranges beside them,
    and any of the missing values of pandas. One that is called as a column of the frame gets the
    prefix `rirdex_`. Texts are of the type that pandas gives to texts, `depth` Int32, lists
    objects (tuples); what is missing is missing, a list of an address without a net is ().
    What is no query has the reason in `error` and nothing else.

    Raises KeyError for a ``column``, `BatchError` for one of ``columns`` that there is not,
    `StoreError`, `DeskError`.
    """
    try:
        import pandas as pd
    except ModuleNotFoundError as missing:
        raise _absent("pandas", missing, "pandas") from None
    from .matched import Matcher
    from .objects import beside

    columns = _chosen(columns)
    series = frame[column]
    if not isinstance(series, pd.Series):
        raise BatchError(f"the frame has several columns {column}: addresses are one")
    unknown = series.isna().to_numpy()
    matched = Matcher(index, columns).match(_block(series, unknown))
    names = beside([*map(str, frame.columns)], columns)
    return frame.assign(**{
        called: _column(matched, name, unknown)
        for called, name in zip(names, columns, strict=True)
    })  # fmt: skip


def _block(series: pd.Series[Any], missing: Any) -> Block:
    """Return a series as a block of texts."""
    import numpy as np

    from .blocks import PAD, settle
    from .quads import write_quads

    faults: dict[int, str] = {}
    if series.dtype == np.uint32:
        texts = write_quads(series.to_numpy())
    else:
        items = series.tolist()
        texts = [
            item.encode("utf-8", "replace") if isinstance(item, str) else b"" for item in items
        ]
        for row, item in enumerate(items):
            if not (isinstance(item, str) or missing[row]):
                texts[row] = _written(item, row, faults)
    ends = np.cumsum([len(text) + 1 for text in texts], dtype=np.int64)
    starts = np.append(0, ends)[:-1]
    return settle(b"\n".join(texts) + b"\n" + PAD, starts, ends - 1, faults)


def _written(item: Any, row: int, faults: dict[int, str]) -> bytes:
    """Return what is no text as one; note why it is no query."""
    try:
        asked = span(item)
    except AddressError as error:
        faults[row] = str(error)
        return str(item).encode("utf-8", "replace")
    return written(asked).encode() if asked else b""


def _column(matched: Matched, name: str, missing: Any) -> Any:
    """Return a column of matched rows as an array of pandas, without those that are missing."""
    import numpy as np
    import pandas as pd

    if name in OF_ROWS:
        values: Sequence[Any] = matched.values(name)
        codes = np.arange(len(values))
    else:
        values, codes = matched.coded(name)
    if name in LISTS:
        every = np.empty(len(values) + 2, object)
        for code, value in enumerate((*values, None, ())):
            every[code] = value
        return every[np.where(missing, -2, codes)]
    # What type pandas infers for texts is what it gives to texts.
    found: Any = pd.array(values, "Int32") if name == "depth" else pd.Series([*values, ""]).array
    return found.take(np.where(missing, -1, codes), allow_fill=True)


# -- what is not installed --------------------------------------------------------------------


def _absent(library: str, missing: ModuleNotFoundError, extra: str) -> ModuleNotFoundError:
    return ModuleNotFoundError(
        f'annotating in {library} needs {missing.name}: pip install "rirdex[{extra}]"',
        name=missing.name,
    )
