"""Read the raw texts of an index again, as if they were the dumps they came from.

A source that is not among today's dumps stays in the index as it was last seen. Each object keeps
its place: a chunk goes from one object to the next with line feeds between, as many as there were
bytes; behind a large gap a new chunk begins.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

import numpy as np

from rirdex.query.raw import raw_offset, raw_text

from .pool import Task
from .report import Report
from .scan import Ints
from .sides import Side, Unit
from .sources import CHUNK

_GAP: Final = 1 << 16


def tasks(side: Side, units: Collection[Unit]) -> Iterator[tuple[Report, Iterator[Task]]]:
    """Yield a report of each file of an index that holds some units, and its chunks.

    Objects that are no nets come along where their source is among the units.
    """
    meta = side.tables.meta
    sources = {unit[:2] for unit in units}
    wanted = [(str(item["registry"]), str(item["source"])) for item in meta["origins"]]
    numbers: dict[int, list[Ints]] = {}
    objects = side.tables.meta["counts"]["objects"]
    for family, origin, number in (
        (4, side.column("net.origin")[: side.count4], side.column("net.object")[: side.count4]),
        (6, side.column("net.origin")[side.count4 :], side.column("net.object")[side.count4 :]),
        (0, side.column("object.origin")[:objects], side.column("object.object")[:objects]),
    ):  # fmt: skip
        for code in np.flatnonzero(np.bincount(origin)).tolist():
            if (*wanted[code], family) in units or (not family and wanted[code] in sources):
                place = int(meta["origins"][code]["file"])
                numbers.setdefault(place, []).append(number[origin == code].astype(np.int64))
    for place in sorted(numbers):
        default = {
            source for code, (_, source) in enumerate(wanted)
            if meta["origins"][code]["file"] == place
        }  # fmt: skip
        source = min(default).encode() if len(default) == 1 else b""
        yield (
            _report(meta["sources"][place]),
            _chunks(side, np.sort(np.concatenate(numbers[place])), source),
        )


def _report(source: dict[str, Any]) -> Report:
    return Report(
        source["name"], source["name"], source["size"], source["sha256"], source["text_bytes"],
        source["date"], source["serial"], tuple(source["registries"]), dict(source["classes"]),
        0, source["duplicates"], dict(source["rejects"]), [*source["samples"]],
    )  # fmt: skip


def _chunks(side: Side, numbers: Ints, source: bytes) -> Iterator[Task]:
    tables = side.tables
    parts: list[bytes] = []
    begin = end = 0
    for number in numbers.tolist():
        offset, text = raw_offset(tables, number), raw_text(tables, number)
        if parts and not (end + 2 <= offset <= end + _GAP and end - begin < CHUNK // 2):
            yield Task(begin, b"".join([*parts, b"\n\n"]), source)
            parts = []
        if parts:
            parts.append(b"\n" * (offset - end))
        else:
            begin = offset
        parts.append(text)
        end = offset + len(text)
    if parts:
        yield Task(begin, b"".join([*parts, b"\n\n"]), source)
