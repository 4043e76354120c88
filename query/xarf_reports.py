"""Write the machine's part of a notification: one X-ARF v4 report for each address.

Types and members are those of the XARF specification 4.2.0; every report is held against its
schema, with formats asserted, before it is handed out (extra `casework`). Where a type wants what
an incident does not tell, the nearest type that does not is taken, and `description` says so:
nothing is made up. What the specification has no place for stands in members of our own, `whois`
(the record that leads to the recipient) and `incidents`. `_internal` is never written.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from .casework import CATEGORIES, Incident, Notification, Rung, Section
from .cells import Json
from .errors import Error
from .mailboxes import domain_of
from .reporter import DraftError, Reporter
from .untrusted import clean_lines, one_line

VERSION: Final = "4.2.0"
_MOST_EVIDENCE: Final = 50
_LONGEST_NOTE: Final = 1 << 16  # characters; the specification allows 5 MiB for each
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s]", re.ASCII)
# What may stand in a URI (RFC 3986); a lone percent sign may not.
_OF_URI: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")
_DOMAIN: Final = re.compile(r"([a-z0-9]+(-[a-z0-9]+)*\.)+[a-z]{2,}", re.ASCII)
_SYSTEM: Final = re.compile(r"AS([1-9][0-9]{0,9})", re.ASCII | re.IGNORECASE)
_WHOLE: Final = 1 << 20  # characters of a value: none is cut here
_HOSTS: Final = ("lessee", "holder", "origin-as")


def reports_of(
    notification: Notification, reporter: Reporter, ticket: str, now: datetime
) -> dict[str, Json]:
    """Return a report for each address of a notification, by address; all are valid.

    The same ticket, address and recipient have the same `report_id`. Raises `Error` without the
    library, `DraftError` if a report breaks the specification.
    """
    found: dict[str, Json] = {}
    for section in notification.sections:
        report = report_of(section, notification.recipient, reporter, ticket, now)
        if faults := faults_of(report):
            raise DraftError(f"the X-ARF report on {section.ip} is not valid: {faults[0]}")
        found[section.ip] = report
    return found


def faults_of(report: Json) -> list[str]:
    """Hold a report against the schema of the specification; return what is wrong, in words."""
    try:
        from xarf import schema_validator
    except ImportError as error:
        raise Error(
            f'X-ARF reports need {error.name}: run pip install "rirdex[casework]"'
        ) from None
    return [f"{fault.field}: {fault.message}" for fault in schema_validator.validate(report)]


def report_of(
    section: Section, recipient: str, reporter: Reporter, ticket: str, now: datetime
) -> Json:
    """Return the report on one address. Its first incident with a URL, else its first, leads."""
    incidents = section.incidents
    lead = next((item for item in incidents if uri_of(item.url)), incidents[0])
    times = [stamp(item.time) for item in incidents if item.time is not None]
    contact: Json = {
        "org": reporter.organisation, "contact": reporter.mail, "domain": domain_of(reporter.mail),
    }  # fmt: skip
    report: Json = {
        "xarf_version": VERSION,
        "report_id": str(uuid5(NAMESPACE_URL, f"{ticket} {section.ip} {recipient.lower()}")),
        "timestamp": min(times, default=stamp(now)),
        "reporter": contact,
        "sender": dict(contact),
        "source_identifier": section.ip,
    }
    if (port := port_of(lead)) is not None:
        report["source_port"] = port
    said = [_said(lead)]
    if not times:
        said.append("No incident tells its time: timestamp is that of this report.")
    members, missing = _kind(lead, report)
    report |= members
    said += missing
    if report["category"] == "content":
        report |= _content(lead, section.rung)
    if (system := _system(section.rung)) is not None:
        report["asn"] = system
    report["description"] = _cut(" ".join(said), 1000)
    report["tags"] = [*_tags(section, reporter)]
    if evidence := [*_evidence(incidents)]:
        report["evidence"] = evidence
    report["whois"] = _whois(section.rung)
    report["incidents"] = [_incident(item) for item in incidents]
    return report


def uri_of(url: str | None) -> str | None:
    """Return a URL as a URI, other characters percent-encoded (RFC 3987, 3.1); None if it is none.

    What is a URI already stays as it is.
    """
    if url is None or not _ABSOLUTE.match(url):
        return None
    return _OF_URI.sub(lambda match: percent(match[0]), url)


def percent(text: str, keep: str = "") -> str:
    """Percent-encode the UTF-8 of a text, but for the ASCII characters to keep."""
    return "".join(
        chr(byte) if chr(byte) in keep else f"%{byte:02X}"
        for byte in text.encode("utf-8", "replace")
    )


def stamp(time: datetime) -> str:
    """Return a time in UTC as RFC 3339 has it. Raises `DraftError` if it has no zone."""
    if time.tzinfo is None:
        raise DraftError(f"the time {time} has no zone")
    try:
        return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except OverflowError:
        raise DraftError(f"the time {time} is out of range") from None


def port_of(incident: Incident) -> int | None:
    """Return an incident's port if it is one."""
    port = incident.port
    return port if port is not None and 0 < port < 1 << 16 else None


def category_of(incident: Incident) -> str:
    """Return an incident's category, `other` for an unknown one."""
    return incident.category if incident.category in CATEGORIES else "other"


Kind = tuple[Json, list[str]]


def _kind(incident: Incident, report: Json) -> Kind:
    """Return category, type and what the type wants beside; and what to say of what is missing."""
    return _KINDS[category_of(incident)](incident, report)


