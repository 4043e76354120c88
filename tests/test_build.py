"""Check what a build makes of files: the same bytes whatever surrounds them, and what counts."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import zstandard

from rirdex.indexer.build import build
from rirdex.indexer.report import Summary
from rirdex.query import DumpError, Error, Index, open_index
from rirdex.query.cli import run

Command = Callable[..., subprocess.CompletedProcess[str]]
Capture = pytest.CaptureFixture[str]

NET = """\
inetnum:        {key}
netname:        {name}
descr:          {descr}
country:        NL
status:         ASSIGNED PA
mnt-by:         EX-MNT
last-modified:  {day}T10:11:12Z
source:         {source}

"""


def net(
    key: str = "192.0.2.0 - 192.0.2.255",
    name: str = "EX-NET",
    day: str = "2024-05-06",
    source: str = "RIPE",
    descr: str = "Example",
) -> bytes:
    """Return the text of an inetnum object."""
    return NET.format(key=key, name=name, day=day, source=source, descr=descr).encode()


def many_nets(count: int, first: int = 240 << 24) -> bytes:
    """Return the text of many inetnum objects, each with a name of its own."""
    parts = []
    for k in range(count):
        base = first + 16 * k
        quads = [".".join(str(n >> s & 255) for s in (24, 16, 8, 0)) for n in (base, base + 15)]
        parts.append(net(" - ".join(quads), f"NET-{k:06}", descr=f"Customer number {k * 7919}"))
    return b"".join(parts)


def make(target: Path, *paths: Path, processes: int = 0, **options: Any) -> Summary:
    """Build an index of files and folders."""
    return build([str(path) for path in paths], str(target), processes=processes, **options)


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return sha256(path.read_bytes()).hexdigest()


def content(path: Path) -> dict[str, Any]:
    """Return everything an index answers, without the names and sizes of its files."""
    with open_index(path) as index:
        nets = [index.net(row) for row in range(len(index))]
        found: dict[str, Any] = {
            "nets": [(net.to_dict(), net.raw, net.registry, net.dump["offset"]) for net in nets],
            "chains": [index.lookup(net.key).to_dict() for net in nets],
        }
        for kind in ("org", "mnt_by", "netname", "country"):
            names = {text for net in nets for text in texts(net.to_dict()[kind])}
            found[kind] = {name: index.nets(**{kind: name}) for name in sorted(names)}
        for name in (*found["org"], *found["mnt_by"]):
            items = index.objects(name)
            found[name] = [(item.to_dict(), item.raw, item.dump["offset"]) for item in items]
        return found


def texts(value: Any) -> Sequence[str]:
    """Return the texts of a column as a list: of a list, of one text, or of an organisation."""
    if isinstance(value, dict):
        return [value["handle"]]
    return value if isinstance(value, list) else [value] if value else []


def sources_of(path: Path) -> dict[str, Any]:
    """Return the metadata of an index's sources by name."""
    with open_index(path) as index:
        return {item["name"]: item for item in index.meta["sources"]}


# -- same input, same bytes ---------------------------------------------------------------------


def test_the_order_of_arguments_changes_no_byte(dumps_now: Path, tmp_path: Path) -> None:
    files = sorted(dumps_now.iterdir())
    make(tmp_path / "a", *files)
    make(tmp_path / "b", *reversed(files))
    make(tmp_path / "c", dumps_now)
    make(tmp_path / "d", files[3], files[9], *files[4:9], *files[:3], *files[10:])
    assert len({digest(tmp_path / name) for name in "abcd"}) == 1


def test_folder_target_and_time_of_the_files_change_no_byte(
    dumps_now: Path, index_path: Path, tmp_path: Path
) -> None:
    (tmp_path / "a" / "deep").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    for number, path in enumerate(sorted(dumps_now.iterdir())):
        copy = tmp_path / ("b" if number % 2 else "a/deep") / path.name
        shutil.copyfile(path, copy)
        os.utime(copy, (10**9 + number, 10**9 - number))
    make(tmp_path / "other name.x", tmp_path / "b", tmp_path / "a")
    assert digest(tmp_path / "other name.x") == digest(index_path)


