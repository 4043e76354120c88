"""Ask the module for MISP as misp-modules does: JSON in, JSON out."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from rirdex.indexer.build import build
from rirdex.query.misp_module import handler, introspection, version

FIXTURES: Final = Path(__file__).parent.parent / "fixtures"
KEEP: Final = '[[entry]]\ntld = "example"\nmark = "keep"\nreason = "Invented."\n'
UUID: Final = "5b3f9f6e-0000-4000-8000-000000000001"
ADDRESS: Final = "10.33.77.5"
Config = dict[str, str]


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """Return the settings of an index of two snapshots."""
    folder = tmp_path_factory.mktemp("misp")
    first, path = str(folder / "first.rirdex"), str(folder / "now.rirdex")
    build([str(FIXTURES / "before")], first, processes=0, snapshot=date(2025, 2, 1))
    build([str(FIXTURES / "now")], path, processes=0, snapshot=date(2026, 2, 1), previous=first)
    (folder / "never.toml").write_text(KEEP)
    return {"index": path, "desk": str(folder)}


def ask(config: Config, kind: str, value: str, **more: str) -> Any:
    """Return what comes back for an attribute, having been JSON."""
    attribute = {"type": kind, "value": value, "uuid": UUID, **more}
    request = json.dumps({"module": "rirdex_lookup", "attribute": attribute, "config": config})
    return json.loads(json.dumps(handler(q=request.encode())))


def attributes(answer: Any, kind: str) -> list[tuple[str, str]]:
    """Return value and comment of the attributes of a type."""
    found = answer["results"]["Attribute"]
    return [(item["value"], item["comment"]) for item in found if item["type"] == kind]


def test_an_address_is_told_with_its_parties_and_contact(config: Config) -> None:
    answer = ask(config, "ip-src", "240.10.33.7")
    ((text, comment),) = attributes(answer, "text")
    lines = dict(line.split(": ", 1) for line in text.split("\n"))
    assert comment == "rirdex about 240.10.33.7"
    assert lines["holder"] == lines["lessor"] == "Nordlicht Hosting GmbH"
    assert (lines["verdict"], lines["confidence"]) == ("likely-leased", "medium")
    assert lines["contact_rule"] == "ripe.abuse-c"
    assert attributes(answer, "whois-registrant-org") == [
        ("Wolkenburg Cloud Oy",
         "lessee of 240.10.33.0/24, inferred: likely-leased, medium confidence"),
        ("Adresslease Brokers B.V.",
         "facilitator of 240.10.33.0/24, inferred: likely-leased, medium confidence"),
        ("Nordlicht Hosting GmbH", "holder of 240.10.33.0/24"),
    ]  # fmt: skip
    mails = attributes(answer, "email")
    assert mails == [("Abuse@wolkenburg.example", "abuse contact of 240.10.33.0/24 (ripe.abuse-c)")]


def test_nothing_is_an_indicator_and_only_who_uses_it_correlates(config: Config) -> None:
    found = ask(config, "ip-dst", "240.10.33.7")["results"]["Attribute"]
    assert not any(item["to_ids"] for item in found)
    told = [item["value"] for item in found if not item["disable_correlation"]]
    assert told == ["Wolkenburg Cloud Oy"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("ip-src", ADDRESS), ("ip-dst", ADDRESS), ("ip-src|port", f"{ADDRESS}|443"),
        ("ip-dst|port", f"{ADDRESS}|443"), ("domain|ip", f"a.test|{ADDRESS}"),
        ("ip-src", "10.33.77.0/24"),
    ],
)  # fmt: skip
def test_every_type_is_taken_that_is_said_to_be(config: Config, kind: str, value: str) -> None:
    assert kind in introspection()["input"]
    orgs = attributes(ask(config, kind, value), "whois-registrant-org")
    assert orgs[0][0] == "Orinoco Espejo Hosting C.A."


def test_first_seen_gives_the_answer_of_its_day(config: Config) -> None:
    then = ask(config, "ip-src", ADDRESS, first_seen="2025-03-01T12:00:00.000000+00:00")
    assert attributes(then, "whois-registrant-org")[0][0] == "Lantern Peak Servers Limited"
    assert "\nas_of: 2025-03-01\nsnapshot: 2025-02-01\n" in attributes(then, "text")[0][0]
    assert "error" in ask(config, "ip-src", ADDRESS, first_seen="soon")


def test_an_as_that_announces_it_is_told(tmp_path: Path, config: Config) -> None:
    (tmp_path / "routes").write_text("10.33.77.0\t24\t64500_64501\n")
    path = str(tmp_path / "routed.rirdex")
    build([str(FIXTURES / "now")], path, processes=0, routes=[str(tmp_path / "routes")])
    answer = ask(config | {"index": path}, "ip-src", ADDRESS)
    assert attributes(answer, "AS") == [
        ("AS64500", "announces 10.33.77.0/24"), ("AS64501", "announces 10.33.77.0/24"),
    ]  # fmt: skip


def test_what_goes_wrong_is_an_error_in_a_line(config: Config) -> None:
    for answer, text in (
        (ask(config, "ip-src", "1.1.1.1"), "No net of the index contains 1.1.1.1"),
        (ask(config, "ip-src", "AS64500"), "'AS64500' is no address"),
        (ask(config, "domain|ip", "a.test"), "needs an attribute"),
        (ask(config, "md5", "d41d8cd98f00b204e9800998ecf8427e"), "needs an attribute"),
        (ask(config | {"index": "/nowhere"}, "ip-src", ADDRESS), "/nowhere: there is no index"),
        (ask(config | {"desk": "/nowhere"}, "ip-src", ADDRESS), "there is no such folder"),
        (handler(q="{"), "needs an attribute"),
        (handler(q="[]"), "needs an attribute"),
        (handler(q='{"ip-src": "10.33.77.5"}'), "needs an attribute"),
        (handler(q='{"attribute": {"type": "ip-src", "value": 7}}'), "needs an attribute"),
        (handler(q='{"attribute": {"type": [], "value": "a"}}'), "needs an attribute"),
        (handler(q='{"attribute": {"type": "ip-src", "value": "a"}, "config": [1]}'), "needs an"),
    ):
        assert list(answer) == ["error"]
        assert text in answer["error"]
        assert "\n" not in answer["error"]
    assert handler() is False


def test_the_module_says_what_it_is() -> None:
    assert introspection()["format"] == "misp_standard"
    said = version()
    assert said["config"] == ["index", "desk"]
    assert said["module-type"] == ["expansion", "hover"]
    json.dumps([introspection(), said])
