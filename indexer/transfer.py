"""Fetch one file to its part: whole, checked, or not at all.

What is asked for is told by what there is: the rest of a part under its validator, a file only
if it has changed, or all of it. Content that is broken is thrown away and fetched once more.
Sets, serials and final names are `fetch`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC
from functools import partial as bind
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import quote

from rirdex.query.errors import FetchError

from . import manifest, partial
from .downloads import Download
from .manifest import Entry
from .partial import Broken, Facts, State
from .web import BACK_OFF, Again, Missing, Response, Web, ask, persist, read, short_text

_PIECE: Final = 1 << 16
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_MD5 = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32}(?![0-9A-Za-z])")
Say = Callable[[str], object]
Progress = Callable[[str, int, int | None], object]


class Session(NamedTuple):
    """Hold what one run works with."""

    web: Web
    folder: str
    environ: Mapping[str, str]
    say: Say
    progress: Progress
    entries: dict[str, Entry]


def parse_md5(text: str) -> str | None:
    """Return the digest in a published md5 file, None when there is none.

    Both styles are read: `MD5 (name) = digest` and `digest  name`.
    """
    found = _MD5.search(text)
    return found[0].lower() if found else None


def stage(session: Session, item: Download, serial: str | None) -> Entry | None:
    """Fetch one file to its part and check it; return its entry, None when it has not changed.

    Content that is broken is fetched once more from its beginning. Raises `FetchError`.
    """
    for last in (False, True):
        try:
            state = _from_somewhere(session, item)
            if state is None:
                return None
            facts = partial.examine(partial.place(session.folder, item.file), item.file)
            _check_md5(session, item, state, facts)
            return _entry(session, item, state, facts, serial)
        except Broken as fault:
            partial.drop(session.folder, item.file)
            if last:
                raise FetchError(item.url, f"{fault}: try again later") from None
            session.say(f"{item.url}: {fault}: fetching it once more")
            session.web.sleep(BACK_OFF)
    raise AssertionError


def _entry(
    session: Session, item: Download, state: State, facts: Facts, serial: str | None
) -> Entry:
    return Entry(
        url=state.url, registry=item.registry, licence=item.licence, size=facts.size,
        sha256=facts.sha256, md5=facts.md5, etag=state.etag, last_modified=state.last_modified,
        date=manifest.day_of(state.last_modified), serial=serial,
        fetched=session.web.now().astimezone(UTC).isoformat(timespec="seconds"),
    )  # fmt: skip


def _check_md5(session: Session, item: Download, state: State, facts: Facts) -> None:
    """Compare a part with the digest that is published beside it, if there is one."""
    if item.md5 is None or state.url != item.url:
        return
    text = short_text(session.web, item.md5, item.md5, session.say)
    if text is None:
        return
    digest = parse_md5(text)
    if digest is None:
        raise FetchError(item.md5, "should hold an md5 digest and does not: try again later")
    if digest != facts.md5:
        raise Broken(f"has md5 {facts.md5}, published is {digest}")


def _from_somewhere(session: Session, item: Download) -> State | None:
    """Fetch a file from its URL, or from its other one where the first is missing."""
    urls = [item.url, *([item.fallback] if item.fallback else [])]
    for url in urls:
        try:
            return persist(
                session.web, url, bind(_attempt, session, item, url), session.say,
                bind(partial.size, session.folder, item.file),
            )  # fmt: skip
        except Missing:
            if url == urls[-1]:
                raise
    raise AssertionError


def _attempt(session: Session, item: Download, url: str) -> State | None:
    """Send one request for a file; return the state of the whole part, None when unchanged."""
    state = partial.load(session.folder, item.file, url)
    entry = session.entries.get(item.file)
    if entry and (entry.url != url or not manifest.is_there(session.folder, item.file, entry)):
        entry = None
    have = partial.size(session.folder, item.file)
    headers = conditions(state, have, entry)
    with closing(ask(session.web, _with_key(session, item, url), url, headers)) as response:
        if response.status == HTTPStatus.NOT_MODIFIED and headers and "Range" not in headers:
            return state
        if state and continues(response, state, have):
            return _receive(session, item, state, response, have)
        if response.status != HTTPStatus.OK:
            partial.drop(session.folder, item.file)
            raise Again(f"answers {response.status} where the whole file was to come")
        etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
        state = State(url, etag, modified, length(response))
        return _receive(session, item, state, response, 0)


def _with_key(session: Session, item: Download, url: str) -> str:
    """Return the URL to ask, with the key in its place. Raises `FetchError`."""
    if item.key is None or "{key}" not in url:
        return url
    key = session.environ.get(item.key, "").strip()
    if not key:
        raise FetchError(url, f"needs a key: put yours into the environment variable {item.key}")
    if not url.startswith("https:"):
        raise FetchError(url, "would show your key on the way: make it an https URL")
    return url.replace("{key}", quote(key, safe=""))


def conditions(state: State | None, have: int, entry: Entry | None) -> dict[str, str]:
    """Return the headers that ask only for what is missing.

    A part that is whole, or else the file, is asked to be sent only when it has changed; a part
    that is not is continued under its validator (RFC 9110, 13.1.5), else fetched anew.
    """
    if state and have != state.total:
        if not state.validator:
            return {}
        return {"Range": f"bytes={have}-", "If-Range": state.validator}
    known = state or entry
    headers: dict[str, str] = {}
    if known and known.etag:
        headers["If-None-Match"] = known.etag
    if known and known.last_modified:
        headers["If-Modified-Since"] = known.last_modified
    return headers


def length(response: Response) -> int | None:
    """Return the bytes that an answer promises, None when it does not say."""
    text = response.headers.get("Content-Length", "")
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None


def continues(response: Response, state: State, have: int) -> bool:
    """Say whether an answer is the rest of a part, and of the same file."""
    found = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
    if response.status != HTTPStatus.PARTIAL_CONTENT or found is None:
        return False
    etag, modified = response.headers.get("ETag"), response.headers.get("Last-Modified")
    return (
        int(found[1]) == have
        and (state.total is None or found[2] in ("*", str(state.total)))
        and etag in (None, state.etag)
        and modified in (None, state.last_modified)
    )


def _receive(
    session: Session, item: Download, state: State, response: Response, have: int
) -> State:
    """Write what comes to the part, behind the ``have`` bytes that are kept; return its state."""
    piece = read(response, _PIECE)
    if have == 0:
        # Looked at before the old part goes: error pages come with status 200 as well.
        if partial.markup(piece):
            raise Again("is a web page, not data")
        partial.drop(session.folder, item.file)
        partial.save(session.folder, item.file, state)
    promised = length(response)
    total = state.total if promised is None else have + promised
    with open(partial.place(session.folder, item.file), "ab" if have else "wb") as file:
        session.progress(item.file, have, total)
        while piece:
            file.write(piece)
            have += len(piece)
            session.progress(item.file, have, total)
            piece = read(response, _PIECE)
    if total is not None and have != total:
        raise Again(f"the connection was cut at byte {have} of {total}")
    if total is None and not _end_is_seen(item, response):
        partial.drop(session.folder, item.file)
        raise FetchError(state.url, "nothing tells where it ends, so a cut would not be seen: "
                         "name another server with --sources")  # fmt: skip
    state = state._replace(total=have)
    partial.save(session.folder, item.file, state)
    return state


def _end_is_seen(item: Download, response: Response) -> bool:
    """Say whether a file without a length would show that it was cut off."""
    chunked = response.headers.get("Transfer-Encoding", "").lower() == "chunked"
    return chunked or item.md5 is not None or partial.checks_itself(item.file)
