"""Read the raw text of objects back out of the compressed blocks.

A block holds `layout.BLOCK` objects behind a header (`HEADER`): where the first lay in its dump,
the length of each, and the gaps between them, which are in the block when it is long enough to
hold them. The last blocks read are kept, since the nets of a chain often lie side by side.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from struct import Struct
from typing import TYPE_CHECKING, Final

import zstandard

from . import layout
from .errors import Damaged

if TYPE_CHECKING:
    from .store import Tables

_HEADER: Final = Struct(f"<Q{layout.BLOCK}I{layout.BLOCK}I")
_KEPT: Final = 64


class Blocks(threading.local):
    """Keep, for each thread, a decompressor and the last blocks it unpacked."""

    def __init__(self, dictionary: bytes) -> None:
        data = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self.reader = zstandard.ZstdDecompressor(dict_data=data)
        self.kept: OrderedDict[int, bytes] = OrderedDict()


def raw_text(tables: Tables, number: int) -> bytes:
    """Return the text of object ``number`` as it stands in its dump."""
    block = _block(tables, number // layout.BLOCK)
    _, *rest = _HEADER.unpack_from(block)
    lengths, gaps = rest[: layout.BLOCK], rest[layout.BLOCK :]
    slot = number % layout.BLOCK
    start = _HEADER.size + sum(lengths[:slot])
    if len(block) > _HEADER.size + sum(lengths):
        start += sum(gaps[:slot])
    return block[start : start + lengths[slot]]


def raw_offset(tables: Tables, number: int) -> int:
    """Return where an object begins in its file's uncompressed text, in bytes."""
    base, *rest = _HEADER.unpack_from(_block(tables, number // layout.BLOCK))
    slot = number % layout.BLOCK
    return int(base + sum(rest[:slot]) + sum(rest[layout.BLOCK : layout.BLOCK + slot]))


def _block(tables: Tables, block: int) -> bytes:
    tables.store.check_open()
    blocks = tables.blocks
    if blocks is None:
        blocks = tables.blocks = Blocks(bytes(tables.store.raw(f"{tables.prefix}raw.dictionary")))
    found = blocks.kept.get(block)
    if found is None:
        packed = _packed(tables, tables.raw_at[block], tables.raw_at[block + 1])
        try:
            found = blocks.reader.decompress(packed)
        except zstandard.ZstdError as error:
            raise Damaged(
                tables.store.path, f"object block {block} is damaged ({error}): rebuild it"
            ) from None
        blocks.kept[block] = found
        if len(blocks.kept) > _KEPT:
            blocks.kept.popitem(last=False)
    return found


def _packed(tables: Tables, start: int, end: int) -> bytes:
    """Return bytes of the compressed blocks, which go on from one part to the next."""
    part, place = divmod(start, layout.PART)
    piece = bytes(_part(tables, part)[place : place + end - start])
    if len(piece) < end - start:
        rest = end - start - len(piece)
        piece += bytes(_part(tables, part + 1)[:rest])
    return piece


def _part(tables: Tables, part: int) -> memoryview:
    """Return a part of the blocks; LMDB is asked once, since that touches every page of it."""
    found = tables.parts.get(part)
    if found is None:
        found = tables.parts[part] = tables.store.raw(f"{tables.prefix}raw.{part}")
    return found
