"""Hold the words of notifications in English and Japanese.

What templates show by name: kinds of abuse, what a party appears to be, what is asked of it. Roles
are always put as an inference from public data, since that is what they are.
"""

from __future__ import annotations

from typing import Any, Final

_ENGLISH: Final[dict[str, Any]] = {
    "categories": {
        "phishing": "phishing", "malware": "malware", "c2": "botnet command and control",
        "spam": "spam", "scan": "port scan", "login-attack": "login attack", "ddos": "DDoS",
        "fraud": "fraud", "compromised": "compromised system", "other": "abuse",
    },
    "kinds": {
        "lessee": "the user (lessee) of the address range",
        "facilitator": "the party that arranged the use of the address range",
        "holder": "the registered holder of the address range",
        "origin-as": "the operator of the AS that announces the address range",
        "upstream": "an upstream of the AS that announces the address range",
        "sponsor": "the sponsoring organisation of the address range",
        "csirt": "the CSIRT of the country of the registration",
        "registry": "the registry of the address range",
    },
    "basis": {
        "now": "This is the registration of today; who used the address at the time of the "
        "incident may be somebody else.",
        "then": "This is the registration at the time of the incident.",
        "later": "This is the earliest registration known here, of a day after the incident.",
        "untimed": "The incident has no time; this is the registration on the day of the data.",
    },
    "requests": {
        "phishing": "Please take the content down or make it unreachable.",
        "malware": "Please take the content down or make it unreachable.",
        "fraud": "Please take the content down or make it unreachable.",
        "c2": "Please stop the command and control service.",
        "spam": "Please stop the sending of spam.",
        "scan": "Please stop the scans.",
        "login-attack": "Please stop the login attempts.",
        "ddos": "Please stop the attack traffic.",
        "compromised": "Please have the system cleaned and secured.",
        "other": "Please look into this and stop the abuse.",
    },
    "always": [
        "Please inform the customer who uses the address.",
        "Please preserve the logs that belong to the times above.",
        "Please tell us what you did, or who is responsible if it is not you.",
    ],
    "asked_of": {
        "csirt": [
            "Please help us to reach the party that is responsible, or take the case over.",
            "Please tell us what came of it.",
        ],
        "registry": [
            "Please look whether the registration and its contacts are right; we do not ask you "
            "to act on the content.",
        ],
    },
    "forwarding": {
        "send": "You may forward this report, with our name, to the customer who uses the address.",
        "send-anon": "You may forward this report to the customer who uses the address, but "
        "without our name and anything else that tells who we are (the attachments do).",
        "none": "Please do not forward this report to the customer who uses the address.",
    },
}  # fmt: skip
_JAPANESE: Final[dict[str, Any]] = {
    "categories": {
        "phishing": "フィッシングサイト", "malware": "マルウェア", "c2": "ボットネットの C2 サーバ",
        "spam": "迷惑メール", "scan": "ポートスキャン", "login-attack": "不正ログイン試行",
        "ddos": "DDoS 攻撃", "fraud": "詐欺サイト", "compromised": "侵害されたシステム",
        "other": "不正行為",
    },
    "kinds": {
        "lessee": "当該 IP アドレス範囲の利用者 (借り手)",
        "facilitator": "当該 IP アドレス範囲の利用を仲介した組織",
        "holder": "当該 IP アドレス範囲の登録上の保有者",
        "origin-as": "当該 IP アドレス範囲の経路を広告する AS の運用者",
        "upstream": "経路を広告する AS の上流事業者",
        "sponsor": "当該 IP アドレス範囲のスポンサー組織",
        "csirt": "登録上の国の CSIRT",
        "registry": "当該 IP アドレス範囲を管理するレジストリ",
    },
    "basis": {
        "now": "現在の登録情報に基づくもので、発生時の利用者は異なる可能性があります。",
        "then": "インシデント発生時の登録情報に基づきます。",
        "later": "把握している最も古い登録情報に基づきます (発生日より後の時点です)。",
        "untimed": "発生日時が不明のため、データの日付における登録情報に基づきます。",
    },
    "requests": {
        "phishing": "当該コンテンツの停止または閲覧不可とする措置をお願いいたします。",
        "malware": "当該コンテンツの停止または閲覧不可とする措置をお願いいたします。",
        "fraud": "当該コンテンツの停止または閲覧不可とする措置をお願いいたします。",
        "c2": "当該 C2 サービスの停止をお願いいたします。",
        "spam": "迷惑メールの送信の停止をお願いいたします。",
        "scan": "スキャンの停止をお願いいたします。",
        "login-attack": "不正ログイン試行の停止をお願いいたします。",
        "ddos": "攻撃通信の停止をお願いいたします。",
        "compromised": "当該システムの復旧と対策をお願いいたします。",
        "other": "状況の調査と不正行為の停止をお願いいたします。",
    },
    "always": [
        "当該 IP アドレスを利用しているお客様への連絡をお願いいたします。",
        "上記日時に関するログの保全をお願いいたします。",
        "対応の結果、または貴組織の担当でない場合は担当の組織をお知らせください。",
    ],
    "asked_of": {
        "csirt": [
            "担当の組織への連絡の調整をお願いいたします。",
            "調整の結果をお知らせください。",
        ],
        "registry": [
            "登録情報および連絡先が正しいかの確認をお願いいたします。"
            "コンテンツへの対応をお願いするものではありません。",
        ],
    },
    "forwarding": {
        "send": "報告者の名称を含めて、"
        "本報告を当該 IP アドレスの利用者に転送していただいて構いません。",
        "send-anon": "報告者を特定できる情報 (添付ファイル内のものを含む) を除いたうえで、"
        "本報告を当該 IP アドレスの利用者に転送していただいて構いません。",
        "none": "本報告を当該 IP アドレスの利用者に転送しないでください。",
    },
}  # fmt: skip
WORDS: Final = {"en": _ENGLISH, "ja": _JAPANESE}
