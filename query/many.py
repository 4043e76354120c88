"""Match a million addresses at once, over arrays.

The tries are the ones `Index.match` walks, level by level for all addresses that are not yet
answered. Texts are joined and read as dotted quads in one go; what is no dotted quad is read
one by one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from . import layout
from .addresses import pack
from .errors import AddressError
from .layout import BUCKETS, DEEP, ROOM, WIDE
from .quads import read_quads

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

Pieces = NDArray[np.int32]
_MAPPED = np.frombuffer(bytes(10) + b"\xff\xff", np.uint8)
_SLICE: Final = 1 << 16  # addresses at a time, so that the work stays in the cache


def match_many(index: Index, addresses: Any) -> Pieces:
    """See `Index.match_many`."""
    if isinstance(addresses, np.ndarray) and not isinstance(addresses, np.ma.MaskedArray):
        if addresses.dtype == np.uint32 and addresses.ndim == 1:
            return _nets(index, _in_slices(index, addresses, _pieces4))
        if addresses.dtype == np.uint8 and addresses.ndim == 2 and addresses.shape[1] == 16:
            return _nets(index, _in_slices(index, addresses, _packed))
    return _mixed(index, listed(addresses))


def listed(addresses: Any) -> list[Any]:
    """Return any iterable of addresses as a list of objects. Raises `AddressError`."""
    if isinstance(addresses, np.ma.MaskedArray):
        raise AddressError("a masked array has no addresses where it is masked: fill it first")
    if not isinstance(addresses, np.ndarray):
        return addresses if isinstance(addresses, list) else list(addresses)
    if addresses.dtype.kind == "S":  # NumPy drops the zeros at its end
        addresses = np.ascontiguousarray(addresses).view(f"V{addresses.dtype.itemsize}")
    found: list[Any] = addresses.tolist()
    return found


def pieces_of(index: Index, addresses: NDArray[np.uint32]) -> Pieces:
    """Return the pieces that answer for IPv4 addresses, -1 for none."""
    return _in_slices(index, addresses, _pieces4)


def _in_slices(index: Index, addresses: NDArray[Any], pieces: Any) -> Pieces:
    found = np.empty(len(addresses), np.int32)
    for low in range(0, len(addresses), _SLICE):
        found[low : low + _SLICE] = pieces(index, addresses[low : low + _SLICE])
    return found


def _nets(index: Index, pieces: Pieces) -> Pieces:
    """Turn pieces into nets: they are the same, except for pieces of nets that were cut."""
    count = index._tables.nets
    cut = np.flatnonzero(pieces >= count)
    if len(cut):
        nets = np.frombuffer(index._tables.view("piece_net"), np.uint32)
        pieces[cut] = nets[pieces[cut] - count]
    return pieces


def _pieces4(index: Index, addresses: NDArray[np.uint32]) -> Pieces:
    tables = index._tables
    pieces = np.frombuffer(tables.view("trie4_root"), np.int32).take(
        addresses >> np.uint32(tables.shift4)
    )
    rest = np.flatnonzero(pieces < -1)
    nodes = np.frombuffer(tables.view("trie4_nodes"), np.int32)
    for shift, mask in tables.levels4:
        slot = (addresses[rest] >> np.uint32(shift) & np.uint32(mask)).astype(np.int32)
        found = nodes.take(slot - pieces[rest])
        pieces[rest] = found
        rest = rest[found < -1]
    return pieces


def _packed(index: Index, addresses: NDArray[np.uint8]) -> Pieces:
    """Match packed IPv6 addresses, (n, 16) uint8."""
    tables = index._tables
    columns = np.ascontiguousarray(addresses.T[:8]).astype(np.int32)
    pieces: Pieces = np.frombuffer(tables.view("trie6_root"), np.int32).take(
        columns[0] << 8 | columns[1]
    )
    wide = np.flatnonzero((pieces <= WIDE) & (pieces > BUCKETS))
    slot = columns[2][wide] << 8 | columns[3][wide]
    pieces[wide] = np.frombuffer(tables.view("trie6_wide"), np.int32).take(
        WIDE - pieces[wide] + slot
    )
    level = np.full(len(pieces), 2, np.int8)
    level[wide] = 4
    nodes = np.frombuffer(tables.view("trie6_nodes"), np.int32)
    for depth in range(2, 8):
        rest = np.flatnonzero((pieces < -1) & (pieces > BUCKETS) & (level <= depth))
        pieces[rest] = nodes.take(columns[depth][rest] - pieces[rest])
    crowded = np.flatnonzero(pieces <= BUCKETS)
    if len(crowded):
        pieces[crowded] = _search(tables, pieces[crowded], addresses[crowded])
    mapped = np.flatnonzero((columns[0] == 0) & (columns[1] == 0))
    mapped = mapped[(addresses[mapped, :12] == _MAPPED).all(axis=1)]
    if len(mapped):
        inner = np.ascontiguousarray(addresses[mapped, 12:]).view(">u4").ravel()
        pieces[mapped] = _pieces4(index, inner.astype(np.uint32))
    return pieces


def _search(tables: Any, buckets: Pieces, addresses: NDArray[np.uint8]) -> Pieces:
    """Bisect each address's bucket: the last segment that begins at or before the address."""
    highs = np.frombuffer(tables.view("trie6_hi"), np.uint64)
    lows = np.frombuffer(tables.view("trie6_lo"), np.uint64)
    words = np.ascontiguousarray(addresses).view(">u8").astype(np.uint64)
    high, low = words[:, 0], words[:, 1]
    deep = buckets <= DEEP
    first, inside = np.divmod(BUCKETS - buckets, ROOM)
    left = np.where(deep, DEEP - buckets, first).astype(np.intp)
    right = np.where(deep, len(highs), left + inside + 2)
    while True:
        middle = (left + right) >> 1
        open_rows = middle > left
        if not open_rows.any():
            return np.frombuffer(tables.view("trie6_piece"), np.int32)[left]
        begins = highs[middle]
        before = (begins < high) | ((begins == high) & (lows[middle] <= low))
        left = np.where(open_rows & before, middle, left)
        right = np.where(open_rows & ~before, middle, right)


