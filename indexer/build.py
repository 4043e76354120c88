"""Build an index from dump files: find, read, assemble, write, swap in.

The order of files is that of their base names, so that neither arguments nor folders nor the
number of processes change a byte of the result. A bad record is counted and sampled; a bad file
stops the build and leaves the index that was there as it was.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Final

import lmdb
import numpy as np
import zstandard

from rirdex.query import layout
from rirdex.query.errors import DumpError, Error

from . import manifest, sources, writer
from .arin_xml import text_of_xml
from .assemble import Assembled, assemble
from .batch import Batch
from .blobs import train
from .delegated import Delegated
from .dialects import recognise
from .evidence import Evidence, read_evidence
from .extras import READERS, day_of, read_extra, statistics
from .iana import load_iana, load_special
from .identity import Known
from .nets import Claims
from .pool import Task, give_back_memory, keep_freed_memory, read_all
from .report import Report, Summary, of_evidence
from .routes import read_routes, tables
from .rows import Rows, join
from .sources import Source
from .stated import Stated, gather, iana_claims
from .transfers import Transfers

_TRAINING: Final = 2 << 20
_SMALL: Final = 1 << 18  # bytes of dumps below which worker processes cost more than they save
_HEADER_DATE = re.compile(rb"^[#%]\s*(\d{4})(\d\d)(\d\d)(?:\s|$)", re.MULTILINE)
Progress = Callable[[int], object]
Blocks = Sequence[tuple[int, int, int, str]]


def build(
    paths: Sequence[str],
    target: str,
    *,
    snapshot: date | None = None,
    strict: bool = False,
    processes: int | None = None,
    routes: Sequence[str] = (),
    vrps: Sequence[str] = (),
    relationships: Sequence[str] = (),
    as_orgs: Sequence[str] = (),
    without: Sequence[str] = (),
    desk: str | None = None,
    iana: Blocks | None = None,
    special: Blocks | None = None,
    progress: Progress = lambda _: None,
    total: Progress = lambda _: None,
) -> Summary:
    """Build an index at ``target`` from files and folders (`-` = standard input).

    ``snapshot`` is the date of the dumps where they do not say; ``strict`` makes a bad record an
    error; ``processes`` is the number of reading processes, 0 = read in this one; ``total`` and
    ``progress`` are told bytes of the files; ``routes``, ``vrps``, ``relationships``, ``as_orgs``
    are files of evidence for verdicts, ``without`` names of rules that are switched off, ``desk``
    the folder of the user's own files, of which `fingerprints.toml` is used. ``iana`` and
    ``special`` are tables to use instead of IANA's: (family, first, last, registry or name).
    Raises `DumpError`, `StoreError`.
    """
    begin = time.monotonic()
    keep_freed_memory(32 << 20)
    own = frozenset(os.path.realpath(target + end) for end in ("", ".lock", ".building"))
    with writer.building(target) as path:
        found, skipped, serials = recognise(paths, path, own)
        total(sum(source.size for source in found))
        writer.check_space(path, target, _least_size(found))
        reports = [Report(source.name, source.place, source.size) for source in found]
        for place in (*routes, *vrps, *relationships, *as_orgs):
            sources.keep_apart(place, own)
        evidence = read_evidence(routes, vrps, relationships, as_orgs, without, desk)
        beside = of_evidence(evidence.files)
        with writer.IndexFile(path) as file:
            dictionary = _dictionary(found)
            raw = writer.RawParts(file)
            rows = _read(found, reports, processes, progress, dictionary, raw)
            give_back_memory()
            raw.finish(dictionary)
            if strict:
                _refuse_rejects(reports + beside)
            for name, array in tables(evidence.routes or read_routes(())).items():
                file.put(name, array)
            extras = _read_extras(found, reports, progress)
            _date_as_fetched(reports)
            _date(reports, rows, snapshot, serials)
            stated, warnings = _stated(extras, reports, rows)
            table = load_iana() if iana is None else iana
            iana_table, iana_rows = iana_claims(table, rows.registries)
            assembled = _assemble(rows, file, path, target, stated, iana_table, evidence)
            _count_duplicates(reports, rows, assembled)
            reports += beside
            meta = file.finish(
                _meta(reports, skipped, rows.origins, assembled)
                | _rules(evidence)
                | {
                    "stated": stated.entries, "iana": iana_rows,
                    "special": load_special() if special is None else special,
                    "warnings": warnings,
                }
            )  # fmt: skip
        writer.seal(path, _build_id(reports, snapshot, strict, evidence), meta)
        size = os.stat(path).st_size
        writer.swap_in(path, target)
    return Summary(
        target, reports, skipped, len(assembled.nets), len(assembled.objects), size,
        time.monotonic() - begin, warnings,
    )  # fmt: skip


def _least_size(found: list[Source]) -> int:
    """Return a lower bound of the index's size, to stop early on a full disk."""
    return sum(source.size for source in found) // 8


