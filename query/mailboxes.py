"""Find the mail addresses in what registries' objects say, as people wrote them.

A value that is one plain address takes one match. Else one regular expression walks over the text:
it begins only where a run of characters of a local part begins, gives no character back, and what
it may look at beyond is bounded, so that the time is linear in the text, whatever that is.

What is cut wrongly names somebody else's mailbox, so in doubt there is no address: where letters
that no local part has here stand before it (a name with an umlaut), where it is masked (`***`),
where two are run together. Which of the addresses found is a network's contact is not decided here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Final
from unicodedata import category, normalize

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_BLANK = r"[ \u3000]"
# Characters of local parts. The others that RFC 5322 allows separate: `mail=a@b.c`, `a@b.c/d@b.c`.
_LOCAL = r"A-Za-z0-9_.&'*+%~-"
# Letters of scripts with blanks between words: before a local part they belong to it.
_JOINED = r"\u00aa\u00b5\u00ba\u00c0-\u058f"
_ALNUM = "A-Za-z0-9"
_LATIN = r"A-Za-z0-9\u00c0-\u024f\u0300-\u036f\u1e00-\u1eff"
_OTHER = (
    r"\u0370-\u1dff\u1f00-\u1fff\u2c00-\u2dff\u3005-\u3007\u3041-\u30fa\u30fc-\ud7ff"
    r"\uf900-\ufdcf\uff66-\uffdc\U00020000-\U0003ffff"
)
# Top-level domains in scripts without blanks: what follows one is another word.
_COUNTRIES = "中国|中國|台湾|台灣|香港|澳門|澳门|新加坡|한국"


def _bracketed(word: str) -> str:
    """Write the pattern of a word in brackets, with or without blanks around and inside."""
    inner = f"(?:{_BLANK}{word}{_BLANK}|{word})"
    pairs = (r"\[", r"\]"), (r"\(", r"\)"), (r"\{", r"\}"), ("<", ">")
    return f"{_BLANK}{{0,3}}(?:{'|'.join(a + inner + b for a, b in pairs)}){_BLANK}{{0,3}}"


def _domain(dot: str, wide: bool) -> str:
    """Write the pattern of a domain whose labels are joined by `dot`.

    A label that begins in ASCII ends before a letter of another script, `x.cn请` at `cn`; the
    first one does not, since nothing is a domain yet.
    """
    if not wide:
        return f"[{_ALNUM}][{_ALNUM}-]*+(?:{dot}[{_ALNUM}][{_ALNUM}-]*+)++"
    return (
        f"[{_LATIN}{_OTHER}][{_LATIN}{_OTHER}-]*+"
        f"(?:{dot}(?:[{_LATIN}][{_LATIN}-]*+"
        f"|[{_OTHER}][{_LATIN}{_OTHER}-]*+(?={dot})|{_COUNTRIES}|[{_OTHER}]++))++"
    )


_QUOTED = rf'(?<![{_ALNUM}"\\])"(?! )(?:[ !#-\[\]-~]|\\[ -~]){{1,62}}+(?<! )"'
_DOT = _bracketed("[dD][oO][tT]")
_SPOKEN = f"{_DOT}|{_BLANK}{{1,3}}[dD][oO][tT]{_BLANK}{{1,3}}"
_AT = _bracketed("(?:[aA][tT]|@)")
_SPOKEN_AT = f"{_BLANK}{{1,3}}(?:[aA][tT]|@){_BLANK}{{1,3}}"
# Desks that are written with a mere "at"; words that only begin like them are none.
_DESK = (
    r"(?ai:(?!(?:abuse(?:d|rs?|s)|certs|nocs)\b|spam[ms]|cert(?:ain|if)|nocturn)"
    r"(?:abuse|security|csirt|cert|noc|spam))"
)
# The value that is one plain address, which nearly all are.
_PLAIN = re.compile(
    rf"([{_ALNUM}][{_ALNUM}_]*+(?:[.&'+%~-][{_ALNUM}_]++)*+)"
    rf"@((?:[{_ALNUM}]++(?:-++[{_ALNUM}]++)*+\.)+[A-Za-z]{{2,}})"
)
# Any of these may be disguised; the search for it is quick and may find too much.
_DISGUISE = re.compile(r"[\[({< \u3000](?:[aA][tT]|[dD][oO][tT]|@)[\])}> \u3000]")
_DOTS = re.compile(_SPOKEN)
_USERINFO = re.compile(r"(?<![a-z0-9+.-])(?!mailto:)[a-z][a-z0-9+.-]*+://(?:[\w.~%!$&'*+-]*+:)?\Z")
_ATOM = re.compile(rf"[{_ALNUM}_&'+%~-]+(?:\.[{_ALNUM}_&'+%~-]+)*")
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_HOST = re.compile(rf"(?:{_LABEL.pattern}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{0,58}}[a-z0-9])")
_ABUSE_WORD = re.compile(
    r"abuse|abuso|spam|security|complaint|incident|missbrauch|不正|滥用"
    r"|(?<![a-z0-9\u00c0-\u00ff])(?:abus|(?:cert|noc|csirt)(?![a-z0-9\u00c0-\u00ff]))",
    re.IGNORECASE,
)
_DESKS = frozenset({"abuse", "security", "csirt", "cert", "noc"})

CONTACT_HINTS: Final[tuple[bytes, ...]] = (
    *(b"at]", b"at)", b"at}", b"at>", b" at "),
    # The same in full width; one wide letter is enough.
    *(f"at{mark}".encode() for mark in "\uff3d\uff09\uff5d\uff1e\u3000"),
    *(mark.encode() for mark in ("\u3000at", "\uff41", "\uff54", "\uff20")),
)
"""What shows, beside an `@`, that a text may hold an address: in lower-case UTF-8."""


@cache
def _walker(disguised: bool, wide: bool) -> re.Pattern[str]:
    """Compile what walks over a text; `wide` if that is not all ASCII.

    Wide ones wait until one is needed: their sets take 60 ms to compile, and few texts are wide.
    """
    start = rf"(?<![@{_JOINED if wide else ''}{_LOCAL}])(?<![A-Za-z]\u2019)"
    if not disguised:
        return re.compile(rf"({_QUOTED}|{start}[{_LOCAL}]++)@({_domain('[.]', wide)})(?!@)")
    spoken = _domain(f"(?:[.]|{_SPOKEN})", wide)
    return re.compile(
        # With an @, where only dots may be disguised,
        rf"({_QUOTED}|{start}[{_LOCAL}]++(?:(?:{_DOT})[{_LOCAL}]++){{0,8}}+)"
        rf"@({_domain(f'(?:[.]|{_DOT})', wide)})(?!@)"
        # with an "at" in brackets,
        rf"|({start}[{_LOCAL}]++(?:(?:{_SPOKEN})[{_LOCAL}]++){{0,8}}+)(?:{_AT})({spoken})(?!@)"
        # and a desk with a mere "at", unless a web page follows.
        rf"|({start}(?<![dD][oO][tT] )['*&+~-]{{0,3}}+{_DESK}[{_LOCAL}]*+)(?:{_SPOKEN_AT})"
        rf"(?![wW]{{3}}[.])({spoken})(?![@/]|:[0-9])"
    )


def addresses(text: str) -> list[str]:
    """Return every mail address in a text, in order, each once; domains in lower case.

    Addresses may be quoted (RFC 5322), in full width, in running CJK text or disguised
    (`abuse [at] example [dot] net`). In doubt there is none, see the module.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None:
        local, domain = plain.groups()
        if len(local) <= 64 and len(domain) <= 64:  # so no label is longer than 63
            return [f"{local}@{domain.lower()}"]
    return list(_found(text).values())