def _mixed(index: Index, addresses: list[Any]) -> Pieces:
    """Match any iterable of addresses: dotted quads together, everything else singly."""
    found = np.full(len(addresses), -1, np.int32)
    numbers, known = quads_in(addresses)
    found[known] = _pieces4(index, numbers[known])
    rest = np.flatnonzero(~known)
    for position in rest.tolist():
        try:
            found[position] = index._piece(*pack(addresses[position]))
        except AddressError as error:
            raise AddressError(str(error), position) from None
    return _nets(index, found)


def quads_in(addresses: Iterable[Any]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
    """Read the items that are dotted quads; return their numbers and which they are."""
    items = list(addresses)
    try:
        text = "\n".join(items).encode("ascii")
    except (TypeError, UnicodeEncodeError):
        return np.zeros(len(items), np.uint32), np.zeros(len(items), bool)
    data = np.frombuffer(text + b"\n" + bytes(16), np.uint8)
    ends = np.flatnonzero(data == 10)
    if len(ends) != len(items):
        return np.zeros(len(items), np.uint32), np.zeros(len(items), bool)
    starts = np.zeros(len(items), np.int64)
    starts[1:] = ends[:-1] + 1
    numbers, stops, good = read_quads(data, starts)
    return numbers.astype(np.uint32), good & (stops == ends)


def nets_with(tables: Tables, results: list[int]) -> list[int]:
    """Return the ids of the nets whose contact is one of some results, ascending."""
    values = np.frombuffer(tables.view("net_contact"), np.uint32) & np.uint32(layout.RESULT_BITS)
    wanted = np.zeros(len(tables.contact_what), bool)
    wanted[results] = True
    found: list[int] = np.flatnonzero(wanted[values]).tolist()
    return found
