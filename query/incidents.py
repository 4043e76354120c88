"""Read incidents out of CSV or JSON lines: one record, one `Incident`, whatever it says.

A row that cannot be worked on has an `error` that says why; it never stops the others. Columns are
named by the caller or told by common names, those of IntelMQ's data format among them. Addresses
come as an address, as the host of a URL, with a port, or defanged (`asked`); a host name is never
resolved. Times are ISO 8601 or seconds since 1970. Text without meaning for a mail, as control
characters, ends here: a value is one line, but for a note.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from itertools import chain
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from .addresses import Span, format_address, shown
from .asked import parse_query, refanged
from .casework import CATEGORIES, Incident
from .errors import Error

FORMS: Final = ("csv", "jsonl")
Field = str
# The names of columns, in lower case, for each field; the first that is there counts.
NAMES: Final[Mapping[Field, tuple[str, ...]]] = {
    "ip": ("ip", "address", "src_ip", "source.ip", "source_ip", "saddr"),
    "url": ("url", "source.url"),
    "host": ("host", "fqdn", "source.fqdn"),
    "time": ("time", "timestamp", "time.source", "time_source", "seen", "first_seen", "date"),
    "category": ("category", "classification.type", "type"),
    "brand": ("brand", "target_brand"),
    "sector": ("sector",),
    "note": ("note", "comment", "description", "event_description.text"),
    "reference": ("reference", "id", "ticket", "rtir_id"),
    "port": ("port", "source.port"),
}
_PLACES: Final = ("ip", "url", "host")
# IntelMQ's `classification.type`, after the Reference Security Incident Taxonomy, and words that
# people write, for our categories.
_CATEGORIES: Final[Mapping[str, str]] = {
    **{name: name for name in CATEGORIES},
    "phish": "phishing", "masquerade": "phishing", "phishing-site": "phishing",
    "malware-distribution": "malware", "malware-configuration": "malware", "dropzone": "malware",
    "ransomware": "malware", "malicious-code": "malware",
    "c2-server": "c2", "c&c": "c2", "cnc": "c2", "c2server": "c2", "botnet-controller": "c2",
    "spammer": "spam", "scanner": "scan", "scanning": "scan", "portscan": "scan",
    "brute-force": "login-attack", "bruteforce": "login-attack", "login-attempts": "login-attack",
    "dos": "ddos", "ddos-attack": "ddos", "unauthorised-use-of-resources": "fraud",
    "unauthorized-use-of-resources": "fraud", "infected-system": "compromised",
    "system-compromise": "compromised", "application-compromise": "compromised",
    "privileged-account-compromise": "compromised", "botnet-drone": "compromised",
    "unprivileged-account-compromise": "compromised", "defacement": "compromised",
    "backdoor": "compromised", "bot": "compromised",
}  # fmt: skip
_NUMBER: Final = re.compile(r"\d{1,13}(?:\.\d{1,9})?", re.ASCII)
_COMPACT: Final = re.compile(r"\d{8}", re.ASCII)  # a date without hyphens, as ISO 8601 has it
_MILLISECONDS: Final = 1e12
_PORT: Final = re.compile(r"(?:\[[^\[\]]*\]|[^:\[\]]+):(\d{1,5})", re.ASCII)
_FANGED: Final = {"hxxp": "http", "hxxps": "https", "fxp": "ftp", "fxps": "ftps"}
_LONGEST: Final = {"note": 10_000, "url": 8_000}  # characters of a value, others 1,000
_DEEPEST: Final = 4  # objects in objects of JSON
_UNRESOLVED: Final = "nothing is resolved here, so give the address it had"


class IncidentsError(Error, ValueError):
    """Say that incidents are asked for in a way that there is not: the caller's fault."""


class Placed(NamedTuple):
    """Hold where something happened, or the error."""

    ip: str | None = None
    url: str | None = None
    host: str | None = None
    port: int | None = None
    error: str | None = None


def read(
    stream: Iterable[bytes], form: str, mapping: Mapping[Field, str] | None = None, *,
    zone: str | None = None,
) -> Iterator[Incident]:  # fmt: skip
    """Yield an incident for each record of a stream of lines, in order.

    ``form`` is one of `FORMS`. ``mapping`` names the column of a field (`NAMES`), over the common
    names. ``zone`` is the IANA time zone of times that have none, by default UTC. Blank lines are
    no records. A CSV without a heading may have one column only. Raises `IncidentsError` for an
    argument, never for the data.
    """
    mapping = dict(mapping or {})
    if form not in FORMS:
        raise IncidentsError(f"{shown(form)} is no form of incidents: use {' or '.join(FORMS)}")
    if unknown := [name for name in mapping if name not in NAMES]:
        raise IncidentsError(f"{shown(unknown[0])} is no field: fields are {', '.join(NAMES)}")
    clock = _clock(zone)
    records = _csv(stream, mapping) if form == "csv" else _jsonl(stream, mapping)
    return (_incident(row, found, clock) for row, found in enumerate(records, 1))