def _found(text: str) -> dict[str, str]:
    """Search a text that is not one plain address; addresses by their lower-case form."""
    if not text.isascii():
        text = text.translate(_WIDE)
    wide = not text.isascii()
    disguised = _DISGUISE.search(text) is not None
    if not disguised and "@" not in text:
        return {}
    found: dict[str, str] = {}
    tried = set()
    for match in _walker(disguised, wide).finditer(text):
        if match[0] in tried or _in_url(text, match.start()):
            continue
        tried.add(match[0])
        local, domain = (part for part in match.groups() if part is not None)
        quoted = local[0] == '"'
        if disguised:
            local = local if quoted else _DOTS.sub(".", local)
            domain = _DOTS.sub(".", domain)
        local = _checked_quoted(local) if quoted else _checked_local(local)
        domain = _checked_domain(domain)
        if local and domain:
            address = f"{local}@{domain}"
            found.setdefault(address.lower(), address)
    return found


def _checked_local(run: str) -> str:
    """Cut bullets, quotes and dot leaders off a local part; nothing if it is none."""
    if "***" in run:
        return ""
    local = run.rpartition("..")[2].lstrip("'.*&-+~%")
    valid = len(local) <= 64 and local[-1:] != "'" and _ATOM.fullmatch(local)
    return local if valid and local.strip("_&'+%~.-") else ""


def _checked_quoted(quoted: str) -> str:
    """Check a quoted local part, and take off quotes that it does not need."""
    inner = quoted[1:-1]
    if "***" in inner or not inner.strip(" *"):
        return ""
    return inner if _checked_local(inner) == inner else quoted


