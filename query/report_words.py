"""Hold the words of a report's page in English and Japanese.

Of each figure a title and a sentence that says how to read it; of columns and rows what they are
called where they are no names. Leases are always put as an inference from public data.
"""

from __future__ import annotations

from typing import Any, Final

_ENGLISH: Final[dict[str, Any]] = {
    "title": "Incidents and leased addresses",
    "inference": "That an address is leased is an inference from public registration and routing "
    "data. It is no finding about any company, and it may be wrong.",
    "counted": "{incidents} incidents at {addresses} addresses, {first} to {last}.",
    "counted_untimed": "{incidents} incidents at {addresses} addresses, none with a time.",
    "share": "{leased} of {incidents} ({share}) lie in space that appears to be leased.",
    "abroad": "Of {pairs} of these, lessor and lessee both have a country; in {share} it is not "
    "the same.",
    "untimed": "{untimed} have no time: they are judged as of today and are in no month.",
    "invalid": "{invalid} rows could not be read and are not counted ({reasons}).",
    "no_routes": "The index has no routes: nothing can be told to be leased with confidence.",
    "one_snapshot": "The index has one snapshot: what was before or after it is not known.",
    "ledger": "{reports} reports are in the ledger.",
    "sources": "Registration data", "source": "Source", "date": "Date",
    "made": "Made with rirdex {rirdex} from index {build}.",
    "nothing": "Nothing to count.", "key": "", "total": "Total", "not_known": "not known",
    "other": "others", "hatched": " Hatched: the part in space that appears to be leased.",
    "figures": {
        "months": ("Incidents by month", "By the space in which the address lay at that time."),
        "sectors": ("By sector", "The sector that was imitated or attacked, where it is told."),
        "categories": ("By kind of incident", "As they were reported."),
        "brands": ("By brand", "The brands that were imitated most, where they are told."),
        "countries": ("By country of the party told first",
                      "The country of the registration behind the first contact; - is unknown."),
        "kinds": ("Who is told first, by year",
                  "What the party of the first contact is to the address."),
        "lessors": ("Lessors", "Registered holders of blocks that appear to be leased to others."),
        "facilitators": ("Facilitators", "Platforms and brokers that stand on such blocks."),
        "lessees": ("Lessees", "Registered users of such blocks."),
        "origins": ("Origin AS numbers", "Who announced the address at that time."),
        "matrix": ("Country of lessor and of lessee",
                   "Rows are the lessor's country, columns the lessee's; the same is framed."),
        "quality": ("Contacts of the blocks",
                    "Whether who uses a block has a contact of its own in the registry."),
        "turnover": ("Change of tenant around the incident",
                     "By the first snapshot that shows another party; one incident may count "
                     "more than once."),
        "states": ("Reports by kind of party", "What became of them, by the ledger."),
        "answers": ("Days from report to answer", "Quartiles, by kind of party."),
    },
    "columns": {
        "leased": "leased", "likely-leased": "likely leased", "registered": "other registered",
        "none": "no net", "incidents": "incidents", "reports": "reports",
        "addresses": "addresses", "nets": "blocks", "on_leased": "in leased space",
        "sent": "sent", "answered": "answered", "refused": "refused", "bounced": "bounced",
        "total": "all", "share": "share", "share_leased": "leased of it",
        "lower": "lower quartile", "median": "median", "upper": "upper quartile",
    },
    "kinds": {
        "lessee": "lessee", "facilitator": "facilitator", "holder": "holder",
        "origin-as": "origin AS", "upstream": "upstream", "sponsor": "sponsor", "csirt": "CSIRT",
        "registry": "registry", "nobody": "nobody", "all": "all",
    },
    "rows": {
        "quality": {
            "own": "of its own", "inherited": "the holder's", "text": "in remarks only",
            "form": "a web form only", "invalid": "marked invalid", "bounced": "mail came back",
            "none": "none",
        },
        "turnover": {
            "since": "changed since the incident", "before": "changed in the 90 days before",
            "after": "changed in the 90 days after", "steady": "no change seen",
            "unknown": "not known",
        },
    },
}  # fmt: skip
_JAPANESE: Final[dict[str, Any]] = {
    "title": "インシデントと IP アドレスのリース",
    "inference": "アドレスがリースされているという判定は、"
    "公開されている登録情報と経路情報からの推定です。いかなる組織についての認定でもなく、誤りの可能性があります。",
    "counted": "{first} から {last} までのインシデント {incidents} 件 "
    "(IP アドレス {addresses} 個)。",
    "counted_untimed": "インシデント {incidents} 件 (IP アドレス {addresses} 個)、"
    "いずれも発生日時の記載なし。",
    "share": "{incidents} 件中 {leased} 件 ({share}) がリースと推定される空間で発生。",
    "abroad": "うち貸し手と借り手の国が判明している {pairs} 件の {share} で両者の国が異なる。",
    "untimed": "{untimed} 件は発生日時が不明のため現在の情報で判定し、月別の集計に含めていません。",
    "invalid": "{invalid} 行は読み取れず、集計に含めていません ({reasons})。",
    "no_routes": "索引に経路情報がないため、確度の高いリースの判定はできません。",
    "one_snapshot": "索引のスナップショットは 1 時点のみで、その前後の変化は不明です。",
    "ledger": "台帳には {reports} 件の報告があります。",
    "sources": "使用した登録情報", "source": "ファイル", "date": "日付",
    "made": "rirdex {rirdex}、索引 {build} により作成。",
    "nothing": "該当なし", "key": "", "total": "合計", "not_known": "不明", "other": "その他",
    "hatched": "斜線部分はリースと推定される空間での件数です。",
    "figures": {
        "months": ("月別インシデント件数", "発生時点でアドレスが属していた空間による内訳です。"),
        "sectors": ("業種別", "騙られた、または標的となった業種 (判明分)。"),
        "categories": ("種別", "報告された種別による件数です。"),
        "brands": ("ブランド別", "多く騙られたブランド (判明分)。"),
        "countries": ("最初の連絡先の国", "最初の連絡先となる登録の国です。「-」は不明。"),
        "kinds": ("最初の連絡先の種類 (年別)", "連絡先の組織がそのアドレスに対して持つ立場です。"),
        "lessors": ("貸し手", "リースと推定される空間の登録上の保有者です。"),
        "facilitators": ("仲介者", "その空間の登録に現れる仲介業者や取引所です。"),
        "lessees": ("借り手", "その空間の登録上の利用者です。"),
        "origins": ("オリジン AS", "発生時点で経路を広告していた AS です。"),
        "matrix": ("貸し手の国と借り手の国",
                   "行が貸し手、列が借り手の国。枠線は同じ国を示します。"),
        "quality": ("連絡先の登録状況", "利用者自身の連絡先が登録されているかどうかです。"),
        "turnover": ("発生日前後の利用者の交代",
                     "別の組織が最初に現れたスナップショットの日付によります。1 件が複数に該当する"
                     "ことがあります。"),
        "states": ("連絡先の種類別の報告数", "台帳に記録された結果です。"),
        "answers": ("報告から回答までの日数", "連絡先の種類別の四分位数です。"),
    },
    "columns": {
        "leased": "リース", "likely-leased": "リースの疑い", "registered": "その他の登録空間",
        "none": "登録なし", "incidents": "件数", "reports": "報告数", "addresses": "アドレス数",
        "nets": "ブロック数", "on_leased": "うちリース空間", "sent": "送付", "answered": "回答",
        "total": "計", "share": "構成比", "share_leased": "リース率",
        "refused": "拒否", "bounced": "不達", "lower": "第 1 四分位", "median": "中央値",
        "upper": "第 3 四分位",
    },
    "kinds": {
        "lessee": "借り手", "facilitator": "仲介者", "holder": "保有者", "origin-as": "オリジン AS",
        "upstream": "上流事業者", "sponsor": "スポンサー", "csirt": "CSIRT",
        "registry": "レジストリ", "nobody": "連絡先なし", "all": "全体",
    },
    "rows": {
        "quality": {
            "own": "自身の連絡先", "inherited": "保有者の連絡先", "text": "備考欄のみ",
            "form": "Web フォームのみ", "invalid": "無効と登録", "bounced": "不達", "none": "なし",
        },
        "turnover": {
            "since": "発生後に交代", "before": "発生前 90 日以内に交代",
            "after": "発生後 90 日以内に交代", "steady": "交代なし", "unknown": "不明",
        },
    },
}  # fmt: skip
WORDS: Final = {"en": _ENGLISH, "ja": _JAPANESE}
