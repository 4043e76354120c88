"""Offer the command `audit`: count the findings of `audit.FINDINGS`, or list the nets with one.

Nothing here counts. NumPy is loaded when the command runs, dnspython only for `--mx`, which is the
one thing here that opens connections.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from . import render
from .cells import Json
from .console import complain, write
from .geofeeds import read_geofeeds
from .index import open_index
from .layout import RESULT_BITS
from .options import index_option, with_options
from .records import chain_of
from .telling import desk_option
from .untrusted import disarmed

if TYPE_CHECKING:
    from .audit import Audit, Count, Group, Measured
    from .index import Index

Command = TypeVar("Command", bound=Callable[..., Any])
SCHEMA_VERSION = 1
_COLUMNS = (
    "by", "group", "name", "finding", "nets", "nets_share", "addresses", "addresses_share",
    "prefixes48", "prefixes48_share", "users", "users_reached", "lessees",
    "lessees_reached",
)  # fmt: skip
_WITH_USERS = ("holder", "maintainer", "facilitator")
_WITH_NAMES = ("holder", "facilitator")


class Listed(NamedTuple):
    """Name a net with a finding, a mailbox that has it (else the first one), and its holder."""

    key: str
    netname: str | None
    mailbox: str | None
    holder: str | None


def _options(command: Command) -> Command:
    options = (
        index_option,
        click.option("--by", metavar="GROUP", default=None,
                     help="registry (the default), holder, country, maintainer or facilitator."),
        click.option("--top", type=click.IntRange(0), default=None, metavar="N",
                     help="How many groups, those with most nets first, or how many nets of a "
                     "--finding; 0 is all; default 20 groups, all nets."),
        click.option("--finding", metavar="CODE", default=None,
                     help="List the nets with this finding instead of counting."),
        click.option("--inside", metavar="RANGE", default=None,
                     help="Only nets inside an address, prefix or range."),
        click.option("--registry", metavar="NAME", default=None, help="Only nets of a registry."),
        click.option("--stale-years", type=click.IntRange(0, 1000), default=5, show_default=True,
                     metavar="N", help="How long ago makes a net stale."),
        click.option("--geofeed", "geofeeds", multiple=True, metavar="FILE",
                     help="A geofeed (CSV, RFC 8805) to hold against countries. Repeatable."),
        click.option("--mx", "ask", is_flag=True,
                     help="Ask a name server whether the mail domains take mail."),
        click.option("--resolver", metavar="ADDRESS[:PORT]", default=None,
                     help="The name server for --mx; default the system's."),
        click.option("--json", "as_json", is_flag=True,
                     help="One JSON object; with --finding one for each net and line."),
        click.option("--csv", "as_csv", is_flag=True, help="CSV with a heading."),
    )  # fmt: skip
    return with_options(command, options)


@click.command(epilog="Example: rirdex audit --by maintainer --top 50 --csv")
@_options
@desk_option
def audit(
    path: str | None, by: str | None, top: int | None, finding: str | None, inside: str | None,
    registry: str | None, stale_years: int, geofeeds: tuple[str, ...], ask: bool,
    resolver: str | None, as_json: bool, as_csv: bool, desk: str | None,
) -> int:  # fmt: skip
    """Measure how accurate and reachable what is registered is: findings by nets and addresses.

    Nets of registries and placeholders do not count. An address counts once, for the last net that
    contains it; IPv6 is counted in /48. What cannot be measured is `-` or null, never 0. With --mx
    each mail domain is looked up once; nothing else opens a connection.
    """
    from . import mx
    from .audit import BY, FINDINGS, AuditError, chosen, measure, summed

    _check(by, finding, ask, resolver, as_json, as_csv, BY, FINDINGS)
    server = mx.server(resolver) if resolver else None
    with open_index(path, desk=desk) as index:
        try:
            rows = chosen(index, inside, registry)
        except AuditError as error:
            raise click.UsageError(f"--registry: {error}") from None
        states = _look_up(mx.mail_domains(index, rows.tolist()), server) if ask else None
        dead = None if states is None else {d for d, state in states.items() if state in mx.DEAD}
        feeds = read_geofeeds(geofeeds) if geofeeds else None
        measured = measure(index, rows, stale_years=stale_years, dead=dead, feeds=feeds)
        if finding is not None:
            if finding in measured.needs:
                raise click.UsageError(f"{finding} is not measured: {measured.needs[finding]}")
            write(_listed_lines(listed(measured, finding, dead or (), top or 0), as_json, as_csv))
            return 0
        found = summed(measured, by=by or BY[0], top=20 if top is None else top)
        if as_json:
            write([render.json_line(to_dict(index, found, inside, registry, states))])
        else:
            write(_csv_lines(index, found) if as_csv else _text(index, found))
    return 0


def _check(
    by: str | None, finding: str | None, ask: bool, resolver: str | None, as_json: bool,
    as_csv: bool, groups: Collection[str], findings: Collection[str],
) -> None:  # fmt: skip
    """Raise a usage error for options that say nothing or contradict each other."""
    for wrong, message in (
        (by is not None and by not in groups, f"--by: choose one of {', '.join(groups)}"),
        (finding is not None and finding not in findings,
         f"--finding: choose one of {', '.join(findings)}"),
        (finding is not None and by is not None, "--finding lists nets: leave --by out"),
        (resolver is not None and not ask, "--resolver is for --mx: add it"),
        (as_json and as_csv, "choose one of --json and --csv"),
    ):  # fmt: skip
        if wrong:
            raise click.UsageError(message)


def _look_up(domains: list[str], server: tuple[str, int] | None) -> dict[str, str]:
    """Ask for mail domains, and say how many gave no answer."""
    from tqdm import tqdm

    from .mx import UNKNOWN, look_up

    with tqdm(total=len(domains), unit=" domains", disable=None, leave=False) as bar:
        states = look_up(domains, resolver=server, progress=bar.update)
    unknown = sum(state == UNKNOWN for state in states.values())
    if unknown:
        complain(f"{unknown:,} of {len(states):,} mail domains gave no answer and do not count")
    return states


# -- nets with a finding ----------------------------------------------------------------------


def listed(
    measured: Measured, finding: str, dead: Collection[str] = (), most: int = 0
) -> Iterator[Listed]:
    """Yield the nets with a finding, ascending, at most so many if not 0."""
    from .audit import BIT

    index = measured.source
    tables = index._tables
    rows = measured.rows[measured.bits & BIT[finding] > 0]
    for number in rows[: most or None]:
        net = index.net(int(number))
        result = tables.net_contact[net.id] & RESULT_BITS
        holder = next((net for net in chain_of(tables, net.id) if net.role == "holder"), None)
        party = holder.party if holder else None
        yield Listed(
            net.key, net.netname, _mailbox(index, result, finding, dead) if result else None,
            (party.name or party.handle) if party else None,
        )  # fmt: skip


def _mailbox(index: Index, result: int, finding: str, dead: Collection[str]) -> str | None:
    """Return the first mailbox of a result that has a finding, else the first one."""
    from .mx import judging, said

    found = [*said(index, result, judging(index, (), dead))]
    boxes = [mailbox for mailbox, codes in found if finding in codes and mailbox]
    return next(iter(boxes + [mailbox for mailbox, _ in found if mailbox]), None)


def _listed_lines(nets: Iterable[Listed], as_json: bool, as_csv: bool) -> Iterator[str]:
    if as_csv:
        yield ",".join(Listed._fields)
    for net in nets:
        if as_json:
            yield render.json_line(net._asdict())
        elif as_csv:
            yield csv_line(net)
        else:
            yield render.clean("  ".join(text or "-" for text in net))


# -- counts -----------------------------------------------------------------------------------


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 6) if whole else None


def _number(value: float) -> int | float:
    """Return a number of /48 for output: whole where it is."""
    return int(value) if value == int(value) else round(value, 6)


def _name(index: Index, found: Audit, group: Group) -> str | None:
    """Return the name of the organisation that a group is named by, if it is by one."""
    if found.by not in _WITH_NAMES or not group.key:
        return None
    item = index.object(group.key, "organisation")
    return None if item is None else item.to_dict()["name"]


def _counts(count: Count) -> Json:
    return {
        "nets": count.nets, "addresses": count.addresses, "prefixes48": _number(count.prefixes48)
    }  # fmt: skip


def _shares(count: Count, total: Count) -> Json:
    """Return counts, each with its share of a total."""
    found: Json = {}
    shares = (_share(part, whole) for part, whole in zip(count, total, strict=True))
    for (name, value), share in zip(_counts(count).items(), shares, strict=True):
        found |= {name: value, f"{name}_share": share}
    return found


def _group_dict(group: Group) -> Json:
    return _counts(group.total) | {
        "users": group.users, "users_reached": group.reached,
        "users_reached_share": _share(group.reached, group.users),
        "lessees": group.lessees, "lessees_reached": group.lessees_reached,
        "lessees_reached_share": _share(group.lessees_reached, group.lessees),
        "findings": {
            code: None if count is None else _shares(count, group.total)
            for code, count in group.findings.items()
        },
    }  # fmt: skip


def to_dict(
    index: Index, found: Audit, inside: str | None, registry: str | None,
    states: dict[str, str] | None,
) -> Json:  # fmt: skip
    """Return the JSON of `audit`; ``states`` are those of the mail domains if they were asked."""
    from .audit import FINDINGS
    from .mx import STATES

    return {
        "schema_version": SCHEMA_VERSION, "by": found.by, "date": found.date,
        "stale_years": found.stale_years, "inside": inside, "registry": registry,
        "totals": _group_dict(found.totals), "groups_in_all": found.number,
        "groups": [
            {"group": group.key, "name": _name(index, found, group)} | _group_dict(group)
            for group in found.groups
        ],
        "findings": {
            code: {"meaning": meaning, "measured": code not in found.needs,
                   "needs": found.needs.get(code, "").removeprefix("needs ") or None}
            for code, meaning in FINDINGS.items()
        },
        "mail_domains": None if states is None else {
            state: sum(each == state for each in states.values()) for state in STATES
        },
    }  # fmt: skip


def csv_line(cells: Iterable[object], safe: bool = False) -> str:
    """Return a line of CSV (RFC 4180); ``safe`` puts a quote before what a sheet would compute."""
    text = io.StringIO()
    row = ["" if cell is None else render.clean(str(cell)) for cell in cells]
    if safe:
        row = [disarmed(cell) for cell in row]
    csv.writer(text, lineterminator="").writerow(row)
    return text.getvalue()


def _csv_lines(index: Index, found: Audit) -> Iterator[str]:
    """Yield a row for all nets and for each finding, of all groups together and of each group."""
    yield ",".join(_COLUMNS)
    for by, group in (("total", found.totals), *((found.by, group) for group in found.groups)):
        begin = (by, group.key, None if by == "total" else _name(index, found, group))
        shares = _shares(group.total, group.total).values()
        people = (group.users, group.reached, group.lessees, group.lessees_reached)
        yield csv_line((*begin, "all", *shares, *people))
        for code, count in group.findings.items():
            values = [None] * 6 if count is None else _shares(count, group.total).values()
            yield csv_line((*begin, code, *values, *[None] * len(people)))


def _percent(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f}" if whole else "-"


def _text(index: Index, found: Audit) -> Iterator[str]:
    """Yield the readable lines: the findings over all nets, then their shares of each group."""
    from .audit import FINDINGS

    total = found.totals.total
    yield (
        f"{total.nets:,} nets, {total.addresses:,} IPv4 addresses and "
        f"{_number(round(total.prefixes48, 2)):,} IPv6 /48 at {found.date or 'an unknown date'}"
    )
    yield ""
    rows = []
    for number, (code, meaning) in enumerate(FINDINGS.items(), 1):
        count = found.totals.findings[code]
        if count is None:
            meaning = f"not measured: {found.needs[code]}"
        cells = [
            cell
            for part, whole in zip(count or (), total, strict=False)
            for cell in (f"{_number(round(part, 2)):,}", _percent(part, whole))
        ]
        rows.append((number, code, *(cells or "------"), meaning))
    head = ("", "finding", "nets", "%", "addresses", "%", "/48", "%", "meaning")
    yield from render.table(rows, head)
    for place, unit in enumerate(("nets", "IPv4 addresses")):
        yield ""
        yield from _group_table(index, found, place, unit)
    if found.number > len(found.groups):
        yield f"and {found.number - len(found.groups):,} more; --top 0 gives all"


def _group_table(index: Index, found: Audit, place: int, unit: str) -> Iterator[str]:
    """Yield the groups with the shares of each finding, by nets or by addresses."""
    yield f"by {found.by}, % of {unit}:"
    if not found.groups:
        yield "  none: no net has one"
        return
    users = found.by in _WITH_USERS
    numbers = [str(k) for k, code in enumerate(found.totals.findings, 1) if code not in found.needs]
    rows = []
    for group in found.groups:
        name = _name(index, found, group)
        label = " ".join(filter(None, (group.key, name and f"({name})"))) or "(none)"
        shares = (
            _percent(count[place], group.total[place])
            for count in group.findings.values()
            if count is not None
        )
        own = (
            f"{group.users:,}", _percent(group.reached, group.users),
            f"{group.lessees:,}", _percent(group.lessees_reached, group.lessees),
        )  # fmt: skip
        rows.append((label, f"{group.total[place]:,}", *(own if users else ()), *shares))
    own = ("users' nets", "own contact", "lessees' nets", "own contact")
    head = (found.by, unit, *(own if users else ()), *numbers)
    yield from render.table(rows, head)
