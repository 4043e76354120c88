"""Write the human part of a notification from templates, in English and Japanese.

Templates are Jinja's, in a sandbox; a user's folder goes before the ones that come with rirdex
(extra `casework`). Everything from dumps and incidents goes in as a value, one line each, without
control characters, and with its URLs defanged (`hxxp`, `[.]`): it can add no line, field or
template of its own. The exact URLs stand in the machine's part.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from .casework import Incident, Notification, Rung, Section
from .errors import Error
from .reporter import DraftError, Reporter
from .untrusted import LINE, clean_lines, one_line
from .words import WORDS
from .xarf_reports import category_of, port_of, stamp

if TYPE_CHECKING:
    from jinja2 import Environment

_LONGEST_URL: Final = 2000
_NOTE: Final = 200  # lines of a note
_URL: Final = re.compile(r"(https?|ftps?)(\s*:\s*[/\\]{2})([^\s/?#\\]*)", re.IGNORECASE)
_PARTS: Final = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*:/*|)([^/?#]*)(.*)", re.DOTALL)
_WWW: Final = re.compile(r"(?<!\w)(www)\.", re.IGNORECASE)
_SCHEMES: Final = {"http": "hxxp", "https": "hxxps", "ftp": "fxp", "ftps": "fxps"}


class Text(NamedTuple):
    """Hold a notification's subject, one line, and its text."""

    subject: str
    text: str


