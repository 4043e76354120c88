"""Build an index from dump files: find, read, assemble, write, swap in.

The order of files is that of their base names, so that neither arguments nor folders nor the
number of processes change a byte of the result. A bad record is counted and sampled; a bad file
stops the build and leaves the index that was there as it was.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import date
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from typing import Any

import lmdb
import numpy as np
import zstandard

from rirdex.query import layout
from rirdex.query.errors import DumpError
from rirdex.query.store import Store, Tables

from . import carried, snapshots, sources, writer
from .assemble import Assembled, assemble
from .delegated import Delegated
from .dialects import recognise
from .evidence import Evidence, read_evidence
from .extras import statistics
from .iana import load_iana, load_special
from .identity import Known
from .leasing import VERDICTS
from .nets import Claims
from .pool import Task, give_back_memory, keep_freed_memory, read_all
from .reading import (
    Progress,
    date_as_fetched,
    date_reports,
    dictionary_of,
    kept,
    read_dumps,
    read_extras,
    workers_for,
)  # fmt: skip
from .report import Report, Summary, of_evidence
from .routes import read_routes, tables
from .rows import Rows, join
from .sides import Side, Unit
from .sources import Source
from .stated import Stated, gather, iana_claims
from .transfers import Transfers

Blocks = Sequence[tuple[int, int, int, str]]


def build(
    paths: Sequence[str],
    target: str,
    *,
    snapshot: date | None = None,
    previous: str | None = None,
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

    ``snapshot`` is the date of the dumps where they do not say; ``previous`` is an index whose past
    and present are kept (`snapshots`), it may be ``target``; ``strict`` makes a bad record an
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
    with ExitStack() as stack:
        path = stack.enter_context(writer.building(target))
        old = stack.enter_context(closing(snapshots.opened(previous))) if previous else None
        found, skipped, serials = recognise(paths, path, own)
        total(sum(source.size for source in found))
        writer.check_space(path, target, _least_size(found))
        for place in (*routes, *vrps, *relationships, *as_orgs):
            sources.keep_apart(place, own)
        evidence = read_evidence(routes, vrps, relationships, as_orgs, without, desk)
        maker = _Maker(
            path, target, processes, evidence, load_iana() if iana is None else iana,
            load_special() if special is None else special, [*of_evidence(evidence.files)],
        )  # fmt: skip
        file = stack.enter_context(writer.IndexFile(path))
        meta = maker.of_dumps(file, found, serials, snapshot, strict, progress)
        meta["skipped"] = sorted({os.path.basename(name) for name, _ in skipped})
        if old is None:
            snapshots.first(file, meta)
        else:
            aside = partial(stack.enter_context, writer.IndexFile(f"{path}.present"))
            file, meta = snapshots.extend(file, meta, old, aside, maker.again)
        digest = file.finish(meta)
        build_id = _build_id(maker.reports, snapshot, strict, evidence, old)
        file.close()
        writer.seal(file.path, build_id, digest)
        size = os.stat(file.path).st_size
        writer.swap_in(file.path, target)
    notes = [*meta["warnings"], *(snapshots.told(meta["past"]) if old else ())]
    return Summary(
        target, maker.reports, skipped, meta["counts"]["nets"], meta["counts"]["objects"], size,
        time.monotonic() - begin, notes,
    )  # fmt: skip


class _Maker:
    """Make the tables of an index, of dumps or of the raw texts of other indexes."""

    def __init__(
        self, path: str, target: str, processes: int | None, evidence: Evidence, iana: Blocks,
        special: Blocks, beside: list[Report],
    ) -> None:  # fmt: skip
        self._path, self._target, self._processes = path, target, processes
        self._evidence, self._iana, self._special = evidence, iana, special
        self._beside = beside
        self._extras: list[tuple[str, Delegated | Transfers]] = []
        self.reports: list[Report] = []

    def of_dumps(
        self, file: writer.IndexFile, found: list[Source], serials: dict[str, str],
        snapshot: date | None, strict: bool, progress: Progress,
    ) -> dict[str, Any]:  # fmt: skip
        """Read dumps and write all tables; return the metadata."""
        reports = [Report(source.name, source.place, source.size) for source in found]
        dictionary = dictionary_of(found)
        raw = writer.RawParts(file)
        rows = read_dumps(found, reports, self._processes, progress, dictionary, raw)
        give_back_memory()
        raw.finish(dictionary)
        if strict:
            _refuse_rejects(reports + self._beside)
        self._extras = read_extras(found, reports, progress)
        date_as_fetched(reports)
        date_reports(reports, rows, snapshot, serials)
        self.reports = reports + self._beside
        return self._tables(file, rows, reports, fresh=True)

    def again(
        self, file: writer.IndexFile, made: Store, units: Collection[Unit], previous: Store,
        older: Collection[Unit],
    ) -> dict[str, Any]:  # fmt: skip
        """Write all tables, of the raw texts of some units of two indexes; return the metadata."""
        reports: list[Report] = []
        files: list[int] = []
        dictionary = bytes(made.raw("raw.dictionary"))
        raw = writer.RawParts(file)
        sides = ((Side(Tables(made)), units), (Side(Tables(previous)), older))

        def texts() -> Iterator[Task]:
            for side, mine in sides:
                for report, chunks in carried.tasks(side, mine):
                    reports.append(report)
                    for task in chunks:
                        files.append(len(reports) - 1)
                        yield task

        workers = workers_for(self._processes, int(made.meta["counts"]["nets"]) << 9)
        batches = [kept(batch, raw) for batch in read_all(texts(), dictionary, workers)]
        rows = join(batches, files)
        raw.finish(dictionary)
        others = [report for report in self.reports if not report.registries]
        others = [report for report in others if report not in self._beside]
        return self._tables(file, rows, reports + others, fresh=False)

    def _tables(
        self, file: writer.IndexFile, rows: Rows, reports: list[Report], *, fresh: bool
    ) -> dict[str, Any]:
        """Write the tables that follow from rows; return the metadata."""
        for name, array in tables(self._evidence.routes or read_routes(())).items():
            file.put(name, array)
        stated, warnings = _stated(self._extras, reports, rows)
        iana_table, iana_rows = iana_claims(self._iana, rows.registries)
        assembled = _assemble(
            rows, file, self._path, self._target, stated, iana_table, self._evidence
        )
        if fresh:
            _count_duplicates(reports, rows, assembled)
        return _meta(reports + self._beside, rows.origins, assembled) | _rules(self._evidence) | {
            "stated": stated.entries, "iana": iana_rows, "special": self._special,
            "warnings": warnings,
        }  # fmt: skip


def _least_size(found: list[Source]) -> int:
    """Return a lower bound of the index's size, to stop early on a full disk."""
    return sum(source.size for source in found) // 8


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
            # A past may change the verdicts (`turnover`).
            put = file.hold if name in VERDICTS else file.put
            put(name, np.ascontiguousarray(assembled.arrays.pop(name)))
        for name in layout.SORTED:
            file.put_sorted(name, assembled.inverse[name].result())
    return assembled


