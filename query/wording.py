"""Say in words why a block is judged as it is, in English and Japanese.

A rule has a clause for when it fired, with the facts it saw in braces, and what it would have
needed where it did not. Some rules have a second form, named behind a stroke. A verdict is an
inference: every sentence says how things appear, and accuses nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import east_asian_width

from .layout import SIGNS, STRONG

if TYPE_CHECKING:
    from .verdicts import Fired

LANGUAGES: Final = ("en", "ja")
_LEASED: Final = ("leased", "likely-leased")
_REASONS: Final = 3  # in one sentence


class Some(NamedTuple):
    """Name the first of some things, and how many more there are."""

    items: tuple[str, ...]
    more: int = 0


Facts = Mapping[str, str | Some]

_CLAUSES: Final = {
    "en": {
        "origin-unrelated": "{announced} by {origins}, not known to be related to the holder",
        "origin-related": "{announced} by {origins}, related to the holder",
        "origin-related/although": "although {origins}, which {announces} it, {is} related to the "
        "holder",
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
        "facilitator-name/above": "the name {name} above it is that of {party}",
        "facilitator-origin": "its origin {origins} is that of {party}",
        "user-is-facilitator": "its user is {party}, so that a lessee is not known",
        "own-contact": "it has an abuse contact of its own, {mailbox}",
        "own-contact/theirs": "its abuse contact is {mailbox}, the holder's is {theirs}",
        "own-geofeed": "it has a geofeed of its own",
        "own-geofeed/url": "it has a geofeed of its own, {url}",
        "country-differs": "its country is {country}, that of the holder's block {theirs}",
        "created-later": "it was created on {created}, more than two years after the holder's "
        "block ({theirs})",
        "siblings-differ": "at least three users of the holder's space have different origin ASes, "
        "none related to the holder",
        "roa-foreign": "a ROA inside the holder's block names an AS unrelated to the holder",
        "sub-allocated-24": "it is exactly a /24, with status {status}",
        "holder-without-as": "no AS number of the holder is known",
        "origin-service": "it is announced by {origins}, which {announces} addresses for others "
        "(DDoS protection, CDN, cloud)",
        "origin-of-user": "the user has an AS of its own that announces it: {origins}",
        "turnover": "it went from one user to another: {users} since {since}",
    },
    "ja": {
        "origin-unrelated": "{announced} {origins} から経路広告されていますが、この広告元と"
        "保有者との関係は確認できません",
        "origin-related": "{announced}、保有者と関係のある {origins} から経路広告されています",
        "origin-related/although": "ただし、経路広告している {origins} は保有者と関係があります",
        "block-announced": "保有者のブロック全体を含む経路 {prefixes} としてのみ、{origins} から"
        "経路広告されています",
        "not-announced": "このアドレス範囲を含む経路も、範囲内の経路も広告されていません",
        "not-announced/around": "このアドレス範囲を含む経路はなく、範囲内の経路はいずれもより小さな"
        "登録のものです",
        "no-routes": "このインデックスには経路情報が含まれていません",
        "no-holder": "このアドレスを含む登録の中に、保有者に当たるものがありません",
        "same-party": "登録上の名義が保有者と同じです",
        "same-party/own": "保有者自身の登録です",
        "facilitator-maintainer": "mnt-by に{party}のメンテナー {maintainer} が含まれています",
        "facilitator-maintainer/above": "上位の登録の mnt-by に{party}のメンテナー {maintainer} が"
        "含まれています",
        "facilitator-maintainer/block": "保有者のブロックの mnt-lower に{party}のメンテナー "
        "{maintainer} が含まれています",
        "facilitator-maintainer/unnamed": "この登録または上位の登録の mnt-by に、{party}の"
        "メンテナーが含まれています",
        "facilitator-organisation": "登録上の組織 {handle} は{party}のものです",
        "facilitator-organisation/above": "上位の登録の組織 {handle} は{party}のものです",
        "facilitator-organisation/unnamed": "この登録または上位の登録の組織が{party}のものです",
        "facilitator-contact": "不正利用連絡先 {mailbox} は{party}のものです",
        "facilitator-contact/unnamed": "不正利用連絡先は{party}のものです",
        "lease-remark": "登録情報に「{text}」と記載されています",
        "facilitator-name": "名称 {name} は{party}のものです",
        "facilitator-name/above": "上位の登録の名称 {name} は{party}のものです",
        "facilitator-origin": "広告元の {origins} は{party}のASです",
        "user-is-facilitator": "利用者として登録されているのは{party}自身で、借主は不明です",
        "own-contact": "この登録独自の不正利用 (abuse) 連絡先 {mailbox} があります",
        "own-contact/theirs": "不正利用連絡先は {mailbox} で、保有者の {theirs} と異なります",
        "own-geofeed": "この登録独自の geofeed があります",
        "own-geofeed/url": "この登録独自の geofeed があります ({url})",
        "country-differs": "国コードは {country} で、保有者のブロックの {theirs} と異なります",
        "created-later": "登録日 ({created}) は、保有者のブロックの登録日 ({theirs}) より"
        "2年以上後です",
        "siblings-differ": "同じ保有者のブロックを使う3者以上のアドレスが、保有者と無関係な、"
        "それぞれ別のASから経路広告されています",
        "roa-foreign": "保有者のブロック内に、保有者と無関係なASをオリジンとするROAがあります",
        "sub-allocated-24": "大きさがちょうど /24 で、ステータスは {status} です",
        "holder-without-as": "保有者のAS番号は確認できていません",
        "origin-service": "広告元の {origins} は、他者のアドレスの経路広告を代行するサービス "
        "(DDoS対策、CDN、クラウドなど) のASです",
        "origin-of-user": "利用者自身のAS {origins} から経路広告されています",
        "turnover": "{since} 以降、利用者が次々と変わっています ({users})",
    },
}  # fmt: skip
_ANNOUNCED: Final = {
    "en": {
        "exact": "{prefixes} is announced", "inside": "within it {prefixes} are announced",
        "inside/one": "within it {prefixes} is announced",
        "covering": "{prefixes} around it is announced", "": "it is announced",
    },
    "ja": {
        "exact": "{prefixes} は", "inside": "この範囲内の {prefixes} は",
        "inside/one": "この範囲内の {prefixes} は", "covering": "この範囲を含む {prefixes} は",
        "": "このアドレス範囲は",
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
        "same-party": "needs the holder's organisation on the net, or its name where the net "
        "has no organisation",
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
        "siblings-differ": "needs three users of the holder's space with different origin ASes, "
        "none related to the holder",
        "roa-foreign": "needs a ROA (--vrps) inside the holder's block for an AS unrelated to the "
        "holder, and no related origin",
        "sub-allocated-24": "needs a status of a sub-allocation on exactly a /24",
        "holder-without-as": "needs a holder of whom no AS number is known",
        "origin-service": "needs origins that all announce addresses for others (DDoS protection, "
        "CDN, cloud)",
        "origin-of-user": "needs an origin that is registered for the user",
        "turnover": "needs snapshots in which it went from one user to another twice in three "
        "years, or once in two to one of another country",
        "": "needs routes (--routes)", "off": "switched off",
    },
    "ja": {
        "origin-unrelated": "広告元のいずれも、保有者のAS、同じ組織のAS、それらの顧客のASではなく、"
        "保有者のブロックの広告元とも無関係であること",
        "origin-related": "広告元に、保有者のAS、同じ組織のAS、それらの顧客のAS、または保有者の"
        "ブロックの広告元と関係のあるASがあること",
        "block-announced": "このアドレス範囲を含む経路が、保有者のブロック全体の経路だけであること",
        "not-announced": "このアドレス範囲を含む経路がなく、範囲内にもこの登録自身の経路がないこと",
        "no-routes": "経路情報を含まないインデックスであること",
        "no-holder": "このアドレスを含む登録の中に、保有者に当たるものがないこと",
        "same-party": "登録の組織が保有者と同じであること。組織がない登録では名称が同じであること",
        "facilitator-maintainer": "既知の仲介者のメンテナーが、mnt-by または保有者のブロックの "
        "mnt-lower に含まれていること",
        "facilitator-organisation": "登録の組織が既知の仲介者のものであること",
        "facilitator-contact": "不正利用連絡先が既知の仲介者のものであること",
        "lease-remark": "登録情報に lease の語があること",
        "facilitator-name": "netname または名義が既知の仲介者のものであること",
        "facilitator-origin": "広告元に既知の仲介者のASがあること",
        "user-is-facilitator": "利用者が既知の仲介者であること",
        "own-contact": "保有者のものと異なる、この登録独自の不正利用連絡先があること",
        "own-geofeed": "登録情報に geofeed があること",
        "country-differs": "国コードが保有者のブロックと異なること",
        "created-later": "登録日が保有者のブロックの登録日より2年以上後であること",
        "siblings-differ": "同じ保有者のブロックを使う3者以上のアドレスが、保有者と無関係な、"
        "それぞれ別のASから経路広告されていること",
        "roa-foreign": "保有者のブロック内に、保有者と無関係なASをオリジンとするROA (--vrps) が"
        "あること",
        "sub-allocated-24": "再割り振りのステータスで、大きさがちょうど /24 であること",
        "holder-without-as": "保有者のAS番号が一つも確認できていないこと",
        "origin-service": "広告元のすべてが、他者のアドレスの経路広告を代行するサービス (DDoS対策、"
        "CDN、クラウドなど) のASであること",
        "origin-of-user": "広告元に、利用者自身のASがあること",
        "turnover": "スナップショットの間に、3年以内に2回以上、または2年以内に他国の利用者へ、"
        "利用者が変わっていること",
        "": "経路情報 (--routes) が必要です", "off": "無効にされています",
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
        "leased": "リースされていると推定されます",
        "likely-leased": "リースされている可能性があります",
        "customer": "保有者の顧客が利用していると推定されます",
        "own-use": "保有者自身が利用していると推定されます", "unused": "未使用と推定されます",
        "unknown": "リースかどうかは判断できません",
    },
}  # fmt: skip
_OFF: Final = {"en": "rules are switched off: {}", "ja": "次の規則が無効にされています: {}"}
_KINDS: Final = {
    "en": {
        "platform": "the known platform {}", "broker": "the known broker {}",
        "holder": "the known lessor {}", "isp": "the network operator {}",
        "": "a known facilitator",
    },
    "ja": {
        "platform": "既知の仲介プラットフォーム {} ", "broker": "既知の仲介業者 {} ",
        "holder": "既知の貸主 {} ", "isp": "通信事業者 {} ", "": "既知の仲介者",
    },
}  # fmt: skip
_WORDS: Final = {
    "ja": {
        "holder": "保有者", "user": "利用者", "lessor": "貸主", "lessee": "借主",
        "contact": "連絡先", "then": "当時", "now": "現在",
        "facilitator": "仲介者", "sponsor": "スポンサー", "lease": "リース", "route": "経路",
        "abuse": "不正利用連絡先", "why": "レジストリの判断", "note": "注記",
        "aside": "参考登録",
        "high": "高", "medium": "中", "low": "低", "org": "組織", "from": "出典",
        "registry": "レジストリ", "partition": "内部区分", "customer": "顧客", "aggregate": "集約",
        "infrastructure": "保有者のインフラ", "placeholder": "プレースホルダー",
        "foreign": "他レジストリ",
        "rules that fired": "該当した規則",
        "rules that did not": "該当しなかった規則 (該当に必要な条件)",
        "not known; only the facilitator is registered": "不明 (仲介者だけが登録されています)",
    },
}  # fmt: skip
_SURE: Final = {"en": " ({})", "ja": " (確度: {})"}
_BETWEEN: Final = {"en": "; ", "ja": "。"}
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
    origins = facts.get("origins")
    if isinstance(origins, Some):
        many = len(origins.items) + origins.more > 1
        values["announces"], values["is"] = ("announce", "are") if many else ("announces", "is")
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


def summary(
    verdict: str, confidence: str | None, seen: Iterable[Fired], off: Iterable[str], lang: str
) -> str:
    """Return a verdict with the reasons that decide, of the rules that fired, as one sentence.

    ``off`` are the rules that the build has switched off.
    """
    fired = {item.rule: item for item in seen}
    leased = verdict in _LEASED
    if "origin-service" in fired:
        fired.pop("origin-unrelated", None)
    if verdict != "unknown" and not leased:
        fired.pop("holder-without-as", None)
    chosen = [item for rule, item in fired.items() if rule not in SIGNS]
    chosen += [item for rule, item in fired.items() if leased and rule in SIGNS]
    if leased and "no-routes" in fired:  # it says why no more is known
        chosen = [*chosen[1:_REASONS], chosen[0]]
    elif leased and "origin-related" in fired and not fired.keys().isdisjoint(STRONG):
        rest = [item for item in chosen if item.rule != "origin-related"]
        chosen = [*rest[: _REASONS - 1], fired["origin-related"]._replace(form="although")]
    reasons = [item.detail(lang) for item in chosen[:_REASONS]]
    if names := ", ".join(off) if verdict == "unknown" and not reasons else "":
        reasons = [_OFF[lang].format(names)]
    return sentence(verdict, confidence, reasons, lang)


def sentence(verdict: str, confidence: str | None, reasons: Iterable[str], lang: str) -> str:
    """Return a verdict, how sure it is unless it is that nothing can be told, and its reasons."""
    said = _VERDICTS[lang][verdict]
    why = _BETWEEN[lang].join(reasons)
    if verdict != "unknown":
        said += _SURE[lang].format(word(confidence or "low", lang))
    said += f": {why}" if why else ""
    return f"{said}。" if lang == "ja" else said


def width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(1 + (east_asian_width(letter) in "WF") for letter in text)
