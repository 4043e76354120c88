"""Join the batches of all chunks into one table of rows, and drop what came twice.

A row is a kept object. Its text columns become codes into dictionaries over the whole build.
An object that comes twice (same source, class and key) counts once: the one changed last wins,
then the one that is valid UTF-8, then the one in the later file by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout

from .batch import LATIN, Batch
from .intern import Dictionary, merge
from .scan import Ints, padded
from .sorted_tables import text_order

NET: Final = layout.CLASSES.index("net")
# Columns that are not stored: two order nets of one range, one leads to contacts.
UNSTORED: Final = ("handle", "parent", "contact")
NATIONAL: Final = ("JPNIC", "KRNIC", "TWNIC")


class Rows(NamedTuple):
    """Hold all kept objects in file order; arrays are (n,).

    ``first``, ``last`` are IPv4 addresses where ``flags`` have `NARROW`; ``wide`` holds the
    IPv6 ranges as (row, first high, first low, last high, last low); ``number`` is where the raw
    text lies; ``origin`` indexes ``origins``, ``registry`` indexes ``registries``. ``words``
    are the dictionaries by name; the codes of the rows are theirs. ``systems`` holds AS ranges as
    (row, first, last).
    """

    kind: NDArray[np.int8]
    first: NDArray[np.uint32]
    last: NDArray[np.uint32]
    wide: NDArray[np.uint64]
    created: NDArray[np.uint32]
    modified: NDArray[np.uint32]
    flags: NDArray[np.uint16]
    file: NDArray[np.int32]
    number: NDArray[np.uint32]
    words: dict[str, Dictionary]
    systems: NDArray[np.uint32]
    origins: list[dict[str, int | str]]
    origin: NDArray[np.int32]
    registries: list[str]
    registry: NDArray[np.int16]

    def code(self, name: str) -> NDArray[np.uint32]:
        """Return the codes of a text column."""
        return self.words[name].codes


def join(batches: list[Batch], files: Sequence[int]) -> Rows:
    """Join batches; ``files`` says of which file each is. The batches are taken apart."""
    sizes = [len(batch.kind) for batch in batches]
    base = np.cumsum([0, *sizes])
    blocks = np.cumsum([0, *(len(batch.blocks.sizes) for batch in batches)]) * layout.BLOCK
    file = np.repeat(np.array(files, np.int32), sizes)
    number = np.concatenate(
        [start + np.arange(size) for start, size in zip(blocks, sizes, strict=False)]
        or [np.zeros(0)]
    ).astype(np.uint32)
    wide = np.concatenate(
        [_shifted(batch.wide, low) for batch, low in zip(batches, base.tolist(), strict=False)]
        or [np.zeros((0, 5), np.uint64)]
    )
    systems = np.concatenate(
        [_shifted(batch.systems, low) for batch, low in zip(batches, base.tolist(), strict=False)]
        or [np.zeros((0, 3), np.uint32)]
    )
    parts = [
        np.concatenate([getattr(batch, name) for batch in batches] or [np.zeros(0, kind)])
        for name, kind in (
            ("kind", np.int8), ("first", np.uint32), ("last", np.uint32),
            ("created", np.uint32), ("modified", np.uint32), ("flags", np.uint16),
        )
    ]  # fmt: skip
    words = _merged(batches)
    origins, origin = _origins(words.pop("source"), file)
    names = sorted({str(item["registry"]) for item in origins}, key=registry_rank)
    registry = np.array([names.index(str(item["registry"])) for item in origins], np.int16)
    return Rows(
        parts[0], parts[1], parts[2], wide, parts[3], parts[4], parts[5], file, number, words,
        systems, origins, origin, names, registry[origin],
    )  # fmt: skip


def _merged(batches: list[Batch]) -> dict[str, Dictionary]:
    """Merge all text columns, two at a time: NumPy works outside the interpreter's lock."""
    names = sorted(
        (*layout.DICTIONARIES, *UNSTORED, "source"), key=("netname", "descr").__contains__
    )[::-1]
    columns = {name: [batch.columns.pop(name) for batch in batches] for name in names}
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(names, pool.map(lambda name: merge(columns.pop(name)), names), strict=True))


def _shifted(table: NDArray[Any], base: int) -> NDArray[Any]:
    moved = table.copy()
    moved[:, 0] += table.dtype.type(base)
    return moved


def registry_rank(registry: str) -> tuple[int, str]:
    """Return what orders registries: the five in their order, then the others by name."""
    known = layout.REGISTRIES
    return known.index(registry) if registry in known else len(known), registry


def _origins(
    sources: Dictionary, file: NDArray[np.int32]
) -> tuple[list[dict[str, int | str]], NDArray[np.int32]]:
    """Return the distinct pairs of file and source, and each row's pair.

    An object without `source:` belongs to the one most objects of its file name.
    """
    code = sources.codes.astype(np.int64)
    for k in set(file[code == 0].tolist()):
        named = code[(file == k) & (code > 0)]
        code[(file == k) & (code == 0)] = np.bincount(named).argmax() if len(named) else 0
    pair = file.astype(np.int64) * len(sources) + code
    distinct = np.flatnonzero(np.bincount(pair))
    origin = np.searchsorted(distinct, pair)
    texts = [sources[int(k) % len(sources)].decode() or "UNKNOWN" for k in distinct]
    order = sorted(range(len(distinct)), key=lambda k: (int(distinct[k]) // len(sources), texts[k]))
    origins: list[dict[str, int | str]] = [
        {
            "file": int(distinct[k]) // len(sources),
            "source": texts[k],
            "registry": "APNIC" if texts[k] in NATIONAL else texts[k],
        }
        for k in order
    ]
    return origins, np.argsort(np.array(order, np.int64)).astype(np.int32)[origin]


def winners(order: Ints, same: NDArray[np.bool_]) -> Ints:
    """Keep of every run of equal rows the last; ``same[i]`` says that i + 1 equals i."""
    keep = np.ones(len(order), bool)
    keep[:-1] = ~same
    return order[keep]


def merits(rows: Rows, which: Ints) -> list[NDArray[np.generic]]:
    """Return what decides between two editions of an object, most important first."""
    return [rows.modified[which], (rows.flags[which] & LATIN) == 0, rows.file[which]]


def other_objects(rows: Rows) -> Ints:
    """Return the rows of the objects that are no nets, once each, by class, key and registry."""
    which = np.flatnonzero(rows.kind != NET)
    names = rows.words["key"]
    start = names.at[:-1].astype(np.int64)
    order = text_order(padded(names.text), start, names.lengths())
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    kind = rows.kind[which]
    key = rank[rows.code("key")[which]]
    source = source_ranks(rows.origins)[rows.origin[which]]
    by = np.lexsort([*reversed(merits(rows, which)), source, key, kind])
    kind, key, source = kind[by], key[by], source[by]
    same = (kind[1:] == kind[:-1]) & (key[1:] == key[:-1]) & (source[1:] == source[:-1])
    return winners(which[by], same)


def source_ranks(origins: list[dict[str, int | str]]) -> NDArray[np.int16]:
    """Return for each origin the rank of its source: by registry, then by name."""
    keys = [(registry_rank(str(item["registry"])), str(item["source"])) for item in origins]
    ordered = sorted(set(keys))
    return np.array([ordered.index(key) for key in keys], np.int16)
