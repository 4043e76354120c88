"""Check what `batch` writes beside rows of text: Parquet, Arrow, summaries; and when it writes."""

from __future__ import annotations

import gzip
import io
import json
import os
import pty
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from test_batch import (
    IP,
    Case,
    asked,
    cell,
    crossing,
    naive,
    objects,
    output,
    read_records,
    table,
    world,
)  # fmt: skip

from rirdex.query import Index
from rirdex.query.batch import run
from rirdex.query.columns import COLUMNS, DEFAULT
from rirdex.query.errors import BatchError
from rirdex.query.tallies import BY, HEAD, Totals

__all__ = ["crossing", "world"]  # fixtures

Command = Callable[..., subprocess.CompletedProcess[str]]

LIST = f"{IP}\n10.33.77.5\nexample.com\n192.88.99.1\n240.10.33.0/24\n{IP}\n2001:db8::1\n"


# -- summaries ----------------------------------------------------------------------------------


def summed(index: Index, cases: list[Case], columns: tuple[str, ...], top: int = 0) -> Any:
    """Return a summary made row by row."""
    rows = [naive(index, case) for case in cases]
    valid = [row for row in rows if not row["error"]]
    by = {}
    for name in columns:
        counts = Counter(cell(row[name]) for row in valid if row[name] not in (None, []))
        first = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        by[name] = {
            "distinct": len(counts), "missing": len(valid) - sum(counts.values()),
            "top": [{"value": value, "rows": number, "share": round(number / len(valid), 6)}
                    for value, number in first[: top or None]],
        }  # fmt: skip
    answered = sum(row["first"] is not None for row in valid)
    return {"rows": len(rows), "answered": answered, "no_net": len(valid) - answered,
            "invalid": len(rows) - len(valid), "by": by}  # fmt: skip


@pytest.mark.parametrize("jobs", [0, 2])
@pytest.mark.parametrize("columns", [BY, tuple(set(COLUMNS) - {"ip", "input", "error"})])
def test_a_summary_counts_what_the_rows_say(
    world: Index, columns: tuple[str, ...], jobs: int
) -> None:
    cases = asked(world, Random(3), 40)
    text = "".join(f"{case.text}\n" for case in cases).encode("utf-8", "surrogateescape")
    for top in (0, 3):
        totals = Totals()
        ran = run(world, io.BytesIO(text), totals.write, columns=columns, form="summary",
                  size=700, jobs=jobs)  # fmt: skip
        assert totals.summary(ran.rows, ran.invalid, top) == summed(world, cases, columns, top)


def test_a_summary_is_written_in_every_form_of_text(rirdex: Command, index_path: Path) -> None:
    command = ("batch", "-i", index_path, "--summary")
    done = rirdex(*command, stdin=LIST.encode())
    assert done.returncode == 4
    head, *lines = table(done.stdout)
    assert head == [*HEAD]
    assert [line[1:] for line in lines[:4]] == [
        ["rows", "7", ""], ["answered", "4", "0.666667"], ["no_net", "2", "0.333333"],
        ["invalid", "1", ""],
    ]  # fmt: skip
    assert {line[0] for line in lines[4:]} <= set(BY)
    found = json.loads(rirdex(*command, "-f", "jsonl", stdin=LIST.encode()).stdout)
    assert [*found["by"]] == [*BY]
    listed = [[by, one["value"], str(one["rows"]), f"{one['share']:.6f}"]
              for by, part in found["by"].items() for one in part["top"]]  # fmt: skip
    assert listed == lines[4:]
    tabs = rirdex(*command, "-f", "tsv", "-c", "registry", "--top", "1", stdin=LIST.encode())
    assert table(tabs.stdout, "\t")[5:] == [["registry", "RIPE", "3", "0.500000"]]


def test_a_summary_of_nothing_is_one(rirdex: Command, index_path: Path, tmp_path: Path) -> None:
    place = tmp_path / "sum.json.gz"
    done = rirdex("batch", "-i", index_path, "--summary", "-o", place)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert json.loads(gzip.decompress(place.read_bytes()))["rows"] == 0


@pytest.mark.parametrize(
    "wrong", [["-c", "ip"], ["-c", "error"], ["--keep"], ["-f", "parquet"], ["-f", "arrow"],
              ["-o", "x.parquet"], ["--top", "-1"]],
)  # fmt: skip
def test_what_a_summary_cannot_do_is_refused(
    rirdex: Command, index_path: Path, tmp_path: Path, wrong: list[str]
) -> None:
    done = rirdex("batch", "-i", index_path, "--summary", *wrong, stdin=LIST.encode())
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


