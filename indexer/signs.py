"""See in a chunk what may show that a net is leased: the word, and a geofeed of its own.

Sources: RFC 9632 (the attribute `geofeed:`, and the same in remarks); the word lease is what
parties themselves write.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query.rpsl import GEOFEED_URL, LEASE_WORD

from .batch import GEOFEED, LEASES
from .freetext import FreeText
from .scan import CODE, Scan

_LEASE: Final = re.compile(LEASE_WORD.encode(), re.IGNORECASE)
_FEED: Final = re.compile(GEOFEED_URL.encode(), re.IGNORECASE)


def mark_signs(scanned: Scan, free: FreeText, flags: NDArray[np.uint16]) -> None:
    """Mark the objects that name a lease in free text, and those with a geofeed."""
    flags[scanned.line_object[scanned.line_key == CODE["geofeed"]]] |= GEOFEED
    for line in free.holding((b"leas", b"geofeed")).tolist():
        value = free.value(line)
        if scanned.line_key[line] != CODE["descr"] and _LEASE.search(value):
            flags[scanned.line_object[line]] |= LEASES
        if _FEED.search(value):
            flags[scanned.line_object[line]] |= GEOFEED
