"""Give the columns of `batch` for many nets at once, as spans of texts that nobody copies.

A column is texts in a buffer of the index, chosen by codes. Which columns there are is in
`COLUMNS`, those that are read here in `OF_NETS`; the others are asked of answers (`entries`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import layout
from .audited import Bools, Ints, cells, first_up
from .errors import BatchError
from .layout import MORE_ITEMS, RESULT_BITS
from .parties import facilitators, nets_of, no_names, rules_of
from .quads import write_quads
from .records import Net

if TYPE_CHECKING:
    from .store import Tables

DEFAULT: Final = (
    "ip", "first", "last", "netname", "status", "country", "registry", "holder", "holder_handle",
    "user", "lessee", "facilitator", "verdict", "confidence", "abuse", "abuse_holder", "depth",
    "error",
)  # fmt: skip
MORE: Final = (
    "input", "lessor", "sponsor", "contact", "contact_rule", "descr", "org", "mnt_by", "created",
    "modified", "source", "route", "origins",
)  # fmt: skip
COLUMNS: Final = DEFAULT + MORE


def checked(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of columns. Raises `BatchError` for one that there is not, and for none."""
    unknown = [name for name in columns if name not in COLUMNS]
    if unknown or not columns:
        raise BatchError(
            f"{', '.join(unknown) or 'nothing'} is no column: choose from {', '.join(COLUMNS)}"
        )
    return tuple(columns)


class Texts(NamedTuple):
    """Hold a text for each of n rows: ``length`` bytes from ``start`` on in one of some buffers.

    ``source`` says in which of ``buffers`` (uint8 arrays), by row.
    """

    buffers: tuple[NDArray[np.uint8], ...]
    source: NDArray[np.int8]
    start: Ints
    length: Ints

    def picked(self, rows: Ints | slice) -> Texts:
        """Return the texts of some rows."""
        return Texts(self.buffers, self.source[rows], self.start[rows], self.length[rows])

    def at(self, place: Ints, there: Bools) -> Texts:
        """Return the texts with some numbers, for the rows that are there; others are empty."""
        if there.all():
            return self.picked(place)
        source = np.zeros(len(there), np.int8)
        start, length = np.zeros((2, len(there)), np.int64)
        source[there], start[there] = self.source[place], self.start[place]
        length[there] = self.length[place]
        return Texts(self.buffers, source, start, length)

    def decoded(self, rows: Ints) -> list[str]:
        """Return the texts of some rows."""
        views = [buffer.data for buffer in self.buffers]
        start = self.start[rows]
        ends = (start + self.length[rows]).tolist()
        spans = zip(self.source[rows].tolist(), start.tolist(), ends, strict=True)
        return [str(views[source][begin:end], "utf-8", "replace") for source, begin, end in spans]


def texts_of(items: Sequence[bytes], codes: Ints | None = None) -> Texts:
    """Return some texts, or those with some codes."""
    length = np.array([len(item) for item in items], np.int64)
    start = np.cumsum(length) - length
    if codes is not None:
        start, length = start[codes], length[codes]
    body = np.frombuffer(b"".join(items) + bytes(8), np.uint8)
    return Texts((body,), np.zeros(len(start), np.int8), start, length)


class Dictionary(NamedTuple):
    """Hold a dictionary of the index: its text, and where each of its codes begins."""

    text: NDArray[np.uint8]
    at: Ints

    def texts(self, codes: NDArray[Any]) -> Texts:
        """Return the texts with some codes."""
        codes = codes.astype(np.int64)
        start = self.at[codes]
        length = self.at[codes + 1] - start
        return Texts((self.text,), np.zeros(len(codes), np.int8), start, length)


class Dictionaries:
    """Hold the texts of an index for columns: made once (`Index.dictionaries`)."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables
        self._known: dict[tuple[str, bool], Dictionary] = {}

    def __getitem__(self, name: str) -> Dictionary:
        """Return a dictionary; the items of a list have line feeds between them."""
        return self._made(name, False)

    def joined(self, name: str) -> Dictionary:
        """Return a dictionary of lists, the items with blanks between them."""
        return self._made(name, True)

    def _made(self, name: str, joined: bool) -> Dictionary:
        found = self._known.get((name, joined))
        if found is None:
            text = np.frombuffer(self.tables.view(f"text_{name}"), np.uint8)
            if joined:
                text = np.where(text == 10, np.uint8(32), text)
            at = cells(self.tables, f"text_{name}_at").astype(np.int64)
            found = self._known[name, joined] = Dictionary(text, at)
        return found

    @cached_property
    def whole(self) -> Bools:
        """Return which nets are crossed by no other, so that they are one piece."""
        whole = np.ones(self.tables.nets, bool)
        whole[cells(self.tables, "piece_net")] = False
        return whole

    @cached_property
    def nameless(self) -> Bools:
        """Return which texts of descr are nobody's name."""
        text, at = self["descr"]
        return no_names(text, at, np.arange(len(at) - 1))

    @cached_property
    def mail(self) -> Ints:
        """Return the first mailbox of each result of contacts, a code of text.mail, 0 = none."""
        mail = cells(self.tables, "contact_mail").astype(np.int64)
        more = (cells(self.tables, "contact_what") & MORE_ITEMS) > 0
        while True:
            later = np.append(mail[1:], 0)
            further = np.where((mail == 0) & more, later, mail)
            if np.array_equal(further, mail):
                return mail
            mail = further


