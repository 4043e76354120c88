"""Read the raw text of objects back out of the compressed blocks.

A block holds `layout.BLOCK` objects behind a header (`HEADER`): where the first lay in its dump,
the length of each, and the gaps between them, which are in the block when it is long enough to
hold them. The last blocks read are kept, since the nets of a chain often lie side by side.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from struct import Struct
from typing import Final

import zstandard

from . import layout
from .errors import Damaged
from .store import Store

HEADER: Final = Struct(f"<Q{layout.BLOCK}I{layout.BLOCK}I")
_KEPT: Final = 64


class RawObjects:
    """Give the raw text and the place in its dump of every object, by its number."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._at = store.table("raw.at")
        dictionary = bytes(store.raw("raw.dictionary"))
        self._dictionary = zstandard.ZstdCompressionDict(dictionary) if dictionary else None
        self._parts: dict[int, memoryview] = {}
        self._local = threading.local()

    def text(self, number: int) -> bytes:
        """Return an object's text as it stands in its dump."""
        start, length = self._place(number)
        block = self._block(number // layout.BLOCK)
        return block[start : start + length]

    def offset(self, number: int) -> int:
        """Return where an object begins in its file's uncompressed text, in bytes."""
        base, *rest = HEADER.unpack_from(self._block(number // layout.BLOCK))
        slot = number % layout.BLOCK
        return int(base + sum(rest[:slot]) + sum(rest[layout.BLOCK : layout.BLOCK + slot]))

    def _place(self, number: int) -> tuple[int, int]:
        block = self._block(number // layout.BLOCK)
        _, *rest = HEADER.unpack_from(block)
        lengths, gaps = rest[: layout.BLOCK], rest[layout.BLOCK :]
        slot = number % layout.BLOCK
        start = HEADER.size + sum(lengths[:slot])
        if len(block) > HEADER.size + sum(lengths):
            start += sum(gaps[:slot])
        return start, lengths[slot]

    def _block(self, block: int) -> bytes:
        cache: OrderedDict[int, bytes] | None = getattr(self._local, "cache", None)
        if cache is None:
            cache = self._local.cache = OrderedDict()
            self._local.reader = zstandard.ZstdDecompressor(dict_data=self._dictionary)
        found = cache.get(block)
        if found is None:
            try:
                found = self._local.reader.decompress(
                    self._packed(self._at[block], self._at[block + 1])
                )
            except zstandard.ZstdError as error:
                raise Damaged(
                    self._store.path, f"object block {block} is damaged ({error}): rebuild it"
                ) from None
            cache[block] = found
            if len(cache) > _KEPT:
                cache.popitem(last=False)
        return found

    def _packed(self, start: int, end: int) -> bytes:
        part, place = divmod(start, layout.PART)
        size = end - start
        piece = bytes(self._part(part)[place : place + size])
        if len(piece) < size:
            piece += bytes(self._part(part + 1)[: size - len(piece)])
        return piece

    def _part(self, part: int) -> memoryview:
        if part not in self._parts:
            self._parts[part] = self._store.raw(f"raw.{part}")
        return self._parts[part]
