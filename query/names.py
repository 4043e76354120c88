"""Say when two registrations name one company, by the names alone.

A name is *folded*: Unicode NFKC and case folding, HTML entities read, accents dropped, what is no
letter or digit to blanks, "&" to "and" (the cleaning of Prefix2Org, IMC 2025, and a little more).
Its *normal form* is then without the legal forms at its end and some at its beginning, in which
one company is registered here with and there without. Only forms go: a country, a city or "Group"
tells companies apart. The forms are abbreviations of ISO 20275 (Entity Legal Forms) that occur in
the dumps, written out and transliterated as there.

Nothing here is shown to anybody: normal forms are keys to compare. No party is decided here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import Final
from unicodedata import category, normalize

_ENTITY = re.compile(r"&#?[0-9A-Za-z]{1,31};")
_ENTITY_BYTES = re.compile(_ENTITY.pattern.encode())
_PASSES: Final = 4  # of entities within entities: dumps have &amp;amp;
Called = tuple[str | None, str | None]  # a name and an organisation handle
_SLICE: Final = 1 << 10  # texts folded in one piece; 2^14 took a fifth longer
_WORD = re.compile(r"[A-Z]{3,}")

# A form with dots is looked for with blanks in their place and joined: B.V. and BV.
_AT_END: Final = """
ltd, limited, l.l.c., inc, incorporated, corp, corporation, co, company, and co, and company, plc,
p.l.c., public limited company, public company limited, pcl, l.l.p., l.p., lllp, p.l.l.c., p.c.,
l.c., limited partnership, limited liability partnership, limited liability company, limited
liability co, private, pvt, p ltd, p limited, pte, pty, proprietary, opc, smc, cc, npc, ltee,
limitee, g.m.b.h., ggmbh, m.b.h., gesellschaft m.b.h., ges.m.b.h., a.g., k.g., kgaa, u.g., ohg,
gbr, e.k., e.v., e u, eg, und co, u co, haftungsbeschrankt, haftungsbeschraenkt,
aktiengesellschaft, gesellschaft mit beschrankter haftung, se, b.v., n.v., v.o.f., c.v., b.v.b.a.,
c.v.b.a., s.p.r.l., s.c.r.l., s.c.a., s.c.s., asbl, vzw, s.a., s.a.s., s.a.s.u., s.a.r.l.,
e.u.r.l., s.n.c., societe anonyme, s.a.g.l., s.r.l., s.r.l.s., s.r.l.u., s.p.a., s.a.p.a., societa
per azioni, s.l., s.l.u., s.l.l., s.a.u., sociedad anonima, sociedad limitada, sociedad de
responsabilidad limitada, de c.v., s de r.l., s.a.b., s.a.p.i., e.i.r.l., s.a.c., c a, cia, ltda,
limitada, lda, unipessoal, eireli, m.e., mei, e.p.p., sociedade anonima, a.b., publ, aktiebolag,
h.b., k.b., a.s., a.s.a., ans, aps, i.v.s., k.s., aktieselskab, o.y., oyj, osakeyhtio, e.h.f.,
h.f., ou, osauhing, sia, uab, mb, s.r.o., spol s r.o., v.o.s., o.p.s., z.s., kft, zrt, nyrt, bt,
korlatolt felelossegu tarsasag, sp. z o.o., sp zoo, spzoo, spolka z o.o., spolka z ograniczona
odpowiedzialnoscia, spolka akcyjna, spolka jawna, spolka komandytowa, spolka cywilna, sp. k.,
sp. j., sp. p., s.k.a., d.o.o., j.d.o.o., d.o.o.e.l., d.d., a.d., d.n.o., sh.p.k., sh a, ood, eood,
ead, a e, e.p.e., i.k.e., o e, sti, sirketi, ltd sti, limited sirketi, anonim sirketi, ooo, o.o.o.,
zao, oao, pao, ao, tov, too, fop, pe, jsc, ojsc, cjsc, pjsc, joint stock, joint stock company,
open joint stock company, closed joint stock company, public joint stock company, private joint
stock, private joint stock company, p.j.s., ооо, зао, оао, пао, ао, тов, тоо, ад, оод, еоод, еад,
доо, дооел, фоп, ип, пп, чп, α.ε., ε.π.ε., ι.κ.ε., ο.ε., fzco, fze, fzc, fz, fz llc, dmcc, w.l.l.,
k.s.c., k.s.c.c., q.s.c., b.s.c., s.a.o.g., s.a.o.c., s.a.l., s.a.e., pt, tbk, persero, sdn, bhd,
berhad, k.k., kabushiki kaisha, kabushikigaisha, godo kaisha, yugen kaisha, จำกัด, มหาชน, 株, 有,
주, 유
"""  # noqa: RUF001
_AT_START: Final = """
pt, cv, uab, sia, ou, aktiebolaget, llc, ltd, jsc, ojsc, cjsc, pjsc, ooo, o.o.o., zao, oao,
pao, ao, too, tov, fop, pe, pp, chp, limited company, limited liability company, limited liability
partnership, joint stock company, open joint stock company, closed joint stock company, public
joint stock company, private joint stock company, private enterprise, private entrepreneur,
individual entrepreneur, cong ty, cong ty tnhh, cong ty co phan, cong ty cp, ооо, зао, оао, пао,
ао, нао, тоо, тов, чп, ип, фоп, пп, ат, пат, прат, общество с ограниченной ответственностью,
акционерное общество, закрытое акционерное общество, открытое акционерное общество, публичное
акционерное общество, индивидуальный предприниматель, товариство з обмеженою відповідальністю,
บริษัท, 株, 有, 주, 유
"""  # noqa: RUF001
# Scripts without blanks write the form beside the name.
_BESIDE_START: Final = "株式会社, 株式會社, 有限会社, 合同会社, 合資会社, 주식회사, 유한회사"
_BESIDE_END: Final = f"{_BESIDE_START}, 股份有限公司, 有限责任公司, 有限責任公司, 有限公司"
# Romanian firms are "SC Name SRL"; a name that only begins with SC is something else.
_ROMANIAN = re.compile(rb"\ns ?c (?=[^\n]* s ?(?:a|r ?l)\n)")
_LITTLE: Final = (b"", b"the")  # what may not be left of a name
# Netnames that begin with these say what is registered, not whose it is.
_GENERIC: Final = frozenset(
    {
        "NET", "NETWORK", "NETBLOCK", "INET", "LAN", "WAN", "CUST", "CUSTOMER", "CUSTOMERS",
        "CLIENT", "CLIENTS", "POOL", "HOSTING", "INFRA", "BLOCK", "SUBNET", "RANGE", "IPV",
    }
)  # fmt: skip


class _Classes(dict[int, int | str | None]):
    """Map the characters of a decomposed text: kept, to a blank, or dropped. Fills itself."""

    def __missing__(self, code: int) -> int | None:
        letter, kind = chr(code), category(chr(code))
        kept = letter.isalnum() or kind in ("Mn", "Mc")
        accent = 0x300 <= code <= 0x36F
        found = None if accent or kind == "Cf" else code if kept else 0x20
        self[code] = found
        return found


# Letters that do not decompose, but are written without their stroke or with their dot.
_CLASSES = _Classes({0x26: " and ", 0x142: "l", 0xF8: "o", 0x111: "d", 0x131: "i"})
# The same for lines of UTF-8 that are folded but for ASCII.
_PLAIN: Final = bytes(
    code if code == 10 or code > 127 or chr(code).isalnum() else 0x20 for code in range(256)
)


def folded(name: str) -> str:
    """Return a name's words in folded form with one blank between, its legal forms included."""
    text = name.casefold()
    if "&" in text:
        for _ in range(_PASSES):
            text = _ENTITY.sub(lambda found: unescape(found[0]), text)
    if not text.isascii():
        text = normalize("NFKD", normalize("NFKD", text).casefold())
    text = text.translate(_CLASSES)
    return " ".join((text if text.isascii() else normalize("NFKC", text)).split())


