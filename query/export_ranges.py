"""Give the flattened ranges of an index: all that a net answers for, or those of some kind.

Of some kind are the addresses whose last net, or whose route, meets conditions. Each condition is a
*run* for each family: the addresses at which its truth may change. Runs partition the address
space, so a conjunction merges what begins in any of them. What the build judged is chosen by
`leases.select`; only pieces of nets that others cross are asked one by one, because each of them
may have another holder and verdict than the whole net. How ranges are written is not said here.

As a key an IPv6 address is 16 bytes (S16), which compare in order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from socket import AF_INET6, inet_ntop
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .addresses import Span, format_address
from .audited import Bools, cells
from .errors import Error
from .leases import select
from .matched import RANKED, places4
from .model import Answer
from .names import normal
from .quads import write_quads
from .records import Party
from .routing import place_of
from .segments import MAPPED, lasts4, lasts6, prefixes4, prefixes6, segments4, segments6
from .verdicts import LEASED, judged_of

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

Words = NDArray[np.uint64]
Segments = tuple[NDArray[Any], NDArray[np.int32]]  # starts as keys, and pieces
_ROWS: Final = 1 << 16  # ranges at a time
_TEXTS: Final = 1 << 14  # addresses that become text at a time
_MAPPED: Final = ((0xFFFF << 32, (1 << 48) - 1),)


class ExportError(Error, ValueError):
    """Say that an export is asked for what there is not: the caller's fault."""


class Run(NamedTuple):
    """Hold where the truth of a condition may change, ascending from 0 on, and what it is there.

    ``starts`` is uint32 (n,) for IPv4 and S16 (n,) for IPv6; ``true`` is bool (n,).
    """

    starts: NDArray[Any]
    true: Bools


# -- flattened ranges -------------------------------------------------------------------------


class Part(NamedTuple):
    """Hold ranges of one family, in order, and what answers for each.

    ``first`` and ``last`` are uint32 (n,), of IPv6 uint64 (n, 2); ``piece`` is int32 (n,), of
    `nets_parts` the net. ``alike`` says that a piece has one answer wherever it lies.
    """

    family: int
    first: NDArray[Any]
    last: NDArray[Any]
    piece: NDArray[np.int32]
    alike: bool

    def rows(self, begin: int, end: int) -> Part:
        """Return some of the ranges in a row."""
        ends = (self.first[begin:end], self.last[begin:end])
        return Part(self.family, *ends, self.piece[begin:end], self.alike)

    def number(self, row: int) -> int:
        """Return the first address of a range."""
        word = self.first[row]
        return int(word) if self.family == 4 else int(word[0]) << 64 | int(word[1])


def flattened(index: Index, columns: Sequence[str]) -> tuple[Part, Part]:
    """Return the ranges that a net answers for, IPv4 and IPv6. Raises `DeskError`."""
    ranked = not set(columns).isdisjoint(RANKED)
    first, piece = segments4(index)
    high, low, piece6 = segments6(index)
    first6 = np.stack([high, low], 1)
    if ranked:
        bounds = _desk_bounds(index)
        edges = np.concatenate([route_bounds(index._tables, 4), np.array(bounds[4], np.uint32)])
        first, piece = _cut(first, piece, edges)
        far = [divmod(number, 1 << 64) for number in bounds[6]]
        edges = keys_of(np.array(far, np.uint64).reshape(-1, 2))
        edges = np.concatenate([route_bounds(index._tables, 6), edges])
        keys, piece6 = _cut(keys_of(first6), piece6, edges)
        first6 = words_of(keys)
    last, last6 = lasts4(first), np.stack(lasts6(first6[:, 0], first6[:, 1]), 1)
    kept, kept6 = piece >= 0, piece6 >= 0
    four = Part(4, first[kept], last[kept], piece[kept], not ranked)
    return four, Part(6, first6[kept6], last6[kept6], piece6[kept6], not ranked)


def _cut(starts: NDArray[Any], piece: NDArray[Any], edges: NDArray[Any]) -> tuple[Any, Any]:
    """Cut segments where they have an edge inside."""
    every = np.unique(np.concatenate([starts, edges]))
    return every, piece[np.searchsorted(starts, every, "right") - 1]