class Templates:
    """Render notifications; ``folder`` has templates of the user's own, by the same names.

    Raises `Error` without Jinja.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        if folder is not None and not os.path.isdir(folder):
            raise DraftError(f"{os.fspath(folder)}: there is no such folder of templates")
        own = [os.fspath(folder)] if folder is not None else []
        packaged = os.path.join(os.path.dirname(__file__), "templates")
        self._environment = _environment([*own, packaged])

    def text(
        self, notification: Notification, reporter: Reporter, ticket: str, lang: str,
        *, form: str | None = None, attached: Sequence[str] = (),
    ) -> Text:  # fmt: skip
        """Write a notification; ``form`` is the URL of a form, ``attached`` names files."""
        lang = lang if lang in WORDS else "en"
        values = _values(notification, reporter, ticket, lang)
        values |= {"form": form and one_line(form, _LONGEST_URL), "attached": list(attached)}
        subject = one_line(self._rendered(f"subject.{lang}.txt.j2", values), 200)
        text = clean_lines(self._rendered(f"notification.{lang}.txt.j2", values))
        # Mailboxes on disk take such a line for the begin of another mail (RFC 4155).
        lines = [f" {line}" if line.startswith("From ") else line for line in text.split("\n")]
        return Text(subject, "\n".join(lines).strip("\n") + "\n")

    def _rendered(self, name: str, values: dict[str, Any]) -> str:
        from jinja2 import TemplateError

        try:
            return self._environment.get_template(name).render(values)
        except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
            line = getattr(error, "lineno", None)
            place = f"{name}, line {line}" if line else name
            raise DraftError(f"{place}: {error}") from None


def _environment(folders: list[str]) -> Environment:
    try:
        from jinja2 import FileSystemLoader, StrictUndefined
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError as error:
        raise Error(f'drafts need {error.name}: run pip install "rirdex[casework]"') from None
    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folders, encoding="utf-8"), undefined=StrictUndefined,
        autoescape=False, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def defanged(text: str | None, most: int = LINE) -> str:
    """Return one line in which no URL can be followed by a click."""
    return _WWW.sub(r"\1[.]", _URL.sub(_broken, one_line(text, most)))


def _broken(match: re.Match[str]) -> str:
    scheme, mark, host = match.groups()
    return _SCHEMES[scheme.lower()] + mark + _dotted(host)


def _dotted(host: str) -> str:
    return host.replace("[.]", ".").replace(".", "[.]")


def defanged_url(url: str | None) -> str:
    """Return a URL defanged: `hxxps://example[.]test/path`; one without a scheme as well."""
    scheme, host, rest = _PARTS.findall(one_line(url, _LONGEST_URL))[0]
    # Once more as a whole, since the parts may form a URL together.
    return defanged(scheme + _dotted(host) + rest, 2 * _LONGEST_URL)


def defanged_host(host: str | None) -> str:
    """Return a host name with its dots in brackets."""
    return _dotted(defanged(host))


def _values(
    notification: Notification, reporter: Reporter, ticket: str, lang: str
) -> dict[str, Any]:
    """Return all that a template may show."""
    words = WORDS[lang]
    sections = [_section(item, lang) for item in notification.sections]
    categories = [*dict.fromkeys(c for item in sections for c in item["categories"])]
    return {
        "ticket": ticket, "tlp": reporter.tlp, "forward": reporter.forward,
        "reporter": {key: one_line(value) for key, value in reporter._asdict().items()},
        "part": notification.part, "parts": notification.parts, "step": notification.step,
        "kind": notification.kind, "lang": lang, "sections": sections,
        "category": categories[0], "categories": categories,
        "category_word": words["categories"][categories[0]],
        "ips": [item["ip"] for item in sections],
        "requests": _requests(notification.kind, categories, words),
        "forwarding": words["forwarding"][reporter.forward],
    }  # fmt: skip


def _requests(kind: str, categories: Sequence[str], words: dict[str, Any]) -> list[str]:
    """Return what is asked of a party: what it can do, by what it is and what happened."""
    if kind in words["asked_of"]:
        return list(words["asked_of"][kind])
    found = [words["requests"][category] for category in categories]
    return [*dict.fromkeys(found), *words["always"]]


def _section(section: Section, lang: str) -> dict[str, Any]:
    words = WORDS[lang]
    rung = section.rung
    categories = [*dict.fromkeys(category_of(item) for item in section.incidents)]
    return {
        "ip": section.ip,
        "categories": categories,
        "category_words": [words["categories"][item] for item in categories],
        "incidents": [_incident(item, words) for item in section.incidents],
        "name": defanged(rung.name), "handle": defanged(rung.handle), "why": defanged(rung.why),
        "kinds": [words["kinds"].get(kind) or defanged(kind) for kind in rung.kinds],
        "now": rung.now,
        "basis": words["basis"][_basis(section)],
        "evidence": _evidence(rung),
        "notes": [defanged(note) for note in rung.said],
    }  # fmt: skip


def _basis(section: Section) -> str:
    """Return of when the registration is that a section goes by, as a key of the words."""
    days = [item.time.astimezone(UTC).date() for item in section.incidents if item.time]
    shown = section.rung.evidence.snapshot
    if section.rung.now:
        return "now"
    if not days:
        return "untimed"
    return "later" if shown and shown > max(days).isoformat() else "then"


def _incident(incident: Incident, words: dict[str, Any]) -> dict[str, Any]:
    time = incident.time
    category = category_of(incident)
    return {
        "category": category, "category_word": words["categories"][category],
        "brand": defanged(incident.brand), "sector": defanged(incident.sector),
        "url": defanged_url(incident.url), "host": defanged_host(incident.host),
        "port": port_of(incident),
        "utc": time and _utc(time), "local": time and time.isoformat(),
        "reference": defanged(incident.reference), "log": _log(incident.note),
    }  # fmt: skip


def _utc(time: datetime) -> str:
    stamp(time)  # which says what is wrong with it
    return f"{time.astimezone(UTC).replace(tzinfo=None).isoformat(sep=' ')} UTC"


def _log(note: str | None) -> list[str]:
    """Return the lines of a note, each by itself."""
    lines = [defanged(line) for line in re.split(r"\r\n|[\n\r]", note or "")]
    while lines and not lines[-1]:
        lines.pop()
    return lines if len(lines) <= _NOTE else [*lines[:_NOTE], "…"]


def _evidence(rung: Rung) -> dict[str, str]:
    evidence = rung.evidence
    found = {key: defanged(value) for key, value in evidence._asdict().items()}
    first, last = found["first"], found["last"]
    found["range"] = first if not last or last == first else f"{first} - {last}"
    return found
