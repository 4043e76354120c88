"""Say by hand who is to be told of an incident in each block of `fixtures/casework`.

The rules are those of escalation: who uses the address at a contact of its own, who stands between,
who holds it, the origin AS, its upstreams from the smaller one on, the sponsor, the CSIRTs of the
user's country and the holder's, and the registry where nobody of the chain is reached.
"""

from __future__ import annotations

from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final, NamedTuple

from rirdex.indexer.build import build

FOLDER: Final = Path(__file__).parent.parent / "fixtures" / "casework"
DESK: Final = FOLDER / "desk"
CHANGED: Final = "2025-05-15"  # the day of the second snapshot
RIPE: Final = "https://www.ripe.net/support/contact/reporting-procedure/"
APNIC: Final = (
    "https://www.apnic.net/manage-ip/using-whois/abuse-and-spamming/reporting-abuse-and-spam/"
)
CLOUDFLARE: Final = "https://abuse.cloudflare.com/"  # cdn.toml
KRANICH: Final = "abuse@kranich.example"
DODO: Final = "abuse@dodo.example"
TANDEM = ("upstream", "abuse@tandem.example")  # one customer, Hafenlicht
GROSSTRASSE = ("upstream", "abuse@grosstrasse.example")
HAFENLICHT = [("origin-as", "abuse@hafenlicht.example"), TANDEM, GROSSTRASSE]
DE, GB, HK = (("csirt", f"team@cert-{code}.example") for code in ("de", "gb", "hk"))
JP, VE = ("csirt", "https://cert-jp.example/form"), ("csirt", "team@cert-ve.example")


Dropped = tuple[str, str | None, str]
SILENT: Final = "the dumps have no contact"
LESSEE: Final[Dropped] = ("lessee", None, SILENT)
HOLDER: Final[Dropped] = ("holder", None, SILENT)
UNKNOWN: Final[Dropped] = ("origin-as", None, "no record of it in the dumps")
SPIEGELEI = ("abuse@spiegelei.example", "It asked not to be written to.")
NIR = ("hostmaster@nir.example", "This is a national registry")
CDN: Final = "AS13335 (Cloudflare) is a content delivery network"
STALE: Final = "csirt.csv: the team was checked on 2024-01-31"
# Who is written to in Japanese.
JAPANESE: Final = frozenset({"abuse@kirschbaum.example", "abuse@hinoki.example", JP[1]})
LEASED: Final = frozenset({
    "leased-own", "leased-own-v6", "leased-none", "broker", "perpetrator", "japanese", "override",
    "tenant", "tenant-own",
})  # fmt: skip


class Expected(NamedTuple):
    """Hold who is told in a block, and what of it is said.

    ``rungs`` are kinds and recipient, `!` before one of today; ``dropped`` kind, mailbox and how
    the reason begins; each of ``notes`` begins a note of some rung.
    """

    rungs: list[tuple[str, str]]
    dropped: list[Dropped] = []  # noqa: RUF012 - a tuple's default, which nobody changes
    flags: list[str] = []  # noqa: RUF012
    single: bool = False
    notes: list[str] = []  # noqa: RUF012