def test_clock_locale_time_zone_and_hash_seed_change_no_byte(
    rirdex: Command, dumps_now: Path, index_path: Path, tmp_path: Path
) -> None:
    for number, variables in enumerate(
        (
            {"PYTHONHASHSEED": "1", "TZ": "Pacific/Kiritimati", "LC_ALL": "C"},
            {"PYTHONHASHSEED": "2", "TZ": "America/Los_Angeles", "LC_ALL": "C.UTF-8"},
            {
                "PYTHONHASHSEED": "3",
                "LC_ALL": "POSIX",
                "PYTHONUTF8": "0",
                "PYTHONCOERCECLOCALE": "0",
            },
            {"PYTHONOPTIMIZE": "2", "HOME": "/nonexistent", "COLUMNS": "20"},
        )
    ):
        target = tmp_path / f"index{number}"
        done = rirdex("build", ".", "-o", target, "-q", cwd=dumps_now, **variables)
        assert (done.returncode, done.stderr) == (0, "")
        assert digest(target) == digest(index_path)


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    # More than two chunks, objects across their border, and rejects in every one.
    text = many_nets(30_000)
    assert len(text) > 3 * (2 << 20)
    broken = text[: 4 << 20] + b"\n\ninetnum: nonsense\nsource: RIPE\n\n" + text[4 << 20 :]
    (tmp_path / "a.db").write_bytes(broken)
    (tmp_path / "b.db").write_bytes(many_nets(5_000, 250 << 24))
    for processes in (0, 1, 2, 3):
        make(
            tmp_path / f"index{processes}",
            tmp_path / "a.db",
            tmp_path / "b.db",
            processes=processes,
        )
    assert len({digest(tmp_path / f"index{processes}") for processes in range(4)}) == 1
    assert sources_of(tmp_path / "index2")["a.db"]["rejects"]


def test_building_twice_changes_no_byte_and_leaves_nothing_beside(
    dumps_now: Path, tmp_path: Path
) -> None:
    make(tmp_path / "index", dumps_now)
    before = digest(tmp_path / "index")
    make(tmp_path / "index", dumps_now)
    assert digest(tmp_path / "index") == before
    assert os.listdir(tmp_path) == ["index"]


