"""Put the parties of an incident in order: whom to tell first, whom later, whom not, and why.

The ladder is that of the day of the incident, and of today where tenant or contact has changed
since: first the parties of then, then those of now, who can still act; then the origin AS, its
upstreams, the sponsor, the CSIRTs, the registry (`STAGES`). Rungs of one mailbox or form are one.
A party on the user's list of presumed perpetrators is never told first: it comes behind holder and
origin AS, or not at all. A mailbox that mail came back from comes behind the other parties. Which
there are, is found in `rungs`.

Many addresses share a ladder: it depends on the chain, the snapshots that count, the route and the
category alone, and is kept by these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .beside import Sellers, cdns
from .casework import Dropped, Incident, Ladder, Rung, wait_of
from .names import normal
from .past import PastAnswer
from .rung_parts import INHERITED, Found
from .rungs import dump_of, parties

if TYPE_CHECKING:
    from .index import Index
    from .model import Answer
    from .records import Net
    from .routing import Route

# In which order kinds are told; of one stage those of then go before those of now.
STAGES: Final = {
    "lessee": 0, "facilitator": 0, "holder": 0, "origin-as": 1, "upstream": 2, "sponsor": 3,
    "csirt": 4, "registry": 5,
}  # fmt: skip
_BEHIND, _LAST = 2, 6  # where presumed perpetrators are told
_KEPT: Final = 1 << 17  # ladders, and addresses on a day
ACCUSED: Final = "a presumed perpetrator: told behind the others"
FLAGS: Final = ("no-net", "no-contact", "no-time", "changed-tenant", "cdn", "perpetrator")
Key = tuple[object, ...]
Outcome = tuple[tuple[Rung, ...], tuple[Dropped, ...], tuple[str, ...]]


class Options(NamedTuple):
    """Say how ladders are made.

    ``perpetrators`` is what `perpetrators` returns, ``never_tell`` leaves them out altogether;
    ``urgent`` shortens every wait; ``today`` is to tell which CSIRTs were checked long ago.
    """

    urgent: bool = False
    perpetrators: frozenset[str] = frozenset()
    never_tell: bool = False
    today: date | None = None


def perpetrators(lines: Iterable[str]) -> frozenset[str]:
    """Return the parties that a list names, as they are compared: one a line, `#` begins a comment.

    A line is a name, an organisation's handle, or an AS number (`AS64500`). Names compare by
    `names.normal`.
    """
    found: set[str] = set()
    for line in lines:
        text = line.partition("#")[0].strip().removeprefix("\ufeff")
        found |= {text.upper(), normal(text)} if text else set()
    return frozenset(found - {""})


def ladder(index: Index, incident: Incident, options: Options | None = None) -> Ladder:
    """Return whom to tell of one incident; of many, `Ladders` is faster."""
    return Ladders(index, options).of(incident)


def ladders(
    index: Index, incidents: Iterable[Incident], options: Options | None = None
) -> Iterator[Ladder]:
    """Yield the ladder of each incident, in order; of one with an error it has no rungs."""
    return map(Ladders(index, options).of, incidents)


class Ladders:
    """Make ladders out of one index, and keep what many addresses share."""

    def __init__(self, index: Index, options: Options | None = None) -> None:
        self._index = index
        self._options = options or Options()
        self._found: dict[Key, list[Found]] = {}
        self._made: dict[Key, Outcome] = {}
        self._placed: dict[Key, Outcome] = {}
        self._sellers: Sellers = {}
        self._snapshots: dict[Key, tuple[str | None, str]] = {}

    def of(self, incident: Incident) -> Ladder:
        """Return whom to tell of an incident."""
        if incident.error or incident.ip is None:
            return Ladder(incident, (), (), ())
        options = self._options
        wait = wait_of(incident.category, options.urgent)
        day = incident.time.astimezone(UTC).date() if incident.time else None
        key = (incident.ip, day, wait)
        found = self._placed.get(key)
        if found is None:
            if len(self._placed) >= _KEPT:
                self._placed.clear()
            found = self._placed[key] = self._at(incident.ip, day, wait)
        return Ladder(incident, *found)

    def _at(self, ip: str, day: date | None, wait: int) -> Outcome:
        today = self._index.lookup(ip)
        routed, latest = today._route(), _chain_key(today)
        if day is None:
            then, route, changed, here = today, routed, False, latest
        else:
            then = self._index.lookup(ip, at=day)
            here = _chain_key(then)
            changed = here != latest
            route = then._route() if changed else routed
        seen = tuple(self._snapshot(then, net) for net in then.chain)
        early = self._early(then)
        key = (here, seen, early, route, latest, routed, wait, day is None)
        made = self._made.get(key)
        if made is None:
            if len(self._made) >= _KEPT:
                self._made.clear()
            found = self._parties(then, route, (here, seen, route), now=False)
            later: list[Found] = []
            flags: set[str] = set() if day is not None else {"no-time"}
            shared: list[str] = []
            public = [early] if early else []
            if changed and isinstance(then, PastAnswer):
                later = self._parties(today, routed, (latest, routed), now=True)
                if then.changed:
                    flags.add("changed-tenant")
                    shared += [x.text for x in then._time_notes() if x.code == "changed-since"]
                else:
                    later = [item for item in later if item.kind in ("origin-as", "upstream")]
            if not then.chain:
                flags.add("no-net")
            systems = (*(route.origins if route else ()), *(routed.origins if routed else ()))
            made = self._made[key] = self._outcome(
                [*found, *later], flags, systems, public, shared, wait
            )
        return made

    def _parties(self, answer: Answer, route: Route | None, key: Key, *, now: bool) -> list[Found]:
        found = self._found.get((now, key))
        if found is None:
            if len(self._found) >= _KEPT:
                self._found.clear()
            found = self._found[now, key] = parties(
                answer, route, lambda net: self._snapshot(answer, net), now=now,
                today=self._options.today, sellers=self._sellers,
            )  # fmt: skip
        return found

    def _snapshot(self, answer: Answer, net: Net) -> tuple[str | None, str]:
        """Return day and file of the snapshot of a net that counts for an answer."""
        moment = answer.moment
        origin = (net.tables.prefix, net.tables.net_origin[net.id], net.family)
        key = (moment.asked if moment else None, *origin)
        found = self._snapshots.get(key)
        if found is None:
            found = dump_of(net)
            shown = moment.snapshot(net.registry, net.source, net.family) if moment else None
            if shown is not None:
                file = found[1] if found[1] in shown.files else next(iter(shown.files), found[1])
                found = shown.date, file
            self._snapshots[key] = found
        return found

    def _early(self, answer: Answer) -> str | None:
        """Return a note when the day of an incident lies before the first snapshot."""
        moment, chain = answer.moment, answer.chain
        if moment is None or not chain:
            return None
        last = chain[-1]
        if not moment.too_early(last.registry, last.source, last.family):
            return None
        day = self._snapshot(answer, last)[0]
        return f"the first snapshot here is of {day}: what was before is not known"

    # -- in order ------------------------------------------------------------------------------

    def _outcome(
        self, found: list[Found], flags: set[str], systems: Iterable[int],
        public: list[str], shared: list[str], wait: int,
    ) -> Outcome:  # fmt: skip
        for asn in dict.fromkeys(systems):
            if asn in cdns():
                flags.add("cdn")
                public.append(
                    f"AS{asn} ({cdns()[asn].name}) is a content delivery network: the chain leads "
                    "to its edge and does not identify the host"
                )
        rungs = _merged(
            item.rung._replace(
                wait=wait,
                notes=(*item.rung.notes, *public, *shared),
                said=(*item.rung.said, *public),
            )
            for item in sorted(found, key=_place)
            if item.rung
        )
        if bounced := self._index.memory.bounced:
            rungs.sort(key=lambda rung: (_late(rung), rung.recipient in bounced))
        gone = [note for item in found for note in item.dropped]
        accused = [item for item in found if self._accused(item)]
        if accused:
            flags.add("perpetrator")
            boxes = {_box(item.rung) for item in accused if item.rung}
            rungs, more = self._behind(rungs, boxes)
            gone += more
        told = [rung for rung in rungs if rung.reached and not _late(rung)]
        if not told:
            flags.add("no-contact")
        return tuple(rungs), tuple(dict.fromkeys(gone)), tuple(f for f in FLAGS if f in flags)

    def _accused(self, item: Found) -> bool:
        """Say whether a party is on the user's list."""
        known = self._options.perpetrators
        if not known or STAGES[item.kind] >= STAGES["csirt"]:
            return False
        if any(name.upper() in known for name in item.names):
            return True
        name = item.name or ""
        return bool(name) and (normal(name) in known or name.upper() in known)

    def _behind(self, rungs: list[Rung], boxes: set[str]) -> tuple[list[Rung], list[Dropped]]:
        """Put the rungs of some mailboxes behind holder and origin AS, or else at the end.

        Where nobody else would be told first, they are left out.
        """
        bad = [rung._replace(notes=(*rung.notes, ACCUSED)) for rung in rungs if _box(rung) in boxes]
        good = [rung for rung in rungs if _box(rung) not in boxes]
        if self._options.never_tell or not any(rung.reached for rung in good):
            reason = "presumed perpetrator" + (
                "" if self._options.never_tell else ": there is nobody else to tell first"
            )
            return good, [Dropped(r.kind, r.name, r.mailbox or r.form, reason) for r in bad]
        near = any(STAGES[rung.kind] < _BEHIND for rung in good)
        at = _BEHIND if near else _LAST
        for rung in bad:
            stage = max(at, STAGES[rung.kind] + 1)  # never before its like
            places = (n for n, other in enumerate(good, 1) if STAGES[other.kind] < stage)
            good.insert(max(places, default=0), rung)
        return good, []


