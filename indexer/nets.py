"""Give nets their ids, nest them, and build the pieces and tries of both families.

Ids go by family, first address, larger first, then the order of the chain. IPv6 borders are
replaced by their ranks, so that both families go through the same code; what differs between
them is in `_narrow` and `_wide`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.addresses import format_range
from rirdex.query.errors import Error

from . import cover, roles
from .authority import Claim, Segments, answering, spread
from .batch import MORE_DESCR, NARROW, OWNER
from .equals import raised, reordered, text_ranks
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
    addresses of the positions (None for IPv4); ``claims`` who is responsible where, by the
    registries' statistics and by IANA.
    """

    row: Ints
    first: Ints
    last: Ints
    sizes: list[Array]
    bounds: dict[str, Array]
    starts: tuple[NDArray[np.uint64], NDArray[np.uint64]] | None
    claims: list[Claim]

    @property
    def end(self) -> int:
        """Return the position behind the last one."""
        return 1 << 32 if self.starts is None else len(self.starts[0])

    def picked(self, which: Ints) -> Family:
        """Return some of the nets, in the given order."""
        return self._replace(
            row=self.row[which], first=self.first[which], last=self.last[which],
            sizes=[size[which] for size in self.sizes],
            bounds={name: bound[which] for name, bound in self.bounds.items()},
        )  # fmt: skip


class Claims(NamedTuple):
    """Hold who is responsible for ranges: an index of the build's registries, -1 = none of them.

    ``narrow`` are IPv4 ranges; ``wide`` are IPv6 ranges as (first high, first low, last high,
    last low) uint64, and ``owner`` is whose they are.
    """

    narrow: Claim
    wide: NDArray[np.uint64]
    owner: Ints


class Nets(NamedTuple):
    """Hold the tables of the nets of both families, the strides of the IPv4 trie, and counts.

    ``counts`` are (registry, family, nets that may answer, addresses they cover); ``parents`` is
    for each net the smallest one of its registry that contains it, -1 without one; ``pieces`` and
    ``holder`` are the net and the holder's net of each piece, -1 without one; ``answers`` are the
    pieces that answer in IPv4.
    """

    tables: dict[str, Array]
    strides: tuple[int, ...]
    counts: list[tuple[str, int, int, int]]
    parents: NDArray[np.int32]
    pieces: NDArray[np.int32]
    holder: NDArray[np.int32]
    answers: Segments


def _narrow(rows: Rows, claims: Sequence[Claims]) -> Family:
    row = np.flatnonzero((rows.kind == NET) & ((rows.flags & NARROW) > 0))
    bounds: dict[str, Array] = {"net.first4": rows.first[row], "net.last4": rows.last[row]}
    first, last = rows.first[row].astype(np.int64), rows.last[row].astype(np.int64)
    return Family(
        row, first, last, [first - last], bounds, None, [claim.narrow for claim in claims]
    )


def _wide(rows: Rows, claims: Sequence[Claims]) -> Family:
    row = rows.wide[:, 0].astype(np.int64)
    names = ("net.first6.hi", "net.first6.lo", "net.last6.hi", "net.last6.lo")
    bounds: dict[str, Array] = {
        name: np.ascontiguousarray(rows.wide[:, k + 1]) for k, name in enumerate(names)
    }
    high0, low0, high1, low1 = (rows.wide[:, k] for k in range(1, 5))
    # The borders of claims are positions, too: they may lie inside a net.
    columns = np.concatenate([rows.wide[:, 1:], *(claim.wide for claim in claims)]).T
    first, last, starts = compress((columns[0], columns[1]), (columns[2], columns[3]))
    borrow = (low1 < low0).astype(np.uint64)
    placed = []
    low = len(row)
    for claim in claims:
        high = low + len(claim.owner)
        placed.append(Claim(first[low:high], last[low:high], claim.owner))
        low = high
    sizes: list[Array] = [~(high1 - high0 - borrow), ~(low1 - low0)]
    count = len(row)
    return Family(row, first[:count], last[:count], sizes, bounds, starts, placed)


def _ordered(rows: Rows, family: Family, source: Array, rank: Array) -> Family:
    """Drop what came twice and put the rest into the order of ids."""
    handle = rows.code("handle")
    order = nesting_order(
        family.first,
        family.last,
        lambda which: [
            source[family.row[which]], handle[family.row[which]],
            *merits(rows, family.row[which]),
        ],
    )  # fmt: skip
    row = family.row[order]
    first, last, of, own = family.first[order], family.last[order], source[row], handle[row]
    same = (first[1:] == first[:-1]) & (last[1:] == last[:-1])
    same &= (of[1:] == of[:-1]) & (own[1:] == own[:-1])
    once = family.picked(winners(order, same))

    def ties(which: Ints) -> list[Array]:
        row = once.row[which]
        return [rank[row], rows.registry[row], source[row], text_ranks(rows.words["handle"], row)]

    return _by_parents(rows, once.picked(nesting_order(once.first, once.last, ties)))