def normal(name: str) -> str:
    """Return the form that names of one company have in common.

    A name of nothing but legal forms keeps them; one without letters and digits stands for
    itself. So the result is empty for blank texts only.
    """
    return _bare(folded(name).encode())[0].decode() or name.strip()


def normal_many(texts: Sequence[bytes]) -> list[bytes]:
    """Return `normal` of many texts, UTF-8 or else Latin-1, as UTF-8. No call for each text."""
    result: list[bytes] = []
    for low in range(0, len(texts), _SLICE):
        result += _normal_slice(texts[low : low + _SLICE])
    return result


def same_name(left: str, right: str) -> bool:
    """Say whether two names are one company's. A blank name is nobody's."""
    form = normal(left)
    return form != "" and form == normal(right)


def one_party(one: Called, other: Called) -> bool:
    """Say whether two names with handles are one party's: by the handle, else by the name."""
    (name, handle), (other_name, other_handle) = one, other
    if handle and handle == other_handle:
        return True
    return same_name(name or "", other_name or "")


def stem(netname: str) -> str:
    """Return the letters at the beginning of a netname, in upper case.

    Fewer than three, or a word that says nothing (`NET-`, `CUSTOMER-`), give the whole netname.
    """
    whole = netname.strip().upper()
    found = _WORD.match(whole)
    return found[0] if found and found[0] not in _GENERIC else whole


