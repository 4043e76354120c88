"""Read the verdict on a block, its evidence and the parties of a lease out of an index.

The build judges (`rirdex.indexer.leasing`) and stores a bit for each rule that fired. What the
rules saw is looked up in `facts`, only when somebody asks for the evidence; `wording` says it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from . import layout
from .cells import Json, text_at
from .layout import LEASE_RULES
from .records import Party
from .rpsl import attributes
from .wording import Facts, clause, lack

if TYPE_CHECKING:
    from .model import Answer
    from .records import Net
    from .store import Tables

_BIT: Final = {name: 1 << place for place, name in enumerate(LEASE_RULES)}
SUB_STATUSES: Final = (
    "SUB-ALLOCATED PA", "ALLOCATED-BY-LIR", "ALLOCATED NON-PORTABLE", "reallocation", "reallocated",
)  # fmt: skip
LEASED: Final = ("leased", "likely-leased")


class Judged(NamedTuple):
    """Hold what an index says of a piece; ``party`` is a place in the facilitators + 1, 0 = none.

    ``how`` is how the net is announced (`layout.ANNOUNCED`), ``bits`` are the rules that fired.
    """

    verdict: str
    confidence: str
    how: str
    bits: int
    party: int

    def fired(self, *rules: str) -> bool:
        """Say whether one of some rules fired."""
        return any(self.bits & _BIT[rule] for rule in rules)

    @property
    def leased(self) -> bool:
        """Say whether the block appears to be leased, at whatever confidence."""
        return self.verdict in LEASED


def judged(tables: Tables, piece: int) -> Judged:
    """Return what the index says of a piece."""
    row = tables.piece_verdict[piece]
    what = tables.verdict_what[row]
    return Judged(
        layout.VERDICTS[what & layout.VERDICT_BITS],
        layout.CONFIDENCES[what >> layout.CONFIDENCE_SHIFT & 3],
        layout.ANNOUNCED[what >> layout.ANNOUNCED_SHIFT & 3],
        tables.verdict_rules[row], tables.verdict_party[row],
    )  # fmt: skip


# -- parties ----------------------------------------------------------------------------------


def role_of(tables: Tables, piece: int, last: int | Sequence[Net]) -> str:
    """Return the role of a user's piece in the chain whose last one is ``last``.

    Of a chain of the past ``last`` is the whole chain, the last net first.
    """
    roles = tables.piece_role
    role = layout.ROLES[roles[piece] & layout.ROLE_BITS]
    if role in ("holder", "registry", "partition"):
        return role
    steps = _steps(tables, last)
    below = next(steps, None)
    if below == (tables, piece):
        found = judged(tables, piece)
        if found.fired("user-is-facilitator"):
            return "facilitator"
        return "lessee" if found.leased else role
    net = piece if piece < tables.nets else tables.piece_net[piece - tables.nets]
    if text_at(tables, "status", tables.net_status[net]) not in SUB_STATUSES:
        return role
    alike = True
    while below != (tables, piece):
        if below is None or _holds(*below):
            return role
        alike = alike and bool(below[0].piece_role[below[1]] & layout.AS_ABOVE)
        below = next(steps, None)
    held = any(_holds(*step) for step in steps) or _holds(tables, piece)
    return role if alike or not held else "facilitator"


def _steps(tables: Tables, last: int | Sequence[Net]) -> Iterator[tuple[Tables, int]]:
    """Yield the pieces of a chain, the last one first."""
    if not isinstance(last, int):
        yield from ((net.tables, net._piece) for net in last)
        return
    piece = last
    while piece >= 0:
        yield tables, piece
        piece = tables.piece_above[piece]


def holding(tables: Tables, piece: int) -> int:
    """Return the first piece from one up that is its holder's, -1 for none."""
    while piece >= 0 and not _holds(tables, piece):
        piece = tables.piece_above[piece]
    return piece


def _holds(tables: Tables, piece: int) -> bool:
    return bool(tables.piece_role[piece] & layout.ROLE_BITS == layout.HOLDER)


