"""Give nets their ids, nest them, and build the pieces and tries of both families.

Ids go by family, first address, larger first, then the order of the chain. IPv6 borders are
replaced by their ranks, so that both families go through the same code; what differs between
them is in `_narrow` and `_wide`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.addresses import format_range
from rirdex.query.errors import Error

from . import roles
from .batch import MORE_DESCR, NARROW
from .hierarchy import Forest, TooManyCrossings, compress, nest, nesting_order
from .roles import Parties
from .rows import NET, Rows, merits, source_ranks, winners
from .scan import Ints
from .trie import build4, build6, flatten, strides_for

Array = NDArray[Any]
_TOP = np.uint64(2**64 - 1)


class Family(NamedTuple):
    """Hold the nets of one family in the order of their ids.

    ``row`` are their rows; ``first``, ``last`` positions (`hierarchy`); ``sizes`` order them by
    size, larger first; ``bounds`` are the columns of their addresses; ``starts`` the IPv6
    addresses of the positions (None for IPv4).
    """

    row: Ints
    first: Ints
    last: Ints
    sizes: list[Array]
    bounds: dict[str, Array]
    starts: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None

    def picked(self, which: Ints) -> Family:
        """Return some of the nets, in the given order."""
        return self._replace(
            row=self.row[which], first=self.first[which], last=self.last[which],
            sizes=[size[which] for size in self.sizes],
            bounds={name: bound[which] for name, bound in self.bounds.items()},
        )  # fmt: skip


class Nets(NamedTuple):
    """Hold the tables of the nets of both families, and the strides of the IPv4 trie."""

    tables: dict[str, Array]
    strides: tuple[int, ...]


def _narrow(rows: Rows) -> Family:
    row = np.flatnonzero((rows.kind == NET) & ((rows.flags & NARROW) > 0))
    bounds: dict[str, Array] = {"net.first4": rows.first[row], "net.last4": rows.last[row]}
    first, last = rows.first[row].astype(np.int64), rows.last[row].astype(np.int64)
    return Family(row, first, last, [first - last], bounds, None)


def _wide(rows: Rows) -> Family:
    row = rows.wide[:, 0].astype(np.int64)
    names = ("net.first6.hi", "net.first6.lo", "net.last6.hi", "net.last6.lo")
    bounds: dict[str, Array] = {
        name: np.ascontiguousarray(rows.wide[:, k + 1]) for k, name in enumerate(names)
    }
    high0, low0, high1, low1 = (rows.wide[:, k] for k in range(1, 5))
    first, last, starts = compress((high0, low0), (high1, low1))
    borrow = (low1 < low0).astype(np.uint64)
    return Family(row, first, last, [~(high1 - high0 - borrow), ~(low1 - low0)], bounds, starts)


def _ordered(rows: Rows, family: Family, source: Array, rank: Array) -> Family:
    """Drop what came twice and put the rest into the order of ids."""
    order = nesting_order(
        family.first,
        family.last,
        lambda which: [source[family.row[which]], *merits(rows, family.row[which])],
    )
    first, last, of = family.first[order], family.last[order], source[family.row[order]]
    same = (first[1:] == first[:-1]) & (last[1:] == last[:-1]) & (of[1:] == of[:-1])
    once = family.picked(winners(order, same))

    def ties(which: Ints) -> list[Array]:
        row = once.row[which]
        return [rank[row], rows.registry[row], source[row]]

    return once.picked(nesting_order(once.first, once.last, ties))


def _forest(family: Family, standing: Ints, rank: Array, rows: Rows, source: Array) -> Forest:
    """Nest the nets at the indices ``standing``; the forest's nets are indices of the family."""
    part = family.picked(standing)

    def ranks(which: Ints) -> list[Array]:
        row = part.row[which]
        sizes = [size[which] for size in part.sizes]
        return [*sizes, rank[row], part.first[which], rows.registry[row], source[row]]

    try:
        forest = nest(part.first, part.last, ranks)
    except TooManyCrossings as error:
        left, right = (_range_text(part, k) for k in (error.left, error.right))
        raise Error(
            f"ranges cross each other more often than any registry's do ({left} and {right} "
            "are two of them): leave the file with them out"
        ) from None
    return forest._replace(net=standing[forest.net])


def _range_text(family: Family, k: int) -> str:
    values = [int(bound[k]) for bound in family.bounds.values()]
    if len(values) == 2:
        return format_range(4, values[0], values[1])
    return format_range(6, values[0] << 64 | values[1], values[2] << 64 | values[3])


