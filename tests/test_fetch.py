"""Fetch from a loopback server that does everything a server should not.

Whatever it does, every file with a final name is one that it published whole: the fixture
`folder` checks that after each test.
"""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import hashlib
import io
import json
import os
import shutil
import ssl
import subprocess
import threading
import zipfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from email.message import Message
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rirdex.indexer import downloads, manifest, partial, web
from rirdex.indexer.downloads import Download, choose, listing, read_table, terms
from rirdex.indexer.fetch import Outcome, fetch, is_stale, sets
from rirdex.indexer.manifest import Entry, manifest_dates
from rirdex.indexer.transfer import conditions, continues, parse_md5
from rirdex.query.errors import DumpError, Error, FetchError

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TERMS = "for research only"
KEY = "API-1234-SECRET"
TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # to load the real ones takes 30 ms
HTML = b"<!DOCTYPE html>\n<html><body>Service unavailable</body></html>\n"


def packed(text: str, lines: int = 400) -> bytes:
    """Return a gzip file, the same for the same text, that does not shrink to nothing."""
    body = "".join(f"{text} {hashlib.sha256(f'{text}{n}'.encode()).hexdigest()}\n"
                   for n in range(lines))  # fmt: skip
    return gzip.compress(body.encode(), mtime=0)


OLD, NEW = packed("old"), packed("new")


class Handler(BaseHTTPRequestHandler):
    """Answer as the site says; one trick for each request while there are some, then well."""

    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        self.close_connection = True
        path = self.path
        self.server.log.append((path, dict(self.headers)))
        with self.server.counting():
            tricks = self.server.tricks.get(path.split("?")[0], [])
            (tricks.pop(0) if tricks else well)(self, path.split("?")[0])

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def reply(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None,
              length: int | None = None) -> None:  # fmt: skip
        """Send a status, headers and a body, with a length that may be a lie."""
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)


class Site(ThreadingHTTPServer):
    """Hold what is published, what was asked, and what goes wrong."""

    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.scheme = "http"
        self.files: dict[str, bytes] = {}
        self.etags = True
        self.good: set[bytes] = set()
        self.log: list[tuple[str, dict[str, str]]] = []
        self.tricks: dict[str, list[Trick]] = {}
        self.open = self.most = 0
        self.lock = threading.Lock()

    def put(self, path: str, body: bytes, *, good: bool = True) -> None:
        """Publish a file; one that is not ``good`` may never get a final name."""
        self.files[path] = body
        if good:
            self.good.add(body)

    def trick(self, path: str, *tricks: Trick) -> None:
        """Let the next requests for a path go wrong."""
        self.tricks.setdefault(path, []).extend(tricks)

    def url(self, path: str) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server_address[1]}{path}"

    def asked(self, path: str) -> list[dict[str, str]]:
        """Return the headers of each request for a path."""
        return [headers for asked, headers in self.log if asked == path]

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        with self.lock:
            self.open += 1
            self.most = max(self.most, self.open)
        try:
            yield
        finally:
            with self.lock:
                self.open -= 1


Trick = Callable[[Handler, str], None]


def validators(site: Site, body: bytes) -> dict[str, str]:
    """Return the validators of a file; they follow from its content."""
    number = int(hashlib.md5(body).hexdigest()[:6], 16)
    when = datetime.fromtimestamp(1_700_000_000 + number, UTC)
    headers = {"Last-Modified": format_datetime(when, usegmt=True)}
    return headers | ({"ETag": f'"{number:x}"'} if site.etags else {})


def well(handler: Handler, path: str) -> None:
    """Answer as RFC 9110 says."""
    body = handler.server.files.get(path)
    if body is None:
        return handler.reply(404, HTML)
    headers = validators(handler.server, body)
    asked = handler.headers
    if asked.get("If-None-Match", asked.get("If-Modified-Since")) in headers.values():
        return handler.reply(304, headers=headers)
    if "Range" in asked and asked.get("If-Range") in headers.values():
        start = int(asked["Range"].removeprefix("bytes=").rstrip("-"))
        if start >= len(body):
            return handler.reply(416, headers={"Content-Range": f"bytes */{len(body)}"})
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return handler.reply(206, body[start:], headers)
    return handler.reply(200, body, headers)


