"""Count the rows of a batch by what they have in some columns: `rirdex batch --summary`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from .batch import Done
from .blocks import Block
from .cells import Json
from .columns import checked
from .entries import text_of
from .errors import BatchError
from .matched import OF_ROWS, Matcher
from .render import json_line
from .tabulated import Table

if TYPE_CHECKING:
    from .earlier import Earlier
    from .index import Index

BY: Final = ("holder", "lessee", "registry", "country", "verdict", "contact")
HEAD: Final = ("by", "value", "rows", "share")


class Tallies:
    """Turn blocks of queries into counts; the counterpart of `batch.Batch`.

    ``earlier`` answers for earlier days. Raises `BatchError` for a column that there is not or that
    is the query itself, `DeskError`.
    """

    def __init__(
        self, index: Index, columns: Sequence[str] = BY, earlier: Earlier | None = None
    ) -> None:
        self._columns = tuple(dict.fromkeys(checked(columns)))
        if not {*OF_ROWS, "error"}.isdisjoint(self._columns):
            raise BatchError("rows are counted by columns of the answer, not by ip, input or error")
        self._matcher = Matcher(index, self._columns, earlier)

    def header(self) -> bytes:
        """Return nothing: counts have no schema."""
        return b""

    def rows(self, block: Block) -> Done:
        """Return the counts of a block, for `Totals.write`."""
        matched = self._matcher.match(block)
        found: dict[str, dict[str, int]] = {}
        for name in self._columns:
            values, codes = matched.coded(name)
            counts = np.bincount(codes[codes >= 0], minlength=len(values)).tolist()
            one: Counter[str] = Counter()
            for value, number in zip(values, counts, strict=True):
                one[text_of(value)] += number  # two lists may have the same text
            found[name] = +one
        singles = matched.singles.values()
        invalid = sum(isinstance(answer, str) for answer in singles)
        answered = sum(not isinstance(answer, str) and bool(answer) for answer in singles)
        answered += int(np.count_nonzero(matched.entry >= 0))
        text = json.dumps([answered, found]).encode()
        return Done(text, len(block.start), invalid)


class Totals:
    """Add up the counts of blocks. Memory follows the number of different values."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._answered = 0

    def write(self, text: bytes) -> None:
        """Add the counts of a block."""
        if not text:
            return
        answered, found = json.loads(text)
        self._answered += answered
        for name, counts in found.items():
            self._counts.setdefault(name, Counter()).update(counts)

    def summary(self, rows: int, invalid: int, top: int) -> Json:
        """Return all counts; ``top`` values of each column with most rows, 0 = all of them.

        `share` is the part of the rows that are queries; `missing` are those that have nothing in
        the column, those without a net among them.
        """
        valid = rows - invalid
        by = {}
        for name, counts in self._counts.items():
            first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: top or None]
            by[name] = {
                "distinct": len(counts), "missing": valid - counts.total(),
                "top": [{"value": value, "rows": number, "share": _share(number, valid)}
                        for value, number in first],
            }  # fmt: skip
        totals = {"rows": rows, "answered": self._answered, "no_net": valid - self._answered}
        return {**totals, "invalid": invalid, "by": by}


def _share(number: int, valid: int) -> float:
    return round(number / valid, 6) if valid else 0.0


def lines_of(summary: Json, form: str, safe: bool = False) -> Iterator[bytes]:
    """Yield the lines of a summary as csv, tsv or one object of JSON."""
    if form == "jsonl":
        yield json_line(summary).encode() + b"\n"
        return
    table = Table("\t" if form == "tsv" else ",", safe)
    for row in (HEAD, *table_of(summary)):
        yield table.line(row) + b"\n"


def table_of(summary: Json) -> Iterator[tuple[str, ...]]:
    """Yield the lines of `HEAD` of a summary; the first ones, by `all`, are the totals."""
    valid = summary["rows"] - summary["invalid"]
    for name in ("rows", "answered", "no_net", "invalid"):
        share = "" if name in ("rows", "invalid") else f"{_share(summary[name], valid):.6f}"
        yield "all", name, str(summary[name]), share
    for by, found in summary["by"].items():
        for one in found["top"]:
            yield by, one["value"], str(one["rows"]), f"{one['share']:.6f}"