def _refuse_rejects(reports: list[Report]) -> None:
    for report in reports:
        for reject in report.rejects[:1]:
            raise DumpError(
                report.path, f"{reject['reason']} at byte {reject['offset']}: "
                f"{reject['sample'][:60]!r}", reject["offset"],
            )  # fmt: skip


def _count_duplicates(reports: list[Report], rows: Rows, assembled: Assembled) -> None:
    kept = np.bincount(
        rows.file[np.concatenate([assembled.nets, assembled.objects])], minlength=len(reports)
    )
    for report, count in zip(reports, kept.tolist(), strict=True):
        report.duplicates = report.kept - count


def _build_id(
    reports: list[Report], snapshot: date | None, strict: bool, evidence: Evidence,
    old: Store | None,
) -> bytes:  # fmt: skip
    digest = sha256(f"{layout.FORMAT} {version('rirdex')} {snapshot} {strict}\n".encode())
    digest.update(f"{sorted(evidence.without)} {evidence.fingerprints.parties}\n".encode())
    if old:
        digest.update(f"{old.build_id}\n".encode())
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


def _meta(reports: list[Report], origins: list[Any], assembled: Assembled) -> dict[str, Any]:
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
        "skipped": [],
        "origins": origins,
        "counts": {
            "nets": len(assembled.nets), "nets4": assembled.nets4,
            "objects": len(assembled.objects),
        },
        "strides": assembled.strides,
        "coverage": assembled.coverage,
    }  # fmt: skip
