"""Offer the commands of `export`: the index in formats of others, addresses for firewalls.

What is exported is made elsewhere; the lines of a list for a firewall are written here. NumPy is
loaded when a command runs.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar

import click

from . import layout
from .addresses import as_number
from .console import NO_MATCH, complain, write
from .index import open_index
from .options import index_option, with_options
from .packed import is_one, is_packed, to_write

if TYPE_CHECKING:
    from .export_ranges import Found
    from .index import Index

Command = TypeVar("Command", bound=Callable[..., Any])
_LONGEST: Final = 28  # letters of a set's name: `ipset` takes 31, and `_v4` or `_v6` comes behind
_BLOCK: Final = 1 << 14  # lines that are written at a time
_TYPES: Final = {4: ("ipv4_addr", "inet"), 6: ("ipv6_addr", "inet6")}  # in nftables, in ipset


def _common(command: Command) -> Command:
    """Give a command the options of those that write columns."""
    options = (
        click.option("-c", "--columns", metavar="NAMES", multiple=True,
                     help="Columns, in this order, with commas between. Repeatable."),
        click.option("-q", "--quiet", is_flag=True, help="No progress."),
        index_option,
    )  # fmt: skip
    return with_options(command, options)


@click.group(epilog="Example: rirdex export mmdb -o rirdex.mmdb -c netname,holder,verdict,abuse")
def export() -> None:
    """Write the index for other programs, and addresses for firewalls."""


@export.command(
    short_help="Write a MaxMind DB file.",
    epilog="Example: rirdex export mmdb -o rirdex.mmdb -c netname,holder,verdict,abuse",
)
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write.")
@_common
def mmdb(output: str, columns: tuple[str, ...], quiet: bool, path: str | None) -> int:
    """Write a MaxMind DB file, which many programs look addresses up in.

    The record of an address has the columns of its answer; what is missing is not in it.
    """
    names = _named(columns)
    with _opened(path, output, quiet) as (index, stream, told):
        from .exports import export_mmdb

        export_mmdb(index, stream, names, told)
    return 0


@export.command(
    short_help="Write ranges or nets as Parquet.",
    epilog="Example: rirdex export parquet -o ranges.parquet -c holder,country,verdict",
)
@click.option("-o", "--output", metavar="FILE", required=True, help="Where to write.")
@click.option("--nets", is_flag=True,
              help="All nets, one in another, instead of ranges that one answers for.")  # fmt: skip
@_common
def parquet(
    output: str, nets: bool, columns: tuple[str, ...], quiet: bool, path: str | None
) -> int:
    """Write the ranges that one net answers for as Parquet, to join addresses with.

    Ranges are sorted and do not overlap: first, last (text), first4, last4 (numbers, IPv4 only),
    first16, last16 (16 bytes, both families). Needs pyarrow: pip install "rirdex[arrow]".
    """
    names = _named(columns)
    if is_packed(output):
        raise click.UsageError(f"{output}: Parquet is compressed inside: leave out the suffix")
    try:
        import rirdex.query.arrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise click.UsageError(f'parquet needs {error.name}: pip install "rirdex[arrow]"') from None
    with _opened(path, output, quiet) as (index, stream, told):
        from .exports import export_parquet

        export_parquet(index, stream, names, nets=nets, told=told)
    return 0


@export.command(
    short_help="Write a dictionary for ClickHouse.",
    epilog="Example: rirdex export clickhouse -o rirdex.csv -c holder,verdict --ddl",
)
@click.option("-o", "--output", metavar="FILE", required=True,
              help="Where to write; .gz and .zst are compressed.")  # fmt: skip
@click.option("--ddl", is_flag=True, help="Also print the statement that makes the dictionary.")
@_common
def clickhouse(
    output: str, ddl: bool, columns: tuple[str, ...], quiet: bool, path: str | None
) -> int:
    """Write CSV for a dictionary of ClickHouse with the layout ip_trie.

    The first column is prefix, IPv4 and IPv6. Put the file into the server's folder user_files.
    """
    names = _named(columns)
    if ddl and output == "-":
        raise click.UsageError("the file and the statement would both go to standard output")
    with _opened(path, output, quiet) as (index, stream, told):
        from .exports import export_clickhouse

        export_clickhouse(index, stream.write, names, told)
    if ddl:
        write(_statement(names, os.path.basename(output)))
    return 0


def _named(columns: tuple[str, ...]) -> Sequence[str]:
    """Return the columns to write. What cannot be exported is told before all else."""
    from .export_ranges import ExportError
    from .exports import DEFAULT, chosen

    try:
        return chosen([n for part in columns for n in part.replace(",", " ").split()] or DEFAULT)
    except ExportError as error:
        raise click.UsageError(str(error)) from None


@contextlib.contextmanager
def _opened(
    path: str | None, output: str, quiet: bool
) -> Iterator[tuple[Index, BinaryIO, Callable[[int], object]]]:
    """Open the index and the output, and show progress."""
    from tqdm import tqdm

    silent = True if quiet or sys.stderr is None else None
    if output == "-" and sys.stdout is not None and sys.stdout.isatty():
        raise click.UsageError("the file is not for a terminal: give -o FILE, or a pipe")
    with (
        open_index(path) as index,
        _to_write(output, index) as stream,
        tqdm(unit=" rows", unit_scale=True, disable=silent, leave=False) as bar,
    ):
        yield index, stream, bar.update


def _to_write(output: str | None, index: Index) -> contextlib.AbstractContextManager[BinaryIO]:
    """Return the output to open; it takes its place when all is written."""
    if is_one(output, index.path):
        raise click.UsageError(f"{output} is the index itself: give another name to -o")
    return to_write(output)


def _statement(columns: Sequence[str], file: str) -> Iterator[str]:
    """Yield the statement that makes a dictionary of a file in the server's `user_files`."""
    path = f"./user_files/{file}".replace("\\", "\\\\").replace("'", "\\'")
    yield "CREATE DICTIONARY rirdex"
    yield "("
    kinds = {name: "UInt16 DEFAULT 0" if name == "depth" else "String DEFAULT ''"
             for name in columns}  # fmt: skip
    yield ",\n".join(f"    `{name}` {kind}" for name, kind in {"prefix": "String", **kinds}.items())
    yield ")"
    yield "PRIMARY KEY prefix"
    yield f"SOURCE(FILE(path '{path}' format 'CSVWithNames'))"
    yield "LAYOUT(IP_TRIE)"
    yield "LIFETIME(0);"


