"""Look up what the rules of a verdict saw: routes and origins, maintainers, contacts, dates.

A build stores only which rules fired. The facts stand in the tables of the index already, so each
rule has a function here that finds them again for one answer. Fingerprints and names take 60 ms to
load: only a rule about facilitators needs them.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from typing import TYPE_CHECKING, Final
from weakref import WeakKeyDictionary

from .addresses import Span, prefixes
from .cells import text_at
from .contacts import Contact, for_last
from .records import Net
from .routing import route_of
from .rpsl import GEOFEED_URL, LEASE_WORD, attributes, lines_of
from .verdicts import Judged, entry, judged_of
from .wording import Facts, Some

if TYPE_CHECKING:
    from .fingerprints import Fingerprints, Party
    from .model import Answer
    from .store import Store, Tables

Seen = tuple[str, Facts, str | None]
_KNOWN: WeakKeyDictionary[Store, Fingerprints] = WeakKeyDictionary()
_NAMED: Final = 4  # of origins and prefixes
_SCANNED: Final = 256  # routes inside a net
_QUOTED: Final = 120  # letters of a remark
_LEASE: Final = re.compile(LEASE_WORD, re.IGNORECASE)
_FEED: Final = re.compile(GEOFEED_URL, re.IGNORECASE)
_FREE: Final = ("remarks", "comment")


def seen(case: Case, rule: str) -> Seen:
    """Return what a rule that fired saw: the form of its clause, facts, key of what shows them."""
    return _SEEN.get(rule, _nothing)(case)


class Case:
    """Hold what the facts of one answer are read from; what takes longer is read when needed."""

    def __init__(self, answer: Answer, found: Judged) -> None:
        self.answer = answer
        self.judged = found
        self.tables = answer.tables
        self.net = answer.chain[-1]
        self.holder = answer.holder_net
        self._routes: tuple[Some, tuple[int, ...]] | None = None

    @property
    def block(self) -> str | None:
        """Return the key of the holder's block."""
        return self.holder.key if self.holder else None

    @property
    def below(self) -> list[Net]:
        """Return the last net and those between it and the holder's."""
        chain = list(self.answer.chain)
        at = chain.index(self.holder) if self.holder else len(chain) - 1
        return chain[:at:-1] or [self.net]

    def organisations(self) -> Iterator[tuple[Net, Party]]:
        """Yield those of `below` that have a known facilitator's organisation, with the party."""
        for net in self.below:
            listed = self.known.by_organisation.get((net.org_handle or "").upper())
            if listed and listed.facilitates:
                yield net, listed

    @property
    def routes(self) -> tuple[Some, tuple[int, ...]]:
        """Return the prefixes by which the net is announced, and their origins."""
        if self.answer.moment is not None:
            prefix = self.answer.route
            self._routes = Some((prefix,) if prefix else (), 0), self.answer.origins
        if self._routes is None:
            spans = self._spans()
            found = [
                route
                for span in spans[0]
                if self.judged.how != "inside" or self._holds(span)
                if (route := route_of(self.tables, span))
            ]
            named = [route.prefix for route in found]
            more = len(named[_NAMED:]) + spans[1]
            origins = sorted({asn for route in found for asn in route.origins})
            self._routes = Some(tuple(named[:_NAMED]), more), tuple(origins)
        return self._routes

    def _spans(self) -> tuple[list[Span], int]:
        """Return the ranges whose routes count, and how many more there are."""
        family, (first, last) = self.net.family, self.net.bounds
        if self.judged.how == "inside":
            return _inside(self.tables, family, first, last)
        if self.holder:  # of a net that crosses its holder's, what lies in that
            low, high = self.holder.bounds
            first, last = max(first, low), min(last, high)
        if self.judged.how == "exact":
            parts = prefixes(family, first, last)
            width = 32 if family == 4 else 128
            spans = (Span(family, at, at + (1 << width - n) - 1, "prefix") for at, n in parts)
            exact = [span for span in spans if self._announced(span)]
            if exact:
                return exact, 0
        return [Span(family, first, last, "range")], 0

    def _announced(self, span: Span) -> bool:
        """Say whether there is a route of just a prefix."""
        route = route_of(self.tables, span)
        return route is not None and route.span == (span.first, span.last)

    def _holds(self, span: Span) -> bool:
        """Say whether the net is the smallest one around a route inside of it."""
        for net in self.answer.around(span):
            first, last = net.bounds
            if first <= span.first and span.last <= last:
                return net.id == self.net.id
        return False

    def systems(self, numbers: Iterable[int]) -> Some:
        """Return AS numbers with their names."""
        numbers = tuple(numbers)
        named = tuple(system_text(self.answer, asn) for asn in numbers[:_NAMED])
        return Some(named, len(numbers[_NAMED:]))

    @property
    def known(self) -> Fingerprints:
        """Return whom facilitators are told by: what the build knew."""
        return known_to(self.tables)

    def party(self, listed: Party | None = None) -> dict[str, str]:
        """Return name and kind of a known party, by default of the one that the build found."""
        if listed is not None:
            return {"party": listed.name, "kind": listed.kind}
        if not self.judged.party:
            return {"party": "?", "kind": ""}
        found = entry(self.answer, self.judged.party)
        return {"party": found["name"], "kind": found["kind"]}