def cut(count: int) -> Trick:
    """Close the connection after some bytes of what should come."""

    def trick(handler: Handler, path: str) -> None:
        body = handler.server.files[path]
        headers = validators(handler.server, body)
        start = 0
        if handler.headers.get("If-Range") in headers.values():
            start = int(handler.headers["Range"].removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        part = body[start : start + count]
        handler.reply(206 if start else 200, part, headers, len(body) - start)

    return trick


def status(code: int, body: bytes = b"", **headers: str) -> Trick:
    """Answer with a status."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return lambda handler, _: handler.reply(code, body, named)


def hang_up(handler: Handler, _: str) -> None:
    """Answer nothing."""


def no_ranges(handler: Handler, path: str) -> None:
    """Send the whole file, whatever was asked."""
    body = handler.server.files[path]
    handler.reply(200, body, validators(handler.server, body))


def wrong_rest(handler: Handler, path: str) -> None:
    """Send the rest of another file than the one that was begun: If-Range is not looked at."""
    body = handler.server.files[path]
    start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
    start = min(start, len(body) - 1)
    span = {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"}
    handler.reply(206, body[start:], validators(handler.server, body) | span)


def mixed(handler: Handler, path: str) -> None:
    """Send the first half of one file and the second half of another."""
    body = handler.server.files[path]
    other = NEW if body != NEW else OLD
    middle = len(body) // 2
    both = (body[:middle] + other[middle:])[: len(body)].ljust(len(body), b"x")
    handler.reply(200, both, validators(handler.server, body))


def becomes(body: bytes) -> Trick:
    """Answer, then publish another file."""

    def trick(handler: Handler, path: str) -> None:
        well(handler, path)
        handler.server.put(path, body)

    return trick


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Site]:
    """Run a site, with TLS when there is a context for it."""
    with Site() as site:
        if context is not None:
            site.scheme = "https"
            site.socket = context.wrap_socket(site.socket, server_side=True)
        site.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=site.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as site:
        yield site


@pytest.fixture
def folder(tmp_path: Path, site: Site) -> Iterator[Path]:
    place = tmp_path / "dumps"
    yield place
    nothing_is_broken(place, site)


def nothing_is_broken(folder: Path, site: Site) -> None:
    """Assert that every file with a final name is whole, and that the manifest knows it."""
    for path in folder.iterdir() if folder.is_dir() else []:
        if path.name.startswith(".") or path.suffix == ".CURRENTSERIAL":
            continue
        if path.name == manifest.NAME:
            manifest.read(str(folder))
        else:
            assert path.read_bytes() in site.good, path.name


class World:
    """Run `fetch` without waiting, and keep what it said."""

    def __init__(self, site: Site, folder: Path, context: ssl.SSLContext | None = None) -> None:
        self.site = site
        self.folder = folder
        self.outside = web.internet(context or TRUSTS_NOBODY, timeout=5)
        self.pauses: list[float] = []
        self.said: list[str] = []
        self.progress: list[tuple[str, int, int | None]] = []

    def download(self, file: str = "ripe.db.gz", **changes: Any) -> Download:
        """Return a download of the site."""
        item = Download("ripe", "RIPE", file, self.site.url(f"/{file}"), None, None, None, TERMS,
                        None, True)  # fmt: skip
        return item._replace(**changes)

    def fetch(self, *chosen: Download, environ: dict[str, str] | None = None) -> list[Outcome]:
        outside = self.outside._replace(sleep=self.pauses.append, now=lambda: NOW)
        return fetch(
            chosen or [self.download()], str(self.folder), environ=environ or {}, web=outside,
            say=self.said.append, progress=lambda *at: self.progress.append(at),
        )  # fmt: skip

    def states(self, *chosen: Download) -> list[str]:
        return [outcome.state for outcome in self.fetch(*chosen)]

    def data(self, file: str = "ripe.db.gz") -> bytes:
        return (self.folder / file).read_bytes()

    def visible(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))


@pytest.fixture
def world(site: Site, folder: Path) -> World:
    site.put("/ripe.db.gz", OLD)
    return World(site, folder)


def failure(outcomes: list[Outcome]) -> str:
    (outcome,) = outcomes
    assert outcome.state == "failed"
    assert isinstance(outcome.error, FetchError)
    return str(outcome.error)


# What comes whole


def test_a_file_and_what_is_known_of_it_are_kept(world: World) -> None:
    assert world.fetch() == [Outcome("ripe.db.gz", "RIPE", "new", len(OLD))]
    assert world.data() == OLD
    headers = validators(world.site, OLD)
    entry = manifest.read(str(world.folder))["ripe.db.gz"]
    assert entry == Entry(
        url=world.site.url("/ripe.db.gz"), registry="RIPE", licence=TERMS, size=len(OLD),
        sha256=hashlib.sha256(OLD).hexdigest(), md5=hashlib.md5(OLD).hexdigest(),
        etag=headers["ETag"], last_modified=headers["Last-Modified"], date=entry.date,
        serial=None, fetched="2026-03-01T12:00:00+00:00",
    )  # fmt: skip
    day = datetime.strptime(headers["Last-Modified"], "%a, %d %b %Y %H:%M:%S GMT").date()
    assert manifest_dates(str(world.folder)) == {"ripe.db.gz": day}
    assert world.visible() == ["ripe.db.gz", manifest.NAME]
    assert world.progress[-1] == ("ripe.db.gz", len(OLD), len(OLD))


def test_every_request_names_the_project_and_wants_plain_bytes(world: World) -> None:
    world.fetch()
    (headers,) = world.site.asked("/ripe.db.gz")
    assert headers["User-Agent"].startswith("rirdex/")
    assert headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("etags", [True, False])
def test_a_file_that_has_not_changed_is_not_sent_again(world: World, etags: bool) -> None:
    world.site.etags = etags
    world.fetch()
    written = (world.folder / manifest.NAME).stat()
    assert world.fetch() == [Outcome("ripe.db.gz", "RIPE", "unchanged", len(OLD))]
    assert (world.folder / manifest.NAME).stat() == written
    assert ("If-None-Match" in world.site.asked("/ripe.db.gz")[1]) == etags
    assert "If-Modified-Since" in world.site.asked("/ripe.db.gz")[1]


def test_a_file_that_has_changed_is_fetched_again(world: World) -> None:
    world.fetch()
    world.site.put("/ripe.db.gz", NEW)
    assert world.states() == ["new"]
    assert world.data() == NEW


def test_a_file_that_somebody_damaged_or_that_has_another_url_is_fetched_whole(
    world: World,
) -> None:
    world.fetch()
    (world.folder / "ripe.db.gz").write_bytes(OLD[:-1])
    assert world.states() == ["new"]
    world.site.put("/mirror.gz", OLD)
    assert world.states(world.download(url=world.site.url("/mirror.gz"))) == ["new"]
    assert "If-None-Match" not in world.site.asked("/mirror.gz")[0]


def test_files_come_one_after_the_other(world: World) -> None:
    names = [f"{n}.gz" for n in range(5)]
    for name in names:
        world.site.put(f"/{name}", packed(name))
    assert world.states(*map(world.download, names)) == ["new"] * 5
    assert world.site.most == 1


# What is cut


def test_a_cut_connection_is_continued_where_it_broke(world: World) -> None:
    world.site.trick("/ripe.db.gz", cut(1000), cut(2000))
    assert world.states() == ["new"]
    assert world.data() == OLD
    asked = world.site.asked("/ripe.db.gz")
    assert [headers.get("Range") for headers in asked] == [None, "bytes=1000-", "bytes=3000-"]
    assert asked[1]["If-Range"] == validators(world.site, OLD)["ETag"]
    assert world.pauses == [2, 4]


def test_what_came_before_an_end_is_continued_by_the_next_run(world: World) -> None:
    world.site.trick("/ripe.db.gz", cut(1000), *[hang_up] * (web.ATTEMPTS - 1))
    assert "what has come is kept" in failure(world.fetch())
    assert world.visible() == []
    assert (world.folder / ".ripe.db.gz.part").read_bytes() == OLD[:1000]
    assert world.states() == ["new"]
    assert world.site.asked("/ripe.db.gz")[-1]["Range"] == "bytes=1000-"
    assert world.data() == OLD


def test_an_interrupt_leaves_the_part_and_the_old_file(world: World) -> None:
    def stop(_: float) -> None:
        raise KeyboardInterrupt

    world.fetch()
    world.site.put("/ripe.db.gz", NEW)
    world.site.trick("/ripe.db.gz", cut(500))
    outside = web.internet()._replace(sleep=stop)
    with pytest.raises(KeyboardInterrupt):
        fetch([world.download()], str(world.folder), environ={}, web=outside)
    assert world.data() == OLD
    assert world.states() == ["new"]
    assert world.site.asked("/ripe.db.gz")[-1]["Range"] == "bytes=500-"


def test_a_part_without_a_strong_validator_is_begun_anew() -> None:
    url = "https://192.0.2.1/"
    day = "Sun, 01 Mar 2026 00:00:00 GMT"
    weak = partial.State(url, 'W/"1"', None, 100)
    assert "Range" not in conditions(weak, 10, None)
    assert conditions(weak._replace(last_modified=day), 10, None)["If-Range"] == day
    assert conditions(weak._replace(etag='"1"'), 10, None)["If-Range"] == '"1"'


def test_a_part_that_was_whole_is_only_asked_about(world: World) -> None:
    world.site.trick("/ripe.db.gz", cut(1000), *[hang_up] * (web.ATTEMPTS - 1))
    world.fetch()
    (world.folder / ".ripe.db.gz.part").write_bytes(OLD)
    assert world.states() == ["new"]
    asked = world.site.asked("/ripe.db.gz")[-1]
    assert "Range" not in asked
    assert "If-None-Match" in asked


def test_a_part_is_used_only_for_its_url_and_while_it_fits(tmp_path: Path) -> None:
    state = partial.State("https://192.0.2.1/", '"1"', None, 5)
    for have in range(8):
        partial.save(str(tmp_path), "a", state)
        Path(partial.place(str(tmp_path), "a")).write_bytes(bytes(have))
        fits = state if 1 <= have <= 5 else None
        assert partial.load(str(tmp_path), "a", state.url) == fits
        assert partial.load(str(tmp_path), "a", "https://192.0.2.2/") is None


@pytest.mark.parametrize(
    ("code", "headers", "expected"),
    [
        (206, {"Content-Range": "bytes 40-99/100", "ETag": '"1"'}, True),
        (206, {"Content-Range": "bytes 40-99/*"}, True),
        (206, {"Content-Range": "bytes 40-99/100", "ETag": '"2"'}, False),
        (206, {"Content-Range": "bytes 40-99/100", "Last-Modified": "tomorrow"}, False),
        (206, {"Content-Range": "bytes 41-99/100"}, False),
        (206, {"Content-Range": "bytes 40-100/101"}, False),
        (206, {"Content-Range": "lines 40-99/100"}, False),
        (206, {}, False),
        (200, {"Content-Range": "bytes 40-99/100"}, False),
    ],
)
def test_a_part_is_continued_only_by_the_rest_of_the_same_file(
    code: int, headers: dict[str, str], expected: bool
) -> None:
    class Answer(io.BytesIO):
        status = code
        headers = Message()

    for name, text in headers.items():
        Answer.headers[name] = text
    state = partial.State("https://192.0.2.1/", '"1"', "today", 100)
    assert continues(Answer(), state, 40) == expected


def test_a_server_that_refuses_ranges_is_asked_for_all_of_it(world: World) -> None:
    def refuse(handler: Handler, path: str) -> None:
        (status(416) if "Range" in handler.headers else well)(handler, path)

    world.site.trick("/ripe.db.gz", cut(1000), refuse, refuse)
    assert world.states() == ["new"]
    assert [("Range" in h) for h in world.site.asked("/ripe.db.gz")] == [False, True, False]


def test_an_old_part_is_gone_before_a_new_one_is_announced(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    world.site.trick("/ripe.db.gz", cut(1000), *[hang_up] * (web.ATTEMPTS - 1))
    world.fetch()
    world.site.put("/ripe.db.gz", NEW)
    monkeypatch.setattr(partial, "save", stop)
    with pytest.raises(KeyboardInterrupt):
        world.fetch()
    assert [path.name for path in world.folder.iterdir()] == [".rirdex-fetch.lock"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"url": 1}', "\0"])
def test_a_part_with_a_broken_note_is_begun_anew(world: World, text: str) -> None:
    world.folder.mkdir()
    (world.folder / ".ripe.db.gz.part").write_bytes(b"rubbish")
    (world.folder / ".ripe.db.gz.part.json").write_text(text)
    assert world.states() == ["new"]
    assert world.data() == OLD


@pytest.mark.parametrize("trick", [well, no_ranges, wrong_rest, status(416), status(206)])
def test_a_file_that_changed_since_the_cut_is_begun_anew(world: World, trick: Trick) -> None:
    world.site.trick("/ripe.db.gz", cut(1000))
    world.site.trick("/ripe.db.gz", trick)
    first = world.site.tricks["/ripe.db.gz"][0]

    def cut_and_change(handler: Handler, path: str) -> None:
        first(handler, path)
        handler.server.put(path, NEW)

    world.site.tricks["/ripe.db.gz"][0] = cut_and_change
    assert world.states() == ["new"]
    assert world.data() == NEW


def test_a_file_that_changes_in_mid_download_is_fetched_once_more(world: World) -> None:
    world.site.trick("/ripe.db.gz", mixed)
    assert world.states() == ["new"]
    assert world.data() == OLD
    assert any("fetching it once more" in line for line in world.said)


def test_a_file_that_is_always_mixed_fails_and_the_old_one_stays(world: World) -> None:
    world.fetch()
    world.site.put("/ripe.db.gz", NEW)
    world.site.trick("/ripe.db.gz", mixed, mixed)
    assert "gzip" in failure(world.fetch())
    assert world.data() == OLD
    assert world.states() == ["new"]


# What is broken


def test_a_web_page_with_status_200_is_no_dump_and_costs_no_part(world: World) -> None:
    world.site.trick("/ripe.db.gz", cut(1000))
    page = status(200, HTML, Content_Type="text/html")
    world.site.trick("/ripe.db.gz", *[page] * (web.ATTEMPTS - 1))
    assert "is a web page, not data" in failure(world.fetch())
    assert world.visible() == []
    assert world.states() == ["new"]
    assert world.site.asked("/ripe.db.gz")[-1]["Range"] == "bytes=1000-"


def zipped(name: str = "arin_db.txt") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, "NetHandle: NET-1\n" * 50)
    return file.getvalue()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


BROKEN = [
    ("ripe.db.gz", OLD[:-1], "is cut off"),
    ("ripe.db.gz", OLD[:-9], "is cut off"),
    ("ripe.db.gz", OLD[:4], "is cut off"),
    ("ripe.db.gz", flipped(OLD, len(OLD) // 2), "damaged gzip"),
    ("ripe.db.gz", flipped(OLD, len(OLD) - 6), "damaged gzip"),
    ("ripe.db.gz", OLD + b"trailing", "damaged gzip"),
    ("ripe.db.gz", b"inetnum: 192.0.2.0 - 192.0.2.255\n", "damaged gzip"),
    ("ripe.db.gz", b"", "is empty"),
    ("arin_db.zip", zipped()[:-30], "damaged ZIP"),
    ("arin_db.zip", flipped(zipped(), 60), "damaged ZIP"),
    ("transfers.json", b'{"transfers": [', "no JSON"),
    ("transfers.json", b"not found", "no JSON"),
    ("delegated-latest", OLD, "should be plain text"),
]


@pytest.mark.parametrize(("file", "body", "fault"), BROKEN)
def test_broken_content_never_has_a_final_name(
    world: World, file: str, body: bytes, fault: str
) -> None:
    world.site.put(f"/{file}", body, good=False)
    assert fault in failure(world.fetch(world.download(file)))
    assert world.visible() == []
    assert len(world.site.asked(f"/{file}")) == 2


@pytest.mark.parametrize(
    ("file", "body"),
    [
        ("two.gz", OLD + NEW),
        ("padded.gz", OLD + bytes(700)),
        ("arin_db.zip", zipped()),
        ("transfers.json", b'{"transfers": []}'),
        ("delegated-latest", b"2|afrinic|20230323|0|||+0000\n"),
    ],
)
def test_sound_content_of_every_kind_is_taken(world: World, file: str, body: bytes) -> None:
    world.site.put(f"/{file}", body)
    assert world.states(world.download(file)) == ["new"]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.data())
def test_gzip_is_walked_to_its_very_end(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(gzip.compress(part * 5000, mtime=0) for part in parts)
    partial._check_gzip(iter([whole]))
    size = data.draw(st.integers(1, len(whole)))
    partial._check_gzip(whole[at : at + size] for at in range(0, len(whole), size))
    last = len(gzip.compress(parts[-1] * 5000, mtime=0))
    end = data.draw(st.integers(len(whole) - last + 1, len(whole) - 1))
    with pytest.raises(partial.Broken, match="cut off"):
        partial._check_gzip(iter([whole[:end]]))


def no_length(handler: Handler, path: str) -> None:
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(handler.server.files[path])


def chunks(end: bytes) -> Trick:
    def trick(handler: Handler, path: str) -> None:
        body = handler.server.files[path]
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.wfile.write(b"%x\r\n%b\r\n" % (len(body), body) + end)

    return trick


def test_plain_text_that_does_not_say_where_it_ends_is_refused(world: World) -> None:
    world.site.put("/delegated-latest", b"2|afrinic|2\n", good=False)
    world.site.trick("/delegated-latest", no_length)
    message = failure(world.fetch(world.download("delegated-latest")))
    assert "a cut would not be seen" in message
    assert world.visible() == []


def test_a_file_without_a_length_is_taken_where_its_end_is_seen(world: World) -> None:
    world.site.trick("/ripe.db.gz", no_length)
    assert world.states() == ["new"]
    world.site.put("/delegated-latest", b"2|afrinic|2\n")
    world.site.trick("/delegated-latest", chunks(b"5\r\nab"), chunks(b"0\r\n\r\n"))
    assert world.states(world.download("delegated-latest")) == ["new"]
    assert "the connection was cut" in world.said[-1]


# Statuses, pauses, redirects


def test_a_server_that_is_busy_is_asked_again_later_and_later(world: World) -> None:
    world.site.trick("/ripe.db.gz", status(500), status(503, HTML), hang_up)
    assert world.states() == ["new"]
    assert world.pauses == [2, 4, 8]


@pytest.mark.parametrize("code", [500, 502, 503, 504, 429, 408])
def test_a_server_that_stays_busy_is_left_alone(world: World, code: int) -> None:
    world.site.trick("/ripe.db.gz", *[status(code)] * 9)
    assert f"answers {code}" in failure(world.fetch())
    assert len(world.site.log) == web.ATTEMPTS
    assert world.visible() == []


@pytest.mark.parametrize("text", ["17", "Sun, 01 Mar 2026 12:00:17 GMT"])
def test_retry_after_is_waited_for(world: World, text: str) -> None:
    world.site.trick("/ripe.db.gz", status(429, Retry_After=text))
    assert world.states() == ["new"]
    assert world.pauses == [17]


def test_a_server_that_asks_for_a_long_wait_is_not_asked_again(world: World) -> None:
    world.site.trick("/ripe.db.gz", status(429, Retry_After="3600"))
    assert "asks to wait 3600 seconds" in failure(world.fetch())
    assert world.pauses == []
    assert len(world.site.log) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [(None, 0), ("0", 0), ("12", 12), ("-3", 0), ("soon", 0), ("", 0),
     ("Sun, 01 Mar 2026 11:00:00 GMT", 0), ("Sun, 01 Mar 2026 13:00:00 -0000", 3600)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(text: str | None, seconds: float) -> None:
    assert web.retry_after(text, NOW) == seconds


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 501])
def test_a_refusal_is_taken_at_once(world: World, code: int) -> None:
    world.site.trick("/ripe.db.gz", status(code, HTML))
    assert f"answers {code}" in failure(world.fetch())
    assert len(world.site.log) == 1


def test_a_304_that_nobody_asked_for_is_no_file(world: World) -> None:
    world.site.trick("/ripe.db.gz", status(304))
    assert world.states() == ["new"]
    assert world.data() == OLD


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(world: World, code: int) -> None:
    world.site.put("/moved.gz", NEW)
    world.site.trick("/ripe.db.gz", status(code, HTML, Location="/moved.gz"))
    assert world.states() == ["new"]
    assert world.data() == NEW
    assert manifest.read(str(world.folder))["ripe.db.gz"].url == world.site.url("/ripe.db.gz")


@pytest.mark.parametrize("place", ["file:///etc/passwd", "ftp://127.0.0.1/x", "/ripe.db.gz", ""])
def test_a_redirect_in_circles_or_elsewhere_is_refused(world: World, place: str) -> None:
    headers = {"Location": place} if place else {}
    world.site.trick("/ripe.db.gz", *[status(302, HTML, **headers)] * 20)
    assert "redirects" in failure(world.fetch())
    assert world.visible() == []


def test_a_server_that_is_not_there_is_a_failed_download(world: World, tmp_path: Path) -> None:
    with Site() as closed:
        url = closed.url("/ripe.db.gz")
    assert "no answer (Connection refused)" in failure(world.fetch(world.download(url=url)))


def test_the_other_url_is_tried_where_the_first_is_missing(world: World) -> None:
    item = world.download("utf8.gz", fallback=world.site.url("/ripe.db.gz"))
    assert world.states(item) == ["new"]
    assert world.states(item) == ["unchanged"]
    assert world.data("utf8.gz") == OLD


# TLS


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that makes a certificate for 127.0.0.1 that ends on a day."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("the program openssl is missing: TLS is not tested")
    folder = tmp_path_factory.mktemp("tls")
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index\nnew_certs_dir=.\nrand_serial=yes\n"
        "default_md=sha256\npolicy=p\nx509_extensions=x\nunique_subject=no\n"
        "[p]\ncommonName=supplied\n[x]\nsubjectAltName=IP:127.0.0.1\n"
        "[req]\ndistinguished_name=n\n[n]\n"
    )
    (folder / "index").touch()

    def run(*arguments: str) -> None:
        subprocess.run([openssl, *arguments], cwd=folder, check=True, capture_output=True)

    run("req", "-new", "-config", "ca.cnf", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem",
        "-out", "request.pem", "-subj", "/CN=127.0.0.1")  # fmt: skip

    def certificate(end: str) -> Path:
        run("ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "key.pem", "-notext",
            "-in", "request.pem", "-out", "one.pem", "-startdate", "20200101000000Z",
            "-enddate", end)  # fmt: skip
        both = folder / f"{end}.pem"
        both.write_bytes((folder / "key.pem").read_bytes() + (folder / "one.pem").read_bytes())
        return both

    return certificate


@contextlib.contextmanager
def secure(path: Path, folder: Path) -> Iterator[World]:
    """Run a site with a certificate, and a world that trusts it but for its end."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    with serving(server) as site:
        site.put("/ripe.db.gz", OLD)
        yield World(site, folder, ssl.create_default_context(cafile=str(path)))
        nothing_is_broken(folder, site)


def test_an_expired_certificate_is_refused_at_once(
    certificates: Callable[[str], Path], tmp_path: Path
) -> None:
    with secure(certificates("20200201000000Z"), tmp_path) as world:
        assert "certificate has expired" in failure(world.fetch())
        assert world.pauses == []
        assert world.site.log == []
        assert world.visible() == []


def test_a_certificate_of_nobody_is_refused(
    certificates: Callable[[str], Path], tmp_path: Path
) -> None:
    with secure(certificates("20990101000000Z"), tmp_path) as world:
        world.outside = web.internet()
        assert "is not to be trusted" in failure(world.fetch())
        assert world.site.log == []


def test_https_is_never_left_for_http(
    certificates: Callable[[str], Path], tmp_path: Path, site: Site
) -> None:
    with secure(certificates("20990101000000Z"), tmp_path) as world:
        assert world.states() == ["new"]
        world.site.put("/ripe.db.gz", NEW)
        site.put("/ripe.db.gz", NEW)
        world.site.trick("/ripe.db.gz", status(302, Location=site.url("/ripe.db.gz")))
        assert "redirects from https to http" in failure(world.fetch())
        assert site.log == []
        assert world.data() == OLD


def test_the_key_comes_from_the_environment_and_is_written_nowhere(
    certificates: Callable[[str], Path], tmp_path: Path
) -> None:
    with secure(certificates("20990101000000Z"), tmp_path) as world:
        world.site.put("/arin_db.zip", zipped())
        url = world.site.url("/arin_db.zip?apikey={key}")
        item = world.download("arin_db.zip", url=url, key="RIRDEX_ARIN_KEY")
        world.site.trick("/arin_db.zip", status(500), cut(50), hang_up)
        outcomes = world.fetch(item, environ={"RIRDEX_ARIN_KEY": f" {KEY}&x\n"})
        assert [outcome.state for outcome in outcomes] == ["new"]
        assert world.site.log[0][0] == f"/arin_db.zip?apikey={KEY}%26x"
        world.site.trick("/arin_db.zip", status(403))
        refused = failure(world.fetch(item, environ={"RIRDEX_ARIN_KEY": KEY}))
        world.site.trick("/arin_db.zip", status(302, Location=f"ftp://h/?apikey={KEY}"))
        moved = failure(world.fetch(item, environ={"RIRDEX_ARIN_KEY": KEY}))
        told = [refused, moved, *world.said, *(p.read_text("latin-1") for p in tmp_path.iterdir())]
        assert not any(KEY in text for text in told)


def test_a_key_that_is_missing_or_would_be_seen_is_not_sent(world: World) -> None:
    url = world.site.url("/ripe.db.gz?apikey={key}")
    item = world.download(url=url, key="RIRDEX_ARIN_KEY")
    assert "environment variable RIRDEX_ARIN_KEY" in failure(world.fetch(item))
    assert "https" in failure(world.fetch(item, environ={"RIRDEX_ARIN_KEY": KEY}))
    assert world.site.log == []


# Sets, serials, md5


def pair(world: World) -> tuple[Download, Download]:
    """Publish two files under one serial."""
    world.site.put("/a.gz", packed("a"))
    world.site.put("/b.gz", packed("b"))
    world.site.put("/RIPE.CURRENTSERIAL", b"41")
    serial = world.site.url("/RIPE.CURRENTSERIAL")
    return world.download("a.gz", serial=serial), world.download("b.gz", serial=serial)


def test_the_serial_is_read_before_and_after_and_kept(world: World) -> None:
    assert world.states(*pair(world)) == ["new", "new"]
    paths = [path for path, _ in world.site.log]
    assert paths == ["/RIPE.CURRENTSERIAL", "/a.gz", "/b.gz", "/RIPE.CURRENTSERIAL"]
    assert (world.folder / "RIPE.CURRENTSERIAL").read_text() == "41\n"
    assert {entry.serial for entry in manifest.read(str(world.folder)).values()} == {"41"}


def test_a_set_that_changes_while_it_is_fetched_is_of_one_day_in_the_end(world: World) -> None:
    files = pair(world)

    def swap(handler: Handler, path: str) -> None:
        well(handler, path)
        handler.server.put("/a.gz", packed("a2"))
        handler.server.put("/b.gz", packed("b2"))
        handler.server.put("/RIPE.CURRENTSERIAL", b"42")

    world.site.trick("/a.gz", swap)
    assert world.states(*files) == ["new", "new"]
    assert (world.data("a.gz"), world.data("b.gz")) == (packed("a2"), packed("b2"))
    assert {entry.serial for entry in manifest.read(str(world.folder)).values()} == {"42"}
    assert len(world.site.asked("/b.gz")) == 2
    assert "If-None-Match" in world.site.asked("/b.gz")[1]


def test_a_set_that_never_stands_still_fails_as_a_whole(world: World) -> None:
    files = pair(world)
    world.site.trick("/RIPE.CURRENTSERIAL", *[status(200, b"%d" % n) for n in range(9)])
    outcomes = world.fetch(*files)
    assert [outcome.state for outcome in outcomes] == ["failed", "failed"]
    assert "changed whenever" in str(outcomes[0].error)
    assert world.visible() == []


def test_a_set_of_which_one_file_fails_keeps_its_old_files(world: World) -> None:
    files = pair(world)
    world.fetch(*files)
    world.site.put("/a.gz", packed("a2"))
    world.site.put("/b.gz", packed("b2"))
    world.site.put("/RIPE.CURRENTSERIAL", b"42")
    world.site.trick("/b.gz", *[status(500)] * web.ATTEMPTS)
    assert world.states(*files) == ["kept", "failed"]
    assert (world.data("a.gz"), world.data("b.gz")) == (packed("a"), packed("b"))
    sent = len(world.progress)
    assert world.states(*files) == ["new", "new"]
    assert (world.data("a.gz"), world.data("b.gz")) == (packed("a2"), packed("b2"))
    assert all(name == "b.gz" for name, *_ in world.progress[sent:])


def test_a_file_that_is_missing_does_not_hold_its_set_back(world: World) -> None:
    first, second = pair(world)
    del world.site.files["/a.gz"]
    assert world.states(first, second) == ["failed", "new"]
    assert world.data("b.gz") == packed("b")


def test_a_set_that_fails_does_not_stop_the_next(world: World) -> None:
    files = pair(world)
    world.site.trick("/a.gz", status(403))
    assert world.states(*files, world.download()) == ["failed", "failed", "new"]


def test_a_serial_may_be_missing_but_not_be_a_page(world: World) -> None:
    files = pair(world)
    world.site.put("/RIPE.CURRENTSERIAL", HTML, good=False)
    assert world.states(*files) == ["failed", "failed"]
    del world.site.files["/RIPE.CURRENTSERIAL"]
    assert world.states(*files) == ["new", "new"]
    assert "going on without it" in world.said[-1]


MD5 = hashlib.md5(OLD).hexdigest()


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (f"MD5 (delegated-afrinic-extended-latest) = {MD5}", MD5),
        (f"{MD5}  delegated-arin-extended-20260301\n", MD5),
        (f"{MD5.upper()} *delegated\r\n", MD5),
        (f"{MD5}\n", MD5),
        ("", None),
        (f"{MD5}0 x", None),
        (HTML.decode(), None),
    ],
)
def test_md5_is_read_in_both_published_styles(text: str, digest: str | None) -> None:
    assert parse_md5(text) == digest


