"""Build what finds every net that contains an address, of whatever registry and role.

The nets are in the order of their first address, so those that begin at or before an address are
the first so many; of these, the ones that reach far enough are found through the largest last
address of every 64 nets, of every 64 such groups, and so on (a tree without pointers).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from rirdex.query.layout import GROUP

Array = NDArray[Any]


def tables(narrow: dict[str, Array], wide: dict[str, Array]) -> dict[str, Array]:
    """Return the levels of both families, the widest last; of IPv6 addresses the high half."""
    return {
        "cover4": levels(narrow["net.last4"]),
        "cover6": levels(wide["net.last6.hi"]),
    }


def levels(lasts: Array) -> Array:
    """Return the maxima of groups of `GROUP`, then of groups of groups, behind each other."""
    found = [lasts[:0]]
    while len(lasts) > 1:
        lasts = np.maximum.reduceat(lasts, np.arange(0, len(lasts), GROUP))
        found.append(lasts)
    return np.concatenate(found)