def _of_content(kind: str, **wanted: str) -> Callable[[Incident, Json], Kind]:
    """Make the rule of a type of content, which wants a URL; without one it is a server's."""

    def rule(incident: Incident, report: Json) -> Kind:
        url = uri_of(incident.url)
        if url is None:
            missing = [] if category_of(incident) == "compromised" else [_no("URL", kind)]
            return _server(incident, report)[0], missing
        return {"category": "content", "type": kind, "url": url, **wanted}, []

    return rule


def _of_connection(kind: str) -> Callable[[Incident, Json], Kind]:
    """Make the rule of a type of connection, which wants the source port of an address."""

    def rule(incident: Incident, report: Json) -> Kind:
        if "source_port" not in report:
            return _server(incident, report)[0], [_no("source port", kind)]
        members: Json = {
            "category": "connection", "type": kind, "protocol": "tcp",
            "first_seen": report["timestamp"],
        }  # fmt: skip
        return members, ["No protocol is told: tcp is assumed."]

    return rule


def _server(incident: Incident, report: Json) -> Kind:
    """Take the type that wants least: a server that does what it should not."""
    members: Json = {
        "category": "infrastructure", "type": "compromised_server", "compromise_method": "unknown",
    }  # fmt: skip
    return members, []


def _botnet(incident: Incident, report: Json) -> Kind:
    members: Json = {
        "category": "infrastructure", "type": "botnet",
        "c2_server": uri_of(incident.url) or _line(incident.host) or report["source_identifier"],
        "compromise_evidence": _said(incident),
    }  # fmt: skip
    return members, []


def _spam(incident: Incident, report: Json) -> Kind:
    """Spam by SMTP wants the envelope's sender, which no incident tells."""
    members: Json = {"category": "messaging", "type": "spam", "protocol": "other"}
    return members, ["No envelope sender is told: the protocol is not given as smtp."]


def _no(what: str, kind: str) -> str:
    return f"No {what} is told: not reported as the type {kind}, which wants it."


_KINDS: Final[dict[str, Callable[[Incident, Json], Kind]]] = {
    "phishing": _of_content("phishing"),
    "malware": _of_content("malware"),
    "fraud": _of_content("fraud", fraud_type="other"),
    "compromised": _of_content("remote_compromise", compromise_type="other"),
    "c2": _botnet,
    "spam": _spam,
    "scan": _of_connection("port_scan"),
    "login-attack": _of_connection("login_attack"),
    "ddos": _of_connection("ddos"),
    "other": _server,
}


def _content(incident: Incident, rung: Rung) -> Json:
    """Return what the types of content may have beside."""
    found: Json = {}
    host = _line(incident.host).lower()
    if _DOMAIN.fullmatch(host):
        found["domain"] = host
    if brand := _line(incident.brand):
        found["target_brand"] = brand
    if rung.kind in _HOSTS and (name := _line(rung.name)):
        found["hosting_provider"] = name
    return found


def _system(rung: Rung) -> int | None:
    """Return the number of the AS that a rung is reached by."""
    for text in (rung.handle, rung.evidence.key):
        match = _SYSTEM.fullmatch(text or "")
        if match and int(match[1]) < 1 << 32:
            return int(match[1])
    return None


def _whois(rung: Rung) -> Json:
    """Return the record that leads to the recipient, and what the recipient appears to be."""
    evidence = rung.evidence
    known = {
        "registrant": rung.name, "handle": rung.handle, "kind": rung.kind, "why": rung.why,
        **evidence._asdict(),
    }  # fmt: skip
    return {key: _line(value) for key, value in known.items() if value is not None}


def _tags(section: Section, reporter: Reporter) -> Iterable[str]:
    yield from dict.fromkeys(f"abuse:{category_of(item)}" for item in section.incidents)
    yield f"tlp:{reporter.tlp.lower()}"
    yield f"forward:{reporter.forward}"


def _evidence(incidents: Iterable[Incident]) -> Iterable[Json]:
    """Yield the notes, as text in Base64, the same note once."""
    notes = dict.fromkeys(item.note for item in incidents if item.note)
    for number, note in enumerate([*notes][:_MOST_EVIDENCE], 1):
        payload = clean_lines(note)[:_LONGEST_NOTE].encode()
        yield {
            "content_type": "text/plain; charset=utf-8",
            "description": f"note {number} of the reporter",
            "payload": b64encode(payload).decode(),
            "hash": f"sha256:{sha256(payload).hexdigest()}",
            "size": len(payload),
        }


def _incident(incident: Incident) -> Json:
    """Return what one incident tells; its URL is exact."""
    told: Json = {
        "category": category_of(incident),
        "url": incident.url and _encodable(incident.url),
        "host": _line(incident.host), "port": port_of(incident),
        "time": incident.time and stamp(incident.time),
        "brand": _line(incident.brand), "sector": _line(incident.sector),
        "reference": _line(incident.reference),
    }  # fmt: skip
    return {key: value for key, value in told.items() if value not in (None, "")}


def _said(incident: Incident) -> str:
    """Say in one sentence what happened."""
    brand, sector = _line(incident.brand), _line(incident.sector)
    text = category_of(incident)
    text += f"; brand: {brand}" if brand else ""
    text += f"; sector: {sector}" if sector else ""
    note = _cut(_line(incident.note), 400)
    return _cut(f"{text}." + (f" {note}" if note else ""), 700)


def _line(text: str | None) -> str:
    return one_line(text, _WHOLE)


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