def _checked_domain(run: str) -> str:
    """Return a domain in lower case, canonical where it is not ASCII; nothing if it is none."""
    if len(run) > 1000:  # it would be too long in any form
        return ""
    domain = run.rstrip("-").lower() if run.isascii() else _canonical(run)
    if len(domain) > 253:
        return ""
    if domain.isascii():
        return domain if _HOST.fullmatch(domain) else ""
    *labels, top = domain.split(".")
    letters = len(top) > 1 and all(category(char)[0] in "LM" for char in top)
    valid = (letters or top.startswith("xn--")) and all(map(_is_label, (*labels, top)))
    return domain if labels and valid else ""


def _canonical(domain: str) -> str:
    """Compose, fold widths and lower a domain, as RFC 5895 has it, without marks at its end."""
    domain = normalize("NFKC", normalize("NFKC", domain).lower())
    while domain and category(domain[-1])[0] not in "LMN":
        domain = domain[:-1]
    return domain


def _is_label(label: str) -> bool:
    """Say whether a text is a label of a domain, in ASCII or Unicode, in lower case."""
    if label.isascii():
        return _LABEL.fullmatch(label) is not None
    # "xn--" and at least two characters; punycode is never shorter than the text.
    if len(label) > 58 or label[0] == "-" or label[-1] == "-" or category(label[0])[0] == "M":
        return False
    return all(char == "-" or category(char)[0] in "LMN" for char in label)


def _in_url(text: str, start: int) -> bool:
    """Say whether what begins at `start` is the user in a URL, `ftp://user@host`."""
    before = text[max(0, start - 80) : start]
    return "://" in before and _USERINFO.search(before.lower()) is not None


def near_abuse(lines: Sequence[str]) -> list[str]:
    """Return the addresses on lines that speak of abuse, or whose neighbours do, each once."""
    speaks = [_speaks_of_abuse(line) for line in lines]
    found: dict[str, str] = {}
    for place, line in enumerate(lines):
        if any(speaks[max(0, place - 1) : place + 2]):
            for address in addresses(line):
                found.setdefault(address.lower(), address)
    return list(found.values())


def _speaks_of_abuse(line: str) -> bool:
    """Say whether a line has an abuse word; `cert`, `noc`, `csirt` only as whole words."""
    return _ABUSE_WORD.search(line if line.isascii() else line.translate(_WIDE)) is not None


def role_like(address: str) -> bool:
    """Say whether an address is by its name a desk for abuse: `abuse`, `abuse-…`, `noc`, …"""
    local = address.rpartition("@")[0].lower()
    return local in _DESKS or local.startswith("abuse-")


def domain_of(address: str) -> str:
    """Return what stands behind the last @, in lower case."""
    return address.rpartition("@")[2].lower()


def unicode_form(address: str) -> str | None:
    """Return an address with its punycode domain in Unicode; None if there is none to decode."""
    local, _, domain = address.rpartition("@")
    if "xn--" not in domain.lower():
        return None
    labels = []
    for label in domain.lower().split("."):
        shown = _decoded(label) if label.startswith("xn--") else label
        if shown is None:
            return None
        labels.append(shown)
    shown_domain = ".".join(labels)
    return f"{local}@{shown_domain}" if local and shown_domain != domain.lower() else None


def _decoded(label: str) -> str | None:
    """Decode one punycode label; None unless it is written back as it was."""
    if len(label) > 63 or not label.isascii():
        return None
    try:
        shown = label[4:].encode().decode("punycode")
    except (ValueError, IndexError, OverflowError):
        return None
    return shown if not shown.isascii() and _encoded(shown) == label else None


def ascii_form(address: str) -> str | None:
    """Return an address with its Unicode domain in punycode; None if it is ASCII or no domain.

    Encodes as IDNA 2008 does, so `ß` stays a letter of its own (RFC 5894, section 7.2).
    """
    local, _, domain = address.rpartition("@")
    if not local or domain.isascii() or len(domain) > 253:
        return None
    labels = [_encoded(label) for label in _canonical(domain).split(".")]
    written = ".".join(label or "" for label in labels)
    return f"{local}@{written}" if all(labels) and len(written) <= 253 else None


def _encoded(label: str) -> str | None:
    """Encode one label in punycode, if it needs it; None if it is no label or becomes too long."""
    if not label or not _is_label(label) or _canonical(label) != label:
        return None
    if label.isascii():
        return label
    written = "xn--" + label.encode("punycode").decode()
    return written if len(written) <= 63 else None
