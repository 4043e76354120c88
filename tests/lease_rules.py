"""Judge small worlds of nets as the table of verdicts says, slowly: the oracle of lease verdicts.

Nothing here is rirdex's: objects are tuples, ranges integers, and everything is asked of everything
else. The rules are those of `leasing.md` section 2 and 7, of `status.md` section 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from itertools import pairwise
from typing import Final, NamedTuple

Prefix = tuple[int, int]  # first address, length
Systems = frozenset[int]
Told = tuple[str, str, frozenset[str]]  # verdict, confidence, rules that fired

HOLDING: Final = ("ALLOCATED PA", "ALLOCATED-ASSIGNED PA", "ASSIGNED PI", "ASSIGNED ANYCAST")
SUB: Final = ("SUB-ALLOCATED PA",)
PARTITIONS: Final = ("LIR-PARTITIONED PA",)
REGIONS: Final = ("", "EU", "AP", "ZZ")
STRONG: Final = frozenset(
    {
        "facilitator-maintainer", "facilitator-organisation", "facilitator-contact",
        "lease-remark",
    }
)  # fmt: skip
SIGNS: Final = frozenset(
    {
        "facilitator-name", "facilitator-origin", "own-contact", "own-geofeed",
        "country-differs", "created-later", "siblings-differ", "roa-foreign", "sub-allocated-24",
    }
)  # fmt: skip
LOWER: Final = {"high": "medium", "medium": "low", "low": "low"}
TWO_YEARS: Final = 2 * 365.25


class Net(NamedTuple):
    """Hold a net. Dates are days; ``abuse`` is the mailbox of its own abuse role."""

    first: int
    last: int
    netname: str
    status: str
    descr: str = ""
    org: str = ""
    country: str = ""
    created: date | None = None
    mnt_by: tuple[str, ...] = ("EX-MNT",)
    mnt_lower: tuple[str, ...] = ()
    remarks: str = ""
    geofeed: str = ""
    abuse: str = ""


class Org(NamedTuple):
    """Hold an organisation; ``abuse`` is the mailbox of its abuse role."""

    handle: str
    name: str
    country: str = ""
    abuse: str = ""


class System(NamedTuple):
    """Hold an AS number, whose it is, and who sponsors it."""

    asn: int
    org: str
    sponsor: str = ""


class Facilitator(NamedTuple):
    """Hold an entry of a desk's list; ``kind`` is platform, broker, holder or isp."""

    name: str
    kind: str
    maintainer: str
    organisation: str
    asn: int
    netname: str
    domain: str


class World(NamedTuple):
    """Hold all that a build is given. ``routes`` is None where none are loaded.

    ``transit`` are pairs of customer and provider, ``names`` the owners of AS numbers by as2org,
    ``roas`` triples of first address, length and AS number.
    """

    nets: tuple[Net, ...]
    orgs: tuple[Org, ...] = ()
    systems: tuple[System, ...] = ()
    routes: Mapping[Prefix, Systems] | None = None
    transit: frozenset[tuple[int, int]] = frozenset()
    names: Mapping[int, str] = {}
    roas: tuple[tuple[int, int, int], ...] = ()
    facilitators: tuple[Facilitator, ...] = ()
    services: Systems = frozenset()

    def org(self, handle: str) -> Org | None:
        """Return the organisation of a handle."""
        return next((org for org in self.orgs if org.handle == handle), None)

    def chain(self, address: int) -> list[Net]:
        """Return the nets around an address, widest first."""
        around = [net for net in self.nets if net.first <= address <= net.last]
        return sorted(around, key=lambda net: net.first - net.last)


# -- parties -----------------------------------------------------------------------------------


def party_name(world: World, net: Net) -> str:
    """Return what the party of a net is called, in a form that tells only companies apart."""
    org = world.org(net.org)
    text = (org.name if org else "") or net.descr or net.netname
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    while len(words) > 1 and words[-1] in ("ltd", "gmbh", "bv", "inc"):
        words.pop()
    return " ".join(words)


def same_party(world: World, one: Net, other: Net) -> bool:
    """Say whether two nets bear one identity: by handle, else by name.

    Of two handles, a name is not enough: no country may differ, and a maintainer has to agree
    where an object is known to both.
    """
    if one.org and one.org == other.org:
        return True
    alike = party_name(world, one) == party_name(world, other)
    if not (one.org and other.org):
        return alike
    apart = len({one.country, other.country} - {*REGIONS}) == 2
    known = {one.org, other.org} <= {org.handle for org in world.orgs}
    return alike and not apart and (not known or bool({*one.mnt_by} & {*other.mnt_by}))


