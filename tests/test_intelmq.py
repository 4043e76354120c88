"""Run the expert for IntelMQ in IntelMQ's own test harness, on indexes of the fixtures."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import unittest
import warnings
from collections.abc import Iterator
from datetime import date
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final
from unittest import mock

import pytest

from rirdex.indexer.build import build
from rirdex.query import open_index
from rirdex.query.desk import DeskError
from rirdex.query.enrichment import answer_at, facts
from rirdex.query.errors import AddressError, Damaged, NoIndex, StoreError

pytest.importorskip("intelmq")
with warnings.catch_warnings():
    # Of ruamel.yaml, and of setuptools, both used by IntelMQ.
    warnings.filterwarnings("ignore", r"\s*you should no longer specify 'unsafe'")
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")
    from intelmq.lib import test as harness
    from intelmq.lib import utils

    from rirdex.query.experts import BOT, RirdexExpertBot, harmonized, sides

FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
LEASES: Final = FIXTURES / "leases"
NAME: Final = "intelmq.bots.experts.rirdex.expert"
NEVER: Final = """
[[entry]]
tld = "example"
mark = "keep"
reason = "The parties are invented, and the mailboxes with them."

[[entry]]
mailbox = "abuse@nordlicht.example"
mark = "registry_contact"
reason = "Nobody of the party reads it."
"""
FORMS: Final = """
[[form]]
name = "Silbersee"
url = "https://silbersee.example/abuse"
mailboxes = ["abuse@silbersee.example"]
only = true
"""
OVERRIDES: Final = "match,contact,note,valid_until\n241.80.0.0/24,us@desk.example,by phone,\n"
PLACES: dict[str, str] = {}


@pytest.fixture(scope="module", autouse=True)
def _places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Build the indexes and desks that the tests read, by name in `PLACES`."""
    folder = tmp_path_factory.mktemp("intelmq")
    for name in ("now", "leases", "first"):
        PLACES[name] = str(folder / f"{name}.rirdex")
    build([str(FIXTURES / "before")], PLACES["first"], processes=0, snapshot=date(2025, 2, 1))
    build([str(FIXTURES / "now")], PLACES["now"], processes=0, snapshot=date(2026, 2, 1),
          previous=PLACES["first"])  # fmt: skip
    build([str(LEASES)], PLACES["leases"], processes=0, snapshot=date(2026, 4, 30),
          routes=[str(LEASES / "pfx2as")], vrps=[str(LEASES / "vrps.json")],
          relationships=[str(LEASES / "as-rel")],
          as_orgs=[str(LEASES / "as-org2info.txt")], desk=str(LEASES / "desk"))  # fmt: skip
    files = {"never.toml": NEVER, "forms.toml": FORMS, "overrides.csv": OVERRIDES}
    for name, texts in (("desk", files), ("bare", {}), ("bad", {"never.toml": "["})):
        (folder / name).mkdir()
        PLACES[name] = str(folder / name)
        for file, text in texts.items():
            (folder / name / file).write_text(text)
    yield
    PLACES.clear()


def event(**fields: Any) -> dict[str, Any]:
    """Return an event; in names `_` stands for a full stop, `__` for itself."""
    dotted = ((name.replace("__", "-").replace("_", "."), value) for name, value in fields.items())
    return {"__type": "Event"} | {name.replace("-", "_"): value for name, value in dotted}