def _clock(zone: str | None) -> tzinfo:
    try:
        return ZoneInfo(zone) if zone else UTC
    except (OSError, ValueError, LookupError):
        raise IncidentsError(f"{shown(zone)} is no time zone: write one as Asia/Tokyo") from None


# -- records -----------------------------------------------------------------------------------

Record = dict[str, str] | str  # the texts of fields, or why there are none


def _csv(stream: Iterable[bytes], mapping: Mapping[Field, str]) -> Iterator[Record]:
    """Yield the records of a CSV whose first row that is not blank is its heading."""
    lines = _latin(stream)
    first = next((line for line in lines if line.strip(" \r\n")), "")
    rows = _parsed(chain([first], lines), _delimiter(first))
    heading = next(rows, [])
    names = [] if isinstance(heading, str) else [_text(cell).strip().lower() for cell in heading]
    columns = _columns(names, mapping)
    bare = len(names) == 1 and not columns and not mapping
    if bare and not isinstance(parse_query(names[0]), str):
        columns = {"ip": 0}
        yield {"ip": names[0]}
    for row in rows:
        if isinstance(row, str):
            yield row
        elif not columns.keys() & set(_PLACES):
            yield "no column of the heading has addresses or URLs: name it"
        else:
            yield {name: _text(row[at]) for name, at in columns.items() if at < len(row)}


def _latin(stream: Iterable[bytes]) -> Iterator[str]:
    """Yield lines as latin-1, which loses nothing, without a byte order mark."""
    for number, line in enumerate(stream):
        line = line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line
        yield from io.StringIO(line.decode("latin-1"), newline="")


def _parsed(lines: Iterator[str], delimiter: str) -> Iterator[list[str] | str]:
    """Yield the rows of a CSV, or what is wrong with one; blank lines are none."""
    rows = csv.reader(lines, delimiter=delimiter)
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"is no CSV ({error})"
            continue
        if row:
            yield row


def _delimiter(heading: str) -> str:
    """Return the separator that a heading has most of, a comma without one."""
    return max(",;\t", key=heading.count)


def _text(latin: str) -> str:
    """Return a value as UTF-8, or else as the latin-1 that it was read as."""
    try:
        return latin.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return latin


def _columns(names: Sequence[str], mapping: Mapping[Field, str]) -> dict[Field, int]:
    """Return the places of the columns of a heading. Raises `IncidentsError`."""
    found = {}
    for field, common in NAMES.items():
        wanted = (mapping[field].strip().lower(),) if field in mapping else common
        place = next((names.index(name) for name in wanted if name in names), None)
        if place is not None:
            found[field] = place
        elif field in mapping and names:
            raise IncidentsError(
                f"there is no column {shown(mapping[field])}: they are {shown(', '.join(names))}"
            )
    return found


def _jsonl(stream: Iterable[bytes], mapping: Mapping[Field, str]) -> Iterator[Record]:
    """Yield the records of JSON lines; an object in an object is read as `outer.inner`."""
    for number, line in enumerate(stream):
        line = (line.removeprefix(b"\xef\xbb\xbf") if number == 0 else line).strip()
        if not line:
            continue
        try:
            found = json.loads(_text(line.decode("latin-1")))
        except (ValueError, RecursionError) as error:
            yield f"is no JSON ({type(error).__name__}: {str(error)[:200]})"
            continue
        if not isinstance(found, dict):
            yield "is no JSON object"
            continue
        texts = dict(_flat(found, "", 0))
        record = {}
        for field, common in NAMES.items():
            wanted = (mapping[field].strip().lower(),) if field in mapping else common
            text = next((texts[name] for name in wanted if name in texts), None)
            if text is not None:
                record[field] = text
        yield record


def _flat(found: Mapping[str, object], prefix: str, depth: int) -> Iterator[tuple[str, str]]:
    """Yield names and texts of an object's members; what is no text or number is left out."""
    for name, value in found.items():
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if isinstance(value, dict) and depth < _DEEPEST:
            yield from _flat(value, f"{prefix}{name.lower()}.", depth + 1)
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            try:
                yield prefix + name.lower(), str(value)
            except ValueError:  # a number of too many digits to be written
                continue


# -- values ------------------------------------------------------------------------------------