def holder_in(world: World, chain: list[Net]) -> Net | None:
    """Return the smallest net of a holder, else the largest legacy net (R2)."""
    direct = [net for net in chain if net.status in HOLDING]
    legacy = [net for net in chain if net.status == "LEGACY"]
    return direct[-1] if direct else legacy[0] if legacy else None


def systems_of(world: World, net: Net) -> Systems:
    """Return A: the AS numbers of a party's organisation, of its name, and those it sponsors."""
    name = party_name(world, net)
    handles = {org.handle for org in world.orgs if party_name(world, _as_net(org)) == name}
    handles |= {net.org} if net.org else set()
    return frozenset(
        system.asn for system in world.systems if {system.org, system.sponsor} & handles
    )


def _as_net(org: Org) -> Net:
    return Net(0, 0, "", "", org=org.handle, descr=org.name)


# -- routes ------------------------------------------------------------------------------------


def bounds(prefix: Prefix) -> tuple[int, int]:
    """Return the first and last address of a prefix."""
    first, length = prefix
    return first, first + (1 << (32 - length)) - 1


class Seen(NamedTuple):
    """Hold how a net is announced: exact, covering, inside, block, silent; and by whom."""

    how: str
    origins: Systems = frozenset()


def seen(world: World, net: Net, holder: Net) -> Seen:
    """Return how a net is announced: its exact route, one around it within H's block, or inside."""
    routes = {bounds(prefix): origins for prefix, origins in (world.routes or {}).items()}
    if (net.first, net.last) in routes:
        return Seen("exact", routes[net.first, net.last])
    block = (holder.first, holder.last)
    around = [span for span in routes if span[0] <= net.first and net.last <= span[1]]
    around.sort(key=lambda span: span[1] - span[0])
    # Whoever announces more than the holder's own block announces that; for a net below it is
    # nothing of its own.
    within = [span for span in around if net == holder or (span != block and inside(span, block))]
    if within:
        return Seen("covering", routes[within[0]])
    # A route inside a net inside of this one tells of that.
    ranges = [(other.first, other.last) for other in world.nets if other != net]
    inner = [span for span in ranges if inside(span, (net.first, net.last))]
    below = [
        span
        for span in routes
        if inside(span, (net.first, net.last)) and not any(inside(span, each) for each in inner)
    ]
    if below:
        return Seen("inside", frozenset().union(*(routes[span] for span in below)))
    return Seen("block") if around else Seen("silent")


def inside(span: tuple[int, int], block: tuple[int, int]) -> bool:
    """Say whether a range lies in another or is it."""
    return block[0] <= span[0] and span[1] <= block[1]


def related(world: World, left: Systems, right: Systems) -> bool:
    """Say whether some pair is equal or siblings, or a left one a customer of a right one."""
    return any(
        one == other
        or (one in world.names and world.names[one] == world.names.get(other))
        or (one, other) in world.transit
        for one in left
        for other in right
    )


def kin(world: World, net: Net, holder: Net) -> Systems:
    """Return A and the origins of H's block; for H's own net A alone."""
    systems = systems_of(world, holder)
    if net == holder:
        return systems
    routes = {bounds(prefix): origins for prefix, origins in (world.routes or {}).items()}
    return systems | routes.get((holder.first, holder.last), frozenset())


# -- rules -------------------------------------------------------------------------------------


def is_user(world: World, chain: list[Net], holder: Net) -> bool:
    """Say whether the last net of a chain is another party's than the holder's (R3, R5)."""
    net = chain[-1]
    own = not same_party(world, net, holder)
    # A partition is the party around it, unless it names an organisation of its own.
    if net.status in PARTITIONS and len(chain) > 1 and (
        not net.org or same_party(world, net, chain[-2])
    ):  # fmt: skip
        return own and is_user(world, chain[:-1], holder)
    return own


def is_facilitator(world: World, net: Net, item: Facilitator) -> bool:
    """Say whether the party of a net is a known one: by its handle, else by what it is called."""
    org = world.org(net.org)
    text = (org.name if org else "") or net.descr
    if net.org == item.organisation:
        return True
    return item.name.lower() in text.lower() if text else names(net.netname, item)


