"""Read AS relationships: who buys transit from whom, as CAIDA infers it.

The files (serial-1 `as-rel`, serial-2 `as-rel2`, https://data.caida.org/datasets/as-relationships)
are lines `a|b|-1`, a is a provider of b, and `a|b|0`, both are peers; serial-2 names the source of
the inference in a fourth field, which is not read. Only transit is kept: peers are no customers of
each other. A pair may stand in several files, or in both directions; all that is said is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import evidence_files as files
from .evidence_files import ASN, GOOD, ITSELF, RELATION, SHORT, EvidenceFile, Text
from .scan import Words

_KIND: Final = "CAIDA AS relationships"
_SHIFT: Final = np.uint64(32)


class Relations(NamedTuple):
    """Hold who is a customer of whom.

    ``key`` is uint64 (n,), sorted: the customer's AS number in the high half, the provider's in the
    low one. ``counts`` are `transit` (pairs), `peers` (lines) and `again` (lines of transit whose
    pair had come before).
    """

    key: Words
    counts: dict[str, int]
    files: list[EvidenceFile]

    def is_customer(self, left: NDArray[Any], right: NDArray[Any]) -> NDArray[np.bool_]:
        """Say of pairs of AS numbers whether the left one is a customer of the right one.

        Takes int64 arrays that broadcast to each other, and returns one of their common shape; what
        is no AS number (-1) is nobody's customer.
        """
        left, right = np.broadcast_arrays(left, right)
        # No pair has an AS 0, so what is no AS number may stand for it.
        legal = (left > 0) & (right > 0) & (left < files.AS_LIMIT) & (right < files.AS_LIMIT)
        wanted = np.where(legal, left, 0).astype(np.uint64) << _SHIFT
        wanted |= np.where(legal, right, 0).astype(np.uint64)
        if not len(self.key):
            return np.zeros(left.shape, bool)
        at = np.minimum(np.searchsorted(self.key, wanted), len(self.key) - 1)
        return np.asarray(self.key[at] == wanted)

    def providers(self, asn: int) -> tuple[int, ...]:
        """Return the providers of an AS, ascending; none where the files do not know it."""
        if not 0 <= asn < files.AS_LIMIT:
            return ()
        first = np.uint64(asn) << _SHIFT
        low = int(np.searchsorted(self.key, first))
        high = int(np.searchsorted(self.key, first | np.uint64(0xFFFFFFFF), "right"))
        return tuple((self.key[low:high] & np.uint64(0xFFFFFFFF)).tolist())


def read_relations(paths: Sequence[str]) -> Relations:
    """Read files of AS relationships and bring them together; of no files the result is empty.

    Raises `DumpError` for a file that holds none, or is cut off.
    """
    found, told = [np.zeros(0, np.uint64)], []
    for text in files.read_texts(paths):
        keys, report = _read(text)
        found.append(keys)
        told.append(report)
    every = np.concatenate(found)
    key = np.unique(every)
    peers = sum(report.counts.get("peers", 0) for report in told)
    counts = {"transit": len(key), "peers": peers, "again": len(every) - len(key)}
    return Relations(key, counts, told)


def _read(text: Text) -> tuple[Words, EvidenceFile]:
    lines = files.lines_of(text)
    start, end, count = files.fields_of(lines, 124, 3)
    provider, good = files.read_asns(lines.text, start[:, 0], end[:, 0])
    customer, fine = files.read_asns(lines.text, start[:, 1], end[:, 1])
    size, sign = end[:, 2] - start[:, 2], lines.text[start[:, 2]]
    transit = (size == 2) & (sign == 45) & (lines.text[start[:, 2] + 1] == 49)
    fault = np.full(len(count), GOOD, np.uint8)
    fault[~transit & ~((size == 1) & (sign == 48))] = RELATION
    fault[provider == customer] = ITSELF
    fault[~(good & fine & (provider > 0) & (customer > 0))] = ASN
    fault[count < 3] = SHORT
    kept = transit & (fault == GOOD)
    key = customer[kept].astype(np.uint64) << _SHIFT | provider[kept].astype(np.uint64)
    counts = {"transit": int(kept.sum()), "peers": int((~transit & (fault == GOOD)).sum())}
    return key, files.report(lines, _KIND, fault, counts, closed=True)
