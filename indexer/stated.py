"""Make tables of what is said about ranges from outside the dumps: whose they are, who moved them.

Sources are the registries' statistics, IANA's table and the transfer logs. Statistics decide over
authority only when they are of about the dumps' date; otherwise they give notes. The country of a
record decides nothing: who holds a range is spread without it, and it is put beside that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import cover
from .authority import NOBODY, UNCLEAR, Claim, spread
from .delegated import ALLOCATED, REGISTRIES, RESERVED, STATUSES, Blocks, Delegated, merged
from .hierarchy import compress
from .intern import narrowed
from .nets import Claims
from .scan import Ints
from .transfers import Moves, Transfers

NEAR: Final = 31  # days that statistics may lie away from the dumps
FIVE: Final = REGISTRIES[:5]
# Blocks of a file, the number of the entry that says what they are, and which of them count.
Numbered = tuple[Blocks, Ints, NDArray[np.bool_]]


class Statistics(NamedTuple):
    """Name a file of statistics, what it holds, and whether it is of about the dumps' date."""

    name: str
    held: Delegated
    used: bool


class Said(NamedTuple):
    """Say what a registry's file calls a range; registry None where several claim it."""

    registry: str | None
    status: str
    used: bool
    file: str
    date: str | None


class Stated(NamedTuple):
    """Hold the tables of statistics and transfers, their entry in the metadata, and the claims."""

    tables: dict[str, NDArray[Any]]
    entries: list[dict[str, Any] | None]
    claims: Claims