def _desk_bounds(index: Index) -> dict[int, list[int]]:
    """Return where ranges of the user's own files begin, or have ended. Raises `DeskError`."""
    found: dict[int, list[int]] = {4: [], 6: []}
    for family, tables in index.desk.ranges.items():
        limit = 1 << (32 if family == 4 else 128)
        held = [item for table in tables.values() for items in table.values() for item in items]
        found[family] = [end for low, high, _ in held for end in (low, high + 1) if end < limit]
    return found


def in_order(parts: tuple[Part, Part]) -> tuple[Part, ...]:
    """Return parts in the order of addresses of 16 bytes, IPv4 as IPv4-mapped IPv6 addresses."""
    four, six = parts
    count = int(np.searchsorted(six.first[:, 0], np.uint64(0), "right"))
    place = int(np.searchsorted(six.first[:count, 1], MAPPED))
    return six.rows(0, place), four, six.rows(place, len(six.piece))


def slices(parts: Sequence[Part]) -> Iterator[Part]:
    """Yield all ranges, some at a time."""
    for part in parts:
        for low in range(0, len(part.piece), _ROWS):
            yield part.rows(low, low + _ROWS)


# -- choosing ---------------------------------------------------------------------------------


class Found(NamedTuple):
    """Hold sorted, disjoint ranges that do not touch: uint32 (n,), or uint64 (n, 2) for IPv6."""

    family: int
    first: NDArray[Any]
    last: NDArray[Any]


def found_ranges(
    index: Index, *, holder: str | None = None, lessor: str | None = None,
    lessee: str | None = None, facilitator: str | None = None, country: str | None = None,
    registry: str | None = None, verdicts: Collection[str] = (), confidence: str = "low",
    origins: Collection[int] = (), inside: Span | None = None,
    families: Collection[int] = (4, 6),
) -> list[Found]:  # fmt: skip
    """Return the ranges of the addresses for which every condition holds, a `Found` a family.

    Conditions are those of `leases.select`, of the answer to each address. ``lessor`` is a
    ``holder`` whose net appears to be leased; it and ``lessee`` ask for `LEASED` without
    ``verdicts``. ``origins`` are AS numbers, one of which announces the longest prefix around the
    address, which then needs no net. ``inside`` cuts. Raises `ExportError`, `LeasesError`.
    """
    if holder is not None and lessor is not None:
        raise ExportError("give a holder or a lessor, not both")
    if origins and not len(index._tables.origin_asn):
        raise ExportError("the index has no routes: build it with `rirdex build --routes FILE`")
    if not verdicts and (lessor is not None or lessee is not None):
        verdicts = LEASED
    holder = holder if lessor is None else lessor
    texts = (holder, lessee, facilitator, country, registry)
    asked = any(text is not None for text in texts) or bool(verdicts) or confidence != "low"
    wanted = _Wanted(*texts, tuple(verdicts) or layout.VERDICTS, confidence)
    held = {} if origins and not asked else {each: _segments(index, each) for each in families}
    marks = _marked(index, held, wanted if asked else None)
    found = []
    for family in families:
        runs = [Run(starts, marks[pieces]) for starts, pieces in (held[family],)] if held else []
        if origins:
            runs.append(_of_routes(index._tables, family, origins))
        if inside is not None:
            bounds = ((inside.first, inside.last),) if inside.family == family else ()
            runs.append(_of_bounds(family, bounds, within=True))
        if family == 6:
            runs.append(_of_bounds(6, _MAPPED, within=False))
        found.append(_merged(family, _both(runs)))
    return found


class _Wanted(NamedTuple):
    """Hold what is asked of answers."""

    holder: str | None
    lessee: str | None
    facilitator: str | None
    country: str | None
    registry: str | None
    verdicts: tuple[str, ...]
    confidence: str


