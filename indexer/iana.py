"""Read IANA's tables: whom a block was given to, and which are set aside for a purpose.

`iana.csv` and `special.csv` come with rirdex; a user may bring newer ones of the same form:
comments with `#`, a heading, then a prefix and what it is in each row. Blocks may lie in each
other; what the tables are good for is decided elsewhere.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from importlib.resources import files
from typing import Final

from rirdex.query.errors import DumpError

from .delegated import REGISTRIES
from .values import parse_range

Block = tuple[int, int, int, str]  # family 4 or 6, first, last, registry or name

_SPELLINGS: Final = {"RIPE NCC": "RIPE", "RIPENCC": "RIPE"}


def load_iana(path: str | None = None) -> list[Block]:
    """Read which registry has which block; rows are `prefix,registry`.

    Returns (family, first, last, one of `delegated.REGISTRIES`) in the order of the file, without
    a path those that come with rirdex. Raises `DumpError` for a file that is wrong.
    """
    blocks = []
    for place, row, (family, first, last) in _rows(path, "iana.csv", ("prefix", "registry")):
        name = row[1].upper().removeprefix("ADMINISTERED BY ")
        name = _SPELLINGS.get(name, name)
        if name not in REGISTRIES:
            raise DumpError(place, f"{row[1]!r} is no registry: write {', '.join(REGISTRIES)}")
        blocks.append((family, first, last, name))
    return blocks


def load_special(path: str | None = None) -> list[Block]:
    """Read which blocks are set aside, and for what; rows are `prefix,name,rfc`.

    Returns (family, first, last, "name (RFC ...)") in the order of the file, without a path those
    that come with rirdex. Raises `DumpError` for a file that is wrong.
    """
    blocks = []
    for place, row, (family, first, last) in _rows(path, "special.csv", ("prefix", "name", "rfc")):
        if not row[1]:
            raise DumpError(place, f"{row[0]} has no name: add it")
        blocks.append((family, first, last, f"{row[1]} ({row[2]})" if row[2] else row[1]))
    return blocks


def _rows(
    path: str | None, own: str, heading: tuple[str, ...]
) -> Iterator[tuple[str, list[str], tuple[int, int, int]]]:
    """Yield where each row stands, its fields, and the range it begins with."""
    name = path or own
    columns = ",".join(heading)
    text = _text(path, own)
    lines = [(k, line) for k, line in enumerate(text.split("\n"), 1)
             if line.strip() and not line.startswith("#")]  # fmt: skip
    seen: dict[tuple[int, int, int], int] = {}
    for (number, _), fields in zip(lines, csv.reader(line for _, line in lines), strict=False):
        row = [field.strip() for field in fields]
        place = f"{name}, line {number}"
        if number == lines[0][0]:
            if tuple(row) != heading:
                raise DumpError(place, f"is no heading: begin the table with {columns}")
            continue
        if len(row) != len(heading):
            raise DumpError(place, f"has {len(row)} fields: write {columns}")
        found = parse_range(row[0]) if "/" in row[0] else None
        if found is None or _has_host_bits(row[0], found):
            raise DumpError(place, f"{row[0]!r} is no prefix: write one like 192.0.2.0/24")
        if found in seen:
            raise DumpError(place, f"{row[0]} stands in line {seen[found]} already: remove one")
        seen[found] = number
        yield place, row, found
    if not seen:
        raise DumpError(name, f"holds no table: begin it with {columns}, a prefix in each row")


def _text(path: str | None, own: str) -> str:
    """Return the text of a user's table, else of rirdex' own."""
    if path is None:
        return files("rirdex.indexer").joinpath(own).read_text("utf-8")
    try:
        with open(path, encoding="utf-8-sig", newline=None) as file:
            return file.read()
    except OSError as error:
        raise DumpError(path, f"cannot be read ({error.strerror})") from None
    except ValueError:
        raise DumpError(path, "is no UTF-8 text: save it as such") from None


def _has_host_bits(prefix: str, found: tuple[int, int, int]) -> bool:
    return parse_range(f"{prefix.partition('/')[0]}/{32 if found[0] == 4 else 128}") != (
        found[0], found[1], found[1],
    )  # fmt: skip