# -- Parquet and Arrow --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x.parquet", "x.PARQUET", "x.arrow", "x.arrows", "-"])
@pytest.mark.parametrize("jobs", [0, 2])
def test_binary_files_hold_what_json_lines_say(
    index: Index, program: list[str], environment: dict[str, str], index_path: Path,
    tmp_path: Path, name: str, jobs: int,
) -> None:  # fmt: skip
    (tmp_path / "list").write_text(LIST)
    place = tmp_path / name if name != "-" else "-"
    done = subprocess.run(
        [*program, "batch", "-i", str(index_path), "--jobs", str(jobs), "-o", str(place),
         str(tmp_path / "list"), *(["-f", "arrow"] if name == "-" else [])],
        capture_output=True, check=False, env=environment,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (4, b"rirdex: 1 of 7 rows are no queries: see the "
                                                 b"column error\n")  # fmt: skip
    text = done.stdout if name == "-" else Path(place).read_bytes()
    found = read_records(text)
    assert found.column_names == [*DEFAULT]
    plain = objects(output(index, LIST.encode(), DEFAULT, form="jsonl"))
    assert found.to_pylist() == plain
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"list", name} - {"-"}


def test_kept_columns_are_texts_beside_ours(index: Index, rirdex: Command, index_path: Path,
                                            tmp_path: Path) -> None:  # fmt: skip
    text = f'ip,note,note,depth\n{IP},"a, b",,7\nno,é,2\n'
    place = tmp_path / "kept.parquet"
    done = rirdex("batch", "-i", index_path, "--input", "csv", "--keep", "-c", "ip,depth,country",
                  "-o", place, stdin=text.encode())  # fmt: skip
    assert done.returncode == 4, done.stderr
    names = ["ip", "note", "note_2", "depth", "rirdex_ip", "rirdex_depth", "country"]
    depth = len([net for net in index.lookup(IP).chain if net.role != "registry"])
    wanted: list[list[Any]] = [
        [IP, "a, b", "", "7", IP, depth, ["FI"]],
        ["no", "é", "2", "", "no", None, []],
    ]
    found = read_records(place.read_bytes()).to_pylist()
    assert found == [dict(zip(names, row, strict=True)) for row in wanted]


def test_nothing_asked_is_a_file_without_rows(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    for name in ("x.parquet", "x.arrow", "x.arrows"):
        done = rirdex("batch", "-i", index_path, "-o", tmp_path / name, "--no-header", stdin=b"")
        assert (done.returncode, done.stderr) == (0, "")
        found = read_records((tmp_path / name).read_bytes())
        assert (found.num_rows, found.column_names) == (0, [*DEFAULT])


def test_binary_forms_are_refused_where_they_cannot_be(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    for name in ("x.parquet.gz", "x.arrow.zst", "x.json"):
        done = rirdex("batch", "-i", index_path, "-o", tmp_path / name, stdin=LIST.encode())
        assert (done.returncode, done.stdout) == (2, "")
    assert not list(tmp_path.iterdir())


def test_without_pyarrow_it_is_named(index_path: Path, tmp_path: Path) -> None:
    code = ("import sys; sys.modules['pyarrow'] = None; from rirdex.query.cli import main; "
            f"sys.argv = ['rirdex', 'batch', '-i', {str(index_path)!r}, '-o', "
            f"{str(tmp_path / 'x.parquet')!r}]; main()")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], input="", capture_output=True, text=True,
                          check=False)  # fmt: skip
    assert done.returncode == 2
    assert 'pip install "rirdex[arrow]"' in done.stderr
    assert "Traceback" not in done.stderr


def test_ours_come_once_in_what_has_names(index: Index) -> None:
    found = objects(output(index, f"{IP}\n".encode(), ["ip", "ip"], form="jsonl"))
    assert found == [{"ip": IP}]
    assert output(index, f"{IP}\n".encode(), ["ip", "ip"]).decode() == f"ip,ip\n{IP},{IP}\n"


