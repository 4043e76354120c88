"""Check that a build which fails says why, leaves nothing behind, and the old index as it was."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import ipaddress
import lzma
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest
import zstandard

from rirdex.indexer import writer
from rirdex.indexer.build import build
from rirdex.query import StoreError, layout, open_index
from rirdex.query.cli import run

Command = Callable[..., subprocess.CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]

KNOWN = "248.1.0.1"  # an address the old index answers for
NEW = "240.0.0.1"  # an address only the large dump holds
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
}
HTML = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head></html>\n"
# Runs `rirdex` without the check for free space, so that the disk fills up while it writes.
NO_CHECK = (
    "from rirdex.indexer import writer; writer.check_space = lambda *_: None; "
    "from rirdex.query.cli import main; main()"
)
# Runs `rirdex` with reading processes that are killed as soon as they are there.
KILLED = """
import os, signal
from multiprocessing.process import BaseProcess

start = BaseProcess.start

def killed(self):
    start(self)
    os.kill(self.pid, signal.SIGKILL)

BaseProcess.start = killed
from rirdex.query.cli import main
main()
"""


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a dump of about 10 MB: 30,000 nets that compress badly."""
    path = tmp_path_factory.mktemp("large") / "large.db"
    rng = Random(1)
    with open(path, "w") as file:
        for k in range(30_000):
            first = ipaddress.IPv4Address((240 << 24) + 16 * k)
            noise = f"{rng.getrandbits(640):x}"
            file.write(
                f"inetnum:        {first} - {first + 15}\nnetname:        NET-{noise[:8]}-{k}\n"
                f"descr:          {noise}\ncountry:        NL\nadmin-c:        DUMY-RIPE\n"
                f"status:         ASSIGNED PA\nmnt-by:         MNT-{k % 977}\n"
                f"last-modified:  2024-05-06T10:11:12Z\nsource:         RIPE\n\n"
            )
    return path


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory, dumps_now: Path) -> bytes:
    """Return the bytes of the index that was there before."""
    path = tmp_path_factory.mktemp("old") / "index"
    build([str(dumps_now / "private.db")], str(path), processes=0)
    return path.read_bytes()


