"""Read what is ARIN's own in its bulk text: handles, parents, AS ranges, names of contacts.

A record is told by its first attribute: `NetHandle`, `V6NetHandle`, `OrgID` (customers too),
`ASHandle`, `POCHandle`. Several nets may have one range: each names its parent's handle.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .batch import Values
from .columns import folded, texts_at
from .intern import Column, column_of
from .scan import CODE
from .values import Flags

NETS: Final = (CODE["nethandle"], CODE["v6nethandle"])
RECORDS: Final = (*NETS, CODE["orgid"], CODE["ashandle"], CODE["pochandle"])
_ROLE: Final = layout.CLASSES.index("role")
_AS_RANGE = re.compile(rb"(?:AS)?(\d{1,10})(?:\s*-\s*(?:AS)?(\d{1,10}))?", re.IGNORECASE)


def mark_roles(values: Values, contacts: Flags, kind: NDArray[np.int8]) -> None:
    """Make contacts with `IsRole: Y` roles; the others are persons already."""
    which = values.first_of("isrole")
    which = which[contacts[values.row[which]]]
    for row, text in zip(values.row[which].tolist(), texts_at(values, which), strict=True):
        if text.upper() == b"Y":
            kind[row] = _ROLE


def contact_names(values: Values, contacts: Flags) -> Column:
    """Return the names of contacts: first and last name, or what a role is called."""
    named: dict[int, list[bytes]] = {}
    for attribute in ("firstname", "lastname"):
        which = values.first_of(attribute)
        which = which[contacts[values.row[which]]]
        for row, text in zip(values.row[which].tolist(), texts_at(values, which), strict=True):
            named.setdefault(row, []).append(text)
    codes = np.full(len(contacts), -1, np.int32)
    codes[list(named)] = np.arange(len(named), dtype=np.int32)
    return column_of(codes, [b" ".join(parts) for parts in named.values()])


def as_ranges(values: Values, systems: Flags, rejected: dict[int, str]) -> NDArray[np.uint32]:
    """Return the AS numbers of records as (row, first, last), uint32; refuse what is no number."""
    which = values.first_of("asnumber")
    which = which[systems[values.row[which]]]
    found = []
    missing = systems.copy()
    for row, text in zip(values.row[which].tolist(), texts_at(values, which), strict=True):
        match = _AS_RANGE.fullmatch(text)
        first = int(match[1]) if match else -1
        last = int(match[2]) if match and match[2] else first
        if 0 <= first <= last < 1 << 32:
            found.append((row, first, last))
            missing[row] = False
    for row in np.flatnonzero(missing).tolist():
        rejected.setdefault(row, "no AS number")
    return np.array(found, np.uint32).reshape(-1, 3)


def as_key(value: bytes) -> bytes:
    """Return an AS number as a key: LACNIC writes it without "AS"."""
    key = folded(value)
    return b"AS" + key if key.isdigit() else key