def names(netname: str, item: Facilitator) -> bool:
    """Say whether a netname begins with a facilitator's, as a whole word."""
    rest = netname.removeprefix(item.netname)
    return rest != netname and not rest[:1].isalpha()


def facilitators(world: World) -> list[Facilitator]:
    """Return those known parties that stand between others."""
    return [item for item in world.facilitators if item.kind in ("platform", "broker")]


def listed(world: World, holder: Net) -> list[Facilitator]:
    """Return the facilitators but the holder itself, who stands between nobody."""
    return [item for item in facilitators(world) if not is_facilitator(world, holder, item)]


def mailbox(world: World, chain: list[Net]) -> tuple[str, Net | None]:
    """Return the mailbox of the last net of a chain by RIPE's rule, and the net that gives it."""
    for net in reversed(chain):
        org = world.org(net.org)
        found = net.abuse or (org.abuse if org else "")
        if found:
            return found, net
    return "", None


def facilitator_rules(world: World, chain: list[Net], holder: Net) -> set[str]:
    """Return the rules that fire by what is known of facilitators.

    A maintainer or organisation on a net between the holder's and the last one counts for both;
    one in mnt-lower of the holder's block speaks of what is registered for users there.
    """
    net, items = chain[-1], listed(world, holder)
    user = is_user(world, chain, holder)
    fired: set[str] = set()
    below = chain[chain.index(holder) + 1 :] or [holder]
    maintainers = {name for each in below for name in each.mnt_by}
    if user:
        maintainers |= {*holder.mnt_lower}
    if any(item.maintainer in maintainers for item in items):
        fired.add("facilitator-maintainer")
    if any(item.organisation == each.org for item in items for each in below):
        fired.add("facilitator-organisation")
    mail, _ = mailbox(world, chain)
    if any(mail.endswith("@" + item.domain) for item in items):
        fired.add("facilitator-contact")
    for item in items:
        if user and is_facilitator(world, net, item):
            fired.add("user-is-facilitator")
    if any(names(each.netname, item) or is_facilitator(world, each, item)
           for item in items for each in below):  # fmt: skip
        fired.add("facilitator-name")
    return fired


def registration_rules(world: World, chain: list[Net], holder: Net) -> set[str]:
    """Return the other rules that fire by what is registered, for the last net of a chain."""
    net = chain[-1]
    fired: set[str] = set()
    if not is_user(world, chain, holder):
        fired.add("same-party")
    mail, giver = mailbox(world, chain)
    at_holder, _ = mailbox(world, chain[: chain.index(holder) + 1])
    if mail and giver == net and mail != at_holder and net != holder:
        fired.add("own-contact")
    words = [*net.remarks.lower().split(), ""]
    if any(
        word in ("lease", "leased", "leasing") and after not in ("line", "lines")
        for word, after in pairwise(words)
    ):
        fired.add("lease-remark")
    if net.geofeed:
        fired.add("own-geofeed")
    if len({net.country, holder.country} - {*REGIONS}) == 2:
        fired.add("country-differs")
    if net.created and holder.created and (net.created - holder.created).days > TWO_YEARS:
        fired.add("created-later")
    if net.status in SUB and net.last - net.first == 255:
        fired.add("sub-allocated-24")
    if not systems_of(world, holder):
        fired.add("holder-without-as")
    return fired


def routing_rules(world: World, chain: list[Net], holder: Net) -> tuple[set[str], str]:
    """Return the rules that fire by routes, and how the net is announced."""
    net = chain[-1]
    if world.routes is None:
        return {"no-routes"}, ""
    how, origins = seen(world, net, holder)
    if how in ("block", "silent"):
        return {"block-announced" if how == "block" else "not-announced"}, how
    if related(world, origins, kin(world, net, holder)):
        return {"origin-related"}, how
    fired = {"origin-unrelated"}
    if origins <= world.services:
        fired.add("origin-service")
    if origins & {item.asn for item in facilitators(world)}:
        fired.add("facilitator-origin")
    if is_user(world, chain, holder) and of_user_alone(world, net, origins):
        fired.add("origin-of-user")
    return fired, how


def of_user_alone(world: World, net: Net, origins: Systems) -> bool:
    """Say whether an origin is the user's own, and nobody known to sell transit to it."""
    bought = {customer for customer, _ in world.transit}
    return bool(origins & systems_of(world, net) - bought)