# -- lists for firewalls ----------------------------------------------------------------------


def _put(lines: Iterable[str], stream: BinaryIO) -> None:
    rest = iter(lines)
    while block := [*islice(rest, _BLOCK)]:
        stream.write("\n".join([*block, ""]).encode())


def _cidrs(found: Sequence[Found], _: str) -> Iterator[str]:
    from .export_ranges import prefix_texts

    return chain.from_iterable(prefix_texts(each)[1] for each in found)


def _pairs(found: Sequence[Found], _: str) -> Iterator[str]:
    from .export_ranges import range_texts

    return chain.from_iterable(map(range_texts, found))


def _nftables(found: Sequence[Found], name: str) -> Iterator[str]:
    """Yield a file for `nft -f`, one transaction: sets are made, emptied and filled."""
    from .export_ranges import prefix_texts

    yield from _sets(found, name, lambda each: ())
    for each in found:
        yield f"flush set inet rirdex {name}_v{each.family}"
    filled = [each for each in found if len(each.first)]  # nft knows no empty list of elements
    if filled:
        yield from _sets(filled, name, lambda each: chain(
            ["\t\telements = {"],
            (f"\t\t\t{text}," for text in prefix_texts(each, halved=True)[1]),
            ["\t\t}"],
        ))  # fmt: skip


def _sets(
    found: Sequence[Found], name: str, elements: Callable[[Found], Iterable[str]]
) -> Iterator[str]:
    yield "table inet rirdex {"
    for each in found:
        yield f"\tset {name}_v{each.family} {{"
        yield f"\t\ttype {_TYPES[each.family][0]}"
        yield "\t\tflags interval"
        yield "\t\tauto-merge"
        yield from elements(each)
        yield "\t}"
    yield "}"