def _by_parents(rows: Rows, family: Family) -> Family:
    """Put nets of one range into the order of their parent handles."""
    if not rows.code("parent").any():
        return family
    group = _groups(family)
    alone = np.bincount(group, minlength=1)[group] == 1
    tied = np.flatnonzero(~alone)
    words = rows.words
    places, wanted = reordered(group[tied], family.row[tied], words["handle"], words["parent"])
    order = np.arange(len(family.row))
    order[tied[places]] = tied[wanted]
    return family.picked(order)


def _groups(family: Family) -> Ints:
    """Number the ranges of nets in the order of their ids: equal ranges have one number."""
    new = np.ones(len(family.row), bool)
    new[1:] = (family.first[1:] != family.first[:-1]) | (family.last[1:] != family.last[:-1])
    return np.cumsum(new) - 1


def _forest(family: Family, standing: Ints, rank: NDArray[np.int8]) -> Forest:
    """Nest the nets at the indices ``standing``; the forest's nets are indices of the family.

    ``rank`` are the ranks of all rows.
    """
    part = family.picked(standing)
    low = raised(_groups(part), rank[part.row])

    def ranks(which: Ints) -> list[Array]:
        # What is equal up to here has one range: the order of ids decides.
        return [*(size[which] for size in part.sizes), low[which], part.first[which], which]

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


def order(rows: Rows, kind: NDArray[np.int8], stated: Claims, iana: Claims) -> list[Family]:
    """Return the IPv4 and the IPv6 nets in the order of their ids, each once."""
    source = source_ranks(rows.origins)[rows.origin]
    rank = roles.RANK[kind]
    claims = (stated, iana)
    families = (_narrow(rows, claims), _wide(rows, claims))
    return [_ordered(rows, family, source, rank) for family in families]


class Pieces:
    """Collect the pieces of all registries: the first piece of a net has the net's id."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._above: list[Array] = [np.full(total, -1, np.int64)]
        self._role: list[Array] = [np.full(total, layout.PLACEHOLDER, np.uint8)]
        self._holder: list[Array] = [np.full(total, -1, np.int32)]
        self._net: list[Ints] = [np.arange(total)]
        self._count = total

    def add(self, forest: Forest, given: roles.Assigned, base: int) -> Ints:
        """Take in a registry's pieces; return their ids. Its nets have the ids from ``base`` on."""
        piece = piece_ids(forest, base, self._count)
        self._count += int((piece >= self._count).sum())
        first = piece < self._total
        for values, new in (
            (self._above, np.append(piece, -1)[forest.above]), (self._role, given.role),
            (self._holder, np.where(given.holder >= 0, given.holder + base, -1)),
        ):  # fmt: skip
            values[0][piece[first]] = new[first]
            values.append(new[~first].astype(values[0].dtype))
        self._net.append(forest.net[~first] + base)
        return piece

    def nets(self) -> Ints:
        """Return the net of each piece."""
        return np.concatenate(self._net)

    def holders(self) -> NDArray[np.int32]:
        """Return the holder's net of each piece, -1 without one."""
        return np.concatenate(self._holder).astype(np.int32)

    def tables(self, flags: NDArray[np.uint8]) -> dict[str, Array]:
        """Return the tables of the pieces; ``flags`` are more bits of the roles of nets."""
        self._role[0] |= flags
        return {
            "piece.above": np.concatenate(self._above).astype(np.int32),
            "piece.role": np.concatenate(self._role),
            "piece.net": self.nets()[self._total :].astype(np.uint32),
        }