def _marked(index: Index, held: dict[int, Segments], wanted: _Wanted | None) -> Bools:
    """Mark the pieces, of some segments by family, of which all is true that is wanted.

    The last place is for no piece, and not marked.
    """
    tables, whole = index._tables, index.dictionaries.whole
    marks = np.ones(len(tables.view("piece_above")) + 1, bool)
    marks[-1] = False
    if wanted is None:
        return marks
    marks[:] = False
    holder, lessee, facilitator, country, registry, verdicts, confidence = wanted
    ids = select(
        index, lessor=holder, lessee=lessee, facilitator=facilitator, country=country,
        registry=registry, verdicts=verdicts, confidence=confidence,
    )  # fmt: skip
    marks[ids[whole[ids]]] = True
    for family, (starts, every) in held.items() if not whole.all() else ():
        pieces, first = np.unique(every, return_index=True)  # a piece may lie at several places
        cut = (pieces >= tables.nets) | ~np.append(whole, False)[np.minimum(pieces, tables.nets)]
        cut[pieces < 0] = False
        for piece, place in zip(pieces[cut].tolist(), first[cut].tolist(), strict=True):
            marks[piece] = _fits(_answer(index, family, _number(starts[place]), piece), wanted)
    return marks


def _answer(index: Index, family: int, number: int, piece: int) -> Answer:
    asked = Span(family, number, number, "address")
    return Answer(index, index._tables, format_address(family, number), asked, piece)


def _fits(answer: Answer, wanted: _Wanted) -> bool:
    """Say whether all is true of an answer that is wanted."""
    found = judged_of(answer)
    if not answer.chain or found is None:
        return False
    enough = layout.CONFIDENCES.index(wanted.confidence)
    user = None if found.fired("user-is-facilitator") else answer.user
    country = wanted.country and wanted.country.strip().upper()
    return (
        found.verdict in wanted.verdicts
        and layout.CONFIDENCES.index(found.confidence) >= enough
        and (wanted.registry is None or answer.registry == wanted.registry.upper())
        and (country is None or country in answer.chain[-1].country)
        and _is_party(answer.holder, wanted.holder)
        and _is_party(user, wanted.lessee)
        and _is_party(answer.facilitator, wanted.facilitator)
    )


def _is_party(party: Party | None, wanted: str | None) -> bool:
    """Say whether a party has a name or a handle, as `parties.named` does of nets."""
    if wanted is None or party is None:
        return wanted is None
    form, handle = normal(wanted), (party.handle or "").upper()
    return normal(party.name or "") == form != "" or handle == wanted.strip().upper() != ""


# -- runs -------------------------------------------------------------------------------------


def keys_of(words: Words) -> NDArray[Any]:
    """Return addresses, uint64 (n, 2), as keys S16 (n,)."""
    return np.ascontiguousarray(words.astype(">u8")).view("S16").reshape(-1)


def words_of(keys: NDArray[Any]) -> Words:
    """Return keys as addresses, uint64 (n, 2)."""
    return np.ascontiguousarray(keys).view(">u8").reshape(-1, 2).astype(np.uint64)


def _key(family: int, number: int) -> Any:
    return np.uint32(number) if family == 4 else np.bytes_(number.to_bytes(16, "big"))


def _number(key: Any) -> int:
    """Return an address as an integer; NumPy drops the zero bytes at the end of a key."""
    return int.from_bytes(key.ljust(16, b"\0"), "big") if isinstance(key, bytes) else int(key)


def _segments(index: Index, family: int) -> Segments:
    if family == 4:
        return segments4(index)
    high, low, piece = segments6(index)
    return keys_of(np.stack([high, low], 1)), piece


def _of_bounds(family: int, bounds: Collection[tuple[int, int]], *, within: bool) -> Run:
    """Return what is true within some disjoint ranges, or outside of them."""
    limit = 1 << (32 if family == 4 else 128)
    edges = {0: not within}
    for first, last in bounds:
        edges[first] = within
        if last + 1 < limit:
            edges[last + 1] = not within
    kind = np.uint32 if family == 4 else "S16"
    numbers = sorted(edges)
    starts = np.array([_key(family, number) for number in numbers], kind)
    return Run(starts, np.array([edges[number] for number in numbers]))


def _of_routes(tables: Tables, family: int, origins: Collection[int]) -> Run:
    """Return where one of some AS announces the longest prefix."""
    starts = route_bounds(tables, family)
    if family == 4:
        places = places4(tables, starts)
    else:
        numbers = map(_number, starts.tolist())
        places = np.array([place_of(tables, 6, number, number) for number in numbers], np.int64)
    hits = np.append(0, np.cumsum(np.isin(cells(tables, "origin_asn"), [*origins])))
    at = cells(tables, "origin_at")
    announces = np.append(hits[at[1:]] > hits[at[:-1]], False)  # the last place is for no route
    codes = np.append(cells(tables, f"route{family}_origins"), -1)
    return Run(starts, announces[codes[places]])