def _normal_slice(texts: Sequence[bytes]) -> list[bytes]:
    """Fold what is plain ASCII in one piece, and the other texts one by one before."""
    lines = b"\n".join(texts)
    odd = [] if lines.isascii() else [k for k, text in enumerate(texts) if not text.isascii()]
    if lines.count(b"\n") >= len(texts) or _ENTITY_BYTES.search(lines):
        odd += [k for k, text in enumerate(texts) if b"\n" in text or b"&" in text]
    if odd:
        copy = list(texts)
        for k in odd:
            copy[k] = folded(_decoded(texts[k])).encode()
        lines = b"\n".join(copy)
    lines = lines.lower().replace(b"&", b" and ").translate(_PLAIN)
    # Patterns that begin with a literal take one pass, half of what bytes.replace takes.
    lines = re.sub(rb" \n", b"\n", re.sub(rb"   *", b" ", lines)).replace(b"\n ", b"\n")
    result = _bare(lines.strip(b" "))
    if b"" in result:
        result = [
            name or _decoded(text).strip().encode()
            for name, text in zip(result, texts, strict=True)
        ]
    return result


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("latin-1")


def _bare(lines: bytes) -> list[bytes]:
    """Return the folded names of some lines without legal forms, whole when little is left."""
    text = _ROMANIAN.sub(b"\n", b"\n%b\n" % lines)
    # Backwards an end is a beginning, which is found fast.
    text = _ENDS.sub(b"\n", text[::-1])[::-1]
    text = _STARTS.sub(b"\n", text)
    names = zip(text.split(b"\n")[1:-1], lines.split(b"\n"), strict=True)
    return [whole if name in _LITTLE else name for name, whole in names]


def _forms(table: str) -> list[bytes]:
    """Return the forms of a table as they stand in folded names."""
    entries = table.split(",")
    forms = {folded(text) for entry in entries for text in (entry, entry.replace(".", ""))}
    return [form.encode() for form in sorted(forms)]


def _either(texts: Iterable[bytes]) -> bytes:
    """Return a pattern of some texts, the longer first; equal beginnings are tried once."""
    after: dict[bytes, list[bytes]] = {}
    for text in texts:
        after.setdefault(text[:1], []).append(text[1:])
    ended = after.pop(b"", None)
    branches = [re.escape(first) + _either(rest) for first, rest in after.items()]
    branches += [b""] if ended else []
    return b"(?:%b)" % b"|".join(branches) if len(branches) > 1 else branches[0]


def _at_start(words: list[bytes], beside: list[bytes]) -> re.Pattern[bytes]:
    """Compile what finds forms at the beginning of a line: whole words, or beside the name."""
    return re.compile(rb"\n(?:%b(?: |(?=\n))|%b ?)+" % (_either(words), _either(beside)))


_STARTS = _at_start(_forms(_AT_START), _forms(_BESIDE_START))
_ENDS = _at_start(
    [form[::-1] for form in _forms(_AT_END)], [form[::-1] for form in _forms(_BESIDE_END)]
)
