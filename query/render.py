"""Turn answers, metadata and build summaries into text and JSON.

Texts from dumps are untrusted: control characters, which could drive a terminal, and the marks
that turn the direction of writing are replaced in every output.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from . import wording
from .addresses import format_range
from .cells import Json
from .compared import of_day, then_and_now
from .model import Answer, HandleAnswer
from .past import PastAnswer
from .records import Net, Object, Party
from .untrusted import clean as clean
from .untrusted import clean_lines as clean_lines
from .untrusted import json_line as json_line
from .verdicts import evidence, not_fired

if TYPE_CHECKING:
    from rirdex.indexer.report import Report, Summary

_SHOWN_MORE = 50
_NAME = 60  # letters of a name in the line of a net
_UNKNOWN = "not known; only the facilitator is registered"


def _number(cell: str) -> bool:
    return cell in ("", "-") or cell.replace(",", "").replace(".", "").isdigit()


def table(rows: Iterable[Iterable[object]], head: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a table; columns that hold numbers are set to the right."""
    lines = [[*head]] + [[clean(str(cell)) for cell in row] for row in rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    right = [
        len(lines) > 1 and all(map(_number, column)) for column in zip(*lines[1:], strict=True)
    ]
    right = right or [False] * len(widths)
    for line in lines:
        cells = (
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(line, widths, right, strict=True)
        )
        yield "  ".join(cells).rstrip()


# -- answers ----------------------------------------------------------------------------------


def answer_text(
    answer: Answer, *, more: bool = False, everything: bool = False, explain: bool = False,
    lang: str = "en",
) -> Iterator[str]:  # fmt: skip
    """Yield the readable lines of an answer: who is who, then the verdict in one sentence."""
    registry = f"  {answer.registry}" if answer.registry else ""
    yield clean(answer.query) + clean(registry) + clean(of_day(answer, lang))
    if isinstance(answer, HandleAnswer):
        yield from _object_text(answer, explain, lang)
        return
    yield from _hops(answer, lang)
    if explain:
        for net in answer.chain:
            yield from _net_text(net)
    for name, party in _parties(answer):
        yield _line(name, _party_text(party) if party else wording.word(_UNKNOWN, lang), lang)
    if explain and (authority := answer.authority):
        yield _line("why", authority.text, lang)
    if answer.route:
        origins = ", ".join(_system(answer, asn) for asn in answer.origins)
        by = " by " if lang == "en" else "、広告元 "
        yield _line("route", f"{answer.route}{by}{origins}", lang)
    if explain:
        for contact in answer.abuse:
            where = contact.mailbox or f"handle {contact.handle}"
            yield _line("abuse", f"{where}  ({contact.rule}, {contact.level})", lang)
    yield from _lease_text(answer, explain, lang)
    if isinstance(answer, PastAnswer):
        yield from then_and_now(answer, lang)
    for note in answer.notes:
        if note.code != "changed-since":  # that is said above
            yield _line("note", note.text, lang)
    if everything:
        shown = {net.id for net in answer.chain}
        for net in answer.all:
            if net.id not in shown:
                yield _line("aside", _head(net), lang)
    if more:
        yield from _more_text(answer.more, "inside")


def _system(answer: Answer, asn: int) -> str:
    from .facts import system_text

    return system_text(answer, asn)


def _line(name: str, text: str, lang: str) -> str:
    label = wording.word(name, lang) + ":"
    return "  " + label + " " * max(13 - wording.width(label), 1) + clean(text)


def _hops(answer: Answer, lang: str) -> Iterator[str]:
    """Yield a line for each net: range, role, netname, party, country, contacts of its own."""
    reached: dict[int, list[str]] = {}
    for contact in answer.abuse:
        if isinstance(contact.place, Net):
            where = contact.mailbox or contact.handle or ""
            reached.setdefault(contact.place.id, []).append(where)
    rows = [
        (
            "  " * depth + format_range(net.family, *net.bounds), wording.word(net.role, lang),
            _netname(net), _hop_name(net),
            " ".join(net.country) or "-", " ".join(reached.get(net.id, ())),
        )
        for depth, net in enumerate(answer.chain)
    ]  # fmt: skip
    cells = [[clean(cell) for cell in row] for row in rows]
    widths = [max(map(wording.width, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = (
            cell + " " * (width - wording.width(cell))
            for cell, width in zip(row, widths, strict=True)
        )
        yield "  " + "  ".join(padded).rstrip()


def _netname(net: Net) -> str:
    """Return the netname, with the net's handle where its registry gives it one."""
    handle = f"({net.key})" if net.registry == "ARIN" else None
    return " ".join(filter(None, (net.netname, handle))) or "-"


def _hop_name(net: Net) -> str:
    name = net.party.name
    if name is None or name == net.netname:
        return ""
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def _parties(answer: Answer) -> Iterator[tuple[str, Party | None]]:
    """Yield who is who; None is a lessee of whom nothing is known."""
    lessor, lessee, user = answer.lessor, answer.lessee, answer.user
    facilitator = answer.facilitator
    if lessor:
        yield "lessor", lessor
    elif answer.holder:
        yield "holder", answer.holder
    used = lessee if lessor else user
    if used or (lessor and user):
        yield "lessee" if lessor else "user", used
    if facilitator and facilitator != used:
        yield "facilitator", facilitator
    if answer.sponsor:
        yield "sponsor", answer.sponsor


def _lease_text(answer: Answer, explain: bool, lang: str) -> Iterator[str]:
    """Yield the verdict as a sentence; to explain it, also every rule."""
    if not answer.chain:
        return
    fired = [*evidence(answer)]
    lease, off = answer.lease, answer.tables.store.meta.get("rules_off", ())
    said = wording.summary(lease.verdict, lease.confidence, fired, off, lang)
    yield _line("lease", said, lang)
    if not explain:
        return
    yield f"    {wording.word('rules that fired', lang)}:"
    for item in fired:
        shown = f" [{item.object}]" if item.object else ""
        yield clean(f"      {item.rule}: {item.detail(lang)}{shown}")
    yield f"    {wording.word('rules that did not', lang)}:"
    for rule, text in not_fired(answer, lang):
        yield f"      {rule}: {text}"


def _object_text(answer: HandleAnswer, explain: bool, lang: str) -> Iterator[str]:
    found = answer.object
    if answer.kind == "contact":
        if not answer:
            yield _line("note", "the contact of no net in this index", lang)
        yield from _more_text(answer.more, "are reached there")
        return
    if found is None:
        kind = _kind_name(answer.kind)
        yield _line("note", f"no object of the dumps in this index has this {kind}", lang)
        return
    shown = found.as_object()
    yield clean("  " + "  ".join(filter(None, map(shown.get, ("class", "key", "name", "source")))))
    if shown["org"]:
        yield _line("org", shown["org"], lang)
    for entry in shown["abuse"]:
        where = entry["mailbox"] or f"handle {entry['handle']}"
        yield _line("abuse", f"{where}  ({entry['rule']})", lang)
    if explain:
        yield _line("from", _dump_text(found), lang)
    yield from _more_text(answer.more, "refer to it")


def _kind_name(kind: str) -> str:
    return "AS number" if kind == "asn" else "handle"


def _more_text(nets: tuple[Net, ...], what: str) -> Iterator[str]:
    if not nets:
        return
    yield (
        f"  nets that {what}: {len(nets):,}"
        if what != "inside"
        else f"  nets inside: {len(nets):,}"
    )
    for net in nets[:_SHOWN_MORE]:
        yield f"    {_head(net)}"
    if len(nets) > _SHOWN_MORE:
        yield f"    and {len(nets) - _SHOWN_MORE:,} more; --json gives all"


def _head(net: Net) -> str:
    parts = [net.key, net.netname, net.status, net.role, " ".join(net.country)]
    return clean("  ".join(part for part in parts if part))


def _net_text(net: Net) -> Iterator[str]:
    yield "  " + clean("  ".join(filter(None, (net.key, net.netname, net.status))))
    facts = [_party_text(net.party)]
    if net.mnt_by:
        facts.append("mnt-by " + " ".join(net.mnt_by))
    if net.created:
        facts.append(f"created {net.created}")
    if net.modified:
        facts.append(f"changed {net.modified}")
    yield "     " + clean(", ".join(facts))
    yield f"     from {_dump_text(net)}"


def _dump_text(item: Net | Object) -> str:
    dump = item.dump
    place = "" if dump["offset"] is None else f", byte {dump['offset']} of its text"
    return clean(f"{dump['file']} of {dump['date']}{place}")


def _party_text(party: Party) -> str:
    if party.name and party.handle:
        return clean(f"{party.name} ({party.handle})")
    return clean(party.name or party.handle or "")


# -- builds and metadata ----------------------------------------------------------------------


def build_text(summary: Summary) -> Iterator[str]:
    """Yield the readable summary of a build."""
    yield from table(
        (_report_row(report) for report in summary.reports),
        ("source", "date", "objects", "kept", "twice", "rejected", "seconds", "MB/s"),
    )
    for report in summary.reports:
        classes = ", ".join(f"{n:,} {name}" for name, n in sorted(report.classes.items()))
        yield clean(f"{report.name}: {classes or 'no objects'}")
    for report in summary.reports:
        yield from _reject_lines(report.name, report.reject_counts, report.rejects)
    for warning in summary.warnings:
        yield clean(f"note: {warning}")
    for path, reason in summary.skipped:
        yield clean(f"skipped {path}: {reason}")
    yield clean(
        f"{summary.path}: {summary.nets:,} nets, {summary.objects:,} other objects, "
        f"{summary.index_bytes:,} bytes, {summary.seconds:.1f} s"
    )


def _report_row(report: Report) -> tuple[str, ...]:
    rate = report.text_bytes / report.seconds / 1e6 if report.seconds else 0
    return (
        report.name, report.date or "-", f"{sum(report.classes.values()):,}", f"{report.kept:,}",
        f"{report.duplicates:,}", f"{sum(report.reject_counts.values()):,}",
        f"{report.seconds:.1f}", f"{rate:.0f}",
    )  # fmt: skip


def _reject_lines(name: str, counts: dict[str, int], samples: list[Json]) -> Iterator[str]:
    for reason, count in sorted(counts.items()):
        yield clean(f"rejected in {name}: {count:,} x {reason}")
    for sample in samples:
        text = sample["sample"].replace("\r", "").replace("\n", " | ")
        yield clean(f"  byte {sample['offset']}: {sample['reason']}: {text}")


def info_text(meta: Json, path: str, size: int, build_id: str) -> Iterator[str]:
    """Yield what an index holds."""
    counts = meta["counts"]
    yield clean(f"{path}: {size:,} bytes, format {meta['format']}, build {build_id}")
    yield f"{counts['nets']:,} nets ({counts['nets4']:,} IPv4), {counts['objects']:,} other objects"
    yield "written by " + ", ".join(
        f"{name} {text}" for name, text in sorted(meta["versions"].items())
    )
    yield ""
    yield from table(
        (
            (
                item["name"], " ".join(item["registries"]), item["date"] or "-",
                item["serial"] or "-", f"{sum(item['classes'].values()):,}",
                f"{item['duplicates']:,}", f"{sum(item['rejects'].values()):,}",
                f"{item['text_bytes']:,}", item["sha256"][:16],
            )
            for item in meta["sources"]
        ),
        ("source", "registry", "date", "serial", "objects", "twice", "rejected", "bytes", "sha256"),
    )  # fmt: skip
    for item in meta["sources"]:
        yield from _reject_lines(item["name"], item["rejects"], item["samples"])
    yield ""
    yield from table(
        (
            (
                unit["registry"], unit["source"], f"IPv{unit['family']}", len(unit["days"]),
                *(unit["days"][k] if unit["days"] else "-" for k in (0, -1)),
            )
            for unit in meta["past"]["units"]
        ),
        ("registry", "source", "family", "snapshots", "first", "last"),
    )  # fmt: skip
    yield f"states of nets that are over: {meta['past']['nets']:,}"
    yield ""
    sizes = sorted(meta["tables"].items(), key=lambda row: -int(row[1]["size"]))
    yield from table(((name, f"{row['size']:,}") for name, row in sizes), ("table", "bytes"))


# What the dumps that anybody can have do not hold, by registry.
_LACKS = {
    "RIPE": "persons and roles without abuse-mailbox are left out of the public dump",
    "APNIC": "persons are not published; customers of national registries are with these",
    "AFRINIC": "the local part of e-mail addresses is masked, abuse-mailbox apart",
    "LACNIC": "the public dump has no owners and no contacts; bulk data needs an agreement",
    "ARIN": "registrations are in the bulk data alone, which needs an agreement",
}


def coverage_text(meta: Json) -> Iterator[str]:
    """Yield how much the dumps of each registry tell, and what they lack."""
    rows = meta["coverage"]
    yield from table(
        (
            (
                row["registry"], f"IPv{row['family']}", f"{row['nets']:,}",
                f"{row['addresses']:,}" if row["family"] == 4 else f"{row['addresses']:.3g}",
                _share(row["named"], row["nets"]), _share(row["organisation"], row["nets"]),
                "not resolved" if row["contact"] is None else _share(row["contact"], row["nets"]),
            )
            for row in rows
        ),
        ("registry", "family", "nets", "addresses", "with name", "with organisation", "contact"),
    )  # fmt: skip
    present = {row["registry"] for row in rows}
    for registry, text in _LACKS.items():
        yield f"{registry}: {text}" if registry in present else f"{registry}: no nets here; {text}"


def _share(part: int, whole: int) -> str:
    return f"{part:,} ({part / whole:.1%})" if whole else "0"
