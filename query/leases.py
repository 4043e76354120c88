"""Find the nets that appear to be leased, or have another verdict: `select`, then `rows`.

The build has judged every net. To choose is to compare columns of codes: of the texts that are
asked for each distinct one is read once. Nets become objects only when a row is made, so `rows` is
lazy. A net counts for its own verdict, whatever nets lie inside; those of registries and
placeholders are nobody's and never count. Parties are found in `parties`, counts are made in
`lease_counts`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from . import layout
from .addresses import Network, Span, format_address, format_range, shown
from .audited import Bools, Ints, cells
from .contacts import for_last
from .errors import Error
from .facts import announced_by
from .finding import ranged
from .model import Answer
from .parties import facilitated, halves, holders, named, split, texts_of, unheld, upto, with_user
from .records import Net
from .verdicts import LEASED

if TYPE_CHECKING:
    from .index import Index
    from .store import Tables

_UNHELD: Final = ("unknown", "low", ("no-holder",))
_BLOCK: Final = 256  # nets whose ids become Python's integers at a time


class LeasesError(Error, ValueError):
    """Say that leases are asked for by what there is not: the caller's fault."""


class Row(NamedTuple):
    """Describe a net and its verdict. ``rules`` fired; ``abuse`` are the registry's mailboxes.

    ``route`` and ``origins`` are what the verdict went by (`facts.announced_by`).

    Lessor and lessee are None where the verdict says that nothing is leased, and when unknown.
    """

    first: str
    last: str
    cidrs: tuple[str, ...]
    netname: str | None
    status: str | None
    registry: str
    country: tuple[str, ...]
    holder_country: tuple[str, ...]
    lessor: str | None
    lessor_handle: str | None
    lessee: str | None
    lessee_handle: str | None
    facilitator: str | None
    verdict: str
    confidence: str
    rules: tuple[str, ...]
    route: str | None
    origins: tuple[int, ...]
    abuse: tuple[str, ...]


# -- choosing ---------------------------------------------------------------------------------


def select(
    index: Index, *, lessor: str | None = None, lessee: str | None = None,
    facilitator: str | None = None, country: str | None = None, registry: str | None = None,
    verdicts: Collection[str] = LEASED, confidence: str = "low",
    inside: str | Network | Span | None = None,
) -> Ints:  # fmt: skip
    """Return the ids of the nets with one of some verdicts, int64 (n,), ascending.

    ``lessor`` is a holder's name or organisation handle, ``lessee`` that of the net's own party
    where it is not the holder, ``facilitator`` a name or handle; names compare as `names.normal`.
    ``country`` is one of the net's, ``confidence`` the least one, ``inside`` a range that contains
    the nets whole. Raises `LeasesError`, `AddressError`.
    """
    tables = index._tables
    rows: Ints
    begin, end, bounds = 0, tables.nets, None
    if inside is not None:
        bounds = inside if isinstance(inside, Span) else ranged(inside)
        begin, end = _window(tables, bounds)
    wanted = _judged(tables, verdicts, confidence)
    apart = unheld(tables)
    hidden = apart if "unknown" not in verdicts or confidence != "low" else apart[:0]
    shown_too = _without(apart, hidden)
    blocks = None if lessor is None else _blocks(index, lessor)
    if blocks is None:
        rows = begin + np.flatnonzero(wanted[cells(tables, "piece_verdict")[begin:end]])
    else:
        rows = _beginning_in(tables, blocks)
        rows = rows[(begin <= rows) & (rows < end)]
        rows = rows[wanted[cells(tables, "piece_verdict", rows)]]
    rows = _without(rows, hidden)
    shown_too = _without(shown_too[(begin <= shown_too) & (shown_too < end)], rows)
    if len(shown_too):
        rows = np.sort(np.concatenate([rows, shown_too]))
    role = cells(tables, "piece_role", rows) & layout.ROLE_BITS
    rows = rows[(role != layout.REGISTRY) & (role != layout.PLACEHOLDER)]
    if bounds is not None:
        rows = rows[within(tables, rows, bounds)]
    if registry is not None:
        rows = rows[_published(index, registry)[cells(tables, "net_origin", rows)]]
    if country is not None:
        rows = rows[listing(tables, country)[cells(tables, "net_country", rows)]]
    if blocks is not None:
        rows = rows[np.isin(holders(tables, rows), blocks)]
    if lessee is not None:
        rows = rows[with_user(tables, rows)]
        rows = rows[named(index, rows, lessee)]
    if facilitator is not None:
        rows = rows[facilitated(index, rows, facilitator)]
    return rows


def _without(rows: Ints, others: Ints) -> Ints:
    """Return the rows that are none of others; both ascend."""
    if not len(rows) or not len(others):
        return rows
    few, many = (rows, others) if len(rows) < len(others) else (others, rows)
    place = np.minimum(np.searchsorted(many, few), len(many) - 1)
    same = many[place] == few
    return rows[~same] if few is rows else np.delete(rows, place[same])


def _judged(tables: Tables, verdicts: Collection[str], confidence: str) -> Bools:
    """Mark the rows of the table of verdicts that are wanted."""
    for word, known in (*((verdict, layout.VERDICTS) for verdict in verdicts),
                        (confidence, layout.CONFIDENCES)):  # fmt: skip
        if word not in known:
            raise LeasesError(f"{shown(word)} is none of {', '.join(known)}")
    what = cells(tables, "verdict_what")
    codes = [layout.VERDICTS.index(verdict) for verdict in verdicts]
    enough = what >> layout.CONFIDENCE_SHIFT & 3 >= layout.CONFIDENCES.index(confidence)
    return np.isin(what & layout.VERDICT_BITS, codes) & enough