def lessee_known(answer: Answer) -> bool:
    """Say whether the user of a leased block is its lessee."""
    found = judged_of(answer)
    return found is not None and found.leased and not found.fired("user-is-facilitator")


def appears_leased(answer: Answer) -> bool:
    """Say whether the verdict is that a block is leased or likely so."""
    found = judged_of(answer)
    return found is not None and found.leased


def judged_of(answer: Answer) -> Judged | None:
    """Return what the index says of the last net; of a range without its holder, that it has none.

    A net that crosses its holder's is judged where it lies in that.
    """
    chain = answer.chain
    if not chain:
        return None
    last, holder = chain[-1], answer.holder_net
    if answer.moment is None:
        piece = holding(last.tables, last._piece)
        if piece >= 0 and (holder is None or holder._piece != piece):
            return Judged("unknown", "low", "", _BIT["no-holder"], 0)
    return judged(last.tables, last._piece)


def facilitator_of(answer: Answer) -> Party | None:
    """Return who stands between holder and user, by the strongest evidence (rule R4)."""
    found = judged_of(answer)
    if found is None:
        return None
    listed = _listed(answer, found)
    if listed and found.fired("facilitator-maintainer", "facilitator-organisation"):
        return listed
    for net in answer.chain[-2::-1]:
        if net.role == "facilitator":
            return net.party
    told = found.fired("facilitator-contact", "facilitator-name", "user-is-facilitator")
    return listed if told else None


def _listed(answer: Answer, found: Judged) -> Party | None:
    """Return the party of the list of known ones that the build has found."""
    if not found.party:
        return None
    name, net = entry(answer, found.party)["name"], answer.chain[-1]
    if found.fired("facilitator-organisation"):
        from .facts import Case

        for each, listed in Case(answer, found).organisations():
            if listed.name == name:
                return Party(name, each.org_handle, each.key)
    return Party(name, None, net.key)


def entry(answer: Answer, number: int) -> dict[str, str]:
    """Return what the metadata say of a facilitator, by number."""
    entries: list[dict[str, str]] = answer.chain[-1].tables.meta["facilitators"]
    return entries[number - 1]


def sponsor_of(answer: Answer) -> Party | None:
    """Return the organisation that the holder's net names as `sponsoring-org`."""
    net = answer.holder_net
    if net is None or b"sponsoring-org" not in net.raw.lower():
        return None
    handle = next((value for name, value in attributes(net.raw) if name == "sponsoring-org"), "")
    if not handle:
        return None
    held = answer.objects(handle, "organisation", net.registry)
    return Party(held[0].name if held else None, handle.upper(), net.key)


# -- evidence ---------------------------------------------------------------------------------


class Fired(NamedTuple):
    """Hold a rule that fired: which form of its clause, the facts, the key of what shows them."""

    rule: str
    form: str
    facts: Facts
    object: str | None

    def detail(self, lang: str = "en") -> str:
        """Return what the rule has seen, in words."""
        return clause(self.rule, self.form, self.facts, lang)


def evidence(answer: Answer) -> Iterator[Fired]:
    """Yield the rules that fired, those that decide first."""
    found = judged_of(answer)
    if found is None:
        return
    from .facts import Case, seen

    case = Case(answer, found)
    for rule in LEASE_RULES:
        if found.fired(rule):
            yield Fired(rule, *seen(case, rule))


def not_fired(answer: Answer, lang: str = "en") -> Iterator[tuple[str, str]]:
    """Yield the rules that did not fire, and what they would have needed."""
    found = judged_of(answer)
    if found is None:
        return
    off = answer.tables.store.meta.get("rules_off", ())
    routes = bool(len(answer.tables.origin_asn))
    for rule in LEASE_RULES:
        if not found.fired(rule):
            yield rule, lack(rule, rule in off, routes, lang)


def to_json(seen: Iterable[Fired]) -> list[Json]:
    """Return evidence as in the JSON of an answer."""
    return [{"rule": item.rule, "detail": item.detail(), "object": item.object} for item in seen]