def _incident(row: int, record: Record, clock: tzinfo) -> Incident:
    if isinstance(record, str):
        return Incident(row, None, error=record)
    values = {name: clean for name, text in record.items() if (clean := _clean(name, text))}
    placed = _placed(values)
    category, said = _category(values.get("category"))
    note = "\n".join(filter(None, (said, values.get("note")))) or None
    time, fault = _time(values.get("time"), clock)
    return Incident(
        row, placed.ip, placed.url, placed.host, time, category, values.get("brand"),
        values.get("sector"), note, values.get("reference"), placed.port, placed.error or fault,
    )  # fmt: skip


def _clean(name: str, text: str) -> str:
    """Return a value without what cannot be printed, cut where it is longer than it may be.

    A URL is left as it is: what is changed would be another one.
    """
    if name == "url":
        return text.strip()
    keep = "\n" if name == "note" else ""
    longest = _LONGEST.get(name, 1_000)
    text = text[: longest + 1].replace("\r\n", "\n")
    if not text.isprintable():
        text = "".join(c if c.isprintable() or c in keep else " " for c in text)
    text = text.strip()
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _category(text: str | None) -> tuple[str, str | None]:
    """Return our category for a text, and a line for the note when it is not one we know."""
    if text is None:
        return "other", None
    known = _CATEGORIES.get(re.sub(r"[\s_]+", "-", text.casefold()))
    return (known, None) if known else ("other", f"category: {text}")


def _time(text: str | None, clock: tzinfo) -> tuple[datetime | None, str | None]:
    """Return the time that a text says, or what is wrong with it."""
    if text is None:
        return None, None
    try:
        if _NUMBER.fullmatch(text) and not _COMPACT.fullmatch(text):
            seconds = float(text)
            return datetime.fromtimestamp(
                seconds / (1000 if seconds >= _MILLISECONDS else 1), UTC
            ), None
        time = datetime.fromisoformat(text)
        time = time if time.tzinfo else time.replace(tzinfo=clock)
        time.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        fault = f"time: {shown(text)} is no time: write it as 2025-03-02T10:15:30+09:00"
        return None, fault
    return time, None


def _placed(values: Mapping[str, str]) -> Placed:
    """Return address, URL, host name and port of a record, or what is wrong with them."""
    url, host, port = values.get("url"), values.get("host"), values.get("port")
    text = values.get("ip")
    if text and "://" in refanged(text) and not url:
        text, url = None, text
    if url is not None:
        if len(url) > _LONGEST["url"] or not url.isprintable():
            return Placed(error="url: is too long or has characters that cannot be printed")
        url = _refanged_url(url)
    site = _host_of(url) if url else ""
    name = refanged(host) if host else None
    if text is None:
        text = site or name
    if text is None:
        return Placed(url=url, error="there is no address and no URL")
    ip, fault = _address(text)
    if name is None and site and isinstance(parse_query(site), str):
        name = _without_port(site)
    digits = port or _port_in(values.get("ip")) or _port_in(site)
    number = int(digits) if digits and re.fullmatch(r"[0-9]{1,5}", digits) else None
    if digits and (number is None or not 0 < number < 65536):
        number, fault = None, fault or f"port: {shown(digits)} is no port"
    return Placed(ip, url, name, number, fault)


def _address(text: str) -> tuple[str | None, str | None]:
    """Return the canonical form of an address, or why a text is none."""
    found = parse_query(text)
    if isinstance(found, Span) and found.first == found.last:
        return format_address(found.family, found.first), None
    if isinstance(found, Span):
        return None, f"{shown(text)} is a range: an incident has one address"
    more = f": {_UNRESOLVED}" if "is a host name" in found else ""
    return None, found + more


def _refanged_url(url: str) -> str:
    """Return a URL whose scheme and host are as they were before somebody defanged them."""
    scheme, mark, rest = re.sub(r"[\[({]://[\])}]", "://", url, count=1).partition("://")
    if not mark:
        scheme, rest = "", scheme
    split = re.match(r"[^/?#\\]*", rest)
    end = split.end() if split else 0
    scheme = _FANGED.get(scheme.lower(), scheme)
    return f"{scheme}{mark}{refanged(rest[:end])}{rest[end:]}"


def _host_of(url: str) -> str:
    """Return host and port of a URL, which may lack its scheme."""
    rest = url.partition("://")[2] if "://" in url else url
    return re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")[2]


def _without_port(site: str) -> str:
    return _clean("host", site.partition(":")[0]) or site


def _port_in(text: str | None) -> str | None:
    """Return the digits of a port behind a host."""
    found = _PORT.fullmatch(_host_of(refanged(text))) if text else None
    return found[1] if found else None
