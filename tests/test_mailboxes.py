"""Check which mail addresses are found in texts, and that no other ones are."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rirdex.query.mailboxes import (
    CONTACT_HINTS,
    addresses,
    ascii_form,
    domain_of,
    near_abuse,
    role_like,
    unicode_form,
)
from rirdex.query.rpsl import attributes

DATA = Path(os.environ.get("RIRDEX_REAL_DATA") or "/nonexistent") / "dialects"
ABUSE = ["abuse@example.net"]
BOTH = ["abuse@example.net", "noc@example.com"]

# Written as addresses are, with what people put around them.
WRITTEN = {
    "abuse@example.net": ABUSE,
    " abuse@example.net\n": ABUSE,
    "Abuse.Desk@EXAMPLE.Net": ["Abuse.Desk@example.net"],
    "ABUSE@example.net abuse@EXAMPLE.NET": ["ABUSE@example.net"],
    "abuse@example.net noc@example.com": BOTH,
    "abuse@example.net,noc@example.com": BOTH,
    "abuse@example.net, noc@example.com;": BOTH,
    "abuse@example.net;noc@example.com": BOTH,
    "abuse@example.net/noc@example.com": BOTH,
    "abuse@example.net\nnoc@example.com": BOTH,
    "Abuse Desk <abuse@example.net>": ABUSE,
    '"Abuse Desk" <abuse@example.net>': ABUSE,
    "abuse@example.net  <abuse@example.net>": ABUSE,
    "abuse@example.net (preferred)": ABUSE,
    "mailto:abuse@example.net": ABUSE,
    "<MAILTO:abuse@example.net?subject=abuse>": ABUSE,
    "mailto://abuse@example.net": ABUSE,
    "&lt;abuse@example.net&gt;": ABUSE,
    "e-mail=abuse@example.net": ABUSE,
    "[abuse@example.net]": ABUSE,
    "{abuse@example.net}": ABUSE,
    "|abuse@example.net|": ABUSE,
    "'abuse@example.net'": ABUSE,
    '"abuse@example.net"': ABUSE,
    '"abuse@example.net","noc@example.com"': BOTH,
    "\u2018abuse@example.net\u2019": ABUSE,
    "\u201cabuse@example.net\u201d": ABUSE,
    "**abuse@example.net**": ABUSE,
    "-abuse@example.net-": ABUSE,
    "abuse.........abuse@example.net": ABUSE,
    "abuse@example.net...": ABUSE,
    "abuse@example.net dot matrix": ABUSE,
    "http://example.org/abuse@example.net": ABUSE,
    "http://example.org/?mail=abuse@example.net": ABUSE,
    **{f"abuse@example.net{mark}": ABUSE for mark in ".,;:)>]\"'!?/*_-"},
}
# Characters of local parts and domains.
PARTS = [
    "a&b@example.net",
    "o'brien@example.net",
    "abuse+spam@example.net",
    "100%@example.net",
    "abuse-desk_1.eu@example.net",
    "_abuse@example.net",
    "abuse~x@example.net",
    "a--b@example.net",
    "1@example.net",
    '"abuse contact"@example.com',
    "\"r:[/r/]*4;e'*&m'\"@example.net",
    '"say \\"abuse\\""@example.net',
    '"at@home"@example.net',
    "abuse@4hosting99.example.com",
    "abuse@99.example.net",
    "abuse@a--b.example-net.co.uk",
    "abuse@xn--bcher-kva.example",
    "abuse@example.xn--p1ai",
    "abuse@b\u00fccher.example",
    "abuse@\u4f8b\u5b50.cn",
    "abuse@mail.\u4f8b\u5b50.cn",
    "abuse@\u4f8b\u5b50.\u4e2d\u56fd",
    "abuse@\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444",
    "abuse@\u092d\u093e\u0930\u0924.\u092d\u093e\u0930\u0924",
    "a" * 64 + "@example.net",
    '"' + "a" * 61 + '!"@example.net',
    "abuse@" + "a" * 63 + ".net",
    "abuse@" + ("a" * 49 + ".") * 5 + "net",
]
# In full width and in running text of scripts without blanks.
WIDE = {
    "\u8bf7\u8054\u7cfbabuse@example.cn\u8bf7": ["abuse@example.cn"],
    "\u8054\u7cfbabuse@example.cn\u6216noc@example.com\u3002": ["abuse@example.cn", BOTH[1]],
    "\u8054\u7cfbabuse@example.cn\u6216\u8bbf\u95eewww.example.cn": ["abuse@example.cn"],
    "abuse@\u4f8b\u5b50.\u4e2d\u56fd\u8bf7\u8054\u7cfbnoc@example.com": [
        "abuse@\u4f8b\u5b50.\u4e2d\u56fd",
        BOTH[1],
    ],
    "\u30e1\u30fc\u30ebabuse@example.net\u307e\u3067": ABUSE,
    "\uc2a4\ud338abuse@example.net\uc73c\ub85c": ABUSE,
    "abuse\uff20example.net": ABUSE,
    "abuse\uff20example\uff0enet\uff0cnoc@example.com\uff1b": BOTH,
    "\uff21buse\uff1aabuse@example.net\u3000noc@example.com": BOTH,
    "\uff41\uff42\uff55\uff53\uff45\uff20\uff25xample.net\u3002": ABUSE,
    "\uff1cabuse@example.net\uff1e\u3001\uff08noc@example.com\uff09": BOTH,
    "\u0434\u043b\u044f \u0430\u0434\u0440\u0435\u0441: abuse@example.net\u0434\u043b\u044f": ABUSE,
    "abuse@B\u00dcCHER.example": ["abuse@b\u00fccher.example"],
    "abuse@bu\u0308cher.example": ["abuse@b\u00fccher.example"],
    "info@\u0645\u062b\u0627\u0644.\u0625\u064a\u0631\u0627\u0646\u060c": [
        "info@\u0645\u062b\u0627\u0644.\u0625\u064a\u0631\u0627\u0646"
    ],
}
# Disguised against machines.
DISGUISED = {
    **{
        f"abuse{blank}{a}{inner}{word}{inner}{b}{blank}example.net": ABUSE
        for a, b in ("[]", "()", "{}", "<>", "\uff3b\uff3d", "\uff08\uff09")
        for word in ("at", "AT", "At", "@", "\uff41\uff54")
        for blank in ("", " ", "  ")
        for inner in ("", " ")
    },
    "abuse[at]example[dot]net": ABUSE,
    "abuse (at) example (dot) net": ABUSE,
    "abuse [at] mail [dot] example [dot] net": ["abuse@mail.example.net"],
    "abuse [at] example dot net": ABUSE,
    "abuse@example[dot]net": ABUSE,
    "abuse@example.co[dot]uk": ["abuse@example.co.uk"],
    "** abuse (at) example.net **": ABUSE,
    "Mail john[dot]doe[at]example(dot)net!": ["john.doe@example.net"],
    "Mail john dot doe [at] example dot net!": ["john.doe@example.net"],
    "john[dot]doe@example.net": ["john.doe@example.net"],
    "abuse at example.net": ABUSE,
    "Report to ABUSE AT Example.NET.": ["ABUSE@example.net"],
    "abuse at example dot net": ABUSE,
    "abuse  at  example  dot  net": ABUSE,
    "abuse @ example.net": ABUSE,
    "abuse\u3000at\u3000example.net": ABUSE,
    "- abuse-desk at example.net, 'noc at example.com'": ["abuse-desk@example.net", BOTH[1]],
    **{
        f"{desk} at example.net": [f"{desk}@example.net"]
        for desk in ("abuse", "abusedesk", "security", "csirt", "cert", "cert-eu", "noc", "spam")
    },
    "noc@example.com or abuse [at] example.net": BOTH[::-1],
    "security at joe.doe@example.net": ["joe.doe@example.net"],
}
# What is no address, or nobody can say which one.
NOTHING = [
    "",
    "@",
    "abuse",
    "abuse@localhost",
    "@example.net",
    "abuse @example.net",
    "abuse@ example.net",
    "a@b",
    "a@b.c",
    "abuse@192.0.2.1",
    "abuse@[192.0.2.1]",
    "abuse@mail.192.0.2.1",
    "abuse@example.n3t",
    "abuse@example.net.1",
    "abuse@-example.net",
    "abuse@example-.net",
    "abuse@exam_ple.net",
    "abuse@.example.net",
    "abuse.@example.net",
    "***@example.net",
    "*@example.net",
    "**@example.net",
    "abu***@example.net",
    "***se@example.net",
    "a*b@example.net",
    '"***"@example.net',
    '"a***b"@example.net',
    '"**"@example.net',
    '" "@example.net',
    "*** [at] example.net",
    "***abuse at example.net",
    "-@example.net",
    "___@example.net",
    "a" * 65 + "@example.net",
    "a" * 65 + " [at] example.net",
    "abuse@" + "a" * 64 + ".net",
    "abuse@" + ("a" * 49 + ".") * 5 + "nets",
    "abuse@" + "\u00fc" * 60 + ".net",
    "a@example.net@example.net",
    "a@b.cc@d.ee",
    "abuse@example.netnoc@example.net",
    "m\u00fcller@example.net",
    "\u043f\u043e\u0447\u0442\u0430abuse@example.net",
    "o\u2019brien@example.net",
    "'abuse'@example.net",
    'the "abuse"desk "@example.net',
    "ftp://anonymous@example.net/",
    "https://user:secret@example.net",
    "abuse@\u4f8b\u5b50",
    "abuse@example.\u4e2d",
    "look at www.example.net",
    "joe at example.net",
    "abuse at localhost",
    "abuse at 192.0.2.1",
    "report abuse at www.example.net",
    "report abuse at http://example.net",
    "report abuse at example.net/abuse",
    "report abuse at example.net:8080",
    "spammers at example.net",
    "certificates at example.net",
    "a certain nocturnal abuser at example.net",
    "john dot abuse at example.net",
    "concert at example.net",
    "format] that) [at",
    "meet (at) noon",
]


@pytest.mark.parametrize("text", [*WRITTEN, *WIDE, *DISGUISED], ids=ascii)
def test_addresses_are_found_as_people_write_them(text: str) -> None:
    assert addresses(text) == {**WRITTEN, **WIDE, **DISGUISED}[text]


@pytest.mark.parametrize("address", PARTS, ids=lambda text: ascii(text)[:40])
def test_an_address_is_kept_as_it_is_whatever_stands_around_it(address: str) -> None:
    assert addresses(address) == [address]
    for before, after in (("<", ">"), ("to ", "."), ("noc\t", "\t[at]"), ("a dot ", " dot b")):
        assert addresses(f"{before}{address}{after}") == [address]


@pytest.mark.parametrize("text", NOTHING, ids=lambda text: ascii(text)[:40])
def test_in_doubt_there_is_no_address(text: str) -> None:
    assert addresses(text) == []
    assert addresses(f"<{text}>") == []


def test_quotes_that_are_not_needed_are_taken_off() -> None:
    assert addresses('"abuse.desk"@example.net, abuse.desk@example.net') == [
        "abuse.desk@example.net"
    ]


def test_addresses_come_in_order_and_once() -> None:
    text = "noc@example.com Abuse@example.net NOC@EXAMPLE.com a@example.org abuse@example.net"
    assert addresses(text) == ["noc@example.com", "Abuse@example.net", "a@example.org"]


LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
words = st.text(LETTERS, min_size=1, max_size=8)
locals_ = st.lists(words, min_size=1, max_size=3).flatmap(
    lambda parts: st.sampled_from(".&'+%_~-").map(lambda mark: mark.join(parts))
)
labels = (
    words | st.builds("{}-{}".format, words, words) | st.sampled_from(["b\u00fccher", "\u4f8b"])
)
domains = st.builds(
    lambda parts, top: ".".join([*parts, top]).lower(),
    st.lists(labels, min_size=1, max_size=4),
    st.sampled_from(["net", "example", "de", "technology", "xn--p1ai"]),
)
valid = st.builds("{}@{}".format, locals_, domains)
AROUND = [
    *(("", ""), ("<", ">"), ("'", "'"), ('"', '"'), ("(", ")."), ("mailto:", ""), ("x <", ">")),
    *(("\u8bf7\u8054\u7cfb", "\u8bf7"), ("E-Mail: ", "."), ("", " (preferred)"), ("[", "],")),
    *(("\uff08", "\uff09"), ("\uff1a", "\u3002"), ("- ", " -"), ("* ", " *"), ("see [at] ", " )")),
]
BETWEEN = [" ", ",", ", ", ";", "; ", "\n", "\uff0c", "\uff1b", "\u3000", "\u3001", " / ", " or "]


@given(st.lists(st.tuples(valid, st.sampled_from(AROUND)), max_size=5), st.sampled_from(BETWEEN))
def test_valid_addresses_are_found_again(
    wanted: list[tuple[str, tuple[str, str]]], between: str
) -> None:
    text = between.join(f"{before}{address}{after}" for address, (before, after) in wanted)
    once: dict[str, str] = {}
    for address, _ in wanted:
        once.setdefault(address.lower(), address)
    assert addresses(text) == list(once.values())


PIECES = [
    *("abuse", "noc", "a", "x.net", "net", ".", "@", "'", '"', "<", ">", "***", "-", "xn--", " "),
    *("[at]", "[ At ]", "(AT)", "<at>", "at", "At", "[", "]", "(", "dot", "[dot]", " at ", " dot "),
    *("\uff20", "\uff41", "\uff54", "\uff34", "\uff3b", "\uff3d", "\uff1e", "\u3000", "\u00a0"),
    *("\u8bf7", "\u4e2d\u56fd", "\u00fc", "\u0308", "\u0130", "\u212a", "\u1d2c", "\ufdfa", "\n"),
    *("\u043f", "\uff76", "\uff9e", "\u00df", "\u2019", "://", "\ufb01", "\u017f"),
]
FORMS = [
    *("abuse[{}]x.net", "abuse({})x.net", "abuse{{{}}}x.net", "abuse<{}>x.net", "abuse {} x.net"),
    *("abuse[{}\uff3dx.net", "abuse({}\uff09x.net", "abuse{{{}\uff5dx.net", "abuse<{}\uff1ex.net"),
    *("abuse\u3000{} x.net", "abuse {}\u3000x.net"),
]
texts = st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=2), max_size=12).map(
    "".join
)


@given(texts)
@example("abuse\u3000at\u3000x.net")
@example("abuse \uff41t x.net")
@example("abuse\uff08AT\uff09x.net")
@example("abuse[at]x.net")
@example("abuse\uff20x.net")
def test_a_text_with_an_address_has_an_at_or_a_hint(text: str) -> None:
    lowered = text.lower().encode()
    assert not addresses(text) or any(hint in lowered for hint in (b"@", *CONTACT_HINTS))


@pytest.mark.parametrize("text", [*WRITTEN, *WIDE, *DISGUISED, *PARTS], ids=ascii)
def test_every_example_has_an_at_or_a_hint(text: str) -> None:
    assert any(hint in text.lower().encode() for hint in (b"@", *CONTACT_HINTS))


@pytest.mark.parametrize("hint", CONTACT_HINTS, ids=ascii)
def test_every_hint_is_in_lower_case_and_needed(hint: bytes) -> None:
    assert hint.decode().lower().encode() == hint
    others = [b"@", *(other for other in CONTACT_HINTS if other != hint)]
    forms = [form.format(word) for word in ("at", "\uff41t", "a\uff54") for form in FORMS]
    needing = [
        form for form in [*forms, "abuse\uff20x.net"]
        if addresses(form) and not any(other in form.encode() for other in others)
    ]  # fmt: skip
    assert needing
    assert all(hint in form.encode() for form in needing)


@given(texts)
@example("abuse@\u1d2c.net")
@example("abuse@\u0130.net")
@example("abuse@x.\ufdfa")
def test_what_is_found_is_an_address_and_found_in_itself(text: str) -> None:
    found = addresses(text)
    assert len({address.lower() for address in found}) == len(found)
    for address in found:
        local, _, domain = address.rpartition("@")
        assert 1 <= len(local) <= 64
        assert "***" not in local
        assert local.strip('*"')
        assert len(domain) <= 253
        assert domain == domain.lower() == domain_of(address)
        assert all(0 < len(label) <= 63 for label in domain.split("."))
        top = domain.rpartition(".")[2]
        assert len(top) > 1
        assert top.startswith("xn--") or not any(char.isdigit() or char in "-_" for char in top)
        assert addresses(address) == addresses(f"to <{address}>, [at]") == [address]
        written = ascii_form(address)
        assert (written is None) == domain.isascii()
        assert written is None or unicode_form(written) == address


@given(texts)
@example("abuse@x.net")
@example("abuse [at] x [dot] net")
def test_ascii_is_read_alike_beside_other_characters(text: str) -> None:
    assert addresses(f"{text}\u3001") == addresses(f"\u3001{text}") == addresses(text)


# Pieces, and of how many bytes a text of them is.
HOSTILE = {
    **dict.fromkeys(("a@", '"', "a.", "<", "at ", " at ", "@", "a", " ", "[at]"), 1_000_000),
    **dict.fromkeys(
        ("a[at]", "a@a.", "-", '\\"', '"a ', "a [dot] ", "a dot ", "abuse at "), 200_000
    ),
    **dict.fromkeys(
        ("abuse at a.", "a@x.nets ", "***@x.net ", "ftp://a@x.net ", "\uff20"), 200_000
    ),
    **dict.fromkeys(
        ("\u8bf7", "a@\u8bf7", "a@\u8bf7.", "a@x.\u8bf7", "a@x.u\u0308\u0323"), 200_000
    ),
}


@pytest.mark.parametrize("piece", HOSTILE, ids=ascii)
def test_time_is_linear_in_hostile_texts(piece: str) -> None:
    text = piece * (HOSTILE[piece] // len(piece.encode()))
    for form in (text, f"a@x.u{text}", f"a [at] {text} abuse at x"):
        start = time.process_time()
        assert len(addresses(form)) < 4
        assert time.process_time() - start < 1
    start = time.process_time()
    assert len(near_abuse([text])) < 4
    assert time.process_time() - start < 1


# Lines, and what is found on those that speak of abuse or stand beside one that does.
NEAR = [
    ([], []),
    (["a@x.net"], []),
    (["Abuse: a@x.net"], ["a@x.net"]),
    (["a@x.net", "is for SPAM", "b@x.net"], ["a@x.net", "b@x.net"]),
    (["abuse", "a@x.net", "b@x.net"], ["a@x.net"]),
    (["a@x.net", "b@x.net", "abuse"], ["b@x.net"]),
    (["abuse a@x.net", "A@X.NET b@x.net"], ["a@x.net", "b@x.net"]),
    (["a@x.net", "", "abuse"], []),
    (["a@x.net", "concert, innocent, certificate, nocturnal"], []),
    (["a@x.net", "cert1 syllabus babushka"], []),
    (["abuse@x.net"], ["abuse@x.net"]),
    (["noc@x.net"], ["noc@x.net"]),
    (["a@cert.example"], ["a@cert.example"]),
    *(
        ([f"{word}: a@x.net"], ["a@x.net"])
        for word in (
            *("abuse", "spam", "Antispam", "security", "csirt", "CERT", "CERT-EX", "noc", "(NOC)"),
            *(
                "complaint",
                "complaints",
                "incident",
                "network abuse",
                "Missbrauch",
                "abus",
                "abuso",
            ),
            *(
                "l'abus",
                "\u4e0d\u6b63",
                "\u6ee5\u7528\u6295\u8bc9",
                "\uff21\uff22\uff35\uff33\uff25",
            ),
            *("\u8bf7\u8054\u7cfbnoc", "\u8bf7abus"),
        )
    ),
]


@pytest.mark.parametrize(("lines", "wanted"), NEAR, ids=ascii)
def test_addresses_near_a_word_for_abuse_are_found(lines: list[str], wanted: list[str]) -> None:
    assert near_abuse(lines) == near_abuse(tuple(lines)) == wanted


@pytest.mark.parametrize(
    ("local", "wanted"),
    [
        *((desk, True) for desk in ("abuse", "ABUSE", "security", "csirt", "Cert", "noc")),
        *((desk, True) for desk in ("abuse-", "Abuse-desk", "abuse-report.eu")),
        *((other, False) for other in ("", "spam", "abusedesk", "abuse.desk", "noc-eu", "cert1")),
        *((other, False) for other in ("my-abuse", "security-", '"abuse contact"', "hostmaster")),
    ],
)
def test_desks_are_known_by_their_local_part(local: str, wanted: bool) -> None:
    assert role_like(f"{local}@example.net") is wanted
    assert role_like(f"{local}@abuse.example.net") is wanted
    assert not role_like(local)


def test_the_domain_is_behind_the_last_at() -> None:
    assert domain_of("abuse@Example.NET") == "example.net"
    assert domain_of('"a@b.example"@example.net') == "example.net"


@pytest.mark.parametrize(
    ("shown", "written"),
    [
        ("b\u00fccher.example", "xn--bcher-kva.example"),
        ("mail.b\u00fccher.example", "mail.xn--bcher-kva.example"),
        ("\u4f8b\u5b50.\u4e2d\u56fd", "xn--fsqu00a.xn--fiqs8s"),
        ("\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444", "xn--e1afmkfd.xn--p1ai"),
        ("stra\u00dfe.example", "xn--strae-oqa.example"),
    ],
)
def test_domains_have_a_form_in_unicode_and_one_in_ascii(shown: str, written: str) -> None:
    assert ascii_form(f"Abuse@{shown}") == f"Abuse@{written}"
    assert ascii_form(f"Abuse@{shown.upper()}".replace("SS", "\u00df")) == f"Abuse@{written}"
    assert unicode_form(f"Abuse@{written}") == f"Abuse@{shown}"
    assert unicode_form(f"Abuse@{written.upper()}") == f"Abuse@{shown}"
    assert unicode_form(f"Abuse@{shown}") is None
    assert ascii_form(f"Abuse@{written}") is None
    if "\u00df" not in shown:  # which IDNA 2003 took for "ss"
        assert shown.encode("idna").decode() == written


@pytest.mark.parametrize(
    "address",
    [
        *("", "abuse", "@", "abuse@", "abuse@example.net", "@xn--bcher-kva.example"),
        *("abuse@xn--.example", "abuse@xn--a.example", "abuse@xn--\u00fc.example"),
        *("abuse@xn--bcher-.example", "abuse@xn--99999999999.example", "abuse@xn--a-0aaaa.example"),
        *("abuse@xn--bcher-kvaa" + "a" * 60 + ".example", "abuse@axn--b.example"),
        "abuse@xn--0ca.xn--!",
        "abuse@xn--/ab-.example",
        "abuse@xn--" + "\u202eab".encode("punycode").decode() + ".example",
        "abuse@xn--" + "B\u00dcCHER".encode("punycode").decode().lower() + ".example",
        "abuse@xn--" + "\ud800".encode("punycode").decode() + ".example",
    ],
    ids=ascii,
)
def test_what_is_no_punycode_of_letters_has_no_form_in_unicode(address: str) -> None:
    assert unicode_form(address) is None


@pytest.mark.parametrize(
    "domain",
    [
        *("", "\u00fc..net", ".\u00fc", "\u00fc /.net", "\u202e\u00fc.net", "\ud800.net", "\u3002"),
        *("\u0301a.net", "-\u00fc.net", "\u00fc-.net", "\u00fc" * 59 + ".net", "\u00fc." * 150),
        "".join(chr(0x4E00 + 331 * place) for place in range(30)) + ".net",
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_what_is_no_domain_has_no_form_in_ascii(domain: str) -> None:
    assert ascii_form(f"abuse@{domain}") is None
    assert ascii_form(domain) is None


@given(texts, st.text("abcxyz0189-", max_size=20))
def test_forms_are_never_an_error(text: str, code: str) -> None:
    for address in (text, f"a@{text}", f"a@xn--{code}.net", f"a@xn--{code}{text}.xn--p1ai"):
        shown = unicode_form(address)
        written = ascii_form(address)
        assert written is None or written.rpartition("@")[2].isascii()
        assert shown is None or "\n" not in shown.rpartition("@")[2] or "\n" in address


# The values of `abuse-mailbox` in real objects, a list for each file, in its order.
REAL = {
    "display_name": [["abuse@novaposhta.ua"], ["abuse@icloudhosting.com"]],
    "multiple_addresses": [
        ["abuse@example.com", "abuse@example.net"],
        ["abuse@example.com", "abuse@example.net"],
        ['"abuse contact"@example.com', "abuse@example.com"],
    ],
    "simple_uppercase": [["NULL@example.com"]],
    "special_characters": [
        ["\"r:[/r/]*4;e'*&m'\"@fenix.international"],
        ['"abuse contact"@example.com'],
    ],
    "trailing_comment": [["abuse@crimeainfo.com"], ["abuse@cxl.zone"]],
}


@pytest.mark.skipif(not DATA.is_dir(), reason="RIRDEX_REAL_DATA names no folder with real dumps")
def test_mailboxes_of_real_roles_are_read() -> None:
    found = {
        path.name.split(".")[2]: [
            addresses(value)
            for block in path.read_bytes().split(b"\n\n")
            for name, value in attributes(block)
            if name == "abuse-mailbox"
        ]
        for path in sorted(DATA.glob("ripe.role.*.txt"))
    }
    assert found == REAL
