"""Hold what a build tells: of each source, and of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from .evidence_files import EvidenceFile


@dataclass
class Report:
    """Tell what came of one source: counts, rejects, time. ``rejects`` are samples."""

    name: str
    path: str
    size: int
    sha256: str = ""
    text_bytes: int = 0
    date: str | None = None
    serial: str | None = None
    registries: tuple[str, ...] = ()
    classes: dict[str, int] = field(default_factory=dict)
    kept: int = 0
    duplicates: int = 0
    reject_counts: dict[str, int] = field(default_factory=dict)
    rejects: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


@dataclass
class Summary:
    """Tell what a build did: its sources, what was skipped, the size of the index, the time."""

    path: str
    reports: list[Report]
    skipped: list[tuple[str, str]]
    nets: int
    objects: int
    index_bytes: int
    seconds: float
    warnings: list[str]


def of_evidence(files: Sequence[EvidenceFile]) -> list[Report]:
    """Return the reports of files that are no dumps, in the order of their names."""
    return [
        Report(
            file.name, file.path, file.text_bytes, file.sha256, file.text_bytes,
            classes={name: count for name, count in file.counts.items() if count},
            reject_counts=dict(file.reject_counts),
            rejects=[
                {"offset": offset, "reason": reason, "sample": sample.decode(errors="replace")}
                for offset, reason, sample in file.rejects
            ],
        )
        for file in sorted(files, key=lambda file: (file.name, file.sha256))
    ]  # fmt: skip