def _chain_key(answer: Answer) -> Key:
    """Return what tells chains apart: the nets, and their pieces."""
    return tuple((net.tables.prefix, net.id, net._piece) for net in answer.chain)


def _late(rung: Rung) -> bool:
    """Say whether a rung is above the parties: a CSIRT, the registry."""
    return STAGES[rung.kind] >= STAGES["csirt"]


def _place(item: Found) -> tuple[int, bool]:
    return STAGES[item.kind], item.rung is not None and item.rung.now


def _box(rung: Rung | None) -> str:
    return rung.reached.casefold() if rung else ""


def _merged(rungs: Iterable[Rung]) -> list[Rung]:
    """Return rungs with those of one mailbox or form made one, at the place of the first.

    A registry without a form is no mailbox: it stays.
    """
    found: dict[object, Rung] = {}
    for rung in rungs:
        key: Any = _box(rung) or (rung.kind, rung.name)
        known = found.get(key)
        if known is None:
            found[key] = rung
            continue
        why = known.why
        if rung.kind not in known.kinds and rung.now == known.now:
            why = f"{why}; also {rung.why}"
        notes, said = rung.notes, rung.said
        if rung.now != known.now:  # who inherits today may not have been there
            notes = tuple(f"today {n}" if n.startswith(INHERITED) else n for n in notes)
            said = tuple(note for note in said if not note.startswith(INHERITED))
        found[key] = known._replace(
            kinds=tuple(dict.fromkeys(known.kinds + rung.kinds)), why=why,
            single=known.single or rung.single,
            notes=tuple(dict.fromkeys(known.notes + notes)),
            said=tuple(dict.fromkeys(known.said + said)),
        )  # fmt: skip
    return list(found.values())