@pytest.fixture
def target(tmp_path: Path, old: bytes) -> Path:
    """Return the place of an old index, alone in its folder."""
    (tmp_path / "place").mkdir()
    path = tmp_path / "place" / "index"
    path.write_bytes(old)
    return path


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Return a function that mounts a small file system in memory; skip without the right."""
    mounted: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"disk{len(mounted)}"
        place.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "rirdex-test", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    if os.geteuid() or not shutil.which("mount"):
        pytest.skip("a small file system can be mounted by root only")
    try:
        yield mount
    finally:
        gc.collect()  # a file that is still mapped keeps its file system busy
        for place in mounted:
            subprocess.run(["umount", str(place)], check=True)


def complaint(text: str) -> str:
    """Return an error message: exactly one line, which names the program and is no traceback."""
    assert text.startswith("rirdex: "), text
    assert text.count("\n") == 1, text
    return text


def check_old(target: Path, old: bytes) -> None:
    """Check that the old index is there, as it was, answering, with nothing beside it."""
    assert target.read_bytes() == old
    assert os.listdir(target.parent) == [target.name]
    with open_index(target) as index:
        assert index.lookup(KNOWN).chain[-1].raw
        assert index.match(NEW) is None


def check_refused(
    capsys: Capture, target: Path, old: bytes, *sources: Path, remedy: str = ""
) -> str:
    """Build from bad sources; check the message, the exit code and the old index."""
    code = run(["build", *map(str, sources), "-o", str(target)])
    done = capsys.readouterr()
    assert code == 5, done
    message = complaint(done.err)
    assert sources[-1].name in message
    assert re.search(remedy, message), message
    check_old(target, old)
    return message


def workers(target: Path) -> list[int]:
    """Return the processes whose command line names an index."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if os.fsencode(target) in (place / "cmdline").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], bool], seconds: float) -> bool:
    """Wait until a condition holds; return whether it did in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


# -- killed and interrupted -----------------------------------------------------------------------


def test_a_build_killed_at_any_moment_leaves_the_old_index_and_no_process(
    large: Path, target: Path, old: bytes, environment: dict[str, str], program: list[str]
) -> None:
    command = [*program, "build", str(large), "-o", str(target), "--jobs", "2", "-q"]

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)

    begin = time.monotonic()
    with start() as whole:
        assert whole.wait(60) == 0
    seconds = time.monotonic() - begin
    new = target.read_bytes()
    assert new != old
    rng = Random(2)
    killed = 0
    for moment in range(10):
        target.write_bytes(old)
        with start() as child:
            time.sleep(seconds * (moment + rng.random()) / 10.5)
            child.send_signal(signal.SIGKILL)
            code = child.wait(10)
        assert wait_for(lambda: not workers(target), 5), workers(target)
        found = target.read_bytes()
        # The last thing a build does is to rename; it may be killed after that, too.
        assert found == new or (found == old and code == -signal.SIGKILL)
        killed += found == old
        names = set(os.listdir(target.parent))
        assert names <= {"index", "index.building", "index.lock"}
    assert killed >= 5
    # What was left behind is no hindrance, and is gone after the next build.
    (target.parent / "index.building").write_bytes(b"left behind")
    with start() as again:
        assert again.wait(60) == 0
    assert target.read_bytes() == new
    assert os.listdir(target.parent) == ["index"]


def test_a_build_whose_reading_processes_are_killed_says_so(
    large: Path, target: Path, old: bytes, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, "build", str(large), "-o", str(target), "--jobs", "2"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (5, ""), done.stderr
    complaint(done.stderr)
    assert wait_for(lambda: not workers(target), 5)
    check_old(target, old)


@pytest.mark.parametrize("jobs", ["0", "2"])
def test_an_interrupted_build_gives_130_and_leaves_the_old_index(
    large: Path,
    target: Path,
    old: bytes,
    environment: dict[str, str],
    program: list[str],
    jobs: str,
) -> None:
    command = [*program, "build", str(large), "-o", str(target), "--jobs", jobs, "-q"]
    with subprocess.Popen(
        command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as child:
        lock = target.with_name("index.lock")
        assert wait_for(lock.exists, 20)
        assert jobs == "0" or wait_for(lambda: len(workers(target)) == 3, 20)
        time.sleep(0.1)
        os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all of them
        _, error = child.communicate(timeout=20)
    assert child.returncode == 130, error
    assert error.strip() == "rirdex: interrupted"
    assert wait_for(lambda: not workers(target), 5)
    check_old(target, old)


def test_a_build_interrupted_while_it_waits_for_its_input_gives_130(
    target: Path, old: bytes, environment: dict[str, str], program: list[str]
) -> None:
    command = [*program, "build", "-", "-o", str(target), "-q"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert wait_for(target.with_name("index.lock").exists, 20)
        time.sleep(0.2)
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
    check_old(target, old)


# -- two at once ----------------------------------------------------------------------------------


def test_of_two_builds_at_once_the_second_says_who_is_at_work(
    target: Path,
    dumps_now: Path,
    environment: dict[str, str],
    program: list[str],
    rirdex: Command,
) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    command = [*program, "build", "-", "-o", str(target), "-q"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    ) as first:
        assert first.stdin
        first.stdin.write(data[:1000])
        first.stdin.flush()
        assert wait_for(target.with_name("index.lock").exists, 20)
        second = rirdex("build", dumps_now / "private.db", "-o", target)
        assert second.returncode == 5
        message = complaint(second.stderr)
        assert f"process {first.pid}" in message
        assert re.search("wait|-o", message)
        _, error = first.communicate(data[1000:], timeout=60)
        assert (first.returncode, error) == (0, b"")
    with open_index(target) as index:
        assert index.lookup("10.33.77.3")
        assert not index.lookup(KNOWN)


def test_the_lock_of_a_build_that_is_over_holds_nobody_up(
    capsys: Capture, target: Path, dumps_now: Path
) -> None:
    target.with_name("index.lock").write_text("1\n")
    target.with_name("index.building").write_bytes(b"left behind")
    assert run(["build", str(dumps_now / "afrinic.db"), "-o", str(target), "-q"]) == 0
    assert os.listdir(target.parent) == ["index"]


def test_a_lock_is_held_until_the_end_and_let_go_after_a_failure(target: Path) -> None:
    def fail() -> None:
        with writer.building(str(target)):
            with pytest.raises(StoreError, match=str(os.getpid())), writer.building(str(target)):
                pass
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with writer.building(str(target)) as path:
        assert path.startswith(str(target))
    assert os.listdir(target.parent) == ["index"]


# -- where it cannot be written -------------------------------------------------------------------


def test_a_full_disk_is_noticed_before_or_while_writing(
    large: Path,
    old: bytes,
    disk: Callable[[str], Path],
    rirdex: Command,
    environment: dict[str, str],
) -> None:
    place = disk("size=2m")
    stages = set()
    # The index of the large dump takes more than 6 MB; 8 MB are to stay free.
    for size in ("2m", "12m", "1500k", "3m", "5m"):
        subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)
        target = place / "index"
        target.write_bytes(old)
        if size in ("2m", "12m"):
            done = rirdex("build", large, "-o", target)
        else:
            done = subprocess.run(
                [sys.executable, "-c", NO_CHECK, "build", str(large), "-o", str(target)],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        assert (done.returncode, done.stdout) == (5, ""), (size, done)
        message = complaint(done.stderr)
        assert str(target) in message
        assert "free some space" in message
        stages.add(re.sub(r"[\d,]+", "", message))
        check_old(target, old)
    assert len(stages) >= 2


def test_a_full_disk_while_reading_standard_input_is_noticed(
    large: Path, old: bytes, disk: Callable[[str], Path], rirdex: Command
) -> None:
    target = disk("size=3m") / "index"
    target.write_bytes(old)
    done = rirdex("build", "-", "-o", target, stdin=large.read_bytes())
    assert done.returncode == 5
    assert "free some space" in complaint(done.stderr)
    check_old(target, old)


def test_a_disk_without_files_to_spare_is_noticed(
    old: bytes, disk: Callable[[str], Path], rirdex: Command, dumps_now: Path
) -> None:
    target = disk("size=40m,nr_inodes=2") / "index"
    target.write_bytes(old)
    done = rirdex("build", dumps_now / "private.db", "-o", target)
    assert done.returncode == 5
    assert str(target) in complaint(done.stderr)
    check_old(target, old)


def test_a_read_only_folder_is_noticed(
    old: bytes, disk: Callable[[str], Path], rirdex: Command, dumps_now: Path
) -> None:
    place = disk("size=40m")
    (place / "index").write_bytes(old)
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    done = rirdex("build", dumps_now / "private.db", "-o", place / "index")
    assert done.returncode == 5
    message = complaint(done.stderr)
    assert "Read-only" in message
    assert "-o" in message
    check_old(place / "index", old)
    assert rirdex(KNOWN, "-i", place / "index").returncode == 0
    assert rirdex("verify", "-i", place / "index").returncode == 0


@pytest.mark.parametrize("place", ["/proc/index", "/proc/new/index", "/dev/null/index"])
def test_a_place_where_nothing_can_be_written_is_noticed(
    capsys: Capture, dumps_now: Path, place: str
) -> None:
    assert run(["build", str(dumps_now / "private.db"), "-o", place]) == 5
    message = complaint(capsys.readouterr().err)
    assert place in message
    assert "-o" in message


def test_a_folder_as_target_is_noticed(capsys: Capture, dumps_now: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", f"{tmp_path / 'folder'}/"):
        assert run(["build", str(dumps_now / "private.db"), "-o", str(place)]) == 5
        assert "folder" in complaint(capsys.readouterr().err)
    assert os.listdir(tmp_path) == ["folder"]
    assert os.listdir(tmp_path / "folder") == []


def test_an_index_of_another_format_is_replaced(
    capsys: Capture, target: Path, dumps_now: Path
) -> None:
    with open(target, "r+b") as file:
        file.seek(layout.SEAL_AT + len(layout.SEAL_MAGIC))
        file.write(struct.pack("<I", layout.FORMAT + 1))
    before = target.read_bytes()
    assert run(["build", str(dumps_now / "none.db"), "-o", str(target)]) == 5
    complaint(capsys.readouterr().err)
    assert target.read_bytes() == before
    assert run(["build", str(dumps_now / "afrinic.db"), "-o", str(target), "-q"]) == 0
    with open_index(target) as index:
        assert index.lookup("10.33.77.3")


# -- bad sources ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_that_is_cut_off_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path, suffix: str
) -> None:
    whole = PACK[suffix]((dumps_now / "ripe.db.inetnum").read_bytes())
    path = tmp_path / f"ripe.db{suffix}"
    size = len(whole)
    for length in (1, 4, 8, 12, 20, size // 3, size // 2, size - 9, size - 5, size - 1):
        path.write_bytes(whole[:length])
        message = check_refused(capsys, target, old, path, remedy="download it again")
        assert "cut off" in message or length < 20


@pytest.mark.parametrize("suffix", PACK)
def test_a_file_of_several_parts_that_is_cut_off_or_damaged_in_the_last_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path, suffix: str
) -> None:
    data = (dumps_now / "ripe.db.inetnum").read_bytes()
    middle = data.index(b"\n\n", len(data) // 2) + 2
    first, second = PACK[suffix](data[:middle]), PACK[suffix](data[middle:])
    path = tmp_path / f"ripe.db{suffix}"
    path.write_bytes(first + second)
    assert run(["build", str(path), "-o", str(tmp_path / "new"), "-q"]) == 0
    for length in (1, 3, 6, 12, len(second) // 2, len(second) - 1):
        path.write_bytes(first + second[:length])
        check_refused(capsys, target, old, path, remedy="download it again")
    for at in (0, 1, 2, len(second) // 2):
        spoilt = bytearray(second)
        spoilt[at] ^= 4
        path.write_bytes(first + spoilt)
        check_refused(capsys, target, old, path, remedy="download it again")


def test_a_flipped_bit_in_a_compressed_file_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path
) -> None:
    whole = gzip.compress((dumps_now / "ripe.db.inetnum").read_bytes(), mtime=0)
    path = tmp_path / "ripe.db.gz"
    rng = Random(3)
    # Not the header: time, flags and system may be anything. The trailer is CRC and length.
    places = [rng.randrange(10, len(whole)) for _ in range(25)]
    for at in (2, *places, *range(len(whole) - 8, len(whole))):
        spoilt = bytearray(whole)
        spoilt[at] ^= 1 << rng.randrange(8)
        path.write_bytes(spoilt)
        check_refused(capsys, target, old, path, remedy="download it again|is no dump")


MISLABELLED: dict[str, tuple[str, bytes]] = {
    "an HTML page named .gz": ("ripe.db.gz", HTML),
    "an HTML page named .zip": ("arin.zip", HTML),
    "a gzipped HTML page named .gz": ("ripe.db.gz", gzip.compress(HTML)),
    "plain text named .gz": ("ripe.db.gz", b"inetnum: 192.0.2.0/24\nsource: RIPE\n"),
    "a ZIP named .gz": ("ripe.db.gz", b"PK\x03\x04" + bytes(100)),
    "gzip named .bz2": ("ripe.db.bz2", gzip.compress(b"inetnum: 192.0.2.0/24\nsource: RIPE\n")),
    "zstd named .xz": ("ripe.db.xz", zstandard.compress(b"inetnum: 192.0.2.0/24\n")),
    "an HTML page": ("ripe.db", HTML),
    "an empty file": ("ripe.db", b""),
    "an empty file named .gz": ("ripe.db.gz", b""),
    "an empty gzip": ("ripe.db.gz", gzip.compress(b"")),
    "blank lines": ("ripe.db", b"\n\n  \n\n"),
    "comments only": ("ripe.db", b"# nothing\n% here\n"),
    "zeros": ("ripe.db", bytes(100_000)),
    "random bytes": ("ripe.db", Random(5).randbytes(100_000)),
}


@pytest.mark.parametrize("name", MISLABELLED)
def test_what_is_no_dump_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path, name: str
) -> None:
    file, data = MISLABELLED[name]
    (tmp_path / file).write_bytes(data)
    check_refused(capsys, target, old, tmp_path / file)
    # Nor beside a good one.
    check_refused(capsys, target, old, dumps_now / "private.db", tmp_path / file)


@pytest.mark.parametrize("name", ["an HTML page named .gz", "a ZIP named .gz", "gzip named .bz2"])
def test_a_mislabelled_file_in_a_folder_is_refused_too(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path, name: str
) -> None:
    file, data = MISLABELLED[name]
    folder = tmp_path / "dumps"
    folder.mkdir()
    shutil.copy(dumps_now / "private.db", folder)
    (folder / file).write_bytes(data)
    assert run(["build", str(folder), "-o", str(target)]) == 5
    message = complaint(capsys.readouterr().err)
    assert str(folder / file) in message
    assert "download it again" in message
    check_old(target, old)


def zip_of(**options: bool) -> bytes:
    """Return a ZIP archive with one dump, spoilt in some way."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ripe.db", b"inetnum: 192.0.2.0/24\nnetname: X\nsource: RIPE\n\n" * 50)
    data = bytearray(buffer.getvalue())
    central = data.index(b"PK\x01\x02")
    if options.get("encrypted"):
        data[6] |= 1
        data[central + 8] |= 1
    if options.get("method"):
        data[8] = data[central + 10] = 99
    if options.get("name"):
        data[30] ^= 1
    if options.get("body"):
        data[50] ^= 0x55
    if options.get("checksum"):
        data[central + 16] ^= 1
        data[14] ^= 1
    if options.get("empty"):
        return b"PK\x05\x06" + bytes(18)
    return bytes(data)