class Nets:
    """Give the columns of some nets (k,), each the last one of its chain and crossed by none."""

    def __init__(self, known: Dictionaries, rows: Ints) -> None:
        self._known, self.rows = known, rows
        self._tables = known.tables

    def column(self, name: str) -> Texts:
        """Return one of the columns in `OF_NETS`."""
        return OF_NETS[name](self)

    def _cell(self, name: str, rows: Ints | None = None) -> NDArray[Any]:
        return cells(self._tables, name, self.rows if rows is None else rows)

    def coded(self, name: str, *, joined: bool = False) -> Texts:
        """Return a column that is codes of a dictionary; see `Dictionaries`."""
        known = self._known.joined(name) if joined else self._known[name]
        return known.texts(self._cell(f"net_{name}"))

    @cached_property
    def holder(self) -> Ints:
        """Return each holder's net, -1 = none."""
        roles = cells(self._tables, "piece_role")
        return nets_of(self._tables, first_up(self._tables, self.rows, lambda piece, _: (
            (roles[piece] & layout.ROLE_BITS) == layout.HOLDER
        )))  # fmt: skip

    @cached_property
    def what(self) -> NDArray[np.uint8]:
        """Return verdict and confidence of each net."""
        return np.asarray(cells(self._tables, "verdict_what")[self._cell("piece_verdict")])

    @cached_property
    def leased(self) -> Bools:
        """Return which nets appear to be leased."""
        verdict = self.what & layout.VERDICT_BITS
        return np.isin(verdict, [layout.VERDICTS.index(name) for name in _LEASED])

    @cached_property
    def uses(self) -> Bools:
        """Return which nets have a user."""
        return np.asarray(self._cell("piece_role") & layout.IS_USER > 0)

    @cached_property
    def stock(self) -> Bools:
        """Return which nets have a known facilitator as user."""
        return np.asarray(rules_of(self._tables, self.rows) & _STOCK > 0)

    def names(self, nets: Ints) -> Texts:
        """Return names, else handles, of the parties of some nets; of -1 it is empty."""
        tables, known = self._tables, self._known
        there = nets >= 0
        rows = np.where(there, nets, 0)
        org = cells(tables, "net_org", rows).astype(np.int64)
        objects = cells(tables, "org_object")[org]
        names = np.zeros(len(rows), np.int64)
        names[objects >= 0] = cells(tables, "object_name")[objects[objects >= 0]]
        descr = cells(tables, "net_descr", rows).astype(np.int64)
        descr[known.nameless[descr]] = 0
        netname = cells(tables, "net_netname", rows).astype(np.int64)
        parts = [("name", names), ("descr", descr), ("netname", netname), ("org", org)]
        return _first(known, parts, there)

    def abuse(self, nets: Ints) -> Texts:
        """Return the first mailbox by the registry's rule of some nets; of -1 it is empty."""
        result = cells(self._tables, "net_contact", np.maximum(nets, 0)) & np.uint32(RESULT_BITS)
        mail = self._known.mail[result]
        mail[nets < 0] = 0
        return self._known["mail"].texts(mail)

    def depth(self) -> Ints:
        """Return how many nets of each chain are no blocks of a registry."""
        above, roles = cells(self._tables, "piece_above"), cells(self._tables, "piece_role")
        count = np.zeros(len(self.rows), np.int64)
        place, piece = np.arange(len(self.rows)), self.rows
        while len(place):
            count[place] += (roles[piece] & layout.ROLE_BITS) != layout.REGISTRY
            place, piece = place[above[piece] >= 0], above[piece][above[piece] >= 0]
        return count

    def between(self) -> Texts:
        """Return the names of facilitators."""
        known, nets = facilitators(self._tables, self.rows)
        listed = [b"", *(one["name"].encode() for one in self._tables.store.meta["facilitators"])]
        named, others = texts_of(listed, known), self.names(nets)
        return Texts(
            named.buffers + others.buffers,
            np.where(known > 0, named.source, others.source + 1).astype(np.int8),
            np.where(known > 0, named.start, others.start),
            np.where(known > 0, named.length, others.length),
        )

    def origin(self, name: str) -> Texts:
        """Return what the origins of the records say: registry or source."""
        listed = [str(one[name]).encode() for one in self._tables.store.meta["origins"]]
        return texts_of(listed or [b""], self._cell("net_origin").astype(np.int64))

    def day(self, name: str) -> Texts:
        """Return dates; 1 January 1970 is none."""
        days, codes = np.unique(self._cell(f"net_{name}"), return_inverse=True)
        texts = [str(day) for day in days.astype("M8[D]")]
        named = [text.encode() if day else b"" for text, day in zip(texts, days, strict=True)]
        return texts_of(named or [b""], codes)

    def ends(self, name: str) -> Texts:
        """Return first or last addresses."""
        tables = self._tables
        four = self.rows < tables.nets4
        found: list[bytes] = [b""] * len(self.rows)
        for k in np.flatnonzero(~four).tolist():
            net = Net(tables, int(self.rows[k]), int(self.rows[k]))
            found[k] = str(getattr(net, name)).encode()
        quads = write_quads(cells(tables, f"net_{name}4", self.rows[four]))
        for k, quad in zip(np.flatnonzero(four).tolist(), quads, strict=True):
            found[k] = quad
        return texts_of(found)


