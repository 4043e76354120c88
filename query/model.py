"""Define what a look-up gives: `Answer`, `HandleAnswer`, `Lease`, `Note`.

An answer, too, reads its members when they are asked for. It is frozen, keeps the index's memory
alive, and raises `StoreError` once the index is closed. `to_dict` gives the JSON.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from . import ladder, layout
from .addresses import Span
from .cells import Json
from .contacts import Contact, registered
from .records import Net, Object, Party, chain_of

if TYPE_CHECKING:
    from .authority import Authority
    from .desk import Desk
    from .index import Index
    from .ladder import Independence, Memory
    from .past import Moment
    from .routing import Route
    from .store import Tables
    from .tenures import History

SCHEMA_VERSION = 1


class Note(NamedTuple):
    """Say something about an answer: a stable code and a sentence."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Lease:
    """Hold the verdict whether a block appears to be leased, and its confidence.

    Both are inferences from public data. The evidence is read when it is asked for.
    """

    verdict: str = "unknown"
    confidence: str | None = None
    answer: Answer | None = field(default=None, repr=False, compare=False)

    @property
    def evidence(self) -> tuple[Json, ...]:
        """Return the rules that fired, those that decide first: rule, detail, object."""
        if self.answer is None:
            return ()
        from .verdicts import evidence, to_json

        return tuple(to_json(evidence(self.answer)))

    def not_fired(self) -> tuple[Json, ...]:
        """Return the rules that did not fire and what they would have needed: rule, detail."""
        if self.answer is None:
            return ()
        from .verdicts import not_fired

        return tuple({"rule": rule, "detail": text} for rule, text in not_fired(self.answer))

    def to_dict(self, explain: bool = False) -> Json:
        """Return the lease as in the JSON of an answer; ``explain`` adds `not_fired`."""
        found: Json = {
            "verdict": self.verdict, "confidence": self.confidence, "evidence": [*self.evidence],
        }  # fmt: skip
        return found | {"not_fired": [*self.not_fired()]} if explain else found


UNJUDGED = Lease()


