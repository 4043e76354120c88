"""Give the columns of `batch` for many answers, each of them once.

Rows whose answers are the same in every column that is asked for share an entry: those of one net,
and of one route where routes count. What stands in the index as codes is read for all entries
together (`columns`); the rest (the ranked contacts, descriptions of several lines, nets that others
cross) is asked of one answer an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .audited import Bools, Ints
from .columns import OF_NETS, Dictionaries, Nets, Texts, texts_of
from .ladder import in_order
from .render import clean
from .routing import Route

if TYPE_CHECKING:
    from .model import Answer

Value = str | int | tuple[str, ...] | tuple[int, ...] | None
LISTS: Final = ("country", "mnt_by", "descr", "origins")
ROUTES: Final = ("route", "origins")


class Coded(NamedTuple):
    """Hold a value for each of n rows: ``values[codes[i]]``, where -1 is a missing value.

    Values are clean of control characters, distinct, and never missing themselves. Lists are
    tuples, `depth` and AS numbers int, everything else text.
    """

    values: Sequence[Value]
    codes: Ints


class Entries:
    """Hold k distinct answers: the piece and route of each, and how to ask for it.

    ``pieces`` (k,) are pieces of the index, never -1; ``routes`` has, where asked for, the longest
    route of each, None without one. ``whole`` marks the nets that no other net crosses. What lies
    behind all pieces has an answer that is asked for every column. ``read`` reads a column of one.
    """

    def __init__(
        self, known: Dictionaries, pieces: Ints, routes: Sequence[Route | None] | None,
        ask: Callable[[int], Answer], read: Callable[[Answer, str], Value] | None = None,
    ) -> None:  # fmt: skip
        self._known, self.pieces, self._routes = known, pieces, routes
        self._reading = read or value_of
        self._asked: dict[int, Answer] = {}
        self._coded: dict[str, Coded] = {}
        self._asking = ask
        self.whole: Bools = pieces < known.tables.nets
        self.whole[self.whole] = known.whole[pieces[self.whole]]

    def __len__(self) -> int:
        """Return how many answers there are."""
        return len(self.pieces)

    def answer(self, entry: int) -> Answer:
        """Return one of the answers."""
        found = self._asked.get(entry)
        if found is None:
            found = self._asked[entry] = self._asking(entry)
        return found

    def texts(self, name: str) -> Texts:
        """Return a column as texts, (k,); they may hold control characters."""
        if name not in OF_NETS:
            coded = self.coded(name)
            texts = [*(text_of(value).encode() for value in coded.values), b""]
            return texts_of(texts, np.where(coded.codes < 0, len(texts) - 1, coded.codes))
        return self._of_nets(name, " ")

    def _of_nets(self, name: str, between: str) -> Texts:
        """Return a column of `OF_NETS`; ``between`` stands between items of a list."""
        nets = Nets(self._known, self.pieces[self.whole])
        found = nets.coded(name) if name in LISTS and between == "\n" else nets.column(name)
        if self.whole.all():
            return found
        cut = np.flatnonzero(~self.whole).tolist()
        values = (self._reading(self.answer(entry), name) for entry in cut)
        asked = texts_of([text_of(value, between).encode("utf-8", "replace") for value in values])
        source = np.full(len(self), len(found.buffers), np.int8)
        start, length = np.empty(len(self), np.int64), np.empty(len(self), np.int64)
        for rows, part in ((self.whole, found), (~self.whole, asked)):
            start[rows], length[rows] = part.start, part.length
        source[self.whole] = found.source
        return Texts((*found.buffers, *asked.buffers), source, start, length)

    def coded(self, name: str) -> Coded:
        """Return a column as values, (k,)."""
        if name not in self._coded:
            self._coded[name] = self._read(name)
        return self._coded[name]

    def _read(self, name: str) -> Coded:
        if name == "error":
            return Coded((), np.full(len(self), -1, np.int64))
        if name in ROUTES and self._routes is not None:
            return coded([route and _of_route(route, name) for route in self._routes])
        if name not in OF_NETS:
            return coded([self._reading(self.answer(entry), name) for entry in range(len(self))])
        return _told_apart(self._of_nets(name, "\n"), name)


def coded(values: Sequence[Value]) -> Coded:
    """Return values that may be missing or come again as `Coded`."""
    known: dict[Value, int] = {}
    codes = [
        known.setdefault(cleaned(value), len(known)) if value or value == 0 else -1
        for value in values
    ]
    return Coded([*known], np.array(codes, np.int64))


def _told_apart(texts: Texts, name: str) -> Coded:
    """Return texts as values: equal ones of one place are read once."""
    place = texts.start << 3 | texts.source
    place[texts.length == 0] = -1
    places, first, codes = np.unique(place, return_index=True, return_inverse=True)
    missing = len(places) > 0 and places[0] == -1
    values: list[Any] = texts.decoded(first[1:] if missing else first)
    if name == "depth":
        values = [int(value) for value in values]
    elif name in LISTS:
        values = [tuple(value.split("\n")) for value in values]
    found = coded(values)
    return Coded(found.values, np.append(-1, found.codes)[codes + 1 - missing])


def _of_route(route: Route, name: str) -> Value:
    return route.prefix if name == "route" else route.origins


def cleaned(value: Value) -> Value:
    """Return a value without control characters."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, tuple):
        return tuple(clean(item) if isinstance(item, str) else item for item in value)  # type: ignore[return-value]
    return value


def text_of(value: Value, between: str = " ") -> str:
    """Return a value as a cell of a table has it: lists joined with blanks, "" for nothing."""
    if isinstance(value, tuple):
        return between.join(map(str, value))
    return "" if value is None else str(value)


# -- one answer -------------------------------------------------------------------------------


def value_of(answer: Answer, name: str) -> Value:
    """Return what an answer has in a column of the net or the route, None for nothing."""
    chain = answer.chain
    if not chain:
        return None
    value: Any
    match name:
        case "org":
            value = chain[-1].org_handle
        case "holder" | "user" | "lessor" | "lessee" | "facilitator" | "sponsor":
            party = getattr(answer, name)
            value = party and (party.name or party.handle)
        case "holder_handle":
            value = answer.holder and answer.holder.handle
        case "verdict" | "confidence":
            value = getattr(answer.lease, name)
        case "depth":
            value = sum(net.role != "registry" for net in chain)
        case "contact" | "contact_rule":
            top = next(in_order(answer), None)
            value = top and (top.rule if name == "contact_rule" else top.mailbox or top.handle)
        case "route" | "origins":
            value = getattr(answer, name)
        case "abuse" | "abuse_holder":
            value = _abuse(answer, name)
        case _:
            value = getattr(chain[-1], name)
    return value if isinstance(value, (int, tuple)) or value is None else str(value) or None


def _abuse(answer: Answer, name: str) -> str | None:
    """Return the first mailbox by the registry's rule for the last net, or the holder's."""
    from .contacts import for_last

    chain = answer.chain
    if name == "abuse_holder":
        holder = answer.holder_net
        chain = chain[: chain.index(holder) + 1] if holder else ()
    found = for_last(chain) if chain else []
    return next((contact.mailbox for contact in found if contact.mailbox), None)
