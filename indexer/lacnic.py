"""Read what is LACNIC's own in its records.

The public file and the bulk file share a grammar with RPSL, but prefixes are shortened
(`24.152.4/22`), IPv6 stands under `inetnum:`, AS numbers come without "AS", the holder is the
text `owner:`, and one range may be registered several times: what tells such records apart is
range, status and owner-c.
"""

from __future__ import annotations

import re

import numpy as np

from .batch import Values
from .columns import only, single
from .intern import Column, column_of, texts_of
from .scan import Ints
from .values import Flags

_SHORTENED = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})(/\d{1,2})")


def written_out(value: str) -> str:
    """Return a shortened prefix with all its octets; anything else as it is."""
    found = _SHORTENED.fullmatch(value)
    if not found:
        return value
    octets = found[1].split(".")
    return ".".join(octets + ["0"] * (4 - len(octets))) + found[2]


def identities(values: Values, nets: Flags) -> tuple[Column, Column]:
    """Return what tells records of one range apart, and whether the record around has its range.

    The second column holds the first one's range where `inetnum-up` names it, else nothing.
    """
    count = len(nets)
    keys = _texts(values, np.flatnonzero(values.lead), nets)
    parts = [_texts(values, values.first_of(name), nets) for name in ("status", "owner-c")]
    above = _texts(values, values.first_of("inetnum-up"), nets)
    codes = np.full(count, -1, np.int32)
    up = codes.copy()
    texts: list[bytes] = []
    for row, key in keys.items():
        codes[row] = len(texts)
        texts.append(b"\n".join([key, *(part.get(row, b"") for part in parts)]))
        if above.get(row) == key:
            up[row] = len(texts)
            texts.append(key)
    return column_of(codes, texts), column_of(up, texts)


def _texts(values: Values, which: Ints, rows: Flags) -> dict[int, bytes]:
    which = which[rows[values.row[which]]]
    column = only(single(values, which, len(rows)), rows)
    texts = texts_of(column)
    return {row: texts[column.codes[row]] for row in values.row[which].tolist()}
