"""Judge for every piece of a net whether it appears to be leased, and by which rules.

The published method ("Sublet Your Subnet", IMC 2024) says leased where a net below a holder's is
announced by an AS that is not related to the holder. This goes on where that method stops: portable
and legacy nets, nets that are not announced as just this prefix, IPv6, registrations alone. The
table of verdicts is `_verdicts`. Every rule is a bit and can be switched off.

These are inferences from public data, never an accusation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.layout import LEASE_RULES

from .announcing import Family, origins_of
from .evidence import COVERING, INSIDE, Evidence
from .intern import narrowed
from .registered import BIT, Bits, Subject, fired, signs_of
from .relatives import Relatives
from .values import Flags as Bools

_STRONG: Final = np.uint32(sum(int(BIT[name]) for name in layout.STRONG))
TURNOVER: Final = BIT["turnover"]
_FACTS: Final = BIT["no-holder"] | BIT["same-party"] | BIT["holder-without-as"]
_SIGNS: Final = tuple(BIT[name] for name in layout.SIGNS)
VERDICTS: Final = ("piece.verdict", "verdict.what", "verdict.rules", "verdict.party")
_UNKNOWN, _LEASED, _LIKELY, _CUSTOMER, _OWN, _UNUSED = range(len(layout.VERDICTS))
_LOW, _MEDIUM, _HIGH = range(len(layout.CONFIDENCES))


def judge(
    subject: Subject, families: Sequence[Family], evidence: Evidence
) -> dict[str, NDArray[Any]]:
    """Judge every piece of the nets of both families; return the tables of verdicts."""
    net, holder = subject.net, subject.holder
    signs = signs_of(subject)
    bits = signs.bits | fired("no-holder", holder < 0)
    below = (holder >= 0) & (holder != net)
    user = below & ((subject.role & layout.IS_USER) > 0)
    bits |= fired("same-party", (holder >= 0) & ~user)
    how = np.zeros(len(net), np.uint8)
    relatives = Relatives(subject, evidence, [family.bounds for family in families])
    if evidence.routes is None:
        bits |= fired("no-routes", holder >= 0)
    else:
        told = origins_of(subject, evidence.routes, families)
        relatives.announce(told)
        how = told.how
        bits |= relatives.compared(told, user)
    if evidence.vrps is not None:
        # Where the origins are related to the holder, nothing hangs on it.
        doubtful = (bits & (BIT["origin-unrelated"] | BIT["no-routes"])) > 0
        bits |= relatives.authorised(evidence.vrps, user & doubtful)
    bits |= relatives.without_systems(below | (holder == net))
    silent = np.isin(subject.role & layout.ROLE_BITS, (layout.REGISTRY, layout.PLACEHOLDER))
    bits[silent] = 0
    # What a rule says of the chain stays a fact, also when the rule is switched off.
    facts = bits & _FACTS
    for name in evidence.without:
        bits &= ~BIT[name]
    what = _verdicts(bits | facts, how, below, holder == net)
    what[silent] = 0
    what = (what | how << layout.ANNOUNCED_SHIFT).astype(np.uint8)
    return tables_of(bits, what, np.where(bits & _BY_PARTY, signs.party, np.uint8(0)))


def user_verdicts(bits: Bits, how: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return what `verdict.what` is for users' pieces below a holder's, by the rules that fired."""
    below = np.ones(len(bits), bool)
    what = _verdicts(bits, how, below, ~below) | how << np.uint8(layout.ANNOUNCED_SHIFT)
    return what.astype(np.uint8)