def test_a_file_is_taken_when_its_md5_is_the_published_one(world: World) -> None:
    item = world.download(md5=world.site.url("/md5"))
    world.site.put("/md5", f"MD5 (ripe.db.gz) = {MD5}".encode())
    assert world.states(item) == ["new"]


def test_a_file_with_another_md5_is_fetched_once_more_and_refused(world: World) -> None:
    item = world.download(md5=world.site.url("/md5"))
    world.site.put("/md5", b"0" * 32)
    assert "published is 000" in failure(world.fetch(item))
    assert world.visible() == []
    assert len(world.site.asked("/ripe.db.gz")) == 2
    world.site.trick("/md5", well, status(200, MD5.encode()))
    assert world.states(item) == ["new"]


def test_an_md5_may_be_missing_but_not_be_a_page(world: World) -> None:
    item = world.download(md5=world.site.url("/md5"))
    world.site.put("/md5", HTML, good=False)
    assert "should hold an md5" in failure(world.fetch(item))
    del world.site.files["/md5"]
    assert world.states(item) == ["new"]


# Everything at once

TRICKS: list[Trick] = [
    well, cut(0), cut(900), cut(5000), hang_up, no_ranges, wrong_rest, mixed, becomes(NEW),
    becomes(OLD), no_length, chunks(b""), status(200, HTML), status(200), status(206), status(304),
    status(404), status(416), status(429, Retry_After="1"), status(500),
]  # fmt: skip


