"""Tell which nets change hands often: the rule `turnover`, a sign of leases.

It needs the line of time, so it is applied when that is complete, to the present only: what was
judged at a snapshot does not depend on which others are known. The rule fires where a net below a
holder's went from one user to another at least twice within three years, or once within two years
to a user of another country. Who is the same party is said in `rirdex.query.history`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.names import normal_many
from rirdex.query.rpsl import is_name
from rirdex.query.verdicts import holding

from .leasing import TURNOVER, tables_of, user_verdicts, without_turnover
from .scan import Ints
from .sides import Common, Side
from .timeline import Line

_OFTEN: Final = 2
_SPAN: Final = 3 * 365 + 1  # days
_ABROAD: Final = 2 * 365 + 1
_NAMES: Final = ("name", "descr", "netname")


def changed_hands(common: Common, line: Line, lasting: NDArray[np.bool_]) -> Ints:
    """Return the lasting stretches of nets that change hands often."""
    ranges = common.of_line(line.side, line.row, common.ranges)
    once = ranges[~lasting]
    if not len(once):
        return np.zeros(0, np.int64)
    several = np.flatnonzero(np.isin(ranges, np.unique(once)))
    order = several[np.lexsort((line.end[several], line.begin[several], ranges[several]))]
    group = np.append(0, np.cumsum(ranges[order][1:] != ranges[order][:-1]))
    begin = line.begin[order]
    user = (common.of_line(line.side[order], line.row[order], common.roles) & layout.IS_USER) > 0
    handle, name, country = _parties(common, line.picked(order))
    changed = (group[1:] == group[:-1]) & (begin[1:] > line.end[order][:-1])
    changed &= user[1:] & user[:-1]
    changed &= ((handle[1:] != handle[:-1]) | (handle[1:] == 0)) & (name[1:] != name[:-1])
    latest = int(line.end[lasting].max())
    often = changed & (begin[1:] >= latest - _SPAN)
    abroad = changed & (begin[1:] >= latest - _ABROAD) & (country[1:] != country[:-1])
    abroad &= (country[1:] > 0) & (country[:-1] > 0)
    count = np.bincount(group[1:][often], minlength=int(group[-1]) + 1)
    fires = count >= _OFTEN
    fires[group[1:][abroad]] = True
    found: Ints = order[fires[group] & user & lasting[order]]
    return found


def _parties(common: Common, line: Line) -> tuple[Ints, Ints, Ints]:
    """Return numbers of the organisation, the name and the country of stretches, 0 = none."""
    handle = _numbered(common, line, "org", lambda text: text)
    country = _numbered(common, line, "country", lambda text: text.split(b"\n")[0])
    result = np.zeros(len(line.key), np.int64)
    known: dict[bytes, int] = {b"": 0}
    for kind in _NAMES:
        rest = np.flatnonzero(result == 0)
        ids = common.of_line(line.side[rest], line.row[rest], common.texts(kind))
        used, codes = np.unique(ids, return_inverse=True)
        texts = common.words[kind].texts(used)
        bare = [
            form if is_name(text.decode("utf-8", "replace")) else b""
            for text, form in zip(texts, normal_many(texts), strict=True)
        ]
        numbers = np.array([known.setdefault(form, len(known)) for form in bare] or [0], np.int64)
        result[rest] = numbers[codes]
    return handle, result, country


def _numbered(common: Common, line: Line, name: str, part: Any) -> Ints:
    ids = common.of_line(line.side, line.row, common.texts(name))
    used, codes = np.unique(ids, return_inverse=True)
    known: dict[bytes, int] = {b"": 0}
    texts = common.words[name].texts(used)
    numbers = [known.setdefault(part(text), len(known)) for text in texts]
    return np.array(numbers or [0], np.int64)[codes]


def rejudged(side: Side, nets: Ints, off: Collection[str]) -> dict[str, NDArray[Any]]:
    """Return the tables of verdicts of an index in which the rule has fired for some nets."""
    code = side.column("piece.verdict")
    bits, what = side.column("verdict.rules"), side.column("verdict.what")
    bits, what = without_turnover(bits, what)
    bits, what, party = bits[code], what[code], side.column("verdict.party")[code]
    if len(nets) and "turnover" not in off:
        wanted = np.zeros(side.count, bool)
        wanted[nets] = True
        net = np.append(np.arange(side.count), side.column("piece.net"))
        role = side.column("piece.role")
        pieces = np.flatnonzero(wanted[net] & ((role & layout.IS_USER) > 0))
        held = [holding(side.tables, piece) not in (-1, piece) for piece in pieces.tolist()]
        pieces = pieces[np.array(held, bool)]
        bits[pieces] |= TURNOVER
        how = what[pieces] >> np.uint8(layout.ANNOUNCED_SHIFT)
        what[pieces] = user_verdicts(bits[pieces], how)
    return tables_of(bits, what, party)