# -- files are written whole --------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["out.csv", "out.csv.gz", "out.csv.zst", "out.parquet", "out.arrow"]
)
def test_an_error_leaves_the_old_output_as_it_was(
    rirdex: Command, index_path: Path, tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_text("old")
    (tmp_path / name).chmod(0o640)
    broken = tmp_path / "list.gz"
    broken.write_bytes(gzip.compress(LIST.encode() * 9999)[:-9])
    done = rirdex("batch", "-i", index_path, "-o", tmp_path / name, broken)
    assert (done.returncode, done.stderr.count("\n")) == (5, 1), done.stderr
    assert (tmp_path / name).read_text() == "old"
    assert {path.name for path in tmp_path.iterdir()} == {name, "list.gz"}
    broken.write_bytes(gzip.compress(LIST.encode()))
    assert rirdex("batch", "-i", index_path, "-o", tmp_path / name, broken).returncode == 4
    assert (tmp_path / name).read_bytes()[:3] != b"old"
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


def test_an_output_behind_a_link_is_replaced_there(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "link.csv").symlink_to("real.csv")
    rirdex("batch", "-i", index_path, "-c", "ip", "-o", tmp_path / "link.csv", stdin=b"10.0.0.1\n")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text() == "ip\n10.0.0.1\n"


def test_inputs_with_other_columns_are_not_kept_under_one_header(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    files = [tmp_path / f"{k}.csv" for k in range(3)]
    for file, text in zip(files, [f"ip,a\n{IP},1\n", f"ip,a\n{IP},2\n", f"ip,b\n{IP},3\n"],
                          strict=True):  # fmt: skip
        file.write_text(text)
    done = rirdex("batch", "-i", index_path, "--keep", "-c", "depth", *files[:2])
    assert [line[:2] for line in table(done.stdout)] == [["ip", "a"], [IP, "1"], [IP, "2"]]
    done = rirdex("batch", "-i", index_path, "--keep", "-c", "depth", *files)
    assert done.returncode == 2
    assert f"{files[2]}: its columns are" in done.stderr
    assert rirdex("batch", "-i", index_path, "-c", "depth", *files).returncode == 0


# -- rows as they are asked ---------------------------------------------------------------------


def test_line_buffered_answers_what_there_is(
    environment: dict[str, str], program: list[str], index_path: Path
) -> None:
    command = [*program, "batch", "-i", str(index_path), "-c", "ip,error", "--line-buffered"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdin
        assert child.stdout
        for asked_text, wanted in ((f"{IP}\n", b"ip,error\n"), ("", f"{IP},\n".encode()),
                                   ("10.0.0.1\n10.0.0.2\n", b"10.0.0.1,\n"),
                                   ("", b"10.0.0.2,\n")):  # fmt: skip
            child.stdin.write(asked_text.encode())
            child.stdin.flush()
            assert child.stdout.readline() == wanted
        child.stdin.close()
        assert child.wait(30) == 0


def test_a_terminal_is_line_buffered_and_gets_no_parquet(
    environment: dict[str, str], program: list[str], index_path: Path
) -> None:
    master, terminal = pty.openpty()
    command = [*program, "batch", "-i", str(index_path), "-q", "-c", "ip"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=terminal, stderr=subprocess.DEVNULL, env=environment
    ) as child:
        assert child.stdin
        child.stdin.write(f"{IP}\n".encode())
        child.stdin.flush()
        text = b""
        while text.count(b"\n") < 2:
            text += os.read(master, 1000)
        assert text.split() == [b"ip", IP.encode()]
        child.stdin.close()
        assert child.wait(30) == 0
    done = subprocess.run([*command, "-f", "parquet"], stdin=subprocess.DEVNULL, stdout=terminal,
                          stderr=subprocess.PIPE, env=environment, check=False)  # fmt: skip
    os.close(terminal)
    os.close(master)
    assert done.returncode == 2
    assert b"not for a terminal" in done.stderr


def test_every_object_with_names_of_its_own_takes_no_more_time(index: Index) -> None:
    names = [name for name in COLUMNS if name not in ("ip",)]
    lines = []
    for k in range(3000):
        taken = {name: k for bit, name in enumerate(names) if k >> bit & 1}
        lines.append(json.dumps({"ip": IP, **taken}))
    found = objects(output(index, "\n".join(lines).encode(), COLUMNS, form="jsonl",
                           given="jsonl", keep=True))  # fmt: skip
    one = naive(index, Case(IP, IP, IP))
    for k, row in enumerate(found):
        for bit, name in enumerate(names):
            ours = f"rirdex_{name}" if k >> bit & 1 else name
            assert (row[ours] is None) == (one[name] is None)
        assert row["rirdex_ip"] == IP


def test_a_form_that_there_is_not_is_refused(index: Index) -> None:
    for form, columns in (("parquet", ["no"]), ("summary", ["ip"]), ("arrow", [])):
        with pytest.raises(BatchError):
            output(index, b"", columns, form=form)