@settings(
    max_examples=150, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(st.lists(st.lists(st.sampled_from(TRICKS), max_size=6), min_size=1, max_size=3))
def test_whatever_a_server_does_a_final_name_means_a_whole_file(
    site: Site, tmp_path: Path, runs: list[list[Trick]]
) -> None:
    shutil.rmtree(tmp_path / "dumps", ignore_errors=True)
    world = World(site, tmp_path / "dumps")
    site.put("/ripe.db.gz", OLD)
    for tricks in runs:
        site.tricks = {"/ripe.db.gz": list(tricks)}
        world.fetch()
        nothing_is_broken(world.folder, site)
    site.tricks = {}
    assert world.states() in (["new"], ["unchanged"])
    assert world.data() == site.files["/ripe.db.gz"]


# Places


def test_two_processes_do_not_fetch_into_one_folder(world: World) -> None:
    world.fetch()
    with open(world.folder / ".rirdex-fetch.lock", "ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Error, match="another process"):
            world.fetch()


def test_a_folder_that_cannot_be_written_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Error, match="--folder"):
        fetch([], str(tmp_path / "file" / "dumps"), environ={})


def test_an_index_is_stale_when_it_is_missing_or_older_than_the_files(tmp_path: Path) -> None:
    index = tmp_path / "index"
    assert is_stale(str(tmp_path), str(index))
    manifest.write(str(tmp_path), {})
    assert is_stale(str(tmp_path), str(index))
    index.touch()
    os.utime(tmp_path / manifest.NAME, (1, 1))
    assert not is_stale(str(tmp_path), str(index))
    os.utime(index, (0, 0))
    assert is_stale(str(tmp_path), str(index))


# The manifest

ENTRY = Entry("https://192.0.2.1/a", "RIPE", TERMS, 3, "0" * 64, "0" * 32, date="2026-03-01")


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert manifest.read(str(tmp_path)) == {}
    manifest.write(str(tmp_path), {"b": ENTRY, "a": ENTRY._replace(date=None, serial="7")})
    assert manifest.read(str(tmp_path)) == {
        "a": ENTRY._replace(date=None, serial="7"), "b": ENTRY,
    }  # fmt: skip
    assert os.listdir(tmp_path) == [manifest.NAME]


def test_the_date_of_a_file_is_told_only_while_it_is_the_one_that_was_fetched(
    tmp_path: Path,
) -> None:
    manifest.write(str(tmp_path), {"a": ENTRY, "b": ENTRY, "c": ENTRY, "d": ENTRY})
    (tmp_path / "a").write_bytes(b"abc")
    (tmp_path / "b").write_bytes(b"abcd")
    manifest.write(
        str(tmp_path), {"a": ENTRY, "b": ENTRY, "c": ENTRY, "d": ENTRY._replace(date=None)}
    )
    assert manifest_dates(str(tmp_path)) == {"a": date(2026, 3, 1)}


def changed(**changes: object) -> str:
    return json.dumps({"version": 1, "files": {"a": ENTRY._asdict() | changes}})


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", "[" * 100_000, '{"version": 1}', '{"version": 2, "files": {}}',
        '{"version": 1, "files": []}', '{"version": 1, "files": {"a": 1}}',
        '{"version": 1, "files": {"a": {}}}', changed(size="3"), changed(size=True),
        changed(url=None), changed(date="yesterday"), changed(date=1), changed(etag=5), "\ud800",
    ],
)  # fmt: skip
def test_a_broken_manifest_is_an_error_with_a_remedy(tmp_path: Path, text: str) -> None:
    (tmp_path / manifest.NAME).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(DumpError, match="delete it and run `rirdex fetch`"):
        manifest_dates(str(tmp_path))
    with pytest.raises(DumpError):
        fetch([], str(tmp_path), environ={})


