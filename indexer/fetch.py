"""Fetch the files of the registries, so that nothing broken ever has a final name.

The files under one serial are a set. Each is downloaded to a part, continued where it was cut,
checked to its end, and waits; the serial is read before and after; only when it is the same do
all parts of the set take their names, and then the manifest. A set of which one file fails
keeps its old files, and what has come is there for the next run.

Files come one after the other, so no host ever sees two connections. How one file is fetched is
in `transfer`, what goes over the wire in `web`, which alone opens connections; `build` and
everything else work offline.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from rirdex.query.errors import Error, FetchError

from . import manifest, partial
from .downloads import Download
from .manifest import Entry
from .transfer import Progress, Say, Session, stage
from .web import BACK_OFF, Missing, Web, internet, short_text

_ROUNDS: Final = 3  # how often a set may change while it is fetched
_LOCK: Final = ".rirdex-fetch.lock"


class Outcome(NamedTuple):
    """Tell what came of one file: ``state`` is new, unchanged, failed or kept.

    ``kept`` means that the file itself was fetched or unchanged and another one of its set
    failed, so the old one stays. ``size`` is in bytes, 0 when it failed.
    """

    file: str
    registry: str
    state: str
    size: int
    error: FetchError | None = None


def fetch(
    chosen: Sequence[Download],
    folder: str,
    *,
    environ: Mapping[str, str],
    web: Web | None = None,
    say: Say = lambda _: None,
    progress: Progress = lambda *_: None,
) -> list[Outcome]:
    """Fetch what is new of the files chosen into a folder; return what came of each.

    ``environ`` holds the keys; ``say`` is told what the user should know while it goes on;
    ``progress`` gets a file's name, the bytes that have come and the size or None. A file that
    cannot be fetched is an outcome, not an exception. Raises `DumpError` for a broken manifest,
    `Error` where another process fetches into the folder.
    """
    try:
        os.makedirs(folder, exist_ok=True)
        with _locked(folder):
            entries = manifest.read(folder)
            session = Session(web or internet(), folder, environ, say, progress, entries)
            return [outcome for files in sets(chosen) for outcome in _fetch_set(session, files)]
    except OSError as error:
        raise Error(f"{folder}: cannot be written ({error.strerror}): free some space, or choose "
                    "another folder with --folder; what has come is kept") from None  # fmt: skip


@contextlib.contextmanager
def _locked(folder: str) -> Iterator[None]:
    with open(os.path.join(folder, _LOCK), "ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Error(f"{folder}: another process fetches into it: wait for it, or choose "
                        "another folder with --folder") from None  # fmt: skip
        yield


def sets(chosen: Sequence[Download]) -> list[list[Download]]:
    """Put files with one serial together; a file without a serial is a set of its own."""
    found: dict[tuple[str, str], list[Download]] = {}
    for item in chosen:
        key = ("serial", item.serial) if item.serial else ("file", item.file)
        found.setdefault(key, []).append(item)
    return list(found.values())


def is_stale(folder: str, index: str) -> bool:
    """Say whether an index is missing or older than what was fetched last."""
    try:
        fetched = os.stat(os.path.join(folder, manifest.NAME)).st_mtime
        return fetched >= os.stat(index).st_mtime
    except FileNotFoundError:
        return True


def _fetch_set(session: Session, files: list[Download]) -> list[Outcome]:
    """Fetch the files of one set; give them their names together or not at all."""
    try:
        serial, staged = _stage_set(session, files)
    except FetchError as error:
        return [Outcome(item.file, item.registry, "failed", 0, error) for item in files]
    held = any(
        isinstance(got, FetchError) and not isinstance(got, Missing) for got in staged.values()
    )
    if not held:
        _take(session, {file: got for file, got in staged.items() if isinstance(got, Entry)},
              files[0].serial, serial)  # fmt: skip
    return [_outcome(session, item, staged[item.file], held) for item in files]


def _outcome(
    session: Session, item: Download, got: Entry | FetchError | None, held: bool
) -> Outcome:
    if isinstance(got, FetchError):
        return Outcome(item.file, item.registry, "failed", 0, got)
    size = got.size if got else session.entries[item.file].size
    state = "kept" if held else "new" if got else "unchanged"
    return Outcome(item.file, item.registry, state, size)


Staged = dict[str, Entry | FetchError | None]


def _stage_set(session: Session, files: list[Download]) -> tuple[str | None, Staged]:
    """Fetch the files of one set to parts; return the serial, and what came of each file.

    None stands for a file that has not changed. Raises `FetchError`.
    """
    url = files[0].serial
    before = _serial(session, url)
    for _ in range(_ROUNDS):
        staged = _stage_all(session, files, before)
        if before is None or not any(isinstance(got, Entry) for got in staged.values()):
            return before, staged
        after = _serial(session, url)
        if before == after:
            return before, staged
        session.say(f"{url}: changed from {before} to {after}: asking for its files again")
        session.web.sleep(BACK_OFF)
        before = after
    raise FetchError(url or "", "changed whenever its files were fetched: try again later")


def _stage_all(session: Session, files: list[Download], serial: str | None) -> Staged:
    """Fetch files to parts until one fails; a missing one does not stop the others."""
    staged: Staged = {}
    failed = False
    for item in files:
        try:
            if failed:
                raise FetchError(item.url, "is left for the next run")
            staged[item.file] = stage(session, item, serial)
        except FetchError as error:
            staged[item.file] = error
            failed = failed or not isinstance(error, Missing)
    return staged


def _serial(session: Session, url: str | None) -> str | None:
    """Return a serial, None where there is none. Raises `FetchError` when it is no number."""
    text = short_text(session.web, url, url, session.say) if url else None
    if text is not None and not (text.isascii() and text.isdecimal()):
        raise FetchError(url or "", "should hold a number and does not: try again later")
    return text


def _take(
    session: Session, ready: Mapping[str, Entry], serial_url: str | None, serial: str | None
) -> None:
    """Give parts their names, and write down what is known of them."""
    for file, entry in ready.items():
        partial.keep(session.folder, file)
        session.entries[file] = entry
    if not ready:
        return
    if serial_url is not None and serial is not None:
        name = serial_url.rsplit("/", 1)[-1]
        if name.endswith(".CURRENTSERIAL"):
            manifest.replace(os.path.join(session.folder, name), f"{serial}\n".encode())
    manifest.write(session.folder, session.entries)