def test_files_of_one_name_in_two_folders_are_ordered_by_what_they_hold(tmp_path: Path) -> None:
    for folder, name in (("a", "ONE"), ("b", "TWO")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.db").write_bytes(net(name=name))
    make(tmp_path / "1", tmp_path / "a", tmp_path / "b")
    make(tmp_path / "2", tmp_path / "b", tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "c")
    make(tmp_path / "3", tmp_path / "b", tmp_path / "c")
    assert len({digest(tmp_path / name) for name in "123"}) == 1


def test_serials_in_two_folders_change_no_byte_with_the_order_of_arguments(tmp_path: Path) -> None:
    for folder, key in (("a", "192.0.2.0 - 192.0.2.9"), ("b", "192.0.2.10 - 192.0.2.19")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{folder}.db").write_bytes(net(key))
        (tmp_path / folder / "RIPE.CURRENTSERIAL").write_text(str(ord(folder)))
    make(tmp_path / "1", tmp_path / "a", tmp_path / "b")
    make(tmp_path / "2", tmp_path / "b", tmp_path / "a")
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


def test_other_content_or_options_give_another_build_id(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net())
    (tmp_path / "b.db").write_bytes(net(name="OTHER"))
    make(tmp_path / "1", tmp_path / "a.db")
    make(tmp_path / "2", tmp_path / "b.db")
    make(tmp_path / "3", tmp_path / "a.db", snapshot=date(2024, 5, 7))
    make(tmp_path / "4", tmp_path / "a.db", tmp_path / "b.db")
    ids = set()
    for name in "1234":
        with open_index(tmp_path / name) as index:
            ids.add(index.build_id)
    assert len(ids) == 4


# -- forms of a file ----------------------------------------------------------------------------


def zipped(data: bytes, *names: str) -> bytes:
    """Return a ZIP archive; a text is cut behind an object into as many members as names."""
    objects = data.split(b"\n\n")
    share = -(-len(objects) // len(names))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, name in enumerate(names):
            part = objects[number * share : (number + 1) * share]
            archive.writestr(name, b"\n\n".join(part) + b"\n\n")
    return buffer.getvalue()


def halves(pack: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    """Return a function that packs the two halves of a text one after the other."""
    return lambda data: pack(data[: len(data) // 2]) + pack(data[len(data) // 2 :])


def streamed(data: bytes) -> bytes:
    """Return a zstd frame that does not say how long its text is."""
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


FORMS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "plain": ("", bytes),
    "gzip": (".gz", gzip.compress),
    "gzip in two members": (".gz", halves(gzip.compress)),
    "gzip with padding": (".gz", lambda data: gzip.compress(data) + bytes(512)),
    "bzip2": (".bz2", bz2.compress),
    "bzip2 in two streams": (".bz2", halves(bz2.compress)),
    "xz": (".xz", lzma.compress),
    "xz in two streams": (".xz", halves(lzma.compress)),
    "zstd": (".zst", zstandard.compress),
    "zstd in two frames": (".zst", halves(zstandard.compress)),
    "zstd without size": (".zst", streamed),
    "zip": (".zip", lambda data: zipped(data, "ripe.db")),
    "gzip without suffix": ("", gzip.compress),
    "bzip2 named .dump": (".dump", bz2.compress),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_gives_the_same_answers(
    form: str, dumps_now: Path, tmp_path: Path
) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    (tmp_path / "plain.db").write_bytes(data)
    make(tmp_path / "wanted", tmp_path / "plain.db")
    suffix, packed = FORMS[form]
    (tmp_path / f"packed{suffix}").write_bytes(packed(data))
    make(tmp_path / "index", tmp_path / f"packed{suffix}")
    assert content(tmp_path / "index") == content(tmp_path / "wanted")
    (source,) = sources_of(tmp_path / "index").values()
    assert source["sha256"] == digest(tmp_path / f"packed{suffix}")
    assert source["text_bytes"] - len(data) in ((0, 2) if form == "zip" else (0,))


def test_every_member_of_a_zip_is_a_source(dumps_now: Path, tmp_path: Path) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    (tmp_path / "packed.zip").write_bytes(zipped(data, "deep/b.db", "a.db", "c.db"))
    summary = make(tmp_path / "index", tmp_path / "packed.zip")
    assert [report.name for report in summary.reports] == [
        f"packed.zip/{name}" for name in ("a.db", "c.db", "deep/b.db")
    ]
    make(tmp_path / "wanted", dumps_now / "afrinic.db")
    found, wanted = content(tmp_path / "index"), content(tmp_path / "wanted")
    assert found["chains"] == wanted["chains"]
    assert found["mnt_by"] == wanted["mnt_by"]


def test_line_ends_of_two_bytes_change_no_answer(dumps_now: Path, tmp_path: Path) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    (tmp_path / "a.db").write_bytes(data.replace(b"\n", b"\r\n"))
    make(tmp_path / "index", tmp_path / "a.db")
    make(tmp_path / "wanted", dumps_now / "afrinic.db")
    found, wanted = content(tmp_path / "index"), content(tmp_path / "wanted")
    assert found["chains"] == wanted["chains"]
    for (_, raw, _, _), (_, plain, _, _) in zip(found["nets"], wanted["nets"], strict=True):
        assert raw.replace(b"\r\n", b"\n") == plain


def test_standard_input_gives_the_same_answers(
    rirdex: Command, dumps_now: Path, tmp_path: Path
) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    make(tmp_path / "wanted", dumps_now / "afrinic.db")
    for number, text in enumerate((data, gzip.compress(data), zstandard.compress(data))):
        target = tmp_path / f"index{number}"
        done = rirdex("build", "-", "-o", target, stdin=text)
        assert (done.returncode, done.stderr) == (0, "")
        assert content(target) == content(tmp_path / "wanted")
        (source,) = sources_of(target).values()
        assert source["sha256"] == sha256(text).hexdigest()
    assert sorted(os.listdir(tmp_path)) == ["index0", "index1", "index2", "wanted"]


def test_empty_standard_input_is_an_error_that_says_so(rirdex: Command, tmp_path: Path) -> None:
    for text in (b"", b"no dump\n"):
        done = rirdex("build", "-", "-o", tmp_path / "index", stdin=text)
        assert done.returncode == 5
        assert "standard input" in done.stderr
        assert done.stderr.count("\n") == 1
        assert os.listdir(tmp_path) == []


def test_a_pipe_that_can_be_read_once_only_loses_nothing(dumps_now: Path, tmp_path: Path) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    make(tmp_path / "wanted", dumps_now / "afrinic.db")
    reader, writer = os.pipe()
    assert os.write(writer, data) == len(data)
    os.close(writer)
    try:
        make(tmp_path / "index", Path(f"/dev/fd/{reader}"))
    except DumpError:
        return  # Refused: that loses nothing either.
    finally:
        os.close(reader)
    assert content(tmp_path / "index") == content(tmp_path / "wanted")


def test_a_text_without_end_of_line_at_its_end_keeps_its_last_object(tmp_path: Path) -> None:
    for end in (b"", b"\n", b"\n\n", b"\n\n\n\n", b"\n# EOF\n", b"\r\n\r\n"):
        (tmp_path / "a.db").write_bytes(net() + net("198.51.100.0 - 198.51.100.255").rstrip() + end)
        summary = make(tmp_path / "index", tmp_path / "a.db")
        assert (summary.nets, summary.reports[0].reject_counts) == (2, {})


def test_a_file_whose_name_is_no_utf_8_is_read(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"r\xedpe.db")
    path.write_bytes(net())
    assert make(tmp_path / "index", path).nets == 1
    with open_index(tmp_path / "index") as index:
        assert index.match("192.0.2.1") == 0
        json.dumps(index.meta, ensure_ascii=False).encode()


# -- folders ------------------------------------------------------------------------------------


def test_files_of_a_folder_that_are_no_dumps_are_skipped_and_listed(
    capsys: Capture, tmp_path: Path
) -> None:
    folder = tmp_path / "dumps"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "ripe.db").write_bytes(net())
    (folder / "deep" / "er" / "more.db").write_bytes(net("198.51.100.0 - 198.51.100.255"))
    others = {
        "README": b"See https://www.ripe.net: terms and conditions.\n",
        "MD5SUMS": b"d41d8cd98f00b204e9800998ecf8427e  ripe.db\n",
        "picture.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
        "empty": b"",
        "notes.gz": gzip.compress(b"just notes\n"),
        "deep/index.html": b"<!doctype html><title>x</title>",
    }
    for name, data in others.items():
        (folder / name).write_bytes(data)
    assert run(["build", str(folder), "-o", str(tmp_path / "index")]) == 0
    done = capsys.readouterr()
    for name in others:
        assert re.search(rf"skipped .*{re.escape(name)}", done.out + done.err), name
    with open_index(tmp_path / "index") as index:
        assert len(index) == 2
        assert set(index.meta["skipped"]) == {name.rpartition("/")[2] for name in others}


def test_a_named_file_that_is_no_dump_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "ripe.db").write_bytes(net())
    (tmp_path / "README").write_bytes(b"Nothing: here\n")
    with pytest.raises(DumpError, match="README") as caught:
        make(tmp_path / "index", tmp_path / "ripe.db", tmp_path / "README")
    assert caught.value.path == str(tmp_path / "README")
    assert not (tmp_path / "index").exists()


def test_a_serial_beside_the_dumps_is_that_of_its_source(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "ripe.db").write_bytes(net())
    (tmp_path / "d" / "apnic.db").write_bytes(net("198.51.100.0 - 198.51.100.255", source="APNIC"))
    (tmp_path / "d" / "RIPE.CURRENTSERIAL").write_bytes(b"47114711\n")
    summary = make(tmp_path / "index", tmp_path / "d")
    serials = {name: item["serial"] for name, item in sources_of(tmp_path / "index").items()}
    assert serials == {"ripe.db": "47114711", "apnic.db": None}
    assert summary.skipped == []


# -- what comes twice ---------------------------------------------------------------------------


def test_the_same_dump_under_two_names_counts_once(dumps_now: Path, tmp_path: Path) -> None:
    data = (dumps_now / "afrinic.db").read_bytes()
    (tmp_path / "single.db").write_bytes(data)
    one = make(tmp_path / "one", tmp_path / "single.db")
    (tmp_path / "again.db").write_bytes(data)
    (tmp_path / "packed.db.gz").write_bytes(gzip.compress(data))
    paths = [tmp_path / name for name in ("single.db", "again.db", "packed.db.gz")]
    two = make(tmp_path / "two", *paths)
    assert (two.nets, two.objects) == (one.nets, one.objects)
    kept = one.nets + one.objects
    own = one.reports[0].duplicates
    assert sum(report.duplicates for report in two.reports) == 2 * kept + 3 * own
    answers = [content(tmp_path / name) for name in ("one", "two")]
    assert answers[0] == answers[1]


@pytest.mark.parametrize("names", [("a.db", "b.db"), ("b.db", "a.db")])
def test_of_two_editions_the_later_changed_wins(tmp_path: Path, names: tuple[str, str]) -> None:
    (tmp_path / names[0]).write_bytes(net(name="OLD", day="2019-12-31"))
    (tmp_path / names[1]).write_bytes(net(name="NEW", day="2020-01-01"))
    summary = make(tmp_path / "index", tmp_path)
    assert summary.nets == 1
    with open_index(tmp_path / "index") as index:
        assert index.net(0).netname == "NEW"
    assert {r.name: r.duplicates for r in summary.reports} == {names[0]: 1, names[1]: 0}


@pytest.mark.parametrize("names", [("a.db", "b.db"), ("b.db", "a.db")])
def test_of_two_encodings_the_one_that_is_utf_8_wins(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    text = net(descr="Stra\u00dfe").decode()
    (tmp_path / names[0]).write_bytes(text.encode())
    (tmp_path / names[1]).write_bytes(text.encode("latin-1"))
    assert make(tmp_path / "index", tmp_path).nets == 1
    with open_index(tmp_path / "index") as index:
        assert index.net(0).descr == ("Stra\u00dfe",)
        assert b"Stra\xc3\x9fe" in index.net(0).raw


def test_of_two_texts_equally_old_the_one_in_the_later_file_wins(tmp_path: Path) -> None:
    for name in ("b.db", "a.db", "Z.db"):
        (tmp_path / name).write_bytes(net(name=f"IN-{name}"))
    make(tmp_path / "index", *(tmp_path / name for name in ("b.db", "a.db", "Z.db")))
    with open_index(tmp_path / "index") as index:
        assert index.net(0).netname == "IN-b.db"


def test_objects_of_two_sources_are_two(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net(source="RIPE") + net(source="RADB") + net(source="ripe"))
    summary = make(tmp_path / "index", tmp_path / "a.db")
    assert summary.nets == 2
    assert summary.reports[0].duplicates == 1


def test_handles_that_come_twice_count_once(tmp_path: Path) -> None:
    text = b"organisation: %s\norg-name: %s\nlast-modified: %s\nsource: RIPE\n\n"
    (tmp_path / "a.db").write_bytes(
        text % (b"ORG-A1-RIPE", b"Newer", b"2024-01-02T00:00:00Z")
        + text % (b"org-a1-ripe", b"Older", b"2023-01-02T00:00:00Z")
        + net()
    )
    summary = make(tmp_path / "index", tmp_path / "a.db")
    assert summary.objects == 1
    with open_index(tmp_path / "index") as index:
        assert [item.name for item in index.objects("ORG-A1-RIPE")] == ["Newer"]


# -- sources and registries ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "wanted"),
    [
        ("RIPE", ("RIPE", "RIPE")),
        ("ripe # Filtered", ("RIPE", "RIPE")),
        ("dn42", ("DN42", "DN42")),
        ("RADB", ("RADB", "RADB")),
        ("JPNIC", ("APNIC", "JPNIC")),
        ("KRNIC", ("APNIC", "KRNIC")),
    ],
)
def test_an_unknown_source_is_its_own_registry(
    tmp_path: Path, source: str, wanted: tuple[str, str]
) -> None:
    (tmp_path / "a.db").write_bytes(net(source=source))
    make(tmp_path / "index", tmp_path / "a.db")
    with open_index(tmp_path / "index") as index:
        answer = index.lookup("192.0.2.1")
        assert (answer.registry, answer.chain[0].source) == wanted
    assert sources_of(tmp_path / "index")["a.db"]["registries"]


def test_an_object_without_source_belongs_to_that_of_its_file(tmp_path: Path) -> None:
    bare = net("198.51.100.0 - 198.51.100.255").replace(b"source:         RIPE\n", b"")
    assert b"source" not in bare
    (tmp_path / "a.db").write_bytes(bare + net(source="DN42"))
    make(tmp_path / "index", tmp_path / "a.db")
    with open_index(tmp_path / "index") as index:
        assert index.lookup("198.51.100.1").registry == "DN42"


def test_a_file_in_which_no_object_names_a_source_answers_too(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net().replace(b"source:         RIPE\n", b""))
    make(tmp_path / "index", tmp_path / "a.db")
    with open_index(tmp_path / "index") as index:
        answer = index.lookup("192.0.2.1")
        assert answer
        assert answer.registry
        assert answer.to_dict()["chain"][0]["source"] == answer.chain[0].source


def test_a_dump_without_nets_still_answers_for_its_handles(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"organisation: ORG-A1-RIPE\norg-name: Alone\nsource: RIPE\n")
    assert make(tmp_path / "index", tmp_path / "a.db").nets == 0
    with open_index(tmp_path / "index") as index:
        assert index.match("192.0.2.1") is None
        assert index.match("2001:db8::1") is None
        assert index.match_many(["192.0.2.1", "2001:db8::1"]).tolist() == [-1, -1]
        assert not index.lookup("192.0.2.0/24")
        assert [item.name for item in index.objects("org-a1-ripe")] == ["Alone"]


def test_a_dump_of_classes_without_a_table_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(b"as-set: AS-EX\nsource: RIPE\n\nas-set: AS-EY\nsource: RIPE\n")
    summary = make(tmp_path / "index", tmp_path / "a.db")
    assert (summary.nets, summary.objects) == (0, 0)
    assert summary.reports[0].classes == {"as-set": 2}
    assert summary.reports[0].duplicates == 0


# -- rejects ------------------------------------------------------------------------------------

BAD = {
    b"inetnum:        192.0.2.300 - 192.0.2.301\nnetname: X\nsource: RIPE": "no address range",
    b"inetnum:        010.0.0.1 - 10.0.0.2\nsource: RIPE": "no address range",
    b"inetnum:\nnetname: X\nsource: RIPE": "no address range",
    b"inet6num:       2001:db8::/129\nsource: RIPE": "no address range",
    b"role:           Without handle\nsource: RIPE": "no key",
    b"route:          192.0.2.0/24\nsource: RIPE": "route without origin",
    b"nonsense": "no attribute line",
    b"strange:        thing\nsource: RIPE": "unknown class",
    b" continued:     from nowhere": "begins with a continuation line",
}


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.split(b"\n")[0].decode())
def test_a_record_that_cannot_be_read_is_counted_and_sampled_with_its_offset(
    capsys: Capture, tmp_path: Path, bad: bytes
) -> None:
    text = b"# 20240506\n\n" + net() + bad + b"\n\n" + net("198.51.100.0 - 198.51.100.255")
    (tmp_path / "a.db.gz").write_bytes(gzip.compress(text))
    arguments = ["build", str(tmp_path / "a.db.gz"), "-o", str(tmp_path / "index")]
    assert run(arguments) == 0
    done = capsys.readouterr()
    assert BAD[bad] in done.out + done.err
    source = sources_of(tmp_path / "index")["a.db.gz"]
    ((reason, count),) = source["rejects"].items()
    assert count == 1
    assert reason.startswith(BAD[bad])
    (sample,) = source["samples"]
    assert sample["offset"] == text.index(bad)
    assert bad.startswith(sample["sample"].encode())
    assert sample["sample"]
    with open_index(tmp_path / "index") as index:
        assert len(index) == 2
    before = digest(tmp_path / "index")
    assert run([*arguments, "--strict"]) == 5
    strict = capsys.readouterr()
    assert strict.err.count("\n") == 1
    assert "a.db.gz" in strict.err
    assert str(text.index(bad)) in strict.err.replace(",", "")
    assert digest(tmp_path / "index") == before


def test_strict_builds_what_has_no_rejects(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net())
    assert make(tmp_path / "index", tmp_path / "a.db", strict=True).nets == 1


def test_rejects_are_all_counted_but_few_are_sampled(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net() + b"inetnum: x\nsource: RIPE\n\n" * 1000)
    make(tmp_path / "index", tmp_path / "a.db")
    source = sources_of(tmp_path / "index")["a.db"]
    assert source["rejects"] == {"no address range": 1000}
    assert 1 <= len(source["samples"]) <= 20


# -- dates --------------------------------------------------------------------------------------


def dated(day: str, key: str, source: str = "APNIC") -> bytes:
    """Return a dump whose header says when it was made."""
    return f"#\n# {day} 23:06:23\n#\n\n".encode() + net(key, source=source)


def two_days(folder: Path, first: str, second: str, source: str = "APNIC") -> list[Path]:
    """Write two dumps of APNIC and of another source, with the days in their headers."""
    paths = [folder / "one.db", folder / "two.db"]
    paths[0].write_bytes(dated(first, "192.0.2.0 - 192.0.2.255"))
    paths[1].write_bytes(dated(second, "198.51.100.0 - 198.51.100.255", source))
    return paths


def test_files_of_one_source_from_days_apart_are_an_error_that_names_both(
    capsys: Capture, tmp_path: Path
) -> None:
    paths = two_days(tmp_path, "20260430", "20260503")
    with pytest.raises(Error, match="different days") as caught:
        make(tmp_path / "index", *paths)
    for path in paths:
        assert path.name in str(caught.value)
    assert run(["build", *map(str, paths), "-o", str(tmp_path / "index")]) == 5
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    for text in ("one.db", "two.db", "2026-04-30", "2026-05-03", "--date"):
        assert text in error
    assert not (tmp_path / "index").exists()


def test_files_of_one_source_up_to_two_days_apart_are_one_snapshot(tmp_path: Path) -> None:
    make(tmp_path / "index", *two_days(tmp_path, "20260430", "20260502"))
    days = {name: item["date"] for name, item in sources_of(tmp_path / "index").items()}
    assert days == {"one.db": "2026-04-30", "two.db": "2026-05-02"}


def test_files_of_two_sources_may_be_of_any_days(tmp_path: Path) -> None:
    make(tmp_path / "index", *two_days(tmp_path, "20200430", "20260502", "RIPE"))
    days = {name: item["date"] for name, item in sources_of(tmp_path / "index").items()}
    assert days == {"one.db": "2020-04-30", "two.db": "2026-05-02"}


def test_a_date_that_is_given_overrides_the_headers(tmp_path: Path) -> None:
    paths = two_days(tmp_path, "20200430", "20260502")
    arguments = ["build", *map(str, paths), "-o", str(tmp_path / "index"), "--date", "2026-05-04"]
    assert run(arguments) == 0
    assert {item["date"] for item in sources_of(tmp_path / "index").values()} == {"2026-05-04"}


def test_without_a_header_the_newest_change_is_the_date_and_never_the_files(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net() + net("198.51.100.0 - 198.51.100.9", day="2025-07-08"))
    (tmp_path / "b.db").write_bytes(
        net("203.0.113.0 - 203.0.113.9").replace(b"last-modified:  2024-05-06T10:11:12Z\n", b"")
    )
    make(tmp_path / "index", tmp_path / "a.db", tmp_path / "b.db")
    days = {name: item["date"] for name, item in sources_of(tmp_path / "index").items()}
    assert days == {"a.db": "2025-07-08", "b.db": None}


# -- metadata -----------------------------------------------------------------------------------


def test_the_metadata_tell_of_every_source_what_it_was(index: Index, dumps_now: Path) -> None:
    found = {item["name"]: item for item in index.meta["sources"]}
    assert set(found) == {path.name for path in dumps_now.iterdir()}
    for path in dumps_now.iterdir():
        data, item = path.read_bytes(), found[path.name]
        assert item["size"] == item["text_bytes"] == len(data)
        assert item["sha256"] == sha256(data).hexdigest()
        leads = re.findall(rb"(?:^|\r?\n\r?\n+)(?:[#%][^\n]*\n|\r?\n)*([A-Za-z0-9-]+):", data)
        wanted: dict[str, int] = {}
        for lead in leads:
            name = lead.decode().lower()
            wanted[name] = wanted.get(name, 0) + 1
        assert item["classes"] == wanted
        assert item["rejects"] == {}
        assert {"date", "serial", "duplicates", "samples"} <= set(item)
    assert found["apnic.db.inetnum"]["date"] == "2026-04-30"
    assert found["afrinic.db"]["registries"] == ["AFRINIC"]


def test_the_metadata_hold_no_path_and_no_clock(index: Index, dumps_now: Path) -> None:
    text = json.dumps(index.meta)
    assert str(dumps_now) not in text
    assert "/" not in "".join(item["name"] for item in index.meta["sources"])
    days = set(re.findall(r"20\d\d-\d\d-\d\d", text))
    known = {item["date"] for name in ("sources", "facilitators") for item in index.meta[name]}
    assert days == known - {None}


def test_the_metadata_hold_size_and_digest_of_every_table(index: Index) -> None:
    assert len(index.meta["tables"]) > 40
    for name, known in index.meta["tables"].items():
        if name in index.meta["types"]:
            data = bytes(index._store.raw(name))
            assert (len(data), sha256(data).hexdigest()) == (known["size"], known["sha256"])
        else:
            assert re.fullmatch(r"[0-9a-f]{64}", known["sha256"])
    assert {"rirdex", "lmdb", "zstandard"} <= set(index.meta["versions"])


def test_the_summary_tells_counts_size_and_time(
    dumps_now: Path, tmp_path: Path, index: Index
) -> None:
    told: list[int] = []
    whole: list[int] = []
    summary = make(tmp_path / "index", dumps_now, progress=told.append, total=whole.append)
    assert summary.path == str(tmp_path / "index")
    assert summary.nets == len(index)
    assert summary.index_bytes == (tmp_path / "index").stat().st_size
    assert summary.seconds > 0
    assert sum(report.kept - report.duplicates for report in summary.reports) == (
        summary.nets + summary.objects
    )
    size = sum(path.stat().st_size for path in dumps_now.iterdir())
    assert whole == [size]
    assert sum(told) == size


# -- targets ------------------------------------------------------------------------------------


def test_a_build_never_writes_over_one_of_its_sources(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(net())
    assert run(["build", str(tmp_path / "a.db"), "-o", str(tmp_path / "a.db")]) in (2, 5)
    assert capsys.readouterr().err.count("\n") == 1
    assert (tmp_path / "a.db").read_bytes() == net()


def test_folders_on_the_way_to_the_target_are_made(dumps_now: Path, tmp_path: Path) -> None:
    make(tmp_path / "new" / "folder" / "index", dumps_now / "private.db")
    with open_index(tmp_path / "new" / "folder" / "index") as index:
        assert index.lookup("248.1.0.1")


def test_a_target_inside_the_folder_that_is_walked_changes_no_byte(tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / "a.db").write_bytes(net())
    make(tmp_path / "elsewhere", tmp_path / "dumps")
    summary = make(tmp_path / "dumps" / "index", tmp_path / "dumps")
    assert summary.skipped == []
    assert digest(tmp_path / "dumps" / "index") == digest(tmp_path / "elsewhere")
    again = make(tmp_path / "dumps" / "index", tmp_path / "dumps")
    assert [report.name for report in again.reports] == ["a.db"]
    assert again.nets == 1


def test_the_manifest_of_fetch_dates_the_files_it_names(tmp_path: Path) -> None:
    dump = tmp_path / "test.db"
    dump.write_text("inetnum: 192.0.2.0 - 192.0.2.255\nnetname: N\nsource: TEST\n")
    held = sha256(dump.read_bytes()).hexdigest()
    entry = {"url": "https://mirror.example/test.db", "registry": "TEST", "licence": "", "md5": "",
             "size": dump.stat().st_size, "date": "2026-03-04", "serial": "77"}  # fmt: skip
    for digest, day, serial in ((held, "2026-03-04", "77"), ("0" * 64, None, None)):
        files = {"files": {"test.db": entry | {"sha256": digest}}, "version": 1}
        (tmp_path / "rirdex-manifest.json").write_text(json.dumps(files))
        report = build([str(dump)], str(tmp_path / "index")).reports[0]
        assert (report.date, report.serial) == (day, serial)