def _window(tables: Tables, bounds: Span) -> tuple[int, int]:
    """Return the ids between which the nets begin that lie inside a range."""
    if bounds.family == 4:
        begins: memoryview = tables.view("net_first4")
        base, low, high = 0, bounds.first, bounds.last
    else:
        begins = tables.view("net_first6_hi")
        base, low, high = tables.nets4, bounds.first >> 64, bounds.last >> 64
    behind = bisect_right(begins, high, 0, tables.nets4 if not base else tables.nets - base)
    return base + bisect_left(begins, low, 0, behind), base + behind


def within(tables: Tables, rows: Ints, bounds: Span) -> Bools:
    """Mark the nets, of the family of a range, that lie whole inside it."""
    first, last = (divmod(end, 1 << 64) for end in (bounds.first, bounds.last))
    begin_high, begin_low, end_high, end_low = halves(tables, rows)
    lower, upper = ((np.uint64(high), np.uint64(low)) for high, low in (first, last))
    return upto(*lower, begin_high, begin_low) & upto(end_high, end_low, *upper)


def _published(index: Index, registry: str) -> Bools:
    names = [str(origin["registry"]) for origin in index.meta["origins"]]
    if registry.upper() not in names:
        raise LeasesError(f"{shown(registry)} is none of {', '.join(sorted(set(names)))}")
    return np.array([name == registry.upper() for name in names])


def listing(tables: Tables, country: str) -> Bools:
    """Mark the codes of net.country whose lists have a country."""
    wanted = country.strip().upper()
    return np.array([wanted in text.split() for text in texts_of(tables, "country") or [""]])


def _blocks(index: Index, lessor: str) -> Ints:
    """Return the holders' nets whose party has a name or handle, ascending."""
    tables = index._tables
    roles = cells(tables, "piece_role")[: tables.nets] & layout.ROLE_BITS
    blocks = np.flatnonzero(roles == layout.HOLDER)
    return blocks[named(index, blocks, lessor)]


def _beginning_in(tables: Tables, blocks: Ints) -> Ints:
    """Return the nets that begin in some nets, and these, ascending."""
    ends = []
    for base, mine in zip((0, tables.nets4), split(tables, blocks), strict=True):
        name = "6_hi" if base else "4"
        starts = cells(tables, f"net_first{name}")[: tables.nets - base]
        lasts = cells(tables, f"net_last{name}", mine - base)
        ends.append(base + np.searchsorted(starts, lasts, "right"))
    end = np.maximum.accumulate(np.concatenate(ends))
    begin = np.maximum(blocks, np.append(0, end)[:-1])  # what one before has not
    size = np.maximum(end - begin, 0)
    found: Ints = np.arange(size.sum()) + np.repeat(begin - np.cumsum(size) + size, size)
    return found


# -- rows -------------------------------------------------------------------------------------


def rows(index: Index, ids: Ints | Iterable[int]) -> Iterator[Row]:
    """Yield a row for each net, in order; nothing is read of a net before its turn."""
    numbers = np.asarray(ids if isinstance(ids, np.ndarray) else [*ids], np.int64)
    verdicts: dict[int, tuple[str, str, tuple[str, ...]]] = {}
    column = index._tables.view("piece_verdict")
    apart = frozenset(unheld(index._tables).tolist())
    for low in range(0, len(numbers), _BLOCK):
        for number in numbers[low : low + _BLOCK].tolist():
            code = column[number]
            verdict = verdicts.get(code)
            if verdict is None:
                verdict = verdicts[code] = verdict_of(index._tables, code)
            yield _row(index, index.net(number), *(_UNHELD if number in apart else verdict))


def verdict_of(tables: Tables, code: int) -> tuple[str, str, tuple[str, ...]]:
    what, rules = tables.verdict_what[code], tables.verdict_rules[code]
    return (
        layout.VERDICTS[what & layout.VERDICT_BITS],
        layout.CONFIDENCES[what >> layout.CONFIDENCE_SHIFT & 3],
        tuple(name for place, name in enumerate(layout.LEASE_RULES) if rules >> place & 1),
    )


def answer_of(index: Index, net: Net) -> Answer:
    """Return the answer of which a net is the last one, also where another has its range."""
    text = format_range(net.family, *net.bounds)
    return Answer(index, index._tables, text, Span(net.family, *net.bounds, "range"), net.id)


def _row(index: Index, net: Net, verdict: str, confidence: str, rules: tuple[str, ...]) -> Row:
    answer, tables, bounds = answer_of(index, net), index._tables, net.bounds
    holder, facilitator = answer.holder_net, answer.facilitator
    # As `Answer.lessor` and `Answer.lessee`, which would read the verdict again.
    leased = verdict in LEASED
    user = tables.piece_role[net.id] & layout.IS_USER and "user-is-facilitator" not in rules
    lessor, lessor_handle = holder.called if leased and holder else (None, None)
    lessee, lessee_handle = net.called if leased and user else (None, None)
    route, origins = announced_by(answer)
    mailboxes = filter(None, (item.mailbox for item in for_last(answer.chain)))
    first, last = (format_address(net.family, end) for end in bounds)
    return Row(
        first=first, last=last, cidrs=net.cidrs, netname=net.netname, status=net.status,
        registry=net.registry, country=net.country,
        holder_country=holder.country if holder else (), lessor=lessor,
        lessor_handle=lessor_handle, lessee=lessee, lessee_handle=lessee_handle,
        facilitator=(facilitator.name or facilitator.handle) if facilitator else None,
        verdict=verdict, confidence=confidence, rules=rules, route=route,
        origins=origins, abuse=tuple(dict.fromkeys(mailboxes)),
    )  # fmt: skip