def _ipset(found: Sequence[Found], name: str) -> Iterator[str]:
    """Yield a file for `ipset restore`; sets have room for a quarter more than they hold."""
    from .export_ranges import prefix_texts

    for each in found:
        count, texts = prefix_texts(each, halved=True)  # hash:net holds no prefix of length 0
        room, kind = max(count + count // 4, 1 << 16), _TYPES[each.family][1]
        yield f"create {name}_v{each.family} hash:net family {kind} maxelem {room}"
        yield from map(f"add {name}_v{each.family} {{}}".format, texts)


_LINES: Final[dict[str, Callable[[Sequence[Found], str], Iterator[str]]]] = {
    "cidr": _cidrs, "range": _pairs, "nftables": _nftables, "ipset": _ipset,
}  # fmt: skip


# -- ranges -----------------------------------------------------------------------------------


def _checked(_: click.Context, __: click.Parameter, name: str) -> str:
    letters = name.replace("_", "").replace("-", "")
    if not (name.isascii() and name[:1].isalpha() and letters.isalnum() and len(name) <= _LONGEST):
        raise click.BadParameter(
            f"{name!r} is no name of a set: a letter, then letters, digits, _ and -, "
            f"at most {_LONGEST} together"
        )
    return name


def _range_options(command: Command) -> Command:
    options = (
        click.option("--holder", metavar="NAME|HANDLE", default=None,
                     help="Only what a party holds: its organisation handle or its whole name."),
        click.option("--lessor", metavar="NAME|HANDLE", default=None,
                     help="Only what a party holds and appears to let."),
        click.option("--lessee", metavar="NAME|HANDLE", default=None,
                     help="Only what a party other than the holder uses and appears to rent."),
        click.option("--facilitator", metavar="NAME|HANDLE", default=None,
                     help="Only what a party in between has to do with."),
        click.option("--as", "origins", metavar="AS", multiple=True,
                     help="Only what an AS announces, by the longest prefix. Repeatable."),
        click.option("--country", metavar="CC", default=None,
                     help="Only what is registered in a country."),
        click.option("--registry", metavar="NAME", default=None, help="Only what is a registry's."),
        click.option("--verdict", "verdicts", type=click.Choice(layout.VERDICTS), multiple=True,
                     help="Only this verdict. Repeatable; default leased and likely-leased with "
                     "--lessor and --lessee, else any."),
        click.option("--confidence", type=click.Choice(layout.CONFIDENCES), default="low",
                     show_default=True, help="The least confidence of the verdict."),
        click.option("--inside", metavar="RANGE", default=None,
                     help="Only what lies in an address, prefix or range."),
        click.option("-f", "--format", "form", type=click.Choice(tuple(_LINES)), default="cidr",
                     show_default=True, help="How to write."),
        click.option("--name", default="rirdex", show_default=True, metavar="SET",
                     callback=_checked,
                     help="The set of nftables or ipset; _v4 or _v6 comes behind."),
        click.option("-4", "four", is_flag=True, help="Only IPv4."),
        click.option("-6", "six", is_flag=True, help="Only IPv6."),
        click.option("-o", "--output", metavar="FILE", default=None,
                     help="Where to write; .gz and .zst are compressed."),
        index_option,
    )  # fmt: skip
    return with_options(command, options)


def _asked(texts: Sequence[str]) -> list[int]:
    """Read AS numbers, with AS before them or not."""
    found = {text: as_number(text if text[:2].upper() == "AS" else f"AS{text}") for text in texts}
    for text, number in found.items():
        if number is None:
            raise click.UsageError(f"--as: {text!r} is no AS number")
    return [number for number in found.values() if number is not None]


@export.command(
    short_help="Write addresses for firewalls.",
    epilog="Example: rirdex export ranges --lessor ORG-EX1-RIPE -f nftables -o ex1.nft",
)
@_range_options
def ranges(
    holder: str | None, lessor: str | None, lessee: str | None, facilitator: str | None,
    origins: tuple[str, ...], country: str | None, registry: str | None,
    verdicts: tuple[str, ...], confidence: str, inside: str | None, form: str, name: str,
    four: bool, six: bool, output: str | None, path: str | None,
) -> int:  # fmt: skip
    """Write the addresses of a party, an AS, a country, a verdict ..., for firewalls.

    An address counts for the last net of its chain, as `rirdex lookup` shows it: a customer's net
    in a holder's block has the customer's country and its own verdict. What touches is one range,
    and the prefixes are the fewest. Exit code 1 when there are none.

    The file for `nft -f` empties and fills the sets in the table inet rirdex; that for
    `ipset restore` makes new ones.
    """
    from .export_ranges import ExportError, found_ranges
    from .finding import ranged
    from .leases import LeasesError

    numbers = _asked(origins)
    within = None if inside is None else ranged(inside)
    families = (4,) if four and not six else (6,) if six and not four else (4, 6)
    with open_index(path) as index:
        try:
            found = found_ranges(
                index, holder=holder, lessor=lessor, lessee=lessee, facilitator=facilitator,
                country=country, registry=registry, verdicts=verdicts, confidence=confidence,
                origins=numbers, inside=within, families=families,
            )  # fmt: skip
        except (ExportError, LeasesError) as error:
            raise click.UsageError(str(error)) from None
        with _to_write(output, index) as stream:
            _put(_LINES[form](found, name), stream)
    if any(len(each.first) for each in found):
        return 0
    named = holder or lessor or lessee or facilitator
    complain("no address matches" + (": names compare whole" if named else ""))
    return NO_MATCH
