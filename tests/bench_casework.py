"""Measure casework: ladders of incidents, and one round of them put together.

Addresses are drawn from the index's nets, nearly all different, and skewed as reports are: a few
nets have most of them. Times lie in one year.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final

from measures import Peak, Row

from rirdex.query import Index, open_index
from rirdex.query.addresses import format_address
from rirdex.query.escalation import ladders
from rirdex.query.incidents import read
from rirdex.query.triage import triage

INCIDENTS: Final = 100_000
# The mailboxes of generated dumps are invented, and written to all the same.
KEEP: Final = '[[entry]]\ntld = "example"\nmark = "keep"\nreason = "generated"\n'
BEGIN: Final = datetime(2025, 1, 1, tzinfo=UTC)


def casework_rows(target: Path, folder: Path) -> Iterator[Row]:
    """Yield the rows of casework: in Python step by step, then the command as a whole."""
    desk = folder / "desk"
    desk.mkdir(exist_ok=True)
    (desk / "never.toml").write_text(KEEP)
    with open_index(target, desk=str(desk)) as index:
        for name, draw in (("in nets", _uniform), ("skewed", _skewed)):
            path = written(index, folder / "incidents.csv", draw)
            spent = []
            begin = time.perf_counter()
            with path.open("rb") as stream:
                incidents = [*read(stream, "csv")]
            spent.append(time.perf_counter() - begin)
            found = [*ladders(index, incidents)]
            spent.append(time.perf_counter() - begin)
            mails = triage(found)
            spent.append(time.perf_counter() - begin)
            rungs = sum(len(ladder.rungs) for ladder in found) / len(found)
            yield (
                f"{len(found):,} incidents {name}: read, ladders, triage", f"{spent[2]:.1f} s", "",
                "", "bar 60 s",
            )  # fmt: skip
            yield (
                "  read / ladders / triage",
                f"{spent[0]:.1f} / {spent[1] - spent[0]:.1f} / {spent[2] - spent[1]:.1f} s", "",
                "", f"{rungs:.1f} rungs each, {len(mails):,} mails",
            )  # fmt: skip
            seconds, peak = command(
                "notify", str(path), "-i", str(target), "--desk", str(desk), "-f", "jsonl", "-q"
            )
            yield (
                "  notify -f jsonl, whole process",
                f"{seconds:.1f} s",
                "",
                "",
                f"{peak >> 20} MiB",
            )
    path.unlink()


def command(*arguments: str) -> tuple[float, int]:
    """Run the command line; return the seconds and the peak of memory."""
    code = "from rirdex.query.cli import main; main()"
    begin = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.DEVNULL)
    peak = Peak(process.pid)
    process.wait()
    peak.stop()
    assert process.returncode == 0
    return time.perf_counter() - begin, peak.bytes


def written(index: Index, path: Path, draw: Callable[[Random, int], int]) -> Path:
    """Write incidents in addresses of nets that ``draw`` chooses."""
    chooser = Random(1)
    categories = ("phishing", "phishing", "phishing", "malware", "scan", "login-attack")
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("ip", "url", "time", "category", "sector"))
        for number in range(INCIDENTS):
            net = index.net(draw(chooser, len(index)))
            first, last = net.bounds
            ip = format_address(
                net.family, first + chooser.randrange(min(last - first + 1, 1 << 16))
            )
            when = BEGIN + timedelta(seconds=chooser.randrange(365 * 86_400))
            url = f"https://host{number % 5000}.example/{number}"
            rows.writerow((ip, url, when.isoformat(), chooser.choice(categories), "finance"))
    return path


def _uniform(chooser: Random, nets: int) -> int:
    return chooser.randrange(nets)


def _skewed(chooser: Random, nets: int) -> int:
    """Choose as by Pareto's law: the first thousand of a shuffled list take four fifths."""
    place = int(chooser.paretovariate(0.25))
    return place * 2_654_435_761 % nets