def _dictionary(found: list[Source]) -> bytes:
    """Train the dictionary of raw texts on the beginning of every source."""
    share = _TRAINING // max(len(found), 1)
    samples: list[bytes] = []
    for source in found:
        head = sources.read_head(source)[: max(share, 1 << 16)]
        samples += [text for text in head.split(b"\n\n")[:-1] if text.strip()]
    return train(samples)


def _read(
    found: list[Source], reports: list[Report], processes: int | None, progress: Progress,
    dictionary: bytes, raw: writer.RawParts,
) -> Rows:  # fmt: skip
    """Read all sources; write their raw texts on the way, and return their rows."""
    workers = min(os.cpu_count() or 1, 8) if processes is None else processes
    if sum(source.size for source in found) < _SMALL:
        workers = 0
    files: list[int] = []
    batches: list[Batch] = []

    def tasks() -> Iterator[Task]:
        for number, source in enumerate(found):
            if source.kind in READERS:
                continue
            begin = time.monotonic()
            for offset, text in _texts(source, reports[number], progress):
                files.append(number)
                yield Task(offset, text, source.default)
            reports[number].seconds = time.monotonic() - begin

    for batch in read_all(tasks(), dictionary, workers):
        _tell(reports[files[len(batches)]], batch)
        raw.add(batch.blocks)
        batches.append(batch._replace(blocks=batch.blocks._replace(data=b"")))
    return join(batches, files)


def _read_extras(
    found: list[Source], reports: list[Report], progress: Progress
) -> list[tuple[str, Delegated | Transfers]]:
    """Read statistics and transfer logs, and tell their reports."""
    held = []
    for number, source in enumerate(found):
        if source.kind not in READERS:
            continue
        begin = time.monotonic()
        report = reports[number]
        extra, report.text_bytes, report.sha256 = read_extra(source, progress)
        report.classes = {name: count for name, count in extra.counts.items() if count}
        report.date = day_of(extra.date)
        report.serial = getattr(extra, "serial", None) or None
        for reject in extra.rejects:
            _reject(report, reject.offset, reject.reason.partition(":")[0], reject.sample)
        report.seconds = time.monotonic() - begin
        held.append((source.name, extra))
    return held


def _stated(
    extras: list[tuple[str, Delegated | Transfers]], reports: list[Report], rows: Rows
) -> tuple[Stated, list[str]]:
    """Bring together what statistics and transfer logs say, and warn of those out of date."""
    dumps: dict[str, str] = {}
    for item in rows.origins:
        day = reports[int(item["file"])].date
        if day:
            name = str(item["registry"])
            dumps[name] = max(dumps.get(name, day), day)
    files = [(name, extra) for name, extra in extras if isinstance(extra, Delegated)]
    logs = [extra for _, extra in extras if isinstance(extra, Transfers)]
    known, warnings = statistics(files, dumps)
    return gather(known, logs, rows.registries), warnings


