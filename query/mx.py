"""Say what there is to say of mailboxes: stand-ins, free mail, persons, domains without mail.

All of it is read from the index and from files but for one thing: whether a domain takes mail is
asked of a name server, where a caller wants that (`look_up`), by the rules of RFC 5321, 5.1, and
RFC 7505. Each domain is asked for once. What a server does not answer is unknown, not dead.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, Final

from . import layout
from .addresses import pack, shown
from .contacts import items_of
from .errors import AddressError, Error
from .mailboxes import ascii_form, domain_of

if TYPE_CHECKING:
    import dns.resolver

    from .index import Index

MARKS: Final = {
    "drop": "dummy", "registry_contact": "registry-contact", "reserved_domain": "reserved-domain",
}  # fmt: skip
MAILED: Final = "mailed"  # what is said of a contact that has a mailbox at all
TAKES, ADDRESS, NULL, NOTHING, NXDOMAIN, UNKNOWN = STATES = (
    "mx", "address", "null-mx", "nothing", "nxdomain", "unknown",
)  # fmt: skip
DEAD: Final = frozenset({NULL, NOTHING, NXDOMAIN})
THREADS: Final = 8
SECONDS: Final = 5.0
_PERSON: Final = layout.CLASSES.index("person")
_NOTHING: Final[frozenset[str]] = frozenset()


def judging(
    index: Index, orgs: Collection[str] = (), dead: Collection[str] = ()
) -> Callable[[str], frozenset[str]]:
    """Return what says of a mailbox on nets of some organisations what there is to say of it.

    That is: findings (`audit.FINDINGS`), and `MAILED`. ``dead`` are domains that take no mail.
    """
    free = free_mail()

    @cache
    def judge(mailbox: str) -> frozenset[str]:
        verdict = index.desk.judge(mailbox, orgs)
        domain = domain_of(mailbox)
        codes = (
            verdict and MARKS[verdict.mark], "free-mail" if domain in free else None,
            "mail-domain-dead" if domain in dead else None,
        )  # fmt: skip
        return frozenset([MAILED, *filter(None, codes)])

    return judge


def said(
    index: Index, result: int, judge: Callable[[str], frozenset[str]]
) -> Iterator[tuple[str | None, frozenset[str]]]:
    """Yield the mailboxes of a result (a row of `contact.*`), and what there is to say of each.

    The mailbox is None where there is a handle alone.
    """
    tables = index._tables
    for item in items_of(tables, None, result):
        codes = judge(item.mailbox) if item.mailbox else _NOTHING
        if item.status == "invalid":
            codes |= {"marked-invalid"}
        has = item._has
        if item.mailbox and isinstance(has, int) and tables.object_class[has] == _PERSON:
            codes |= {"personal"}
        yield item.mailbox, codes


@cache
def free_mail() -> dict[str, str]:
    """Return the providers of free mail by their domains (`freemail.csv`)."""
    place = os.path.join(os.path.dirname(__file__), "freemail.csv")
    with open(place, encoding="utf-8", newline="") as file:
        return {row["domain"]: row["provider"] for row in csv.DictReader(file)}


def mail_domains(index: Index, nets: Iterable[int]) -> list[str]:
    """Return the distinct domains of the mailboxes of nets, given by their ids."""
    tables = index._tables
    values = tables.view("net_contact")
    results = {values[net] & layout.RESULT_BITS for net in nets} - {0}
    boxes = (item.mailbox for result in results for item in items_of(tables, None, result))
    return sorted({domain_of(mailbox) for mailbox in boxes if mailbox})


# -- the name server --------------------------------------------------------------------------


def server(text: str) -> tuple[str, int]:
    """Read `ADDRESS[:PORT]`, an IPv6 address with a port in brackets. Raises `AddressError`."""
    address, colon, port = text, "", "53"
    if text.startswith("["):
        address, bracket, port = text[1:].partition("]")
        colon, port = (port[:1], port[1:]) if port else ("", "53")
        if not bracket or colon not in ("", ":"):
            raise AddressError(f"{shown(text)} is no name server: write it as [2001:db8::1]:53")
    elif text.count(":") == 1:
        address, colon, port = text.partition(":")
    pack(address)
    if not (port.isascii() and port.isdigit() and 0 < int(port[:6]) < 1 << 16):
        raise AddressError(f"{shown(text)} is no name server: {shown(port)} is no port")
    return address, int(port)


def look_up(
    domains: Iterable[str], *, resolver: tuple[str, int] | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> dict[str, str]:  # fmt: skip
    """Ask a name server, the system's by default, whether domains take mail: one of `STATES` each.

    ``progress`` is told 1 for each domain that is done. Raises `Error` without dnspython or
    without a name server.
    """
    asking = _resolver(resolver)
    wanted = list(dict.fromkeys(domains))
    found = {}
    pool = ThreadPoolExecutor(THREADS)
    try:
        states = pool.map(lambda domain: state_of(domain, asking), wanted)
        for domain, state in zip(wanted, states, strict=True):
            found[domain] = state
            progress(1)
    finally:
        pool.shutdown(cancel_futures=True)
    return found


def _resolver(server: tuple[str, int] | None) -> dns.resolver.Resolver:
    try:
        import dns.exception
        import dns.resolver
    except ImportError:
        raise Error(
            "a look-up of mail domains needs dnspython: run pip install 'rirdex[audit]'"
        ) from None
    try:
        asking = dns.resolver.Resolver(configure=server is None)
    except dns.exception.DNSException as error:
        raise Error(f"no name server is known here ({error}): name one with --resolver") from None
    if server is not None:
        asking.nameservers, asking.port = [server[0]], server[1]
    asking.lifetime = SECONDS
    return asking


def state_of(domain: str, asking: dns.resolver.Resolver) -> str:
    """Ask whether a domain takes mail; return one of `STATES`.

    Without an MX record mail goes to the domain's address (RFC 5321, 5.1); one that names the root
    says that no mail is taken (RFC 7505).
    """
    import dns.exception
    import dns.name
    import dns.resolver

    written = ascii_form(f"postmaster@{domain}") or domain
    try:
        name = dns.name.from_text(f"{domain_of(written)}.")
        try:
            hosts = [record.exchange for record in asking.resolve(name, "MX", search=False)]
            return NULL if all(host == dns.name.root for host in hosts) else TAKES
        except dns.resolver.NoAnswer:
            pass
        for kind in ("A", "AAAA"):
            try:
                asking.resolve(name, kind, search=False)
                return ADDRESS
            except dns.resolver.NoAnswer:
                continue
        return NOTHING
    except dns.resolver.NXDOMAIN:
        return NXDOMAIN
    except (dns.exception.DNSException, OSError):
        return UNKNOWN