_LEASED: Final = ("leased", "likely-leased")
_STOCK: Final = np.uint32(1 << layout.LEASE_RULES.index("user-is-facilitator"))


def _first(known: Dictionaries, parts: list[tuple[str, Ints]], there: Bools) -> Texts:
    """Return the first of some texts that is one, row by row."""
    buffers = tuple(known[name].text for name, _ in parts)
    count = len(there)
    source = np.zeros(count, np.int8)
    start, length = np.zeros(count, np.int64), np.zeros(count, np.int64)
    rest = there.copy()
    for place, (name, codes) in enumerate(parts):
        which = np.flatnonzero(rest & (codes > 0))
        found = known[name].texts(codes[which])
        source[which], start[which], length[which] = place, found.start, found.length
        rest[which] = False
    return Texts(buffers, source, start, length)


def _where(nets: Ints, kept: Bools) -> Ints:
    return np.where(kept, nets, -1)


def _handles(nets: Nets) -> Texts:
    org = cells(nets._tables, "net_org", np.maximum(nets.holder, 0)).astype(np.int64)
    return nets._known["org"].texts(np.where(nets.holder >= 0, org, 0))


def _words(nets: Nets, words: Iterable[str], codes: NDArray[Any]) -> Texts:
    return texts_of([word.encode() for word in words], codes.astype(np.int64))


OF_NETS: Final[dict[str, Callable[[Nets], Texts]]] = {
    "first": lambda nets: nets.ends("first"),
    "last": lambda nets: nets.ends("last"),
    **{
        name: (lambda nets, name=name: nets.coded(name))  # type: ignore[misc]
        for name in ("netname", "status", "org")
    },
    "country": lambda nets: nets.coded("country", joined=True),
    "mnt_by": lambda nets: nets.coded("mnt_by", joined=True),
    "registry": lambda nets: nets.origin("registry"),
    "source": lambda nets: nets.origin("source"),
    "created": lambda nets: nets.day("created"),
    "modified": lambda nets: nets.day("modified"),
    "holder": lambda nets: nets.names(nets.holder),
    "holder_handle": _handles,
    "user": lambda nets: nets.names(_where(nets.rows, nets.uses)),
    "lessor": lambda nets: nets.names(_where(nets.holder, nets.leased)),
    "lessee": lambda nets: nets.names(_where(nets.rows, nets.leased & nets.uses & ~nets.stock)),
    "facilitator": Nets.between,
    "verdict": lambda nets: _words(nets, layout.VERDICTS, nets.what & layout.VERDICT_BITS),
    "confidence": lambda nets: _words(
        nets, layout.CONFIDENCES, nets.what >> layout.CONFIDENCE_SHIFT & 3
    ),
    "abuse": lambda nets: nets.abuse(nets.rows),
    "abuse_holder": lambda nets: nets.abuse(nets.holder),
    "depth": lambda nets: _numbers(nets.depth()),
}


def _numbers(numbers: Ints) -> Texts:
    largest = int(numbers.max(initial=0))
    return texts_of([b"%d" % number for number in range(largest + 1)], numbers)