def known_to(tables: Tables) -> Fingerprints:
    """Return the parties that the build of an index knew."""
    found = _KNOWN.get(tables.store)
    if found is None:
        from .fingerprints import from_json

        found = _KNOWN[tables.store] = from_json(tables.store.meta["fingerprints"])
    return found


def announced_by(answer: Answer) -> tuple[str | None, tuple[int, ...]]:
    """Return the prefix by which the last net is announced, None for several, and the origins.

    They are what the verdict went by. Where it went by none: the route around the net.
    """
    found = judged_of(answer)
    if found is None or answer.moment or found.how not in ("exact", "inside"):
        return answer.route, answer.origins
    prefixes, origins = Case(answer, found).routes
    return prefixes.items[0] if len(prefixes.items) == 1 else None, origins


def system_text(answer: Answer, asn: int) -> str:
    """Return an AS number with the name of its organisation, as far as the index holds one."""
    name = _system_name(answer, asn)
    return f"AS{asn} ({name})" if name else f"AS{asn}"


def _system_name(answer: Answer, asn: int) -> str | None:
    tables = answer.tables
    for item in answer.objects(f"AS{asn}", "aut-num"):
        held = answer.objects(item.org, "organisation", item.registry) if item.org else []
        name = (held[0].name if held else None) or item.name
        if name:
            return name
    numbers = tables.as_number
    place = bisect_left(numbers, asn)
    if place < len(numbers) and numbers[place] == asn:
        return text_at(tables, "asname", tables.as_name[place])
    return None


def _inside(tables: Tables, family: int, first: int, last: int) -> tuple[list[Span], int]:
    """Return the routes inside a range, at most `_SCANNED`, and how many more begin in it."""
    begins: memoryview | _Joined
    if family == 4:
        begins, lengths, size = tables.view("route4_first"), tables.route4_length, 32
        low, high = bisect_left(begins, first), bisect_left(begins, last + 1)
    else:
        highs, lows = tables.route6_hi, tables.route6_lo
        begins = _Joined(highs, lows)
        lengths, size = tables.route6_length, 128
        low, high = (bisect_left(begins, end, 0, len(highs)) for end in (first, last + 1))
    spans = []
    for place in range(low, min(high, low + _SCANNED)):
        begin = begins[place]
        end = begin | (1 << size - lengths[place]) - 1
        if end <= last and (begin, end) != (first, last):
            spans.append(Span(family, begin, end, "prefix"))
    return spans, max(high - low - _SCANNED, 0)


class _Joined:
    """Read two columns of halves as one of whole addresses."""

    def __init__(self, high: memoryview, low: memoryview) -> None:
        self._high, self._low = high, low

    def __len__(self) -> int:
        return len(self._high)

    def __getitem__(self, place: int) -> int:
        return int(self._high[place]) << 64 | int(self._low[place])


# -- what each rule saw -----------------------------------------------------------------------


def _nothing(_: Case) -> Seen:
    return "", {}, None


def _announced(case: Case) -> Seen:
    prefixes, origins = case.routes
    how = case.judged.how if prefixes.items else ""
    facts: Facts = {"how": how, "prefixes": prefixes, "origins": case.systems(origins)}
    return "", facts, next(iter(prefixes.items), None)


def _silent(case: Case) -> Seen:
    """Tell a net of which smaller nets inside are announced from one that is dark."""
    if case.answer.moment is not None:
        return "", {}, None
    spans, more = _inside(case.tables, case.net.family, *case.net.bounds)
    return "around" if spans or more else "", {}, None


def _same_party(case: Case) -> Seen:
    return "own" if case.net == case.holder else "", {}, case.net.key


def _maintainer(case: Case) -> Seen:
    """Find a facilitator's maintainer on the nets below the holder's, else in its mnt-lower."""
    known = case.known.by_maintainer
    for net in case.below:
        for name in net.mnt_by:
            listed = known.get(name.upper())
            if listed and listed.facilitates:
                form = "" if net == case.net else "above"
                return form, {"maintainer": name, **case.party(listed)}, name
    for name, value in attributes(case.holder.raw) if case.holder else ():
        for item in value.replace(",", " ").split() if name == "mnt-lower" else ():
            listed = known.get(item.upper())
            if listed and listed.facilitates:
                return "block", {"maintainer": item.upper(), **case.party(listed)}, item.upper()
    return "unnamed", case.party(), case.net.key


def _organisation(case: Case) -> Seen:
    for net, listed in case.organisations():
        handle = net.org_handle or "?"
        form = "" if net == case.net else "above"
        return form, {"handle": handle, **case.party(listed)}, handle
    return "unnamed", case.party(), case.net.key


def _of_desk(case: Case) -> Seen:
    for item in for_last(case.answer.chain):
        listed = case.known.match_mailbox(item.mailbox) if item.mailbox else None
        listed = listed or case.known.by_role.get((item.handle or "").upper())
        if listed and listed.facilitates:
            return "", {"mailbox": _reached(item), **case.party(listed)}, item.handle or item.level
    return "unnamed", case.party(), case.net.key