def _assemble(
    rows: Rows, file: writer.IndexFile, path: str, target: str, stated: Stated, iana: Claims,
    evidence: Evidence,
) -> Assembled:  # fmt: skip
    """Assemble all tables from rows and write them, in a fixed order."""
    # The dictionaries and ten columns of at most four bytes, then what is left, tries and all.
    known = sum(len(words.text) + words.at.nbytes for words in rows.words.values())
    writer.check_space(path, target, known + 40 * len(rows.kind))
    with ThreadPoolExecutor(1) as pool:
        for name in sorted(stated.tables):
            file.put(name, np.ascontiguousarray(stated.tables[name]))
        assembled = assemble(rows, pool, file.put, stated.claims, iana, evidence)
        needed = sum(array.nbytes for array in assembled.arrays.values())
        writer.check_space(path, target, needed + needed // 4)
        for name in sorted(assembled.arrays):
            file.put(name, np.ascontiguousarray(assembled.arrays.pop(name)))
        for name in layout.SORTED:
            file.put_sorted(name, assembled.inverse[name].result())
    return assembled


def _texts(source: Source, report: Report, progress: Progress) -> Iterator[tuple[int, bytes]]:
    opened = sources.open_source(source, progress)
    try:
        text_of = opened.text
        if source.kind == "arin-xml":
            text_of = text_of_xml(opened.text, source.place)
        for offset, text in sources.chunks(source, text_of):
            if offset == 0 and text:
                report.date = _header_date(text[:4096])
            if text is None:
                _reject(report, offset, "an object is larger than 64 MiB", b"")
                continue
            report.text_bytes = offset + len(text)
            yield offset, text
        report.sha256 = sources.digest(source, opened)
    finally:
        opened.close()


def _header_date(head: bytes) -> str | None:
    comments = head.split(b"\n\n", 1)[0]
    for year, month, day in _HEADER_DATE.findall(comments):
        try:
            return date(int(year), int(month), int(day)).isoformat()
        except ValueError:
            continue
    return None


def _tell(report: Report, batch: Batch) -> None:
    """Add what a chunk gave to its source's report."""
    report.kept += len(batch.kind)
    for name, count in batch.classes.items():
        report.classes[name] = report.classes.get(name, 0) + count
    for reason, count in batch.reject_counts.items():
        report.reject_counts[reason] = report.reject_counts.get(reason, 0) + count
    for reject in batch.rejects:
        if len(report.rejects) < 20:
            _sample(report, reject.offset, reject.reason, reject.sample)


def _reject(report: Report, offset: int, reason: str, sample: bytes) -> None:
    report.reject_counts[reason] = report.reject_counts.get(reason, 0) + 1
    _sample(report, offset, reason, sample)


def _sample(report: Report, offset: int, reason: str, sample: bytes) -> None:
    text = sample.decode(errors="replace")
    report.rejects.append({"offset": offset, "reason": reason, "sample": text})


def _refuse_rejects(reports: list[Report]) -> None:
    for report in reports:
        for reject in report.rejects[:1]:
            raise DumpError(
                report.path, f"{reject['reason']} at byte {reject['offset']}: "
                f"{reject['sample'][:60]!r}", reject["offset"],
            )  # fmt: skip


def _date_as_fetched(reports: list[Report]) -> None:
    """Take the dates and serials that `fetch` wrote down for just these files."""
    folders = {os.path.dirname(report.path) for report in reports}
    entries = {folder: manifest.read(folder) for folder in sorted(folders)}
    for report in reports:
        entry = entries[os.path.dirname(report.path)].get(os.path.basename(report.path))
        if entry is not None and entry.sha256 == report.sha256:
            report.date = entry.date or report.date
            report.serial = entry.serial or report.serial


def _date(
    reports: list[Report], rows: Rows, snapshot: date | None, serials: dict[str, str]
) -> None:
    """Give every source its date and registries; dates of one registry may not lie apart."""
    declared: dict[str, list[Report]] = {}
    for number, report in enumerate(reports):
        named = {str(item["source"]) for item in rows.origins if item["file"] == number}
        report.registries = tuple(sorted(named))
        known = (serials[name] for name in report.registries if name in serials)
        report.serial = next(known, report.serial)
        if report.date:
            for name in named:
                declared.setdefault(name, []).append(report)
        newest = int(rows.modified[rows.file == number].max(initial=0))
        if snapshot:
            report.date = snapshot.isoformat()
        elif report.date is None and newest:
            report.date = datetime.fromtimestamp(newest, UTC).date().isoformat()
    for name, dated in declared.items():
        days = sorted(dated, key=lambda report: report.date or "")
        first, last = (date.fromisoformat(report.date or "") for report in (days[0], days[-1]))
        if (last - first).days > 2:
            raise Error(
                f"{days[0].path} ({first}) and {days[-1].path} ({last}) are dumps of {name} from "
                "different days: give files of one day, or say the date with --date"
            )


def _count_duplicates(reports: list[Report], rows: Rows, assembled: Assembled) -> None:
    kept = np.bincount(
        rows.file[np.concatenate([assembled.nets, assembled.objects])], minlength=len(reports)
    )
    for report, count in zip(reports, kept.tolist(), strict=True):
        report.duplicates = report.kept - count


def _build_id(
    reports: list[Report], snapshot: date | None, strict: bool, evidence: Evidence
) -> bytes:
    digest = sha256(f"{layout.FORMAT} {version('rirdex')} {snapshot} {strict}\n".encode())
    digest.update(f"{sorted(evidence.without)} {evidence.fingerprints.parties}\n".encode())
    for report in reports:
        digest.update(f"{report.name} {report.sha256} {report.date}\n".encode())
    return digest.digest()[:16]


def _rules(evidence: Evidence) -> dict[str, Any]:
    """Return what verdicts went by beside routes and AS files, for the metadata."""
    return {
        "rules_off": sorted(evidence.without),
        "facilitators": Known(evidence.fingerprints).entries(),
        "fingerprints": [one.to_json() for one in evidence.fingerprints.parties],
    }


def _meta(
    reports: list[Report], skipped: list[tuple[str, str]], origins: list[Any], assembled: Assembled
) -> dict[str, Any]:
    return {
        "format": layout.FORMAT,
        "versions": {
            "rirdex": version("rirdex"), "lmdb": lmdb.__version__,
            "zstandard": zstandard.__version__,
        },
        "sources": [
            {
                "name": report.name, "size": report.size, "sha256": report.sha256,
                "text_bytes": report.text_bytes, "serial": report.serial, "date": report.date,
                "registries": report.registries, "classes": report.classes,
                "duplicates": report.duplicates, "rejects": report.reject_counts,
                "samples": report.rejects,
            }
            for report in reports
        ],
        "skipped": sorted({os.path.basename(path) for path, _ in skipped}),
        "origins": origins,
        "counts": {
            "nets": len(assembled.nets), "nets4": assembled.nets4,
            "objects": len(assembled.objects),
        },
        "strides": assembled.strides,
        "coverage": assembled.coverage,
    }  # fmt: skip
