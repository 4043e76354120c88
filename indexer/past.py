"""Write the nets of earlier days, as stretches of a line of time, into tables of their own.

The tables are called as those of the present (`layout.PAST_COLUMNS`), so that what reads a net of
today reads one of yesterday.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rirdex.query import layout
from rirdex.query.raw import raw_text
from rirdex.query.store import PastTables

from .blobs import pack
from .hierarchy import Keys, compress, nest
from .intern import Dictionary, gather, narrowed
from .nets import piece_ids
from .scan import Ints, padded
from .sides import TEXTS, Common, Item
from .timeline import Line
from .trie import flatten
from .writer import IndexFile, RawParts

_TOGETHER = 1 << 16  # raw texts that are packed at a time
_COLUMNS = ("net.created", "net.modified")


class Past:
    """Write the stretches of a line that are over. ``line`` has to be in the order of `ordered`."""

    def __init__(self, common: Common, line: Line, count4: int) -> None:
        self._common = common
        self._line = line
        self._count4 = count4
        self.origins: list[dict[str, Any]] = []

    def write(self, file: IndexFile) -> None:
        """Write all tables."""
        columns = self._columns()
        tables = self._texts(file) | self._contacts(file) | self._verdicts() | self._origins()
        tables |= columns | _nested(columns)
        tables["net.from"] = self._line.begin.astype(np.uint16)
        tables["net.to"] = self._line.end.astype(np.uint16)
        for name in sorted(tables):
            file.put(f"past.{name}", np.ascontiguousarray(tables[name]))
        self._raw(file)

    def meta(self) -> dict[str, Any]:
        """Return what the metadata say of the tables."""
        known = {
            item["name"]: item
            for side in reversed(self._common.sides) for item in side.tables.meta["facilitators"]
        }  # fmt: skip
        return {
            "nets": len(self._line.key), "nets4": self._count4, "origins": self.origins,
            "facilitators": [known[name] for name in self._facilitators()],
        }  # fmt: skip

    def _facilitators(self) -> list[str]:
        """Return the names of the facilitators that verdicts have, in the order of their codes."""
        return [*dict.fromkeys(party for _, _, party in self._common.verdicts if party)]

    def _by_side(self) -> Iterator[tuple[int, Ints, Ints]]:
        """Yield each side with the places of its stretches and their rows."""
        for side in np.unique(self._line.side).tolist():
            places = np.flatnonzero(self._line.side == side)
            yield side, places, self._line.row[places]

    def _texts(self, file: IndexFile) -> dict[str, NDArray[Any]]:
        """Write the texts that occur; return the columns of their codes."""
        ids = {name: np.zeros(len(self._line.key), np.uint32) for name in TEXTS}
        slots: dict[int, bytes] = {}
        for side, places, rows in self._by_side():
            for name in TEXTS:
                ids[name][places] = self._common.text_ids(side, name, rows)
            known = self._common.sides[side].slots()
            slots |= {
                place: known[row]
                for place, row in zip(places.tolist(), rows.tolist(), strict=True) if row in known
            } if known else {}  # fmt: skip
        # An organisation goes by its handle and its name of that time.
        orgs = self._common.words["org"]
        pairs = ids["org"].astype(np.uint64) << np.uint64(32) | ids["name"]
        distinct, codes = np.unique(pairs, return_inverse=True)
        handle, name = (distinct >> np.uint64(32)).astype(np.int64), distinct.astype(np.uint32)
        nameless = self._blank("name")
        names, name_codes = self._used(name, "name")
        filled = orgs.lengths()[handle] > 0
        _put_words(file, "org", orgs, handle[filled])
        _put_words(file, "name", self._common.words["name"], names)
        number = np.cumsum(filled) * filled
        held = filled & (name != nameless)
        objects = np.where(held, np.cumsum(held) - 1, -1)
        columns: dict[str, NDArray[Any]] = {
            "net.org": narrowed(number[codes], int(filled.sum()) + 1),
            "org.object": np.append(-1, objects[filled]).astype(np.int32),
            "object.name": narrowed(name_codes[held], len(names) + 1),
        }
        for word in TEXTS[:-1]:
            if word != "org":
                used, numbers = self._used(ids[word], word)
                _put_words(file, word, self._common.words[word], used)
                columns[f"net.{word}"] = narrowed(numbers, len(used) + 1)
        texts = [*dict.fromkeys(slots.values())]
        _put_texts(file, "slot", texts)
        code = {text: number + 1 for number, text in enumerate(texts)}
        mine = np.zeros(len(self._line.key), np.uint32)
        for place, text in slots.items():
            mine[place] = code[text]
        return columns | {"net.slot": narrowed(mine, len(texts) + 1)}

    def _blank(self, name: str) -> int:
        """Return the number of the empty text."""
        lengths = self._common.words[name].lengths()
        return int(np.flatnonzero(lengths[1:] == 0)[0]) + 1

    def _used(self, ids: NDArray[np.uint32], name: str) -> tuple[Ints, Ints]:
        """Return the numbers of the texts that occur, and a code for each row, 0 = the empty."""
        blank = self._blank(name)
        distinct, codes = np.unique(ids, return_inverse=True)
        filled = distinct != blank
        number = np.cumsum(filled) * filled
        return distinct[filled].astype(np.int64), number[codes]

    def _columns(self) -> dict[str, NDArray[Any]]:
        """Return the columns that are copied."""
        count, count4 = len(self._line.key), self._count4
        bounds: dict[str, NDArray[Any]] = {
            name: np.zeros(count4, np.uint32) for name in ("net.first4", "net.last4")
        }
        bounds |= {
            name: np.zeros(count - count4, np.uint64)
            for name in ("net.first6.hi", "net.first6.lo", "net.last6.hi", "net.last6.lo")
        }
        own = {name: np.zeros(count, np.uint16) for name in _COLUMNS}
        role = np.zeros(count, np.uint8)
        route = np.zeros(count, np.uint8)
        for side, places, rows in self._by_side():
            known = self._common.sides[side]
            narrow = places < count4
            for name in bounds:
                which = narrow if name.endswith("4") else ~narrow
                base = 0 if name.endswith("4") else known.count4
                at = places[which] - (0 if name.endswith("4") else count4)
                bounds[name][at] = known.column(name)[rows[which] - base]
            for name, column in own.items():
                column[places] = known.column(name)[rows]
            role[places] = known.column("piece.role")[rows]
            route[places] = self._common.routes(side, rows)
        return {**bounds, **own, "piece.role": role, "net.route": route}

    def _contacts(self, file: IndexFile) -> dict[str, NDArray[Any]]:
        """Write the texts of contacts; return the columns."""
        values = np.zeros(len(self._line.key), np.int64)
        flags = np.zeros(len(self._line.key), np.uint32)
        kept = np.uint32(0xFFFFFFFF ^ (layout.RESULT_BITS | layout.INHERITED))
        for side, places, rows in self._by_side():
            values[places] = self._common.contact_ids(side, rows)
            flags[places] = self._common.sides[side].column("net.contact")[rows] & kept
        table = np.zeros(len(self._common.items) + 2, np.uint32)
        table[1] = layout.INHERITED
        texts: dict[bytes, int] = {b"": 0}
        items: list[tuple[int, ...]] = [(0,) * 5]
        for number in np.unique(values[values > 1]).tolist():
            table[number] = len(items)
            items += _rows_of(self._common.items[number - 2], texts)
        _put_texts(file, "mail", [*texts][1:])
        column = np.array(items, np.int64)
        return {
            "net.contact": table[values] | flags,
            "contact.what": column[:, 0].astype(np.uint8),
            "contact.mail": narrowed(column[:, 1], len(texts)),
            "contact.handle": column[:, 2].astype(np.int32),
            "contact.object": column[:, 3].astype(np.int32),
            "contact.checked": column[:, 4].astype(np.uint16),
        }

    def _verdicts(self) -> dict[str, NDArray[Any]]:
        ids = np.zeros(len(self._line.key), np.int64)
        for side, places, rows in self._by_side():
            ids[places] = self._common.verdict_ids(side, rows)
        verdicts = [*self._common.verdicts]
        names = self._facilitators()
        party = [names.index(name) + 1 if name else 0 for _, _, name in verdicts]
        return {
            "piece.verdict": narrowed(ids, max(len(verdicts), 1)),
            "verdict.what": np.array([what for what, _, _ in verdicts] or [0], np.uint8),
            "verdict.rules": np.array([rules for _, rules, _ in verdicts] or [0], np.uint32),
            "verdict.party": np.array(party or [0], np.uint8),
        }

    def _origins(self) -> dict[str, NDArray[Any]]:
        """Return the columns of AS numbers that announce, and of the files that rows are from."""
        ids = np.zeros(len(self._line.key), np.int64)
        files = np.zeros(len(self._line.key), np.int64)
        for side, places, rows in self._by_side():
            ids[places] = self._common.origins(side, rows)
            known = self._common.sides[side]
            codes = np.array(self._common.files[side] or [0], np.int64)
            files[places] = codes[known.column("net.origin")[rows]]
        used, codes = np.unique(ids, return_inverse=True)
        sets = [np.frombuffer(key, np.uint32) for key in self._common.origin_sets]
        chosen = [sets[number] for number in used.tolist()]
        at = np.append(0, np.cumsum([len(numbers) for numbers in chosen]))
        origin, numbers = np.unique(files, return_inverse=True)
        self.origins = [self._common.origin_entries[k] for k in origin.tolist()]
        return {
            "net.origins": codes.astype(np.int32), "origin.at": at.astype(np.uint32),
            "origin.asn": np.concatenate([*chosen, np.zeros(0, np.uint32)]).astype(np.uint32),
            "net.origin": narrowed(numbers, max(len(origin), 1)),
        }  # fmt: skip

    def _raw(self, file: IndexFile) -> None:
        """Write the raw texts, in the order of the stretches."""
        raw = RawParts(file, "past.")
        tables = [side.tables for side in self._common.sides]
        known = next((t for t in tables if isinstance(t, PastTables)), tables[-1])
        dictionary = bytes(known.store.raw(f"{known.prefix}raw.dictionary"))
        numbers = [side.column("net.object") for side in self._common.sides]
        pairs = [*zip(self._line.side.tolist(), self._line.row.tolist(), strict=True)]
        for low in range(0, len(pairs), _TOGETHER):
            texts: list[bytes] = [b""] * len(pairs[low : low + _TOGETHER])
            wanted = sorted(
                (side, int(numbers[side][row]), place)
                for place, (side, row) in enumerate(pairs[low : low + _TOGETHER])
            )
            for side, number, place in wanted:
                texts[place] = raw_text(tables[side], number)
            end = np.cumsum([len(text) for text in texts])
            start = end - np.array([len(text) for text in texts])
            raw.add(pack(b"".join(texts), 0, start, end, dictionary))
        raw.finish(dictionary)
        file.put("past.net.object", np.arange(len(pairs), dtype=np.uint32))


def _nested(columns: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the pieces of all stretches, and the addresses from which each is the smallest."""
    first, last = (columns[f"net.{end}4"].astype(np.int64) for end in ("first", "last"))
    ends = [columns[f"net.{end}6.{half}"] for end in ("first", "last") for half in ("hi", "lo")]
    first6, last6, starts = compress((ends[0], ends[1]), (ends[2], ends[3]))
    count4 = len(first)
    count = total = count4 + len(first6)
    above, nets = [np.full(count, -1, np.int64)], []
    found: dict[str, NDArray[Any]] = {}
    for family, base, begin, end, behind in (
        (4, 0, first, last, 1 << 32), (6, count4, first6, last6, len(starts[0])),
    ):  # fmt: skip
        forest = nest(begin, end, _lower_first(begin, end))
        piece = piece_ids(forest, base, total)
        up = np.append(piece, -1)[forest.above]
        own = piece < count
        above[0][piece[own]] = up[own]
        above.append(up[~own])
        nets.append(forest.net[~own] + base)
        total += int((~own).sum())
        begins, owners = flatten(forest, piece, behind)
        found[f"segment{family}.piece"] = owners.astype(np.int32)
        if family == 4:
            found["segment4.begin"] = begins.astype(np.uint32)
        else:
            found["segment6.hi"], found["segment6.lo"] = (half[begins] for half in starts)
    found["piece.above"] = np.concatenate(above).astype(np.int32)
    found["piece.net"] = np.concatenate(nets).astype(np.uint32)
    return found