def route_bounds(tables: Tables, family: int) -> NDArray[Any]:
    """Return where routes begin, and where what is behind them does: uint32 or S16, with 0."""
    length = cells(tables, f"route{family}_length").astype(np.int64)
    if family == 4:
        first = cells(tables, "route4_first").astype(np.int64)
        behind = first + np.left_shift(1, 32 - length)
        return np.unique(np.concatenate([[0], first, behind[behind < 1 << 32]])).astype(np.uint32)
    high, low = cells(tables, "route6_hi"), cells(tables, "route6_lo")
    # The size of a prefix in the half in which it ends; a shift by 64 bits is not defined.
    free = (64 - length) % 64
    size = np.left_shift(np.uint64(1), free.astype(np.uint64))
    wide = length <= 64
    after_low = np.where(wide, np.uint64(0), low + size)
    carry = ~wide & (after_low == 0)
    after_high = high + np.where(wide, size, carry.astype(np.uint64))
    after_high[length == 0] = 0
    behind6 = np.stack([after_high, after_low], 1)  # what ends with the space is 0 again
    zero = np.zeros((1, 2), np.uint64)
    return np.unique(keys_of(np.concatenate([zero, np.stack([high, low], 1), behind6])))


def _both(runs: list[Run]) -> Run:
    """Return what is true where all of some runs are."""
    starts = np.unique(np.concatenate([run.starts for run in runs]))
    true = np.ones(len(starts), bool)
    for run in runs:
        true &= run.true[np.searchsorted(run.starts, starts, "right") - 1]
    return Run(starts, true)


def _merged(family: int, run: Run) -> Found:
    """Return the ranges of a run; those that touch are one."""
    kept = np.append(True, run.true[1:] != run.true[:-1])
    starts, true = run.starts[kept], run.true[kept]
    if family == 4:
        return Found(4, starts[true], lasts4(starts)[true])
    words = words_of(starts)
    last = np.stack(lasts6(words[:, 0], words[:, 1]), 1)
    return Found(6, words[true], last[true])


# -- texts ------------------------------------------------------------------------------------


def addresses_of(family: int, numbers: NDArray[Any]) -> list[str]:
    """Return addresses, uint32 (n,) or uint64 (n, 2), as canonical texts (RFC 5952)."""
    if family == 4:
        return [text.decode() for text in write_quads(numbers)]
    packed = numbers.astype(">u8").tobytes()
    found = [inet_ntop(AF_INET6, packed[at : at + 16]) for at in range(0, len(packed), 16)]
    # The C library writes the end of these as a dotted quad.
    for k in np.flatnonzero((numbers[:, 0] == 0) & (numbers[:, 1] >> np.uint64(48) == 0)).tolist():
        found[k] = format_address(6, int(numbers[k, 1]))
    return found


def prefix_texts(found: Found, *, halved: bool = False) -> tuple[int, Iterator[str]]:
    """Return how many prefixes make up some ranges, the fewest, and their texts in order.

    ``halved`` makes two of a prefix that is all of the address space.
    """
    cut: Any = prefixes4 if found.family == 4 else prefixes6
    first, length, _ = cut(found.first, found.last)
    if halved and len(length) and length[0] == 0:
        half = [0, 1 << 31] if found.family == 4 else [[0, 0], [1 << 63, 0]]
        first, length = np.array(half, first.dtype), np.ones(2, np.uint8)
    return len(length), _prefixes(found.family, first, length)


def _prefixes(family: int, first: NDArray[Any], length: NDArray[np.uint8]) -> Iterator[str]:
    for low in range(0, len(first), _TEXTS):
        texts = addresses_of(family, first[low : low + _TEXTS])
        yield from map("{}/{}".format, texts, length[low : low + _TEXTS].tolist())


def range_texts(found: Found) -> Iterator[str]:
    """Yield ranges as `first-last`."""
    for low in range(0, len(found.first), _TEXTS):
        ends = (end[low : low + _TEXTS] for end in (found.first, found.last))
        yield from map("{}-{}".format, *(addresses_of(found.family, end) for end in ends))