class TestRirdexExpertBot(harness.BotTestCase, unittest.TestCase):  # type: ignore[misc]
    """Give events to the bot, one or several at a time, and look at what comes out."""

    input_message: Any

    @classmethod
    def setUpClass(cls) -> None:
        # It would leave root behind, for all tests after it.
        with mock.patch("intelmq.lib.utils.drop_privileges", return_value=True):
            super().setUpClass()

    @classmethod
    def set_bot(cls) -> None:
        cls.bot_reference = RirdexExpertBot
        cls.sysconfig = {"database": PLACES["now"], "desk": PLACES["desk"]}

    def out(self, *events: dict[str, Any], **parameters: Any) -> list[dict[str, Any]]:
        """Return what the bot makes of events."""
        self.input_message = list(events)
        self.run_bot(parameters=parameters, iterations=len(events))
        found = [json.loads(text) for text in self.get_output_queue()]
        assert len(found) == len(events)
        return found

    def of(self, address: str, **parameters: Any) -> dict[str, Any]:
        """Return what the bot adds to an event with an address as its source."""
        given = event(source_ip=address)
        found = self.out(given, **parameters)[0]
        assert {key: found.pop(key) for key in given} == given
        return found

    def test_a_leased_net_with_a_contact_of_its_own(self) -> None:
        self.input_message = event(source_ip="252.16.1.9", feed_name="a feed")
        self.run_bot(parameters={"database": PLACES["leases"]})
        self.assertMessageEqual(0, event(
            source_ip="252.16.1.9", feed_name="a feed", source_asn=65536,
            source_as__name="KETTENHUND-AS", source_network="252.16.1.0/24",
            source_registry="RIPE", source_allocated="2016-04-12T00:00:00+00:00",
            source_abuse__contact="abuse@mondfisch.example",
        ) | {"extra.rirdex.source." + name: value for name, value in {
            "net": "252.16.1.0/24", "netname": "MONDFISCH-GB", "status": "ASSIGNED PA",
            "role": "lessee", "registry": "RIPE", "country": ["GB"], "origins": [65536],
            "holder": "Silbersee Netze GmbH", "user": "Mondfisch Streaming Ltd",
            "lessor": "Silbersee Netze GmbH", "lessee": "Mondfisch Streaming Ltd",
            "facilitator": "Leihnetz", "verdict": "leased", "confidence": "high",
            "rules": [
                "origin-unrelated", "facilitator-maintainer", "own-contact", "own-geofeed",
                "country-differs", "created-later", "siblings-differ", "roa-foreign",
            ],
            "contact": ["abuse@mondfisch.example"], "contact_rule": "ripe.abuse-c",
            "contact_of": "252.16.1.0 - 252.16.1.255", "contact_status": "unknown",
            "contact_inherited": False, "contact_confidence": "high", "snapshot": "2026-04-30",
        }.items()})  # fmt: skip

    def test_a_net_that_inherits_its_contact(self) -> None:
        found = self.of("240.10.34.1")
        assert found["source.abuse_contact"] == "abuse@adresslease.example"
        mine = {name: found[f"extra.rirdex.source.{name}"] for name in (
            "contact_inherited", "contact_rule", "contact_of", "country", "snapshot",
        )}  # fmt: skip
        assert mine == {
            "contact_inherited": True, "contact_rule": "ripe.parent", "country": ["IS", "NO"],
            "contact_of": "240.10.32.0 - 240.10.47.255", "snapshot": "2026-02-01",
        }  # fmt: skip
        assert "source.asn" not in found

    def test_events_that_nothing_is_known_of_pass_as_they_came(self) -> None:
        given = [
            event(source_ip="1.1.1.1"), event(source_ip="241.255.0.1"), event(source_fqdn="a.test"),
            event(destination_ip="2001:db8:ffff::1", time_source="2020-01-01T00:00:00+00:00"),
        ]  # fmt: skip
        assert self.out(*given) == given

    def test_what_is_no_address_stops_nothing(self) -> None:
        self.prepare_bot()
        bare = {"source.ip": "240.10.33.7%eth0", "destination.ip": "AS64500"}
        for side in bare:
            self.bot._tell(bare, side.partition(".")[0], None)
        self.bot._tell({"source.ip": "240.10.33.7"}, "source", "soon")
        self.bot.stop(exitcode=0)
        self.set_input_queue([])
        assert self.log_stream.getvalue().count("Nothing is added for") == 3

    def test_ipv6_and_both_sides(self) -> None:
        given = event(source_ip="3fff:10:4001::1", destination_ip="100.64.9.9")
        found = self.out(given)[0]
        assert found["source.network"] == "3fff:10:4001::/48"
        assert found["extra.rirdex.source.lessee"] == "Wolkenburg Cloud Oy"
        assert found["destination.registry"] == "APNIC"
        assert found["destination.abuse_contact"] == "abuse@paperbark.example"
        assert found["extra.rirdex.destination.user"] == "虚构云网络有限公司"
        only = self.out(given, fields="destination")[0]
        assert not [key for key in only if key.startswith(("source.n", "extra.rirdex.source"))]
        assert only.items() <= found.items()

    def test_what_an_event_says_stays_unless_it_is_to_be_overwritten(self) -> None:
        said = event(
            source_ip="252.16.1.9", source_asn=64999, source_abuse__contact="a@b.test",
            source_registry="ARIN",
        ) | {"extra.rirdex.source.lessee": "somebody"}  # fmt: skip
        kept = self.out(said, database=PLACES["leases"])[0]
        assert said.items() <= kept.items()
        # Network and name of another AS would lie.
        assert "source.network" not in kept
        assert "source.as_name" not in kept
        assert kept["extra.rirdex.source.contact"] == ["abuse@mondfisch.example"]
        found = self.out(said, database=PLACES["leases"], overwrite=True)[0]
        fresh = self.of("252.16.1.9", database=PLACES["leases"])
        assert found == event(source_ip="252.16.1.9") | fresh
        same = self.out(said | {"source.asn": 65536}, database=PLACES["leases"])[0]
        assert same["source.as_name"] == "KETTENHUND-AS"

    def test_nothing_known_deletes_nothing(self) -> None:
        said = event(source_ip="252.32.1.1", source_asn=64999, source_as__name="X",
                     source_network="252.0.0.0/8", source_abuse__contact="a@b.test")  # fmt: skip
        found = self.out(said, database=PLACES["leases"], overwrite=True)[0]
        assert said.items() <= found.items()
        assert found["extra.rirdex.source.origins"] == [64505, 64506]

    def test_the_answer_is_that_of_the_day_of_the_event(self) -> None:
        address = "10.33.77.5"
        then, late, untimed = (
            {key.removeprefix("extra.rirdex.source."): value for key, value in found.items()}
            for found in self.out(
                event(source_ip=address, time_source="2025-03-01T23:00:00+00:00"),
                event(source_ip=address, time_source="2026-02-01T00:00:00+00:00"),
                event(source_ip=address, time_observation="2025-03-01T23:00:00+00:00"),
            )
        )
        assert (then["lessee"], then["country"]) == ("Lantern Peak Servers Limited", ["HK"])
        assert then["source.abuse_contact"] == "abuse@lanternpeak.example"
        assert then["contact_now"] == ["abuse@dodo.example"]
        assert (then["as_of"], then["snapshot"]) == ("2025-03-01", "2025-02-01")
        assert then["changed"] == ["user", "lessee", "contact"]
        for found in (late, untimed):
            assert (found["lessee"], found["country"]) == ("Orinoco Espejo Hosting C.A.", ["VE"])
            assert found["source.abuse_contact"] == "abuse@dodo.example"
            assert not {"as_of", "changed", "contact_now"} & found.keys()

    def test_the_day_of_the_event_may_be_left_out_or_not_be_held(self) -> None:
        given = event(source_ip="10.33.77.5", time_source="2025-03-01T23:00:00+00:00")
        today = self.out(given, as_of_event=False)[0]
        assert today["extra.rirdex.source.user"] == "Orinoco Espejo Hosting C.A."
        early = given | {"time.source": "2001-01-01T00:00:00+00:00"}
        for alone in self.out(given, early, database=PLACES["first"]):
            assert alone["extra.rirdex.source.user"] == "Lantern Peak Servers Limited"
            assert "extra.rirdex.source.as_of" not in alone
        found = self.out(early)[0]
        assert found["extra.rirdex.source.as_of"] == "2001-01-01"
        assert found["extra.rirdex.source.snapshot"] == "2025-02-01"

    def test_the_desk_decides_who_is_written_to(self) -> None:
        address = "241.80.0.1"
        assert self.of(address)["source.abuse_contact"] == "us@desk.example"
        bare = self.of(address, desk=PLACES["bare"])
        assert not [key for key in bare if "contact" in key]  # a reserved domain
        nobody = self.of("240.10.0.1")  # only the mailbox that is marked
        assert nobody["extra.rirdex.source.holder"] == "Nordlicht Hosting GmbH"
        assert not [key for key in nobody if "contact" in key]
        form = self.of("252.16.20.9", database=PLACES["leases"])
        assert form["extra.rirdex.source.contact_form"] == "https://silbersee.example/abuse"
        assert not {"source.abuse_contact", "extra.rirdex.source.contact"} & form.keys()

    def test_several_contacts_stand_with_commas(self) -> None:
        found = self.of("240.10.58.3")
        assert found["source.abuse_contact"] == "abuse@dreifeld.example,help@bursztyn.example"
        mailboxes = ['"a,b"@x.test', "c@x.test", "d@x.test"]
        own = harmonized({"contact": mailboxes}, None, False)
        assert own == {"abuse_contact": "c@x.test,d@x.test"}

    def test_a_registry_that_intelmq_does_not_know_is_told_in_extra(self) -> None:
        found = self.of("248.1.0.1")
        assert found["extra.rirdex.source.registry"] == "TESTNET"
        assert "source.registry" not in found

    def test_a_reload_opens_an_index_that_was_replaced(self) -> None:
        path = Path(PLACES["first"]).with_name("moving.rirdex")
        shutil.copyfile(PLACES["first"], path)
        self.input_message = [event(source_ip="10.33.77.5")] * 2
        self.prepare_bot(parameters={"database": str(path)})
        shutil.copyfile(PLACES["now"], path.with_suffix(".new"))
        path.with_suffix(".new").replace(path)
        self.bot.start(
            error_on_pipeline=False, source_pipeline=self.pipe, destination_pipeline=self.pipe
        )
        opened = self.bot._index
        self.bot.shutdown()  # as on SIGHUP
        with pytest.raises(StoreError):
            opened.lookup("10.33.77.5")
        self.bot.init()
        self.run_bot(prepare=False)
        users = [json.loads(x)["extra.rirdex.source.user"] for x in self.get_output_queue()]
        assert users == ["Lantern Peak Servers Limited", "Orinoco Espejo Hosting C.A."]
        assert self.bot._index is None

    def test_a_bot_without_an_index_does_not_start(self) -> None:
        for parameters, wrong in (
            ({"database": PLACES["bare"] + "/none"}, NoIndex), ({"desk": PLACES["bad"]}, DeskError),
            ({"database": PLACES["bad"] + "/never.toml"}, Damaged), ({"fields": ["x"]}, ValueError),
        ):  # fmt: skip
            with pytest.raises(wrong):
                self.prepare_bot(parameters=parameters)
        self.pipe = None


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"database": "/nowhere/index.rirdex"}, "build one with `rirdex build`"),
        ({}, "rirdex/index.rirdex: there is no index"),
        ({"database": "bad/never.toml"}, "never.toml: "),
        ({"database": "now", "desk": "bad"}, "is no TOML"),
        ({"database": "now", "desk": "/nowhere"}, "there is no such folder"),
        ({"database": "now", "fields": ["source", "from"]}, "write source, destination or both"),
        ({"database": "now", "fields": []}, "write source, destination or both"),
    ],
)
def test_a_check_says_what_is_wrong(parameters: dict[str, Any], text: str) -> None:
    places = PLACES | {"bad/never.toml": str(Path(PLACES["bad"]) / "never.toml")}
    given = {
        name: places.get(value, value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }
    ((level, message),) = RirdexExpertBot.check(given) or []
    assert level == "error"
    assert text in message
    assert "\n" not in message


def test_a_check_of_what_is_right_says_nothing() -> None:
    good = {"database": PLACES["now"], "desk": PLACES["desk"], "unknown": 1}
    for fields in ("source", "source, destination", ["destination"], ("source", "destination")):
        assert RirdexExpertBot.check(good | {"fields": fields}) is None
    assert sides("destination,source,destination") == ("destination", "source")


def test_intelmq_finds_the_bot() -> None:
    entries = entry_points(group="console_scripts", name=NAME)
    if not entries:
        pytest.skip("the entry point is not installed")
    with mock.patch.object(utils, "_get_console_entry_points", return_value=entries):
        found = utils.list_all_bots()["Expert"]["Rirdex"]
    assert found["module"] == NAME
    assert {"database", "desk", "overwrite", "fields", "as_of_event"} <= found["parameters"].keys()
    assert importlib.import_module(utils.get_bot_module_name(NAME)).BOT is BOT is RirdexExpertBot


def test_without_intelmq_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['intelmq'] = None; import rirdex.query.experts"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "ImportError: intelmq is missing: pip install 'rirdex[intelmq]'" in done.stderr


def test_facts_are_what_the_answer_says() -> None:
    """Every net of the leases: names, lists and marks against the JSON of its answer."""
    with open_index(PLACES["leases"], desk=PLACES["desk"]) as index:
        for row in range(len(index)):
            answer = answer_at(index, str(index.net(row).first))
            found, told = facts(answer), answer.to_dict()
            if not answer:
                assert found == {}
                continue
            for party in ("holder", "user", "lessor", "lessee", "facilitator", "sponsor"):
                named = told[party] and (told[party]["name"] or told[party]["handle"])
                assert found[party] == named
            assert found["origins"] == told["origins"]
            assert found["network"] == told["route"]
            assert found["rules"] == [item["rule"] for item in told["lease"]["evidence"]]
            held = [x["mailbox"] for x in told["abuse"] if x["level"] == found.get("contact_of")]
            contacts = found.get("contact") or []
            assert isinstance(contacts, list)
            assert set(contacts) <= set(held)
        with pytest.raises(AddressError, match="is no address"):
            answer_at(index, "AS64496")


def test_a_mailbox_in_free_text_is_left_to_people(tmp_path: Path) -> None:
    (tmp_path / "ripe.db.inetnum").write_text(
        "inetnum: 10.0.0.0 - 10.0.0.255\nnetname: X\nstatus: ASSIGNED PI\n"
        "remarks: report abuse to help@x.example\nsource: RIPE\n"
    )
    build([str(tmp_path)], str(tmp_path / "x.rirdex"), processes=0)
    with open_index(tmp_path / "x.rirdex", desk=PLACES["desk"]) as index:
        answer = answer_at(index, "10.0.0.1", "2020-01-01")
        assert [item.mailbox for item in answer.contacts] == ["help@x.example"]
        assert not [name for name, value in facts(answer).items() if value and "contact" in name]


def test_texts_of_dumps_come_out_clean(tmp_path: Path) -> None:
    (tmp_path / "ripe.db.inetnum").write_text(
        "inetnum: 10.0.0.0 - 10.0.0.255\nnetname: X\x1b[2J\ndescr: Evil \x07\u202eCo\n"
        "status: ASSIGNED PI\nsource: RIPE\n"
    )
    build([str(tmp_path)], str(tmp_path / "x.rirdex"), processes=0)
    with open_index(tmp_path / "x.rirdex") as index:
        found = facts(answer_at(index, "10.0.0.1"))
    assert found["holder"] == "Evil \ufffd\ufffdCo"
    assert "\x1b" not in json.dumps(found, ensure_ascii=False)