class Answer:
    """Answer one query. False when nothing matched; `notes` say why.

    ``chain`` holds the nets that contain all of the query, widest first; ``holder``, ``user`` and
    the other parties are None where there is none. What is missing is None, empty or `unknown`.
    """

    __slots__ = ("_chain", "_index", "_piece", "_span", "_tables", "query")

    object: Object | Net | None = None

    def __init__(
        self, index: Index, tables: Tables, query: str, span: Span | int, piece: int
    ) -> None:
        self._index = index
        self._tables = tables
        self._span = span
        self._piece = piece
        self._chain: tuple[Net, ...] | None = None
        self.query = query

    def __bool__(self) -> bool:
        return bool(self.chain)

    @property
    def span(self) -> Span | None:
        """Return the queried range, None for a handle or AS number."""
        span = self._span
        return Span(4, span, span, "address") if isinstance(span, int) else span

    @property
    def moment(self) -> Moment | None:
        """Return the earlier day that is answered for (`past`), None for today."""
        return None

    @property
    def kind(self) -> str:
        """Return what the query was: address, prefix, range, asn or handle."""
        return "address" if isinstance(self._span, int) else self._span.kind

    @property
    def chain(self) -> tuple[Net, ...]:
        """Return the nets that contain all of the query, widest first."""
        chain = self._chain
        if chain is None:
            nets = chain_of(self._tables, self._piece)
            if type(self._span) is not int:
                nets = self._containing(nets)
            nets.reverse()
            chain = self._chain = tuple(nets)
        return chain

    def _containing(self, nets: list[Net]) -> list[Net]:
        """Keep the nets that contain the whole query, from the first that is no registry block."""
        last = self._span.last  # type: ignore[union-attr]
        nets = [net for net in nets if net.bounds[1] >= last]
        while nets and nets[0].role == "registry":
            nets.pop(0)
        if not nets:
            return nets
        from .verdicts import holding

        end = nets[0]._piece
        piece = holding(self._tables, end)
        if piece >= 0 and all(net._piece != piece for net in nets):
            end = -1  # the verdict is for a holder that does not hold all of the range
        return [Net(self._tables, net.id, net._piece, end) for net in nets]

    @property
    def registry(self) -> str | None:
        """Return the registry that answers, None where nothing matched."""
        return self.chain[-1].registry if self.chain else None

    @property
    def holder_net(self) -> Net | None:
        """Return the holder's net, the last of the chain with that role; None for an orphan."""
        bits, holder = layout.ROLE_BITS, layout.HOLDER
        for net in reversed(self.chain):
            if net._tables.piece_role[net._piece] & bits == holder:
                return net
        return None

    @property
    def holder(self) -> Party | None:
        """Return the party the registry delegated the range to, None for an orphan."""
        net = self.holder_net
        return net.party if net else None

    @property
    def user(self) -> Party | None:
        """Return the party of the last net when it is not the holder, else None."""
        if not self.chain:
            return None
        last = self.chain[-1]
        differs = last._tables.piece_role[last._piece] & layout.IS_USER
        party = last.party if differs else None
        return party if party and (party.name or party.handle) else None

    @property
    def lease(self) -> Lease:
        """Return whether the block appears to be leased; `unknown` without a chain."""
        from .verdicts import judged_of

        found = judged_of(self)
        return Lease(found.verdict, found.confidence, self) if found else UNJUDGED

    @property
    def lessor(self) -> Party | None:
        """Return the holder where the block appears to be leased, else None."""
        from .verdicts import appears_leased

        return self.holder if appears_leased(self) else None

    @property
    def lessee(self) -> Party | None:
        """Return the user where the block appears to be leased, None where nobody is known."""
        from .verdicts import lessee_known

        return self.user if lessee_known(self) else None

    @property
    def facilitator(self) -> Party | None:
        """Return who stands between holder and user, None where nothing shows anybody."""
        from .verdicts import facilitator_of

        return facilitator_of(self)

    @property
    def sponsor(self) -> Party | None:
        """Return the organisation that sponsors the holder's net, None without one."""
        from .verdicts import sponsor_of

        return sponsor_of(self)

    @property
    def route(self) -> str | None:
        """Return the longest announced prefix that contains the query, None without routes."""
        found = self._route()
        return found.prefix if found else None

    @property
    def origins(self) -> tuple[int, ...]:
        """Return the AS numbers that announce `route`, ascending."""
        found = self._route()
        return found.origins if found else ()

    def _route(self) -> Route | None:
        span = self.span if len(self._tables.origin_asn) else None
        if span is None:
            return None
        from .routing import route_of

        return route_of(self._tables, span)

    @property
    def abuse(self) -> tuple[Contact, ...]:
        """Return what the registry's own rule gives, the last net first (`contacts.registered`)."""
        return tuple(registered(self.chain))

    @property
    def contacts(self) -> tuple[Contact, ...]:
        """Return whom to tell, in order (`ladder.ranked`)."""
        return tuple(ladder.ranked(self))

    @property
    def independence(self) -> Independence | None:
        """Return whether user and holder are reached at different places; None without a user."""
        return ladder.independence(self)

    @property
    def desk(self) -> Desk:
        """Return the user's own files: overrides, whom not to bother, forms, CSIRTs."""
        return self._index.desk

    @property
    def memory(self) -> Memory:
        """Return what `ladder` keeps for the answers of an index."""
        return self._index.memory

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return what a reader should know about this answer."""
        from .notes import notes_of

        return notes_of(self)

    @property
    def all(self) -> tuple[Net, ...]:
        """Return every net that contains the query, also those that never stand in a chain."""
        known = {net: net for net in self.chain}
        registry = self.registry
        if registry is None and (authority := self.authority):
            registry = authority.registry
        found = []
        for net in self.containing:
            other = net.role != "placeholder" and registry not in (None, net.registry)
            found.append(known.get(net) or (net.as_foreign() if other else net))
        return tuple(found)

    @property
    def authority(self) -> Authority | None:
        """Return which registry is responsible and by what rule, None for a handle."""
        span = self.span
        return self.authority_of(span, self.containing) if span else None

    def authority_of(self, span: Span, nets: list[Net]) -> Authority:
        """Return which registry is responsible for a range; ``nets`` are all that contain it."""
        from .authority import responsible

        return responsible(self._tables, span, nets)

    @property
    def containing(self) -> list[Net]:
        """Return every net that contains the query, of any registry and role, widest first."""
        span = self.span
        return self._index.containing(span) if span else []

    @property
    def tables(self) -> Tables:
        """Return the tables of the index, for those who explain."""
        return self._tables

    def around(self, span: Span) -> list[Net]:
        """Return the nets that contain the first address of a range, the last one first."""
        piece = self._index._piece(span.family, span.first)
        return chain_of(self._tables, piece)

    def history(self, span: Span) -> History:
        """Return who held a range when, for those who explain."""
        return self._index.history(span)

    def objects(self, key: str, kind: str, registry: str | None = None) -> list[Object]:
        """Return objects of the index by key, for those who explain."""
        return self._index.objects(key, kind, registry)

    @property
    def more(self) -> tuple[Net, ...]:
        """Return the nets inside the queried range, ascending."""
        span = self.span
        if span is None:
            return ()
        known = {net.id for net in self.chain}
        found = self._index.nets(inside=span)
        return tuple(self._index.net(row) for row in found if row not in known)

    def to_dict(
        self, *, more: bool = False, everything: bool = False, explain: bool = False
    ) -> Json:
        """Return the answer as in `lookup --json`."""
        return _answer_dict(self, more, everything, explain, None)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.query!r} {[net.netname for net in self.chain]}>"


class HandleAnswer(Answer):
    """Answer a query for a handle or an AS number: the object, and the nets that refer to it."""

    __slots__ = ("_more", "object")

    def __init__(
        self, index: Index, tables: Tables, query: str, kind: str,
        found: Object | Net | None, more: Callable[[], list[int]],
    ) -> None:  # fmt: skip
        super().__init__(index, tables, query, Span(0, 0, -1, kind), -1)
        self.object = found
        self._more = more

    def __bool__(self) -> bool:
        return self.object is not None or (self.kind == "contact" and bool(self._more()))

    @property
    def span(self) -> Span | None:
        """Return None: a handle is no range."""
        return None

    @property
    def registry(self) -> str | None:
        """Return the registry that publishes the object."""
        return self.object.registry if self.object else None

    @property
    def more(self) -> tuple[Net, ...]:
        """Return the nets that refer to the object, ascending."""
        return tuple(self._index.net(row) for row in self._more())

    def to_dict(
        self, *, more: bool = False, everything: bool = False, explain: bool = False
    ) -> Json:
        """Return the answer as in `lookup --json`; `more` is always there."""
        found = self.object.as_object(explain) if self.object else None
        return _answer_dict(self, True, False, explain, found)


def party_dict(party: Party | None) -> Json | None:
    return party._asdict() if party else None


def _answer_dict(
    answer: Answer, more: bool, everything: bool, explain: bool, found: Json | None
) -> Json:
    result: Json = {
        "schema_version": SCHEMA_VERSION, "query": answer.query, "kind": answer.kind,
        "registry": answer.registry, "chain": [net.to_dict(explain) for net in answer.chain],
        "holder": party_dict(answer.holder), "user": party_dict(answer.user),
        "lessor": party_dict(answer.lessor), "lessee": party_dict(answer.lessee),
        "facilitator": party_dict(answer.facilitator), "sponsor": party_dict(answer.sponsor),
        "lease": answer.lease.to_dict(explain),
        "abuse": [item.to_dict() for item in answer.abuse],
        "route": answer.route, "origins": list(answer.origins),
        "notes": [note._asdict() for note in answer.notes],
    }  # fmt: skip
    if isinstance(answer, HandleAnswer):
        result["object"] = found
    if explain and (authority := answer.authority):
        result["authority"] = authority._asdict()
    if more:
        result["more"] = [net.to_dict(explain) for net in answer.more]
    if everything:
        result["all"] = [net.to_dict(explain) for net in answer.all]
    return result