# Of each block: the prefix, who is told, and who is told of the time before the second snapshot.
BLOCKS: Final[dict[str, tuple[str, Expected]]] = {
    "leased-own": ("245.16.1.0/24", Expected(
        [("lessee", "abuse@alpenkaffee.example"), ("holder", KRANICH), *HAFENLICHT, GB, DE],
    )),
    "leased-own-v6": ("2001:db8:c010::/48", Expected(
        [("lessee", "abuse@alpenkaffee.example"), ("holder", KRANICH), *HAFENLICHT, GB, DE],
    )),
    "leased-none": ("245.16.2.0/24", Expected(
        [("holder", KRANICH), HK, DE], [LESSEE, UNKNOWN],
        notes=["inherited: Birkenrinde Media Ltd", STALE],
    )),
    "broker": ("245.16.4.0/24", Expected(
        [("facilitator", "abuse@zwischenhafen.example"), ("holder", KRANICH), DE],
        [LESSEE, UNKNOWN],
    )),
    "inherited": ("245.16.8.0/24", Expected(
        [("holder+origin-as", KRANICH), GROSSTRASSE, DE], [LESSEE],
    )),
    "perpetrator": ("245.16.9.0/24", Expected(
        [("lessee", "abuse@nachtschatten.example"), ("holder", KRANICH), DE], [UNKNOWN],
    )),
    "japanese": ("245.16.10.0/24", Expected(
        [("lessee", "abuse@kirschbaum.example"), ("holder", KRANICH), *HAFENLICHT, JP, DE],
    )),
    "single": ("245.18.0.0/22", Expected(
        [("holder+origin-as", "abuse@massenhost.example"), GROSSTRASSE], single=True,
        notes=["Massenhost takes reports by its form too"],
    )),
    "form": ("245.19.0.0/24", Expected(
        [("holder+origin-as", "https://formular.example/report")],
        notes=["Formular Cloud processes no mail"],
    )),
    "cdn": ("245.20.0.0/24", Expected(
        [("holder", "abuse@wolkenrand.example"), ("origin-as", CLOUDFLARE), DE],
        flags=["cdn"], notes=[CDN],
    )),
    "dropped": ("245.21.0.0/24", Expected(
        # It has a contact, and a right one: nothing for the registry.
        [GROSSTRASSE, DE], [("holder", *SPIEGELEI), ("origin-as", *SPIEGELEI)],
    )),
    # The sponsor of a legacy net announces it too.
    "legacy": ("245.30.0.0/16", Expected(
        [("origin-as+sponsor", KRANICH), GROSSTRASSE, DE, ("registry", RIPE)], [HOLDER],
    )),
    "no-contact": ("245.40.0.0/24", Expected(
        [DE, ("registry", RIPE)], [HOLDER, UNKNOWN], ["no-contact"],
    )),
    "override": ("245.160.3.0/24", Expected(
        [("lessee", "cert@sundew.example"), ("holder", "abuse@banksia.example")], [UNKNOWN],
    )),
    # What stands on a national registry's nets is its own hostmaster: a last resort, not told.
    "nir": ("245.200.16.0/22", Expected(
        [JP, ("registry", APNIC)], [("holder", *NIR), ("origin-as", *NIR)], ["no-contact"],
        notes=["the detail lies with JPNIC: ask whois.nic.ad.jp",
               "named for it, as a last resort: hostmaster@nir.example"],
    )),
    "tenant": ("246.32.77.0/24", Expected([("holder", DODO), VE], [LESSEE, UNKNOWN])),
    "tenant-own": ("246.32.78.0/24", Expected(
        [("lessee", "abuse@hinoki.example"), ("holder", DODO), JP], [UNKNOWN],
    )),
    "nowhere": ("250.0.0.0/8", Expected([], flags=["no-net", "no-contact"])),
}  # fmt: skip
# The tenants of the first snapshot had contacts of their own; those of today come behind the holder
# of then, where they have one, and their country behind all.
BEFORE: Final = {
    "tenant": Expected(
        [("lessee", "abuse@papierdrache.example"), ("holder", DODO), HK, ("!csirt", VE[1])],
        [UNKNOWN, LESSEE], ["changed-tenant"],
        notes=["user then: Papierdrache Servers Limited; now: Orinoco Nuevo Hosting C.A.", STALE],
    ),
    "tenant-own": Expected(
        [("lessee", "abuse@kleeblatt.example"), ("holder", DODO),
         ("!lessee", "abuse@hinoki.example"), ("!csirt", JP[1])],
        [UNKNOWN], ["changed-tenant"],
        notes=["user then: Kleeblatt Servers (Pty) Ltd; now: Hinoki Hosting K.K."],
    ),
}  # fmt: skip
# With the list of presumed perpetrators: behind the holder.
ACCUSED: Final = Expected(
    [("holder", KRANICH), ("lessee", "abuse@nachtschatten.example"), DE],
    [UNKNOWN], ["perpetrator"],
)  # fmt: skip


def block_of(ip: str) -> str:
    """Return the name of the block of an address."""
    address = ip_address(ip)
    return next(name for name, (prefix, _) in BLOCKS.items() if address in ip_network(prefix))


def expected(ip: str, time: datetime | None) -> Expected:
    """Return who is to be told of an incident; without a time that is as of today."""
    name = block_of(ip)
    earlier = time is not None and time < datetime.fromisoformat(f"{CHANGED}T00:00:00+00:00")
    found = BEFORE[name] if name in BEFORE and earlier else BLOCKS[name][1]
    if time is None:
        order = ("no-net", "no-contact", "no-time")
        flags = [*found.flags, "no-time"]
        return found._replace(flags=sorted(flags, key=lambda flag: (*order, flag).index(flag)))
    return found


def build_index(folder: Path) -> Path:
    """Build the world of `fixtures/casework`: two snapshots, of which one registry has both."""
    files = {
        "routes": [str(FOLDER / "pfx2as")], "relationships": [str(FOLDER / "as-rel")],
    }  # fmt: skip
    build([str(FOLDER / "first")], str(folder / "first.rirdex"), desk=str(DESK), processes=0,
          **files)  # type: ignore[arg-type]  # fmt: skip
    target = folder / "casework.rirdex"
    build([str(FOLDER / "second")], str(target), previous=str(folder / "first.rirdex"),
          desk=str(DESK), processes=0, **files)  # type: ignore[arg-type]  # fmt: skip
    return target