@pytest.mark.parametrize("fault", ["encrypted", "method", "name", "body", "checksum", "empty"])
def test_a_spoilt_zip_archive_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, fault: str
) -> None:
    path = tmp_path / "arin.zip"
    path.write_bytes(zip_of())
    assert run(["build", str(path), "-o", str(tmp_path / "new"), "-q"]) == 0
    path.write_bytes(zip_of(**{fault: True}))
    check_refused(capsys, target, old, path)


def test_a_zip_archive_that_is_cut_off_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path
) -> None:
    whole = zip_of()
    for length in (4, 30, 60, len(whole) // 2, len(whole) - 1):
        (tmp_path / "arin.zip").write_bytes(whole[:length])
        check_refused(capsys, target, old, tmp_path / "arin.zip")


def test_a_missing_file_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path, dumps_now: Path
) -> None:
    check_refused(capsys, target, old, tmp_path / "none.db")
    check_refused(capsys, target, old, dumps_now / "private.db", tmp_path / "none.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "none.db")
    check_refused(capsys, target, old, tmp_path / "link.db")


def test_a_folder_without_dumps_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path
) -> None:
    folder = tmp_path / "dumps"
    (folder / "deep").mkdir(parents=True)
    check_refused(capsys, target, old, folder, remedy="name files or folders")
    (folder / "deep" / "README").write_text("Nothing here\n")
    check_refused(capsys, target, old, folder, remedy="name files or folders")


def test_files_that_cannot_be_read_are_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path
) -> None:
    # Reading its first byte fails, also for root.
    (tmp_path / "mem.db").symlink_to("/proc/self/mem")
    check_refused(capsys, target, old, tmp_path / "mem.db")


def test_an_index_as_source_is_refused(
    capsys: Capture, target: Path, old: bytes, tmp_path: Path
) -> None:
    (tmp_path / "other.rirdex").write_bytes(old)
    check_refused(capsys, target, old, tmp_path / "other.rirdex")


def test_a_file_cut_off_in_the_middle_of_a_long_build_is_refused(
    capsys: Capture, large: Path, target: Path, old: bytes, tmp_path: Path
) -> None:
    # Beyond the part that is looked at to recognise a dump, with reading processes at work.
    packed = gzip.compress(large.read_bytes(), 1)
    path = tmp_path / "ripe.db.gz"
    path.write_bytes(packed[: len(packed) * 3 // 4])
    assert run(["build", str(path), "-o", str(target), "--jobs", "2"]) == 5
    message = complaint(capsys.readouterr().err)
    assert "ripe.db.gz" in message
    assert "cut off" in message
    check_old(target, old)
