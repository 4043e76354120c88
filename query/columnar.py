"""Answer many addresses as columns of NumPy arrays: `Index.lookup_many` with ``columns``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .addresses import Span, shown, span
from .audited import Bools
from .blocks import PAD, Block, Numbers
from .columns import checked
from .earlier import Earlier
from .entries import LISTS
from .errors import AddressError
from .many import listed, quads_in
from .matched import OF_ROWS, Matched, Matcher
from .quads import write_quads

if TYPE_CHECKING:
    from .days import Day
    from .index import Index

_NUMBERS: Final = ("depth",)


def answer_columns(
    index: Index, queries: Any, columns: Sequence[str], at: Day | None = None
) -> dict[str, NDArray[Any]]:
    """See `Index.lookup_many`."""
    columns = checked(columns)
    block = block_of(queries, named=not set(columns).isdisjoint(OF_ROWS))
    matched = Matcher(index, columns, None if at is None else Earlier(index, at)).match(block)
    return {name: array_of(matched, name) for name in columns}


def array_of(matched: Matched, name: str) -> NDArray[Any]:
    """Return a column as an array (n,): int32 for numbers (-1 = none), else of objects.

    The objects are texts, None where one is missing; a list is a tuple.
    """
    if name in OF_ROWS:
        texts = matched.values(name)
        found = np.empty(len(texts), object)
        found[:] = texts
        return found
    values, codes = matched.coded(name)
    missing: Any = -1 if name in _NUMBERS else () if name in LISTS else None
    every = np.empty(len(values) + 1, np.int32 if name in _NUMBERS else object)
    every[-1] = missing
    for code, value in enumerate(values):
        every[code] = value
    return every[codes]


# -- queries that are no text -----------------------------------------------------------------


def block_of(queries: Any, *, named: bool) -> Block:
    """Return what `Index.lookup_many` takes as a block; ``named`` gives it the texts.

    Raises `AddressError` with ``position``.
    """
    if isinstance(queries, np.ndarray) and not isinstance(queries, np.ma.MaskedArray):
        if queries.dtype == np.uint32 and queries.ndim == 1:
            texts = write_quads(queries) if named else None
            return block_with(queries, np.ones(len(queries), bool), {}, texts)
        if queries.dtype == np.uint8 and queries.ndim == 2 and queries.shape[1] == 16:
            queries = [row.tobytes() for row in np.ascontiguousarray(queries)]
    items = listed(queries)
    numbers, known = quads_in(items)
    numbers = np.where(known, numbers, 0).astype(np.uint32)
    others: dict[int, Span | str] = {}
    for row in np.flatnonzero(~known).tolist():
        try:
            others[row] = _read(items[row])
        except AddressError as error:
            raise AddressError(str(error), row) from None
    return block_with(numbers, known, others, [*map(_text, items)] if named else None)


def block_with(
    numbers: Numbers, known: Bools, others: dict[int, Span | str], texts: Sequence[bytes] | None
) -> Block:
    """Return a block of queries that were read already, with their texts or without."""
    if texts is None:
        nothing = np.zeros(len(numbers), np.int64)
        return Block(b"", nothing, nothing, numbers, known, others, None)
    stops = np.array([*accumulate(len(text) + 1 for text in texts)], np.int64)
    start = np.append(0, stops)[:-1]
    return Block(b"\n".join(texts) + b"\n" + PAD, start, stops - 1, numbers, known, others, None)


def _read(query: Any) -> Span:
    """Read one query. Raises `AddressError`."""
    asked = span(query)
    if asked is None:
        raise AddressError(f"{shown(query)} is no address, prefix or range")
    return asked


def _text(query: Any) -> bytes:
    text = query.hex() if isinstance(query, bytes) else str(query)
    return text.encode("utf-8", "replace")
