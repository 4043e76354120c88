"""Be an expansion module of MISP: tell an address attribute who is behind it, and whom to tell.

This is the interface that misp-modules has for Python: `introspection`, `version`, `handler`, JSON
in and out. It needs neither misp-modules nor PyMISP. Results are attributes of MISP's own types. No
one of them is for an IDS, since a holder or an abuse desk is no indicator; and only who uses the
range correlates, for holders and desks are those of many events.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from .enrichment import Fact, answer_at, facts
from .errors import Error
from .index import open_index

# The types of attributes that have an address, and in which part of the value.
_PLACES: Final = {
    "ip-src": 0, "ip-dst": 0, "ip-src|port": 0, "ip-dst|port": 0, "domain|ip": 1,
}  # fmt: skip
_PARTIES: Final = ("lessee", "user", "facilitator", "holder")
_LINES: Final = (
    "net", "netname", "status", "registry", "country", "holder", "user", "lessor", "lessee",
    "facilitator", "sponsor", "verdict", "confidence", "rules", "network", "origins", "as_name",
    "contact", "contact_rule", "contact_of", "contact_status", "contact_inherited",
    "contact_confidence", "contact_form", "contact_now", "as_of", "snapshot", "changed",
)  # fmt: skip


def introspection() -> dict[str, Any]:
    """Return which attributes the module takes, and in which form it gives results."""
    return {"input": [*_PLACES], "format": "misp_standard"}


def version() -> dict[str, Any]:
    """Return what MISP shows of the module, and which settings it has."""
    return {
        "version": "1", "author": "rirdex", "name": "rirdex", "logo": "", "references": [],
        "description": "Who holds, uses and announces an address, and whom to tell, from an index "
        "of the registries' dumps. Nothing is asked over the network.",
        "requirements": ["rirdex", "an index that was made with `rirdex build`"],
        "features": "Holder, user, contact by the registry's own rule, and whether the range "
        "appears to be leased, which is inferred. For an attribute with first_seen the answer is "
        "that of its day, if the index has the past.",
        "input": "An attribute with an IP address.",
        "output": "A text with all there is to say, AS, organisations and abuse contacts.",
        "module-type": ["expansion", "hover"], "config": ["index", "desk"],
    }  # fmt: skip


def handler(q: str | bytes | bool = False) -> Any:
    """Return `{"results": {"Attribute": [...]}}` for a request, or `{"error": text}`.

    ``q`` is JSON with `attribute` (type, value, maybe first_seen) and `config` (index, desk). False
    gives False.
    """
    if isinstance(q, bool):
        return False
    try:
        request = json.loads(q)
        attribute, config = request["attribute"], request.get("config") or {}
        path, desk = (config.get(name) or None for name in ("index", "desk"))
        kind, value, seen = attribute["type"], attribute["value"], attribute.get("first_seen")
        place = _PLACES[kind]
        address = value.split("|")[place]
    except (ValueError, LookupError, TypeError, AttributeError):
        return {"error": f"This module needs an attribute of a type of {', '.join(_PLACES)}."}
    try:
        # Opened for each request (17 ms in all, 5.2 million nets), so a new index counts at once.
        with open_index(path, desk=desk) as index:
            found = facts(answer_at(index, address, seen or None))
    except Error as error:
        return {"error": str(error)}
    if not found:
        return {"error": f"No net of the index contains {address}."}
    return {"results": {"Attribute": [*_attributes(address, found)]}}


def _attributes(address: str, found: dict[str, Fact]) -> Iterator[dict[str, Any]]:
    """Yield the attributes of an answer: a text, the AS, the parties, the contacts."""
    named = ((name, _text(found.get(name))) for name in _LINES)
    lines = [f"{name}: {text}" for name, text in named if text]
    yield _attribute("text", "Other", "\n".join(lines), f"rirdex about {address}")
    place = f"of {found['net']}"
    for asn in _listed(found["origins"]):
        yield _attribute("AS", "Network activity", f"AS{asn}", f"announces {found['network']}")
    seen: set[Fact] = set()
    for name in _PARTIES:
        party = found[name]
        if party and party not in seen:
            seen.add(party)
            comment = f"{name} {place}"
            if name in ("lessee", "facilitator"):
                comment += f", inferred: {found['verdict']}, {found['confidence']} confidence"
            correlates = name in ("lessee", "user")
            yield _attribute("whois-registrant-org", "Attribution", party, comment, correlates)
    for mailbox in _listed(found.get("contact")):
        comment = f"abuse contact {place} ({found['contact_rule']})"
        yield _attribute("email", "Network activity", mailbox, comment)


def _attribute(
    kind: str, category: str, value: Any, comment: str, correlates: bool = False
) -> dict[str, Any]:
    return {
        "type": kind, "category": category, "value": value, "comment": comment, "to_ids": False,
        "disable_correlation": not correlates,
    }  # fmt: skip


def _listed(fact: Any) -> list[Any]:
    return fact or []


def _text(fact: Fact) -> str:
    """Return a fact in one line, "" for none and for no."""
    if isinstance(fact, list):
        return ", ".join(map(str, fact))
    return "yes" if fact is True else str(fact or "")