def test_members_of_a_later_manifest_are_passed_over(tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_text(changed(signature="x"))
    assert manifest.read(str(tmp_path)) == {"a": ENTRY}


# The table


def test_the_table_is_sound() -> None:
    table = read_table()
    files = [item.file for item in table]
    assert len(files) == len(set(files))
    for item in table:
        assert item.url.startswith("https://")
        assert item.licence
        assert (item.key is None) == ("{key}" not in item.url)
    registries = {item.registry for item in table}
    assert registries >= {"RIPE", "APNIC", "AFRINIC", "LACNIC", "ARIN", "IANA", "NRO", "RADB"}


def test_without_names_the_default_is_chosen_and_a_key_adds_its_source() -> None:
    table = read_table()
    keyed = {"RIRDEX_ARIN_KEY": KEY}
    assert {item.set for item in choose(table, [], {})} < {item.set for item in table}
    assert not any(item.key for item in [*choose(table, [], {}), *choose(table, ["all"], {})])
    assert [item.file for item in choose(table, [], keyed) if item.key] == ["arin_db.zip"]
    assert choose(table, ["all"], keyed) == table
    assert downloads.keyless(table, {}) == {"arin-bulk": "RIRDEX_ARIN_KEY"}
    assert downloads.keyless(table, keyed) == {}


@pytest.mark.parametrize(
    ("names", "files"),
    [
        (["afrinic"], {"afrinic.db.gz"}),
        (["AFRINIC", "radb.db.gz", "RADB"], {"afrinic.db.gz", "radb.db.gz"}),
        (["arin-bulk"], {"arin_db.zip"}),
        (["arin"], {"delegated-arin-extended-latest", "transfers-arin.json"}),
    ],
)
def test_names_choose_a_set_else_a_registry_else_a_file(names: list[str], files: set[str]) -> None:
    assert {item.file for item in choose(read_table(), names, {})} == files


def test_a_name_of_nothing_is_an_error_that_tells_the_names() -> None:
    with pytest.raises(Error, match="ripe, apnic"):
        choose(read_table(), ["rip"], {})


def test_a_users_table_goes_over_ours(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        '[afrinic]\nbase = "https://192.0.2.1/mirror/"\n'
        '[mine]\nregistry = "DN42"\nlicence = "mine"\nfiles = ["dn42.gz"]\n'
        'base = "http://192.0.2.2/"\n'
    )
    table = {item.file: item for item in read_table(str(mine))}
    assert table["afrinic.db.gz"].url == "https://192.0.2.1/mirror/afrinic.db.gz"
    assert table["afrinic.db.gz"].serial == "https://192.0.2.1/mirror/AFRINIC.CURRENTSERIAL"
    assert table["dn42.gz"].url == "http://192.0.2.2/dn42.gz"
    assert not table["dn42.gz"].default
    assert table["ripe.db.inetnum.gz"] in read_table()


WHOLE = '[x]\nregistry = "X"\nlicence = "l"\nbase = "https://192.0.2.1/"\n'


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[x", "no TOML"),
        ("\xff", "no TOML"),
        ("x = 1", "outside a set"),
        ("[x]\ncolour = 1", "colour is unknown"),
        ("[x]\nregistry = 1", "registry is unknown or of a wrong type"),
        ('[x]\nregistry = "X"', "has no licence"),
        (WHOLE, "has no files"),
        (WHOLE + "files = [1]", "without a file"),
        (WHOLE + 'files = [{ url = "x" }]', "without a file"),
        (WHOLE + 'files = [{ file = "x", size = "1" }]', "the keys are"),
        (WHOLE + 'files = ["../x"]', "no name for a file"),
        (WHOLE + 'files = [".x"]', "no name for a file"),
        (WHOLE + f'files = ["{manifest.NAME}"]', "no name for a file"),
        (WHOLE + 'files = [{ file = "x", url = "ftp://192.0.2.1/x" }]', "no http"),
        (WHOLE.replace("https://192.0.2.1/", "") + 'files = ["x"]', "no http"),
        (WHOLE.replace("https", "file") + 'files = ["x"]', "no http"),
    ],
)
def test_a_users_table_that_is_wrong_is_named_with_its_fault(
    tmp_path: Path, text: str, fault: str
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_bytes(text.encode("latin-1"))
    with pytest.raises(DumpError, match=fault) as caught:
        read_table(str(mine))
    assert str(mine) in str(caught.value)


def test_a_users_table_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DumpError, match="cannot be read"):
        read_table(str(tmp_path / "none.toml"))


def test_two_files_of_one_name_are_not_fetched_together(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(WHOLE + 'files = ["afrinic.db.gz"]')
    with pytest.raises(Error, match="in the sets afrinic and x"):
        choose(read_table(str(mine)), ["afrinic", "x"], {})


def test_terms_and_files_are_told_for_every_set() -> None:
    table = read_table()
    lines = listing(table)
    assert all(any(item.url in line for line in lines) for item in table)
    assert "arin-bulk  ARIN  default, needs $RIRDEX_ARIN_KEY" in lines
    told = terms(choose(table, [], {}))
    assert sum(line.startswith("RIPE: RIPE Database Terms") for line in told) == 1


def test_files_under_one_serial_are_one_set() -> None:
    chosen = choose(read_table(), ["ripe", "lacnic", "stats-iana"], {})
    assert [len(files) for files in sets(chosen)] == [10, 1, 1]