def gather(
    files: Sequence[Statistics], logs: Sequence[Transfers], registries: Sequence[str]
) -> Stated:
    """Turn statistics and transfer logs into tables; ``registries`` are those of the build."""
    said: list[Said] = []
    numbers: dict[tuple[str, str, bool], int] = {}
    narrow: list[Numbered] = []
    wide: list[Numbered] = []
    for name, held, used in files:
        day = str(np.datetime64(held.date, "D")) if held.date else None
        for ranges, blocks in ((held.ipv4, narrow), (held.ipv6, wide)):
            block = merged(ranges)
            known = (block.status >= ALLOCATED) & (block.status <= RESERVED)
            pairs = block.registry.astype(np.int64) * 16 + block.status
            number = np.zeros(len(pairs), np.int64)
            for pair in np.unique(pairs[known]).tolist():
                key = (REGISTRIES[pair // 16], STATUSES[pair % 16], used)
                if key not in numbers:
                    numbers[key] = len(said)
                    said.append(Said(*key, name, day))
                number[pairs == pair] = numbers[key]
            blocks.append((block, number, known))
    owners = _owners(said, registries)
    first = ", ".join(sorted({each.file for each in said}))
    said.append(Said(None, "allocated", False, first, None))
    tables, entries = _tables(narrow, wide, said)
    return Stated(tables | _moves(logs), entries, _claims(narrow, wide, owners))


def _owners(said: Sequence[Said], registries: Sequence[str]) -> Ints:
    """Return which of the build's registries each makes responsible, -1 = none."""
    return np.array(
        [
            registries.index(each.registry)
            if each.used
            and each.status in ("allocated", "assigned")
            and each.registry in registries
            else NOBODY
            for each in said
        ],
        np.int64,
    )


def _joined(blocks: Sequence[Numbered], name: str, empty: NDArray[Any]) -> NDArray[Any]:
    return np.concatenate([empty, *(getattr(b, name)[known] for b, _, known in blocks)])


def _numbers(blocks: Sequence[Numbered]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *(number[known] for _, number, known in blocks)])


def _tables(
    narrow: Sequence[Numbered], wide: Sequence[Numbered], said: Sequence[Said]
) -> tuple[dict[str, NDArray[Any]], list[dict[str, Any] | None]]:
    """Return the tables, and the entries of the metadata whose places they hold.

    The last of ``said`` is for what more than one claims.
    """
    none, pairs = np.zeros(0, np.int64), np.zeros((0, 2), np.uint64)
    unclear = len(said) - 1
    first, last = _joined(narrow, "first", none), _joined(narrow, "last", none)
    begins, what = _spread(narrow, first, last, 1 << 32, unclear)
    low, high = _joined(wide, "first", pairs), _joined(wide, "last", pairs)
    first, last, starts = compress((low[:, 0], low[:, 1]), (high[:, 0], high[:, 1]))
    begins6, what6 = _spread(wide, first, last, len(starts[0]), unclear)
    distinct = np.unique(np.concatenate([what[what >= 0], what6[what6 >= 0]]))
    entries: list[dict[str, Any] | None] = [None]
    for pair in distinct.tolist():
        country = (pair & 0xFFFF).to_bytes(2, "big").decode() if pair & 0xFFFF else None
        entries.append(said[pair >> 16]._asdict() | {"country": country})

    def codes(pairs: Ints) -> NDArray[Any]:
        found = np.searchsorted(distinct, pairs) + 1
        return narrowed(np.where(pairs < 0, 0, found), len(entries))

    tables = {
        "stated4.begin": begins.astype(np.uint32), "stated4.what": codes(what),
        "stated6.hi": starts[0][begins6], "stated6.lo": starts[1][begins6],
        "stated6.what": codes(what6),
    }  # fmt: skip
    return tables, entries


def _spread(
    blocks: Sequence[Numbered], first: Ints, last: Ints, end: int, unclear: int
) -> tuple[Ints, Ints]:
    """Return where something else is said, and what: its number << 16 | country, -1 = nothing.

    Where two numbers claim a place it is ``unclear``; where two countries do, there is none.
    """
    country = _joined(blocks, "country", np.zeros(0, np.uint16)).astype(np.int64)
    begins, numbers = spread(Claim(first, last, _numbers(blocks)), end)
    land = spread(Claim(first, last, country), end).owners
    what = np.where(numbers < 0, numbers, numbers << 16 | np.maximum(land, 0))
    what[numbers == UNCLEAR] = unclear << 16
    new = np.ones(len(what), bool)
    new[1:] = what[1:] != what[:-1]
    return begins[new], what[new]


def _claims(narrow: Sequence[Numbered], wide: Sequence[Numbered], owners: Ints) -> Claims:
    none, pairs = np.zeros(0, np.int64), np.zeros((0, 2), np.uint64)
    own, own6 = owners[_numbers(narrow)], owners[_numbers(wide)]
    mine, mine6 = own >= 0, own6 >= 0
    claim = Claim(
        _joined(narrow, "first", none)[mine], _joined(narrow, "last", none)[mine], own[mine]
    )
    both = np.hstack([_joined(wide, "first", pairs), _joined(wide, "last", pairs)])
    return Claims(claim, both[mine6], own6[mine6])


def iana_claims(
    table: Sequence[tuple[int, int, int, str]], registries: Sequence[str]
) -> tuple[Claims, list[tuple[int, int, int, str]]]:
    """Return IANA's table as claims, and the rows that name one of the five registries."""
    rows = [row for row in table if row[3] in FIVE]
    known = [row for row in rows if row[3] in registries]
    four = np.array(
        [(a, b, registries.index(n)) for family, a, b, n in known if family == 4], np.int64
    ).reshape(-1, 3)
    six = [row for row in known if row[0] == 6]
    wide = np.array([(*_halves(a), *_halves(b)) for _, a, b, _ in six], np.uint64).reshape(-1, 4)
    owner = np.array([registries.index(row[3]) for row in six], np.int64)
    return Claims(Claim(*four.T), wide, owner), rows


def _halves(address: int) -> tuple[int, int]:
    return address >> 64, address & (1 << 64) - 1


def _moves(logs: Sequence[Transfers]) -> dict[str, NDArray[Any]]:
    """Return who moved ranges: by first address, with the day and both registries in one number.

    Of IPv6 addresses the high half: nothing smaller than a /64 is transferred.
    """
    four = _sorted_moves([log.ipv4 for log in logs], lambda moves: (moves.first, moves.last))
    six = _sorted_moves(
        [log.ipv6 for log in logs], lambda moves: (moves.first[:, 0], moves.last[:, 0])
    )
    tables = {}
    for name, (first, last, what), kind in (("4", four, np.uint32), ("6", six, np.uint64)):
        tables[f"moved{name}.first"] = first.astype(kind)
        tables[f"moved{name}.last"] = last.astype(kind)
        tables[f"moved{name}.what"] = what.astype(np.uint32)
        tables[f"moved{name}.cover"] = cover.levels(last.astype(kind))
    return tables


Ends = Callable[[Moves], tuple[NDArray[Any], NDArray[Any]]]


def _sorted_moves(logs: Sequence[Moves], ends: Ends) -> tuple[NDArray[Any], NDArray[Any], Ints]:
    """Return first, last and what of the moves between registries, in order."""
    firsts, lasts, whats = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)], [np.zeros(0, int)]
    for moves in logs:
        between = moves.source != moves.recipient
        first, last = ends(moves)
        what = moves.day.astype(np.int64) << 8 | moves.source.astype(np.int64) << 4
        firsts.append(first[between].astype(np.uint64))
        lasts.append(last[between].astype(np.uint64))
        whats.append((what | moves.recipient)[between])
    first, last, what = np.concatenate(firsts), np.concatenate(lasts), np.concatenate(whats)
    order = np.lexsort((what, last, first))
    return first[order], last[order], what[order]
