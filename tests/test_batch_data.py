"""Hold `batch` against `lookup --json` for published leases, and against input meant to break it.

`RIRDEX_REAL_DATA` names the folder with the leases; without it these are skipped.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest
from test_batch import Row, objects, table

from rirdex.indexer.build import build
from rirdex.query.columns import COLUMNS, DEFAULT

Command = Callable[..., subprocess.CompletedProcess[str]]

DATA: Final = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent") / "leases"
IP: Final = "240.10.33.7"


# -- published leases ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def leases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not DATA.is_dir():
        pytest.skip("RIRDEX_REAL_DATA names no folder with real dumps")
    target = tmp_path_factory.mktemp("leases") / "leases.rirdex"
    routes = [str(path) for path in DATA.glob("*pfx2as*")]
    assert routes
    build([str(DATA)], str(target), routes=routes)
    return target


def told(found: dict[str, Any]) -> Row:
    """Return a line of `lookup --json` as a row of `batch`."""
    chain = found["chain"]
    if not chain:
        return {name: [] if name in ("country", "descr", "mnt_by", "origins") else None
                for name in COLUMNS}  # fmt: skip
    last = chain[-1]
    mail = [one["mailbox"] for one in found["abuse"]
            if one["mailbox"] and (one["inherited"] or one["level"] == last["key"])]  # fmt: skip
    kinds = ("holder", "user", "lessor", "lessee", "facilitator", "sponsor")
    parties = {kind: found[kind] and (found[kind]["name"] or found[kind]["handle"])
               for kind in kinds}  # fmt: skip
    same = ("first", "last", "netname", "status", "country", "descr", "mnt_by", "created",
            "modified", "source")  # fmt: skip
    return parties | {name: last[name] for name in same} | {
        "registry": found["registry"], "org": last["org"] and last["org"]["handle"],
        "holder_handle": found["holder"] and found["holder"]["handle"],
        "verdict": found["lease"]["verdict"], "confidence": found["lease"]["confidence"],
        "abuse": mail[0] if mail else None, "route": found["route"], "origins": found["origins"],
        "depth": sum(net["role"] != "registry" for net in chain),
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["prefixes", "addresses"])
def test_published_leases_have_the_fields_of_lookup(
    leases: Path, rirdex: Command, kind: str
) -> None:
    with gzip.open(DATA / "expected.tsv.gz", "rt", encoding="utf-8") as file:
        prefixes = [row["prefix"] for row in csv.DictReader(file, delimiter="\t")]
    assert len(prefixes) == 23_629
    queries = prefixes if kind == "prefixes" else [one.partition("/")[0] for one in prefixes]
    looked = rirdex("lookup", "-i", leases, "--json", *queries)
    wanted = [told(json.loads(line)) for line in looked.stdout.splitlines()]
    columns = [*wanted[0]]
    text = "".join(f"{query}\n" for query in queries).encode()
    answers = rirdex("batch", "-i", leases, "-f", "jsonl", "-c", ",".join(columns), stdin=text)
    assert answers.returncode == 0
    for query, want, found in zip(queries, wanted, objects(answers.stdout), strict=True):
        assert found == want, query
    assert sum(want["first"] is not None for want in wanted) > 23_000
    alone = rirdex("batch", "-i", leases, "--jobs", "0", stdin=text * 4)
    assert rirdex("batch", "-i", leases, "--jobs", "2", stdin=text * 4).stdout == alone.stdout


# -- input meant to break it --------------------------------------------------------------------

ODD: Final = [
    "::ffff:240.10.33.7", "240.10.33[.]7", "hxxp://240[.]10[.]33[.]7/a?b=1", "240.10.33.7:443",
    "[2001:db8::1]:53", "240.10.33.0/24", "240.10.33.0 - 240.10.33.9", "  240.10.33.7  ",
    "240.10.33.7\r", "\ufeff240.10.33.7", "010.0.0.1", "1.2.3", "1.2.3.4.5", "999.1.1.1",
    "2001:db8::1%eth0", "AS64500", "example.com", "240.10.33.7/33", "240.10.33.9/24", "::/129",
    '"240.10.33.7"', "240.10.33.7,x", "=cmd|' /C calc'!A0", "\x1b[31m240.10.33.7", "-", "/", ":",
    "\u202e7.33.10.240", "\uff11.\uff12.\uff13.\uff14", "1.2.3.4\u200b", "0x7f000001", "[", "[]",
    "2130706433", "127.1", "::",
    "a" * 5000, "1." * 3000, ":" * 5000, "\x00", "\x00240.10.33.7", "#240.10.33.7 ", "\t;x",
]  # fmt: skip


def hostile(path: Path, lines: int) -> list[bytes]:
    """Write a list with every oddity, garbage and a line of 100 MB; return its rows."""
    rng = Random(5)
    rows: list[bytes] = []
    with path.open("wb") as file:
        for number in range(lines):
            if number == lines // 2:
                file.write(b"1" * 100_000_000 + b"\n")
                rows.append(b"1" * 1000)
            if number % 100 == 7:
                text = rng.randbytes(rng.randrange(1, 40)).replace(b"\n", b"")
            elif number % 100 == 8:
                text = rng.choice(ODD).encode()
            elif number % 1000 == 9:
                text = IP.encode(rng.choice(["utf-16-le", "utf-16-be", "utf-32-le"]))
            else:
                text = b"240.10.%d.%d" % (rng.randrange(256), rng.randrange(256))
            file.write(text + b"\n")
            stripped = text.rstrip(b"\r").strip(b" \t\r\v\f").removeprefix(b"\xef\xbb\xbf").strip()
            if stripped and stripped[:1] not in (b"#", b";"):
                rows.append(stripped)
    return rows


def counted(text: str) -> Iterator[tuple[str, str]]:
    for row in table(text)[1:]:
        assert len(row) == 3
        yield row[1], row[2]


@pytest.mark.parametrize("given", ["lines", "csv", "tsv", "jsonl", "text"])
def test_a_hostile_file_loses_no_line_and_breaks_nothing(
    rirdex: Command, index_path: Path, tmp_path: Path, given: str
) -> None:
    rows = hostile(tmp_path / "list", 100_000)
    options = ("--field", "1") if given in ("csv", "tsv") else ()
    command = ("batch", "-i", index_path, "-c", "ip,input,error", "--input", given, *options,
               tmp_path / "list")  # fmt: skip
    done = rirdex(*command)
    assert done.returncode == (0 if given == "text" else 4), done.stderr[-500:]
    assert "Traceback" not in done.stderr
    found = [*counted(done.stdout)]
    if given == "lines":
        assert len(found) == len(rows)
        good = [k for k, row in enumerate(rows) if row.startswith(b"240.10.") and len(row) < 16]
        for k in good:
            if rows[k].replace(b".", b"").isdigit():
                assert found[k] == (rows[k].decode(), "")
    elif given == "jsonl":
        assert len(found) >= len(rows)  # a line with a sharp may be a record
        assert all(error for _, error in found)
    assert rirdex(*command, "--jobs", "2").stdout == done.stdout


@pytest.mark.parametrize("code", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_list_in_another_encoding_says_so(
    rirdex: Command, index_path: Path, tmp_path: Path, code: str
) -> None:
    (tmp_path / "list").write_bytes(f"{IP}\n{IP}\n".encode(code))
    done = rirdex("batch", "-i", index_path, tmp_path / "list")
    assert done.returncode == 4
    rows = table(done.stdout)
    assert "UTF-16" in rows[1][len(DEFAULT) - 1]