def _reached(contact: Contact) -> str:
    return contact.mailbox or contact.handle or "?"


def _remark(case: Case) -> Seen:
    lines = lines_of(case.net.raw, _FREE)
    text = next((line for line in lines if _LEASE.search(line)), "lease")
    cut = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
    return "", {"text": cut}, case.net.key


def _name(case: Case) -> Seen:
    """Find a facilitator's name on the nets below the holder's."""
    for net in case.below:
        form = "" if net == case.net else "above"
        netname, name = net.netname or "", net.party.name or ""
        for text, listed in (
            (netname, case.known.match_netname(netname)), (name, case.known.match_descr(name)),
        ):  # fmt: skip
            if listed and listed.facilitates:
                return form, {"name": text, **case.party(listed)}, net.key
    return "", {"name": case.net.netname or "", **case.party()}, case.net.key


def _origin(case: Case) -> Seen:
    for asn in case.routes[1]:
        listed = case.known.by_asn.get(asn)
        if listed and listed.facilitates:
            return "", {"origins": case.systems([asn]), **case.party(listed)}, f"AS{asn}"
    return "", {"origins": case.systems(case.routes[1]), **case.party()}, None


def _is_facilitator(case: Case) -> Seen:
    return "", case.party(), case.net.key


def _own_contact(case: Case) -> Seen:
    chain = case.answer.chain
    mine = for_last(chain)
    at = next(k for k, net in enumerate(chain) if net == case.holder) if case.holder else -1
    theirs = for_last(chain[: at + 1]) if at >= 0 else []
    facts = {"mailbox": _reached(mine[0]) if mine else "?"}
    key = mine[0].handle or case.net.key if mine else case.net.key
    if theirs and _reached(theirs[0]) != facts["mailbox"]:
        return "theirs", facts | {"theirs": _reached(theirs[0])}, key
    return "", facts, key


def _geofeed(case: Case) -> Seen:
    pairs = attributes(case.net.raw)
    urls = [value for name, value in pairs if name == "geofeed" and value]
    urls += [hit[1] for _, value in pairs if (hit := _FEED.search(value))]
    return "url" if urls else "", {"url": urls[0]} if urls else {}, case.net.key


def _country(case: Case) -> Seen:
    theirs = case.holder.country if case.holder else ()
    facts = {"country": " ".join(case.net.country), "theirs": " ".join(theirs)}
    return "", facts, case.net.key


def _created(case: Case) -> Seen:
    theirs = case.holder.created if case.holder else None
    return "", {"created": _day(case.net.created), "theirs": _day(theirs)}, case.net.key


def _day(value: date | None) -> str:
    return value.isoformat() if value else "?"


def _block(case: Case) -> Seen:
    return "", {}, case.block


def _without_as(case: Case) -> Seen:
    return "", {}, (case.holder.org_handle if case.holder else None) or case.block


def _status(case: Case) -> Seen:
    return "", {"status": case.net.status or "?"}, case.net.key


def _of_user(case: Case) -> Seen:
    """Find which origin is the user's: by the organisation, else by the name."""
    origins = case.routes[1]
    handle, name = case.net.org_handle, case.net.party.name
    for asn in origins if handle else ():
        if any(item.org == handle for item in case.answer.objects(f"AS{asn}", "aut-num")):
            return "", {"origins": case.systems([asn])}, f"AS{asn}"
    from .names import normal

    wanted = normal(name or "")
    for asn in origins:
        if normal(_system_name(case.answer, asn) or "") == wanted:
            return "", {"origins": case.systems([asn])}, f"AS{asn}"
    return "", {"origins": case.systems(origins)}, None


def _turnover(case: Case) -> Seen:
    """Name the parties that held just this range one after the other, and since when."""
    span = Span(case.net.family, *case.net.bounds, "address")
    ranges = case.answer.history(span).ranges
    tenures = next(item.tenures for item in ranges if item.relation == "exact")
    named = [item.name or item.handle or "?" for item in tenures]
    users = Some(tuple(named[-_NAMED:]), max(len(named) - _NAMED, 0))
    return "", {"users": users, "since": _day(tenures[0].first_seen)}, case.net.key


_SEEN: Final[dict[str, Callable[[Case], Seen]]] = {
    **dict.fromkeys(("origin-unrelated", "origin-related", "block-announced"), _announced),
    "not-announced": _silent, "same-party": _same_party, "facilitator-maintainer": _maintainer,
    "facilitator-organisation": _organisation, "facilitator-contact": _of_desk,
    "lease-remark": _remark, "facilitator-name": _name, "facilitator-origin": _origin,
    "user-is-facilitator": _is_facilitator, "own-contact": _own_contact, "own-geofeed": _geofeed,
    "country-differs": _country, "created-later": _created, "siblings-differ": _block,
    "roa-foreign": _block, "sub-allocated-24": _status, "holder-without-as": _without_as,
    "origin-service": _announced, "origin-of-user": _of_user, "turnover": _turnover,
}  # fmt: skip