def siblings_differ(world: World, holder: Net) -> bool:
    """Say whether three or more users under a holder have different unrelated origins."""
    users, origins = set(), set()
    for other in world.nets:
        around = world.chain(other.first)
        around = around[: around.index(other) + 1]
        if holder_in(world, around) != holder or not is_user(world, around, holder):
            continue
        fired, _ = routing_rules(world, around, holder)
        if "origin-unrelated" in fired:
            users.add(party_name(world, other))
            origins.add(seen(world, other, holder).origins)
    return len(users) > 2 and len(origins) > 2


def roa_foreign(world: World, net: Net, holder: Net) -> bool:
    """Say whether a ROA inside H's block names an AS unrelated to H.

    That is a ROA for just the net, else the longest one around it that is not H's whole block.
    """
    spans = [(bounds((first, length)), asn) for first, length, asn in world.roas if asn]
    block, own = (holder.first, holder.last), (net.first, net.last)
    around = [span for span, _ in spans if inside(own, span) and inside(span, block)]
    around = [span for span in around if span in (own,) or span != block]
    if not around:
        return False
    closest = min(around, key=lambda span: span[1] - span[0])
    named = frozenset(asn for span, asn in spans if span == closest)
    return not related(world, named, kin(world, net, holder))


# -- the table ---------------------------------------------------------------------------------


def judge(world: World, address: int, without: Iterable[str] = ()) -> Told | None:
    """Return the verdict on the last net around an address; None where there is no net."""
    chain = world.chain(address)
    if not chain:
        return None
    net, holder = chain[-1], holder_in(world, chain)
    if holder is None:
        return "unknown", "low", frozenset({"no-holder"}) - frozenset(without)
    by_routes, how = routing_rules(world, chain, holder)
    fired = registration_rules(world, chain, holder) | by_routes
    fired |= facilitator_rules(world, chain, holder)
    user = is_user(world, chain, holder)
    if user and "origin-unrelated" in fired and siblings_differ(world, holder):
        fired.add("siblings-differ")
    # Where the origins are related, or there are none, nothing hangs on a ROA.
    if user and fired & {"origin-unrelated", "no-routes"} and roa_foreign(world, net, holder):
        fired.add("roa-foreign")
    rules = frozenset(fired) - frozenset(without)
    # Whose a net is, and whether its holder has an AS, are facts also without the rule.
    told = rules | (frozenset(fired) & {"same-party", "holder-without-as"})
    if net == holder:
        verdict, confidence = of_holder(told)
    elif "same-party" in told:
        verdict, confidence = of_holders_net(told)
    else:
        verdict, confidence = of_user(told)
    lower = how in ("covering", "inside") and verdict != "unknown"
    return verdict, LOWER[confidence] if lower else confidence, rules


def of_holder(rules: frozenset[str]) -> tuple[str, str]:
    """Judge H's own net."""
    if "origin-related" in rules:
        return "own-use", "high"
    if "origin-unrelated" in rules and "origin-service" not in rules and rules & STRONG:
        return "likely-leased", "low"
    return ("unused", "medium") if "not-announced" in rules else ("unknown", "low")


def of_holders_net(rules: frozenset[str]) -> tuple[str, str]:
    """Judge a net below H that bears H's identity."""
    if rules & {"origin-related", "block-announced"}:
        return "own-use", "high"
    if rules & {"origin-service", "origin-unrelated"}:
        return "likely-leased", "low"
    if "not-announced" in rules:
        return "unused", "medium"
    return "own-use" if "no-routes" in rules else "unknown", "low"


def of_user(rules: frozenset[str]) -> tuple[str, str]:
    """Judge a user's net. What no row of the table tells is unknown."""
    strong, signs = bool(rules & STRONG), len(rules & SIGNS)
    if "origin-service" in rules:
        return "likely-leased", "medium" if strong else "low"
    if "origin-unrelated" in rules:
        if strong:
            return "leased", "high"
        if "origin-of-user" in rules:
            return "likely-leased", "low"
        if "holder-without-as" not in rules:
            return "leased", "medium"
        return "likely-leased", "medium" if signs else "low"
    if rules & {"origin-related", "block-announced"}:
        if strong:
            return "likely-leased", "medium"
        return "customer", "high" if "origin-related" in rules else "medium"
    if "not-announced" in rules:
        return "unused", "medium"
    if "no-routes" in rules and strong:
        return "likely-leased", "medium"
    return ("likely-leased" if "no-routes" in rules and signs > 1 else "unknown"), "low"
