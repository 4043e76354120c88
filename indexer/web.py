"""Ask a server for a file or a short text, politely, and try again when that may help.

Every status is an answer; what is raised says whose turn it is. `Again` is a fault that may pass
(a cut connection, 429, 5xx), `Missing` is 404, `FetchError` everything that another attempt will
not mend: a certificate, a refusal, a redirect to where we do not go. Keys stand in URLs only
while a request is made; messages carry the URL of the table. Nothing is written to disk here.
"""

from __future__ import annotations

import http.client
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from functools import partial
from importlib.metadata import version
from typing import IO, Final, NamedTuple, Protocol, TypeVar
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request

from rirdex.query.errors import FetchError

TIMEOUT: Final = 60.0  # seconds without a byte
ATTEMPTS: Final = 5
BACK_OFF: Final = 2.0  # seconds before the second attempt, then twice as many each time
LONGEST_WAIT: Final = 300.0  # seconds; a server that asks for more is left alone for today
_ENOUGH: Final = 1 << 20  # bytes after which a cut connection counts as the first fault again
_SHORT: Final = 4096
_PASSING: Final = frozenset((408, 425, 429, 500, 502, 503, 504))
_REDIRECTS: Final = frozenset((301, 302, 303, 307, 308))
Result = TypeVar("Result")


class Response(Protocol):
    """Name what an answer of a server must offer."""

    @property
    def status(self) -> int:
        """Return the status code."""

    @property
    def headers(self) -> Message:
        """Return the header fields."""

    def read(self, size: int, /) -> bytes:
        """Return up to ``size`` bytes, b"" at the end."""

    def close(self) -> None:
        """Let the connection go."""


class Web(NamedTuple):
    """Hold the world outside: how to send a request, to wait, and to tell the time."""

    send: Callable[[Request], Response]
    sleep: Callable[[float], object] = time.sleep
    now: Callable[[], datetime] = partial(datetime.now, UTC)


class Again(Exception):
    """Say what went wrong that may pass, and how many seconds the server asks to wait."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


class Missing(FetchError):
    """Say that a server does not have a file."""


class _Refused(Exception):
    """Say why a redirect is not followed."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to http and https, and never from https to http."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: http.client.HTTPMessage,
        newurl: str,
    ) -> Request | None:  # fmt: skip
        """Return the request to send next. Raises `_Refused`."""
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            fp.close()
            raise _Refused(f"redirects from {req.type} to {scheme}, which is not followed")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _Statuses(urllib.request.HTTPErrorProcessor):
    """Let every status through as an answer but redirects."""

    def http_response(
        self, request: Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        """Return the answer, or that of the place it redirects to."""
        if response.status in _REDIRECTS:
            elsewhere: http.client.HTTPResponse = super().http_response(request, response)
            return elsewhere
        return response

    https_response = http_response


def internet(context: ssl.SSLContext | None = None, timeout: float = TIMEOUT) -> Web:
    """Return the real world: TLS verified, proxies of the environment, no scheme but http(s)."""
    opener = urllib.request.OpenerDirector()
    secure = urllib.request.HTTPSHandler(context=context or ssl.create_default_context())
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), secure, _Statuses(),
        _Redirects(), urllib.request.HTTPDefaultErrorHandler(), urllib.request.UnknownHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return Web(partial(opener.open, timeout=timeout))


def ask(web: Web, url: str, shown: str, headers: Mapping[str, str]) -> Response:
    """Send one request; return an answer of status 200, 206, 304 or 416, to be closed.

    ``shown`` is the URL for messages. Raises `Again`, `Missing`, `FetchError`.
    """
    named = {"User-Agent": f"rirdex/{version('rirdex')}", **headers}
    try:
        response = web.send(Request(url, headers=named))
    except HTTPError as error:
        error.close()
        raise FetchError(shown, f"redirects in circles or nowhere ({error.code}): correct the URL "
                         "with --sources") from None  # fmt: skip
    except _Refused as error:
        raise FetchError(shown, f"{error}: correct the URL with --sources") from None
    except (OSError, http.client.HTTPException) as error:
        raise _fault(shown, error) from None
    if response.status in (200, 206, 304, 416):
        return response
    with closing(response):
        raise _refusal(web, shown, response)


def _fault(shown: str, error: Exception) -> Exception:
    """Return what to raise for a request that had no answer."""
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, ssl.SSLCertVerificationError):
        return FetchError(
            shown, f"its certificate is not to be trusted ({reason.verify_message}): check the "
            "clock and the network, and try again later",
        )  # fmt: skip
    return Again(f"no answer ({_said(reason)})")


def _said(reason: object) -> str:
    """Return what an error says, without the URL, which may hold a key."""
    if isinstance(reason, OSError):
        return reason.strerror or str(reason) or type(reason).__name__
    return type(reason).__name__


def _refusal(web: Web, shown: str, response: Response) -> Exception:
    """Return what to raise for a status that brings no data."""
    status = response.status
    phrase = http.client.responses.get(status, "")
    said = f"answers {status} {phrase}".rstrip()
    if status in _PASSING:
        return Again(said, retry_after(response.headers.get("Retry-After"), web.now()))
    if status in (404, 410):
        return Missing(shown, f"{said}: correct the URL with --sources")
    if status in (401, 403):
        return FetchError(shown, f"{said}: check your key and your agreement with the registry")
    return FetchError(shown, f"{said}: try again later")


def retry_after(text: str | None, now: datetime) -> float:
    """Return the seconds of a Retry-After header: a number or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return 0.0
    if text.strip().isdecimal():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return 0.0
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max((until - now).total_seconds(), 0.0)


def read(response: Response, size: int) -> bytes:
    """Read from an answer. Raises `Again` where the connection is cut."""
    try:
        return response.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise Again(f"the connection was cut ({_said(error)})") from None


def persist(
    web: Web,
    shown: str,
    attempt: Callable[[], Result],
    say: Callable[[str], object],
    size: Callable[[], int] = lambda: 0,
) -> Result:
    """Make attempts with growing pauses until one brings a result or there were too many.

    ``size`` tells how much has come: attempts that bring much are not counted. Raises
    `FetchError`.
    """
    tries, before = 0, size()
    while True:
        try:
            return attempt()
        except Again as fault:
            if (have := size()) >= before + _ENOUGH:
                tries, before = 0, have
            tries += 1
            if fault.wait > LONGEST_WAIT:
                raise FetchError(shown, f"{fault} and asks to wait {fault.wait:.0f} seconds: "
                                 "try again then") from None  # fmt: skip
            if tries >= ATTEMPTS:
                raise FetchError(shown, f"{fault}, {tries} times: try again later; what has come "
                                 "is kept and continued") from None  # fmt: skip
            pause = max(fault.wait, BACK_OFF * 2 ** (tries - 1))
            say(f"{shown}: {fault}: next attempt in {pause:.0f} s")
            web.sleep(pause)


def short_text(web: Web, url: str, shown: str, say: Callable[[str], object]) -> str | None:
    """Return a short text such as a serial, None where the server has none."""

    def attempt() -> str:
        with closing(ask(web, url, shown, {})) as response:
            if response.status != 200:
                raise FetchError(shown, f"answers {response.status} unasked: try again later")
            return read(response, _SHORT).decode("latin-1").strip()

    try:
        return persist(web, shown, attempt, say)
    except Missing:
        say(f"{shown}: is not there: going on without it")
        return None