def ordered(common: Common, line: Line) -> tuple[Line, int]:
    """Return a line in the order in which its stretches get their ids, and how many are IPv4.

    IPv4 first; then by first address, larger first, then by time, source and slot.
    """
    narrow = np.zeros(len(line.key), bool)
    words = [np.zeros(len(line.key), np.uint64) for _ in range(4)]
    for side, known in enumerate(common.sides):
        mine = np.flatnonzero(line.side == side)
        rows = line.row[mine]
        narrow[mine] = rows < known.count4
        for part in (np.flatnonzero(narrow[mine]), np.flatnonzero(~narrow[mine])):
            bounds = known.bounds(rows[part]) if len(part) else ()
            for k, bound in enumerate(bounds):
                words[k if len(bounds) == 4 else 1 + 2 * k][mine[part]] = bound
    first_high, first_low, last_high, last_low = words
    order = np.lexsort((
        line.key, line.unit, line.begin, ~last_low, ~last_high, first_low, first_high, ~narrow,
    ))  # fmt: skip
    return line.picked(order), int(narrow.sum())


def _lower_first(first: Ints, last: Ints) -> Keys:
    """Return what says which of some ranges stands lower: the smaller, then the later one."""
    return lambda which: [first[which] - last[which], which]


def _rows_of(items: list[Item], texts: dict[bytes, int]) -> Iterator[tuple[int, ...]]:
    """Yield the rows of a result, with codes of texts."""
    for place, (rule, status, mail, has, refers, checked) in enumerate(items):
        more = layout.MORE_ITEMS if place + 1 < len(items) else 0
        code = [texts.setdefault(text, len(texts)) for text in (mail, has, refers)]
        yield (
            rule | status << layout.STATUS_SHIFT | more, code[0], -code[1], -1 - code[2], checked,
        )  # fmt: skip


def _put_words(file: IndexFile, name: str, words: Dictionary, codes: Ints) -> None:
    """Write some texts of a dictionary as one, behind the empty text."""
    length = words.lengths()[codes]
    text = gather(padded(bytes(words.text)), words.at[codes].astype(np.int64), length)
    at = np.zeros(len(codes) + 2, np.uint32)
    at[2:] = np.cumsum(length)
    file.put(f"past.text.{name}", text)
    file.put(f"past.text.{name}.at", at)


def _put_texts(file: IndexFile, name: str, texts: list[bytes]) -> None:
    """Write texts as a dictionary, behind the empty text."""
    at = np.zeros(len(texts) + 2, np.uint32)
    at[2:] = np.cumsum([len(text) for text in texts])
    file.put(f"past.text.{name}", b"".join(texts))
    file.put(f"past.text.{name}.at", at)