def build(
    rows: Rows, families: list[Family], parties: Parties, kind: NDArray[np.int8],
    placeholder: NDArray[np.bool_],
) -> Nets:  # fmt: skip
    """Build the tables of the nets. ``kind`` is the class of each row (`roles`)."""
    row = np.concatenate([family.row for family in families])
    pieces = Pieces(len(row))
    counts: list[tuple[str, int, int, int]] = []
    tables: dict[str, Array] = {}
    answers = []
    parents = np.full(len(row), -1, np.int32)
    base = 0
    for number, family in zip((4, 6), families, strict=True):
        standing = np.flatnonzero(~placeholder[family.row])
        found = []
        for registry, name in enumerate(rows.registries):
            mine = standing[rows.registry[family.row[standing]] == registry]
            forest = _forest(family, mine, roles.RANK[kind])
            own = kind[family.row]
            given = roles.assign(forest, own, parties.picked(family.row))
            piece = pieces.add(forest, given, base)
            _note_parents(parents, forest, family, base)
            found.append(Segments(*flatten(forest, _answering(forest, own, piece), family.end)))
            answering_nets = int((own[mine] != roles.REG).sum())
            if answering_nets:
                counts.append((name, number, answering_nets, _addresses(found[-1], family)))
        stated, iana = (spread(claim, family.end) for claim in family.claims)
        keys = _piece_order(family, pieces.nets() - base, kind, rows) if len(found) > 1 else []
        answers.append(answering(found, stated, iana, keys, family.end))
        tables |= family.bounds
        base += len(family.row)
    tables |= pieces.tables(_net_flags(rows, row))
    trie4 = build4(*answers[0])
    tables |= {f"trie4.{name}": value for name, value in trie4._asdict().items()}
    tables |= _trie6_tables(answers[1], families[1])
    tables |= cover.tables(families[0].bounds, families[1].bounds)
    return Nets(
        tables, strides_for(len(answers[0].begins)), counts, parents,
        pieces.nets().astype(np.int32), pieces.holders(), answers[0],
    )  # fmt: skip


def _note_parents(parents: NDArray[np.int32], forest: Forest, family: Family, base: int) -> None:
    """Note for each net of a forest the net next above that contains all of it."""
    net, above = forest.net, forest.above
    ids = piece_ids(forest, 0, len(family.row))
    opening = np.flatnonzero(ids == net)
    up = above[opening]
    own = net[opening]
    while True:
        outer = net[up]
        short = (up >= 0) & (
            (family.first[outer] > family.first[own]) | (family.last[outer] < family.last[own])
        )
        if not short.any():
            break
        up = np.where(short, above[up], up)
    parents[own + base] = np.where(up >= 0, net[up] + base, -1)


def _net_flags(rows: Rows, row: Ints) -> NDArray[np.uint8]:
    flags = rows.flags[row]
    more = np.where(flags & MORE_DESCR, np.uint8(layout.MORE_DESCR), np.uint8(0))
    owner = np.where(flags & OWNER, np.uint8(layout.OWNER), np.uint8(0))
    return (more | owner).astype(np.uint8)


def _addresses(segments: Segments, family: Family) -> int:
    """Return how many addresses segments that answer cover."""
    begins, owners = segments
    full = np.flatnonzero(owners >= 0)
    ends = np.append(begins[1:], family.end)[full]
    if family.starts is None:
        return int((ends - begins[full]).sum())
    highs, lows = (np.append(word, np.uint64(0)).tolist() for word in family.starts)
    highs[-1] = 1 << 64
    pairs = zip(begins[full].tolist(), ends.tolist(), strict=True)
    return sum(((highs[b] - highs[a]) << 64) + lows[b] - lows[a] for a, b in pairs)


def _piece_order(family: Family, net: Ints, kind: NDArray[np.int8], rows: Rows) -> list[Array]:
    """Return for each piece what says how low it stands in a chain; pieces of others have 0."""
    if not len(family.row):
        return []
    mine = (net >= 0) & (net < len(family.row))
    net = np.where(mine, net, 0)
    row = family.row[net]
    keys = [*family.sizes, roles.RANK[kind[family.row]], family.first]
    return [*(key[net] for key in keys), rows.registry[row]]


def piece_ids(forest: Forest, base: int, count: int) -> Ints:
    """Return the id of each piece: the first piece of a net has the net's id."""
    ids = forest.net + base
    opening = np.full(int(forest.net.max(initial=-1)) + 1, -1, np.int64)
    opening[forest.net[::-1]] = np.arange(len(ids))[::-1]
    later = opening[forest.net] != np.arange(len(ids))
    ids[later] = count + np.arange(int(later.sum()))
    return ids


def _answering(forest: Forest, kind: NDArray[np.int8], piece: Ints) -> Ints:
    """Return the piece that answers for each piece: registry blocks pass on to what is above."""
    owner = piece.copy()
    passing = np.flatnonzero(kind[forest.net] == roles.REG)
    for k in passing[np.argsort(forest.depth[passing], kind="stable")].tolist():
        up = forest.above[k]
        owner[k] = owner[up] if up >= 0 else -1
    return owner


def _trie6_tables(segments: Segments, family: Family) -> dict[str, Array]:
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