def order(rows: Rows, kind: NDArray[np.int8]) -> list[Family]:
    """Return the IPv4 and the IPv6 nets in the order of their ids, each once."""
    source = source_ranks(rows.origins)[rows.origin]
    rank = roles.RANK[kind]
    return [_ordered(rows, family, source, rank) for family in (_narrow(rows), _wide(rows))]


def build(
    rows: Rows, families: list[Family], parties: Parties, kind: NDArray[np.int8],
    placeholder: NDArray[np.bool_],
) -> Nets:  # fmt: skip
    """Build the tables of the nets. ``kind`` is the class of each row (`roles`)."""
    source = source_ranks(rows.origins)[rows.origin]
    rank = roles.RANK[kind]
    row = np.concatenate([family.row for family in families])
    base, total = 0, len(row)
    above: list[Array] = [np.full(total, -1, np.int64)]
    role: list[Array] = [np.full(total, layout.PLACEHOLDER, np.uint8)]
    extra: list[Ints] = []
    tables: dict[str, Array] = {}
    segments = []
    count = total
    for family in families:
        standing = np.flatnonzero(~placeholder[family.row])
        forest = _forest(family, standing, rank, rows, source)
        given = roles.assign(forest, kind[family.row], parties.picked(family.row))
        piece = _piece_ids(forest, base, count)
        count += int((piece >= count).sum())
        for values, new in (
            (above, np.append(piece, -1)[forest.above]),
            (role, given),
        ):
            _place(values, new, piece, total)
        extra.append(forest.net[piece >= total] + base)
        owner = _answering(forest, kind[family.row], piece)
        end = len(family.starts[0]) if family.starts else 1 << 32
        segments.append(flatten(forest, owner, end))
        tables |= family.bounds
        base += len(family.row)
    tables["piece.above"] = np.concatenate(above).astype(np.int32)
    role[0] |= np.where(rows.flags[row] & MORE_DESCR, np.uint8(layout.MORE_DESCR), np.uint8(0))
    tables["piece.role"] = np.concatenate(role)
    tables["piece.net"] = np.concatenate(extra).astype(np.uint32)
    whole = tables["piece.role"][:total] & layout.ROLE_BITS
    tables["apart"] = np.flatnonzero(
        (whole == layout.PLACEHOLDER) | (whole == layout.REGISTRY)
    ).astype(np.uint32)
    trie4 = build4(*segments[0])
    tables |= {f"trie4.{name}": value for name, value in trie4._asdict().items()}
    tables |= _trie6_tables(segments[1], families[1])
    return Nets(tables, strides_for(len(segments[0][0])))


def _piece_ids(forest: Forest, base: int, count: int) -> Ints:
    """Return the id of each piece: the first piece of a net has the net's id."""
    ids = forest.net + base
    opening = np.full(int(forest.net.max(initial=-1)) + 1, -1, np.int64)
    opening[forest.net[::-1]] = np.arange(len(ids))[::-1]
    later = opening[forest.net] != np.arange(len(ids))
    ids[later] = count + np.arange(int(later.sum()))
    return ids


def _place(values: list[Array], new: Array, piece: Ints, total: int) -> None:
    """Put the values of pieces where their ids belong: into the first array, the rest behind."""
    first = piece < total
    values[0][piece[first]] = new[first]
    values.append(new[~first].astype(values[0].dtype))


def _answering(forest: Forest, kind: NDArray[np.int8], piece: Ints) -> Ints:
    """Return the piece that answers for each piece: registry blocks pass on to what is above."""
    owner = piece.copy()
    passing = np.flatnonzero(kind[forest.net] == roles.REG)
    for k in passing[np.argsort(forest.depth[passing], kind="stable")].tolist():
        up = forest.above[k]
        owner[k] = owner[up] if up >= 0 else -1
    return owner


def _trie6_tables(segments: tuple[Ints, Ints], family: Family) -> dict[str, Array]:
    begins, owners = segments
    assert family.starts is not None
    high, low = (
        starts[begins] if len(starts) else np.zeros(0, np.uint64) for starts in family.starts
    )
    if not len(high) or high[0] or low[0]:
        zero = np.zeros(1, np.uint64)
        high, low = np.concatenate([zero, high]), np.concatenate([zero, low])
        owners = np.concatenate([np.full(1, -1, np.int64), owners[: len(high) - 1]])
    trie = build6(high, low, owners)
    return {
        "trie6.root": trie.root, "trie6.wide": trie.wide, "trie6.nodes": trie.nodes,
        "trie6.hi": trie.high, "trie6.lo": trie.low, "trie6.piece": trie.piece,
    }  # fmt: skip
