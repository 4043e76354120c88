"""Say in words why a block is judged as it is, in English and Japanese.

A rule has a clause for when it fired, with the facts it saw in braces, and what it would have
needed where it did not. Some rules have a second form, named behind a stroke. A verdict is an
inference: every sentence says how things appear, and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple
from unicodedata import east_asian_width

LANGUAGES: Final = ("en", "ja")


class Some(NamedTuple):
    """Name the first of some things, and how many more there are."""

    items: tuple[str, ...]
    more: int = 0


Facts = Mapping[str, str | Some]

_CLAUSES: Final = {
    "en": {
        "origin-unrelated": "{announced} by {origins}, not known to be related to the holder",
        "origin-related": "{announced} by {origins}, related to the holder",
        "block-announced": "it is announced only within {prefixes}, which holds all of the "
        "holder's block, by {origins}",
        "not-announced": "no route contains it, and none lies inside it",
        "not-announced/around": "no route contains it, and those inside it are of smaller nets",
        "no-routes": "the index was built without routes",
        "no-holder": "no net around it names a holder",
        "same-party": "it is registered for the holder",
        "same-party/own": "it is the holder's own net",
        "facilitator-maintainer": "{maintainer}, a maintainer of {party}, is on it",
        "facilitator-maintainer/above": "{maintainer}, a maintainer of {party}, is on a net above",
        "facilitator-maintainer/block": "{maintainer}, a maintainer of {party}, is in mnt-lower of "
        "the holder's block",
        "facilitator-maintainer/unnamed": "a maintainer of {party} is on it or on a net above",
        "facilitator-organisation": "its organisation {handle} is that of {party}",
        "facilitator-organisation/above": "the organisation {handle} above it is that of {party}",
        "facilitator-organisation/unnamed": "an organisation of {party} is on it or on a net above",
        "facilitator-contact": "its abuse contact {mailbox} is that of {party}",
        "facilitator-contact/unnamed": "its abuse contact is that of {party}",
        "lease-remark": 'its text says "{text}"',
        "facilitator-name": "its name {name} is that of {party}",
        "facilitator-origin": "its origin {origins} is that of {party}",
        "user-is-facilitator": "its user is {party}, so that a lessee is not known",
        "own-contact": "it has an abuse contact of its own, {mailbox}",
        "own-contact/theirs": "its abuse contact is {mailbox}, the holder's is {theirs}",
        "own-geofeed": "it has a geofeed of its own",
        "own-geofeed/url": "it has a geofeed of its own, {url}",
        "country-differs": "its country is {country}, that of the holder's block {theirs}",
        "created-later": "it was created on {created}, more than two years after the holder's "
        "block ({theirs})",
        "siblings-differ": "three or more users under the holder have different origins, none "
        "related to it",
        "roa-foreign": "a ROA inside the holder's block names an AS unrelated to the holder",
        "sub-allocated-24": "it is exactly a /24, with status {status}",
        "holder-without-as": "no AS number of the holder is known",
        "origin-service": "those that announce it announce others' addresses as a service: "
        "{origins}",
        "origin-of-user": "the user has an AS of its own that announces it: {origins}",
    },
    "ja": {
        "origin-unrelated": "{announced}、広告元の {origins} と保有者との関係は見当たりません",
        "origin-related": "{announced}、広告元の {origins} は保有者と関係があります",
        "block-announced": "保有者のブロック全体を含む {prefixes} としてのみ、{origins} から"
        "広告されています",
        "not-announced": "これを含む経路も内側の経路も広告されていません",
        "not-announced/around": "これを含む経路はなく、内側の経路はより小さな登録のものです",
        "no-routes": "経路情報なしで作られたインデックスです",
        "no-holder": "これを含む登録に保有者が見当たりません",
        "same-party": "登録上の名義が保有者と同じです",
        "same-party/own": "保有者自身の登録です",
        "facilitator-maintainer": "{party}のメンテナー {maintainer} が登録されています",
        "facilitator-maintainer/block": "保有者のブロックの mnt-lower に{party}のメンテナー "
        "{maintainer} があります",
        "facilitator-maintainer/above": "上位の登録に{party}のメンテナー {maintainer} があります",
        "facilitator-maintainer/unnamed": "この登録か上位の登録に{party}のメンテナーがあります",
        "facilitator-organisation": "登録上の組織 {handle} は{party}のものです",
        "facilitator-organisation/above": "上位の登録の組織 {handle} は{party}のものです",
        "facilitator-organisation/unnamed": "この登録か上位の登録の組織は{party}のものです",
        "facilitator-contact": "不正利用の連絡先 {mailbox} は{party}のものです",
        "facilitator-contact/unnamed": "不正利用の連絡先は{party}のものです",
        "lease-remark": "登録に「{text}」と書かれています",
        "facilitator-name": "名称 {name} は{party}のものです",
        "facilitator-origin": "広告元の {origins} は{party}のASです",
        "user-is-facilitator": "利用者として登録されているのは{party}自身で、借主は不明です",
        "own-contact": "独自の不正利用連絡先 {mailbox} があります",
        "own-contact/theirs": "不正利用の連絡先は {mailbox} で、保有者の {theirs} と異なります",
        "own-geofeed": "独自の geofeed があります",
        "own-geofeed/url": "独自の geofeed があります ({url})",
        "country-differs": "国コードは {country} で、保有者のブロックの {theirs} と異なります",
        "created-later": "登録日は {created} で、保有者のブロック ({theirs}) より2年以上後です",
        "siblings-differ": "同じ保有者の下の3者以上が、無関係な別々のASから広告されています",
        "roa-foreign": "保有者のブロックの内側に、保有者と無関係なASを示すROAがあります",
        "sub-allocated-24": "ちょうど /24 で、ステータスは {status} です",
        "holder-without-as": "保有者のAS番号が分かりません",
        "origin-service": "広告元の {origins} は、他者のアドレスの広告を代行する事業者です",
        "origin-of-user": "利用者自身の {origins} から広告されています",
    },
}  # fmt: skip
_ANNOUNCED: Final = {
    "en": {
        "exact": "{prefixes} is announced", "inside": "within it {prefixes} are announced",
        "inside/one": "within it {prefixes} is announced",
        "covering": "{prefixes} around it is announced", "": "it is announced",
    },
    "ja": {
        "exact": "{prefixes} が広告されており", "inside": "内側の {prefixes} が広告されており",
        "inside/one": "内側の {prefixes} が広告されており",
        "covering": "これを含む {prefixes} が広告されており", "": "広告されており",
    },
}  # fmt: skip
_LACKS: Final = {
    "en": {
        "origin-unrelated": "needs origins of which none is an AS of the holder, a sibling or "
        "customer of one, or of the origins of its block",
        "origin-related": "needs an origin that is an AS of the holder, a sibling or customer of "
        "one, or of the origins of its block",
        "block-announced": "needs that only a route of the holder's whole block contains it",
        "not-announced": "needs that no route contains it, and that none inside it is its own",
        "no-routes": "needs an index that was built without routes",
        "no-holder": "needs a chain in which no net names a holder",
        "same-party": "needs the holder's organisation or name on the net",
        "facilitator-maintainer": "needs a known facilitator's maintainer in mnt-by, or in "
        "mnt-lower of the holder's block",
        "facilitator-organisation": "needs a known facilitator's organisation on the net",
        "facilitator-contact": "needs an abuse mailbox of a known facilitator",
        "lease-remark": "needs the word lease in the net's text",
        "facilitator-name": "needs a known facilitator's name as netname or party",
        "facilitator-origin": "needs a known facilitator's AS among the origins",
        "user-is-facilitator": "needs a known facilitator as the user",
        "own-contact": "needs an abuse contact of the net's own that is not the holder's",
        "own-geofeed": "needs a geofeed in the net's text",
        "country-differs": "needs a country other than that of the holder's block",
        "created-later": "needs creation dates of the net and, two years before it, of the "
        "holder's block",
        "siblings-differ": "needs three users under the holder with different unrelated origins",
        "roa-foreign": "needs a ROA (--vrps) inside the holder's block for an AS unrelated to the "
        "holder",
        "sub-allocated-24": "needs a status of a sub-allocation on exactly a /24",
        "holder-without-as": "needs a holder of whom no AS number is known",
        "origin-service": "needs origins that all announce others' addresses as a service",
        "origin-of-user": "needs an origin that is registered for the user",
        "": "needs routes (--routes)", "off": "switched off",
    },
    "ja": {
        "origin-unrelated": "広告元のいずれも、保有者のAS、その兄弟や顧客、ブロックの広告元と"
        "無関係であること",
        "origin-related": "広告元に、保有者のAS、その兄弟や顧客、ブロックの広告元と関係するものが"
        "あること",
        "block-announced": "保有者のブロック全体の経路だけがこれを含むこと",
        "not-announced": "これを含む経路も内側の経路もないこと",
        "no-routes": "経路情報なしで作られたインデックスであること",
        "no-holder": "これを含む登録に保有者がいないこと",
        "same-party": "保有者の組織または名称が登録にあること",
        "facilitator-maintainer": "既知の仲介者のメンテナーが mnt-by か、保有者のブロックの "
        "mnt-lower にあること",
        "facilitator-organisation": "既知の仲介者の組織が登録にあること",
        "facilitator-contact": "不正利用の連絡先が既知の仲介者のものであること",
        "lease-remark": "登録の文中に lease の語があること",
        "facilitator-name": "netname か名義が既知の仲介者のものであること",
        "facilitator-origin": "広告元に既知の仲介者のASがあること",
        "user-is-facilitator": "利用者が既知の仲介者であること",
        "own-contact": "保有者のものと異なる独自の不正利用連絡先があること",
        "own-geofeed": "登録に geofeed があること",
        "country-differs": "国コードが保有者のブロックと異なること",
        "created-later": "登録日が保有者のブロックより2年以上後と分かること",
        "siblings-differ": "同じ保有者の下の3者以上が、無関係な別々のASから広告されていること",
        "roa-foreign": "保有者のブロックの内側に、無関係なASを示すROA (--vrps) があること",
        "sub-allocated-24": "再割り振りのステータスで、ちょうど /24 であること",
        "holder-without-as": "保有者のAS番号が一つも知られていないこと",
        "origin-service": "広告元のすべてが、他者のアドレスの広告を代行する事業者であること",
        "origin-of-user": "広告元に、利用者の名義のASがあること",
        "": "経路情報 (--routes) が要ります", "off": "無効にされています",
    },
}  # fmt: skip
_NEED_ROUTES: Final = frozenset(
    (
        "origin-unrelated", "origin-related", "block-announced", "not-announced",
        "facilitator-origin", "siblings-differ", "origin-service", "origin-of-user",
    )
)  # fmt: skip
_VERDICTS: Final = {
    "en": {
        "leased": "appears to be leased",
        "likely-leased": "appears to be leased, though not certainly",
        "customer": "appears to be used by a customer of the holder",
        "own-use": "appears to be used by the holder itself", "unused": "appears to be unused",
        "unknown": "whether it is leased cannot be told",
    },
    "ja": {
        "leased": "リースされていると見られます",
        "likely-leased": "リースされている可能性があると見られます",
        "customer": "保有者の顧客が利用していると見られます",
        "own-use": "保有者自身が利用していると見られます", "unused": "未使用と見られます",
        "unknown": "リースかどうかは判断できません",
    },
}  # fmt: skip
_KINDS: Final = {
    "en": {
        "platform": "the known platform {}", "broker": "the known broker {}",
        "holder": "the known lessor {}", "isp": "the network operator {}", "": "{}",
    },
    "ja": {
        "platform": "既知の仲介プラットフォーム {} ", "broker": "既知の仲介業者 {} ",
        "holder": "既知の貸主 {} ", "isp": "通信事業者 {} ", "": " {} ",
    },
}  # fmt: skip
_WORDS: Final = {
    "ja": {
        "holder": "保有者", "user": "利用者", "lessor": "貸主", "lessee": "借主",
        "facilitator": "仲介者", "sponsor": "スポンサー", "lease": "リース", "route": "経路",
        "abuse": "連絡先", "why": "管轄", "note": "注記", "aside": "別記録",
        "high": "高", "medium": "中", "low": "低", "org": "組織", "from": "出典",
        "registry": "レジストリ", "partition": "区分", "customer": "顧客", "aggregate": "集約",
        "infrastructure": "自社設備", "placeholder": "仮登録", "foreign": "他レジストリ",
        "rules that fired": "成立した規則", "rules that did not": "成立しなかった規則",
    },
}  # fmt: skip
_JOINTS: Final = {"en": (", ", " and ", " and {:,} more"), "ja": ("、", "、", "ほか{:,}件")}


def word(text: str, lang: str) -> str:
    """Return a label, role or confidence in a language; English is what it is called anyway."""
    return _WORDS.get(lang, {}).get(text, text)


def party(name: str, kind: str, lang: str) -> str:
    """Return how a party on the list of known ones is called in a clause."""
    return _KINDS[lang][kind].format(name)


def joined(some: Some, lang: str) -> str:
    """Return things as a list in words."""
    comma, last, more = _JOINTS[lang]
    items = some.items
    if some.more:
        return comma.join(items) + more.format(some.more)
    return last.join(filter(None, (comma.join(items[:-1]), *items[-1:])))


def clause(rule: str, form: str, facts: Facts, lang: str) -> str:
    """Return what a rule that fired has seen."""
    values = {
        key: value if isinstance(value, str) else joined(value, lang)
        for key, value in facts.items()
    }
    if "kind" in values:
        values["party"] = party(values["party"], values["kind"], lang)
    if "how" in values:
        how = values["how"]
        prefixes = facts["prefixes"]
        one = how == "inside" and isinstance(prefixes, Some) and len(prefixes.items) == 1
        phrase = _ANNOUNCED[lang]["inside/one" if one and not prefixes[1] else how]
        values["announced"] = phrase.format_map(values)
    return _CLAUSES[lang][f"{rule}/{form}" if form else rule].format_map(values)


def lack(rule: str, off: bool, routes: bool, lang: str) -> str:
    """Return what a rule that did not fire would have needed, or that it is switched off."""
    missing = rule in _NEED_ROUTES and not routes
    return _LACKS[lang]["off" if off else "" if missing else rule]


def sentence(verdict: str, confidence: str | None, reasons: Iterable[str], lang: str) -> str:
    """Return a verdict and its reasons."""
    said = _VERDICTS[lang][verdict]
    sure = word(confidence or "low", lang)
    if lang == "ja":
        why = "。".join(reasons)
        return f"{said} (確度: {sure}): {why}。" if why else f"{said} (確度: {sure})。"
    why = "; ".join(reasons)
    return f"{said} ({sure}): {why}" if why else f"{said} ({sure})"


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)
