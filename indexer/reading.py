"""Read dumps, or the raw texts of an index, into rows, and tell what came of every source."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Final

from rirdex.query.errors import Error

from . import manifest, sources, writer
from .arin_xml import text_of_xml
from .batch import Batch
from .blobs import train
from .delegated import Delegated
from .extras import READERS, day_of, read_extra
from .pool import Task, read_all
from .report import Report
from .rows import Rows, join
from .sources import Source
from .transfers import Transfers

_TRAINING: Final = 2 << 20
_SMALL: Final = 1 << 18  # bytes of dumps below which worker processes cost more than they save
_HEADER_DATE = re.compile(rb"^[#%]\s*(\d{4})(\d\d)(\d\d)(?:\s|$)", re.MULTILINE)
Progress = Callable[[int], object]


def dictionary_of(found: list[Source]) -> bytes:
    """Train the dictionary of raw texts on the beginning of every source."""
    share = _TRAINING // max(len(found), 1)
    samples: list[bytes] = []
    for source in found:
        head = sources.read_head(source)[: max(share, 1 << 16)]
        samples += [text for text in head.split(b"\n\n")[:-1] if text.strip()]
    return train(samples)


def read_dumps(
    found: list[Source], reports: list[Report], processes: int | None, progress: Progress,
    dictionary: bytes, raw: writer.RawParts,
) -> Rows:  # fmt: skip
    """Read all sources; write their raw texts on the way, and return their rows."""
    workers = workers_for(processes, sum(source.size for source in found))
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
        batches.append(kept(batch, raw))
    return join(batches, files)


def workers_for(processes: int | None, size: int) -> int:
    """Return how many processes read so many bytes."""
    return 0 if size < _SMALL else min(os.cpu_count() or 1, 8) if processes is None else processes


def kept(batch: Batch, raw: writer.RawParts) -> Batch:
    """Write the raw texts of a batch, and return the rest."""
    raw.add(batch.blocks)
    return batch._replace(blocks=batch.blocks._replace(data=b""))


def read_extras(
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


def date_as_fetched(reports: list[Report]) -> None:
    """Take the dates and serials that `fetch` wrote down for just these files."""
    folders = {os.path.dirname(report.path) for report in reports}
    entries = {folder: manifest.read(folder) for folder in sorted(folders)}
    for report in reports:
        entry = entries[os.path.dirname(report.path)].get(os.path.basename(report.path))
        if entry is not None and entry.sha256 == report.sha256:
            report.date = entry.date or report.date
            report.serial = entry.serial or report.serial


def date_reports(
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
