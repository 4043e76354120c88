"""Check what `batch` writes beside rows of text: Parquet, Arrow, summaries; and when it writes."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pty
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import zstandard
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
from test_leases import an

from rirdex.indexer.build import build
from rirdex.query import Index, open_index
from rirdex.query.batch import run
from rirdex.query.columns import COLUMNS, DEFAULT
from rirdex.query.errors import AddressError, BatchError
from rirdex.query.objects import distinct
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


# -- what once went wrong -----------------------------------------------------------------------


def one_file(folder: Path, *objects_: str) -> Path:
    (folder / "ripe.db").write_text("\n".join(objects_))
    build([str(folder / "ripe.db")], str(folder / "index"), processes=0)
    return folder / "index"


def test_an_index_of_nets_alone_has_every_column(tmp_path: Path) -> None:
    target = one_file(tmp_path, an("inetnum", "20.0.0.0 - 20.0.0.255", "netname: N",
                                   "status: ALLOCATED PA"))  # fmt: skip
    with open_index(target, desk=tmp_path) as index:
        found = objects(output(index, b"20.0.0.1\n", COLUMNS, form="jsonl"))
        assert found[0]["holder"] == naive(index, Case(*["20.0.0.1"] * 3))["holder"] == "N"


def test_items_of_a_list_may_have_blanks(tmp_path: Path) -> None:
    texts = (("descr: Foo", "descr: Bar"), ("descr: Foo Bar",))
    nets = [an("inetnum", f"20.0.{k}.0 - 20.0.{k}.255", "netname: N", *lines,
               "status: ALLOCATED PA", "mnt-by: X Y", "mnt-by: Z")
            for k, lines in enumerate(texts)]  # fmt: skip
    with open_index(one_file(tmp_path, *nets), desk=tmp_path) as index:
        text = b"20.0.0.1\n20.0.1.1\n20.0.1.2\n"
        found = objects(output(index, text, ["descr", "mnt_by"], form="jsonl"))
        assert [row["descr"] for row in found] == [["Foo", "Bar"], ["Foo Bar"], ["Foo Bar"]]
        assert {tuple(row["mnt_by"]) for row in found} == {
            index.lookup("20.0.0.1").chain[-1].mnt_by
        }
        totals = Totals()
        ran = run(index, io.BytesIO(text), totals.write, columns=["descr"], form="summary")
        counted = totals.summary(ran.rows, ran.invalid, 0)["by"]["descr"]
        assert counted["top"] == [{"value": "Foo Bar", "rows": 3, "share": 1.0}]


def test_nested_objects_are_refused_by_depth_alone(rirdex: Command, index_path: Path,
                                                   tmp_path: Path) -> None:  # fmt: skip
    depths = [5, 199, 200, 950, 5000, 100_000]
    lines = [f'{{"ip":"{IP}","rirdex_ip":1,"s":"[[","n":{"[" * d}{"]" * d}}}' for d in depths]
    (tmp_path / "deep.jsonl").write_text("\n".join(lines))
    command = ("batch", tmp_path / "deep.jsonl", "--keep", "-f", "jsonl", "-i", index_path, "-c",
               "ip,error")  # fmt: skip
    done = rirdex(*command, "--jobs", "0")
    assert done.returncode == 4
    assert [row["error"] is None for row in objects(done.stdout)] == [True, True, *[False] * 4]
    assert rirdex(*command, "--jobs", "1").stdout == done.stdout


def test_the_index_is_not_written_over(rirdex: Command, index_path: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(index_path)
    size = index_path.stat().st_size
    for name in (index_path, tmp_path / "link"):
        done = rirdex("batch", "-i", index_path, "-o", name, stdin=LIST.encode())
        assert done.returncode == 2
        assert "is the index itself" in done.stderr
    assert index_path.stat().st_size == size


def test_an_open_file_is_written_by_its_descriptor(
    environment: dict[str, str], program: list[str], index_path: Path, tmp_path: Path
) -> None:
    batch = f'"$@" batch -i {index_path} -c ip'
    for line in (f"echo {IP} | {batch} -o /dev/stdout | cat",
                 f"echo {IP} | {batch} -o >(cat)",
                 f"(echo before; echo {IP} | {batch} -o /dev/stdout; echo after) > {tmp_path}/f; "
                 f"cat {tmp_path}/f"):  # fmt: skip
        done = subprocess.run(["bash", "-c", line, "-", *program], capture_output=True, text=True,
                              env=environment, timeout=60, check=False)  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        middle = f"ip\n{IP}\n"
        assert done.stdout == (f"before\n{middle}after\n" if "before" in line else middle)


def test_many_equal_names_take_no_more_time() -> None:
    assert distinct(["c"] * 100_000)[-1] == "c_100000"
    assert distinct(["c", "c_2", "c", "c"]) == ["c", "c_2", "c_3", "c_4"]


def test_arrays_of_bytes_keep_their_zeros(index: Index) -> None:
    packed = [ip_address(text).packed for text in ("2001:db8::", "::", "240::1")]
    four = [ip_address(text).packed for text in ("10.0.0.0", "0.0.0.0")]
    for items in (packed, four):
        array = np.array(items, dtype=f"S{len(items[0])}")
        wanted = [str(ip_address(item)) for item in items]
        assert index.lookup_many(array, columns=["ip"])["ip"].tolist() == wanted
        assert index.match_many(array).tolist() == index.match_many(items).tolist()
    masked: Any = np.ma.masked_array(np.array([1, 2], np.uint32), [True, False])
    with pytest.raises(AddressError):
        index.lookup_many(masked, columns=["ip"])
    with pytest.raises(AddressError):
        index.match_many(masked)


def test_formulas_behind_what_is_not_seen_are_disarmed(index: Index) -> None:
    cells = ["\t=1", "\r=1", "\n=1", " =1", "\uff1d1", "\ufeff=1", "\x0b+1", "a=1"]
    text = "ip,x\n" + "".join(f'{IP},"{cell}"\n' for cell in cells)
    found = table(output(index, text.encode(), ["depth"], given="csv", keep=True, safe=True))[1:]
    assert [row[1] for row in found] == [*(f"'{cell}" for cell in cells[:-1]), "a=1"]


def test_inputs_without_records_have_no_header(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    empty, full = tmp_path / "e.csv", tmp_path / "k.csv"
    empty.write_text("")
    full.write_text(f"ip,a\n{IP},1\n")
    for files in ((empty, full), (full, empty), (empty, full, empty, full)):
        done = rirdex("batch", "-i", index_path, "--keep", "-c", "depth", *files)
        assert (done.returncode, done.stderr) == (0, "")
        rows = table(done.stdout)
        assert rows[0] == ["ip", "a", "depth"]
        assert len(rows) == 1 + files.count(full)
    assert rirdex("batch", "-i", index_path, "--keep", "-c", "depth", empty).stdout == "depth\n"
    done = rirdex("batch", "-i", index_path, "--keep", "-o", tmp_path / "x.parquet", empty, full)
    assert (done.returncode, read_records((tmp_path / "x.parquet").read_bytes()).num_rows) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_ended_leaves_nothing(
    environment: dict[str, str], program: list[str], index_path: Path, tmp_path: Path, number: int
) -> None:
    command = [*program, "batch", "-i", str(index_path), "-o", str(tmp_path / "out.csv"),
               "--jobs", "1"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment,
                          stderr=subprocess.DEVNULL) as child:  # fmt: skip
        assert child.stdin
        child.stdin.write(f"{IP}\n".encode() * 300_000)
        child.stdin.flush()
        while not list(tmp_path.iterdir()):
            time.sleep(0.01)
        child.send_signal(number)
        child.stdin.close()
        assert child.wait(30) == (143 if number == signal.SIGTERM else 130)
    assert list(tmp_path.iterdir()) == []


def test_workers_end_when_their_parent_is_killed(
    environment: dict[str, str], program: list[str], index_path: Path, tmp_path: Path
) -> None:
    command = [*program, "batch", "-i", str(index_path), "-o", str(tmp_path / "out.csv"),
               "--jobs", "2"]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment) as child:
        assert child.stdin
        place = Path(f"/proc/{child.pid}/task/{child.pid}/children")
        if not place.exists():
            pytest.skip("the system does not tell a process's children")
        child.stdin.write(f"{IP}\n".encode() * 300_000)
        child.stdin.flush()
        while len(workers := place.read_text().split()) < 2:
            time.sleep(0.01)
        child.kill()
        child.stdin.close()
    until = time.monotonic() + 30
    while any(Path(f"/proc/{worker}/mem").exists() and _lives(worker) for worker in workers):
        assert time.monotonic() < until
        time.sleep(0.1)


def _lives(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_what_is_packed_is_unpacked_whatever_its_name(
    rirdex: Command, index_path: Path, tmp_path: Path
) -> None:
    for pack in (gzip.compress, bz2.compress, lzma.compress, zstandard.compress):
        packed = pack(f"{IP}\n".encode() * 3)
        (tmp_path / "list").write_bytes(packed)
        for name, given in (("-", {"stdin": packed}), (tmp_path / "list", {})):
            done = rirdex("batch", "-i", index_path, "-c", "ip", name, **given)
            assert (done.stdout.split(), done.stderr) == (["ip", IP, IP, IP], "")
    for head in (b"PK\x03\x04", b"PAR1", b"ARROW1"):
        done = rirdex("batch", "-i", index_path, stdin=head + bytes(99))
        assert (done.returncode, done.stderr.count("\n")) == (5, 1)
        assert "is no list" in done.stderr


def test_the_same_list_gives_the_same_bytes(rirdex: Command, index_path: Path,
                                            tmp_path: Path) -> None:  # fmt: skip
    for end in ("csv.gz", "csv.zst", "parquet", "arrow"):
        texts = []
        for k in range(2):
            place = tmp_path / f"{k}.{end}"
            rirdex("batch", "-i", index_path, "-o", place, stdin=LIST.encode())
            texts.append(place.read_bytes())
        assert texts[0] == texts[1], end
    for name in ("o.csv.zip", "o.xlsx", "o.mmdb"):
        done = rirdex("batch", "-i", index_path, "-o", tmp_path / name, stdin=LIST.encode())
        assert done.returncode == 2
