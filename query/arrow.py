"""Answer Arrow arrays of addresses: a struct of columns for each (extra `arrow`).

Texts come out as dictionaries: a column holds each name once, and a number for every row. What
engines need to know of types is in `struct_type` and `field_type`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from .addresses import Span, pack
from .blocks import PAD, Block, settle
from .columnar import block_with
from .columns import checked
from .entries import LISTS
from .errors import AddressError, BatchError
from .matched import OF_ROWS, Matched, Matcher, written
from .quads import write_quads

if TYPE_CHECKING:
    from .index import Index

COLUMNS: Final = (
    "first", "last", "netname", "status", "country", "registry", "holder", "holder_handle", "user",
    "lessee", "facilitator", "verdict", "confidence", "abuse", "abuse_holder", "depth", "error",
)  # fmt: skip
_CODES: Final = pa.int32()
_PACKED: Final = (
    pa.types.is_fixed_size_binary, pa.types.is_binary, pa.types.is_large_binary,
    pa.types.is_binary_view,
)  # fmt: skip
_TEXTS: Final = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)


def field_type(name: str, *, coded: bool = True) -> pa.DataType:
    """Return the Arrow type of a column; ``coded`` = texts as a dictionary."""
    if name in LISTS:
        return pa.list_(pa.int64() if name == "origins" else pa.string())
    if name == "depth":
        return pa.int32()
    return pa.dictionary(_CODES, pa.string()) if coded and name not in OF_ROWS else pa.string()


def struct_type(columns: Sequence[str] = COLUMNS, *, coded: bool = True) -> pa.StructType:
    """Return the type of what `annotate` gives. Raises `BatchError` for an unknown column."""
    fields = [pa.field(name, field_type(name, coded=coded)) for name in checked(columns)]
    return pa.struct(fields)


def annotate(
    index: Index, addresses: Any, columns: Sequence[str] = COLUMNS, *, coded: bool = True
) -> pa.StructArray:
    """Return a struct of columns for each address of an Arrow array, null for a null.

    Takes text of every Arrow type, dictionaries of texts, uint32 (IPv4) and packed bytes (4 or 16
    long), also as a chunked array. What the text may be is what `rirdex batch` takes: prefixes,
    ranges, URLs. What is no query has the reason in `error`; else what is missing is null, or an
    empty list. Raises `BatchError` for a column or a type there is not, `DeskError`.
    """
    columns = checked(columns)
    if len(set(columns)) < len(columns):
        raise BatchError("a struct has each column once")
    array = addresses.combine_chunks() if isinstance(addresses, pa.ChunkedArray) else addresses
    block = block_of(array, named=not set(columns).isdisjoint(OF_ROWS))
    matched = Matcher(index, columns).match(block)
    arrays = [array_of(matched, name, coded=coded) for name in columns]
    fields = [*struct_type(columns, coded=coded)]
    mask = array.is_null() if array.null_count else None
    return pa.StructArray.from_arrays(arrays, fields=fields, mask=mask)


def array_of(matched: Matched, name: str, *, coded: bool = True) -> pa.Array:
    """Return a column of matched rows as an Arrow array."""
    kind = field_type(name, coded=coded)
    if name in OF_ROWS:
        return pa.array(matched.values(name), kind)
    values, codes = matched.coded(name)
    if name in LISTS:
        every = pa.array([*values, ()], kind)
        return every.take(pa.array(np.where(codes < 0, len(values), codes)))
    places = pa.array(codes.astype(np.int32), mask=codes < 0)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(places, pa.array(values, kind.value_type))
    return pa.array(values, kind).take(places)


def block_of(array: pa.Array, *, named: bool = False) -> Block:
    """Return an Arrow array of addresses as a block; ``named`` gives numbers their texts.

    Raises `BatchError` for an array of another type.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        array, kind = array.dictionary_decode(), kind.value_type
    if pa.types.is_uint32(kind):
        numbers = np.asarray(array.fill_null(0))
        known = np.asarray(array.is_valid())
        texts = write_quads(numbers) if named else None
        return block_with(numbers, known, dict.fromkeys(np.flatnonzero(~known).tolist(), ""), texts)
    if pa.types.is_null(kind):
        array, kind = array.cast(pa.string()), pa.string()
    if any(is_packed(kind) for is_packed in _PACKED):
        return _packed_block([*map(_unpacked, array.to_pylist())])
    if not any(is_text(kind) for is_text in _TEXTS):
        raise BatchError(f"addresses are texts, uint32 or packed bytes, not {kind}")
    # The reader of dotted quads needs something between them.
    nothing, feed = (pa.scalar(text, pa.large_string()) for text in ("", "\n"))
    array = array.cast(pa.large_string()).fill_null(nothing)
    array = pc.binary_join_element_wise(array, nothing, feed)
    _, ends, text = array.buffers()
    offsets = np.frombuffer(ends, np.int64, len(array) + 1, 8 * array.offset)
    body = text.to_pybytes() if text is not None else b""
    return settle(body + PAD, offsets[:-1], offsets[1:] - 1)


def _unpacked(packed: bytes | None) -> Span | str:
    """Return the address that some bytes are, or why they are none."""
    if packed is None:
        return ""
    try:
        family, number = pack(packed)
    except AddressError as error:
        return str(error)
    return Span(family, number, number, "address")


def _packed_block(asked: list[Span | str]) -> Block:
    texts = [written(one).encode() if isinstance(one, Span) else b"" for one in asked]
    nothing = np.zeros(len(asked), np.uint32)
    return block_with(nothing, nothing > 0, dict(enumerate(asked)), texts)