def _verdicts(bits: Bits, how: NDArray[np.uint8], below: Bools, own: Bools) -> NDArray[np.uint8]:
    """Return verdict and confidence of pieces by the rules that fired."""

    def has(name: str) -> Bools:
        return (bits & BIT[name]) > 0

    strong = (bits & _STRONG) > 0
    signs = np.zeros(len(bits), np.int8)
    for sign in _SIGNS:
        signs += (bits & sign) > 0
    same = below & has("same-party")
    user = below & ~same
    service = has("origin-service")
    unrelated = has("origin-unrelated") & ~service
    self_made = has("origin-of-user") & ~strong
    block, nothing, no_routes = has("block-announced"), has("not-announced"), has("no-routes")
    related, poor = has("origin-related"), has("holder-without-as")
    # The first row that is true decides: where, verdict, confidence, and whether a route that is
    # not just this prefix makes it one step less sure.
    table = (
        (has("no-holder"), _UNKNOWN, _LOW, False),
        (own & related, _OWN, _HIGH, True),
        (own & unrelated & strong, _LIKELY, _LOW, False),
        (own & nothing, _UNUSED, _MEDIUM, False),
        (own, _UNKNOWN, _LOW, False),
        (same & (related | block), _OWN, _HIGH, True),
        (same & unrelated, _LIKELY, _LOW, False),
        (same & nothing, _UNUSED, _MEDIUM, False),
        (same & service, _LIKELY, _LOW, False),
        (same & no_routes, _OWN, _LOW, False),
        (user & unrelated & strong, _LEASED, _HIGH, True),
        (user & unrelated & self_made, _LIKELY, _LOW, False),
        (user & unrelated & ~poor, _LEASED, _MEDIUM, True),
        (user & unrelated & (signs > 0), _LIKELY, _MEDIUM, True),
        (user & unrelated, _LIKELY, _LOW, False),
        (user & service, _LIKELY, np.where(strong, _MEDIUM, _LOW), True),
        (user & (related | block) & strong, _LIKELY, _MEDIUM, True),
        (user & related, _CUSTOMER, _HIGH, True),
        (user & block, _CUSTOMER, _MEDIUM, False),
        (user & nothing, _UNUSED, _MEDIUM, False),
        (user & no_routes & strong, _LIKELY, _MEDIUM, False),
        (user & no_routes & (signs > 1), _LIKELY, _LOW, False),
    )
    near = np.isin(how, (COVERING, INSIDE))
    what = np.zeros(len(bits), np.uint8)
    rest = np.ones(len(bits), bool)
    for where, verdict, sure, by_route in table:
        found = np.flatnonzero(rest & where)
        rest[found] = False
        confidence = np.broadcast_to(np.asarray(sure), len(bits))[found]
        if by_route:
            confidence = np.maximum(confidence - near[found], _LOW)
        what[found] = verdict | confidence << layout.CONFIDENCE_SHIFT
    return what


def without_turnover(
    bits: NDArray[np.uint32], what: NDArray[np.uint8]
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Return rules and verdicts as they are without this rule."""
    bits, what = bits.copy(), what.copy()
    fired = np.flatnonzero(bits & TURNOVER)
    bits[fired] &= ~TURNOVER
    what[fired] = user_verdicts(bits[fired], what[fired] >> np.uint8(layout.ANNOUNCED_SHIFT))
    return bits, what


def tables_of(
    bits: Bits, what: NDArray[np.uint8], party: NDArray[np.uint8]
) -> dict[str, NDArray[Any]]:
    """Return the columns: a code for each piece, and what the codes stand for."""
    key = bits.astype(np.uint64) << np.uint64(16) | what.astype(np.uint64) << np.uint64(8)
    key |= party.astype(np.uint64)
    kinds, codes = np.unique(key, return_inverse=True)
    return {
        "piece.verdict": narrowed(codes, max(len(kinds), 1)),
        "verdict.what": (kinds >> np.uint64(8)).astype(np.uint8),
        "verdict.rules": (kinds >> np.uint64(16)).astype(np.uint32),
        "verdict.party": kinds.astype(np.uint8),
    }


_BY_PARTY: Final = np.uint32(
    sum(int(BIT[name]) for name in LEASE_RULES if name.startswith("facilitator-"))
)
