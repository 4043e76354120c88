"""Check which names are one company's, and that many names are read as one is."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rirdex.query import names
from rirdex.query.names import folded, normal, normal_many, same_name, stem

SAME = [
    ("Example Hosting", "Example Hosting BV"),
    ("Example Hosting", "EXAMPLE-HOSTING, B.V."),
    ("Telia", "Telia Company AB"),
    ("Telia Company AB (publ)", "TELIA COMPANY"),
    ("Example Inc", "Example, Incorporated"),
    ("Example Co., Ltd.", "Example Company Limited"),
    ("Example L.L.C.", "Example LLC"),
    ("FreeNet L.L.C-FZ", "FreeNet LLC-FZ"),
    ("IPX - FZCO", "IPX FZCO"),
    ("IPXO Ltd", "IPXO LLC"),
    ("Example & Sons", "Example and Sons Ltd"),
    ("Smith &amp; Co", "Smith"),
    ("AT&T Corp.", "AT & T"),
    ("Example &amp;amp; Sons", "Example and Sons"),
    ("&quot;Example&quot; Ltd", "Example"),
    ("M&uuml;ller GmbH &amp; Co. KG", "Müller"),
    ("Müller Gesellschaft m.b.H.", "MÜLLER GmbH"),
    ("Strauß AG", "STRAUSS A.G."),
    ("TT1 Datacenter UG (haftungsbeschraenkt)", "TT1 Datacenter UG (haftungsbeschränkt)"),
    ("Telecomunicações Exemplo Ltda - ME", "Telecomunicacoes Exemplo S/A"),
    ("Exemplo Internet EIRELI - EPP", "Exemplo Internet LTDA"),
    ("Ejemplo S.A. de C.V.", "Ejemplo SA DE CV"),
    ("Ejemplo S. de R.L. de C.V.", "Ejemplo"),
    ("Exemple S.à r.l.", "Exemple SARL"),
    ("Esempio S.p.A.", "Esempio SRL"),
    ("Example Danmark A/S", "Example Danmark ApS"),
    ("Przykład Sp. z o.o.", "PRZYKLAD SP Z OO"),
    ("Przykład sp. z o.o. sp. k.", "Przykład spółka z ograniczoną odpowiedzialnością"),
    ("Příklad, s.r.o.", "Priklad spol. s r.o."),
    ("Primjer d.o.o.", "PRIMJER doo"),
    ("Пример ЕООД", "ПРИМЕР ООД"),
    ("ООО «Пример»", "Пример, ЗАО"),  # noqa: RUF001
    ("Общество с ограниченной ответственностью Пример", "АО Пример"),  # noqa: RUF001
    ("ТОВ Приклад", "Приклад"),  # noqa: RUF001
    ("LLC Example", "OOO Example"),
    ("Limited Liability Company EXAMPLE", "Example LLC"),
    ("Private Joint Stock Company Example", "PJSC Example"),
    ("UAB Pavyzdys", "Pavyzdys, UAB"),
    ("SIA Piemers", "Piemers"),
    ("Näide OÜ", "NAIDE OU"),
    ("Példa Kft.", "PÉLDA Zrt"),
    ("SC Exemplu SRL", "Exemplu S.R.L."),
    ("PT. Contoh Indonesia Tbk", "Contoh Indonesia, PT"),
    ("CV Contoh", "Contoh"),
    ("Contoh (M) Sdn. Bhd.", "Contoh M"),
    ("Example (Pvt) Ltd", "Example Private Limited"),
    ("Example Pty Ltd", "Example (Proprietary) Limited"),
    ("Cong ty TNHH Vi Du", "Công ty Cổ phần Ví Dụ"),
    ("株式会社インターネット例", "インターネット例株式会社"),
    ("㈱インターネット例", "インターネット例 (株)"),
    ("例え有限会社", "有限会社例え"),
    ("北京示例科技有限公司", "北京示例科技股份有限公司"),
    ("북경예시 주식회사", "(주)북경예시"),
    ("บริษัท ตัวอย่าง จำกัด (มหาชน)", "ตัวอย่าง"),
    ("Παράδειγμα Α.Ε.", "ΠΑΡΑΔΕΙΓΜΑ ΑΕ"),  # noqa: RUF001
    ("Ｅｘａｍｐｌｅ　Ｌｔｄ", "Example"),  # noqa: RUF001
    ("Example\u00adHosting", "Example\u200bHosting"),
    ("Örnek Bilişim Ltd. Şti.", "ORNEK BILISIM LIMITED SIRKETI"),
    ("The Example Company", "the example"),
]
DIFFERENT = [
    ("IPXON Networks", "IPXO"),
    ("IPXONET", "IPXO"),
    ("Amazon.com, Inc.", "Amazon Technologies Inc."),
    ("Example Hosting", "Example Hosting Group"),
    ("Example Deutschland GmbH", "Example GmbH"),
    ("Example (HK) Limited", "Example Limited"),
    ("The Example", "Example"),
    ("La Red", "Red"),
    ("Example Networks", "Example Network"),
    ("Example One Ltd", "Example Two Ltd"),
    ("SC Johnson", "Johnson"),
    ("SC Net", "Net SRL"),
    ("AS Company", "Company"),
    ("Cooperative Example", "Example"),
    ("Incorporated Example", "Example"),
    ("Oasis", "Oa"),
    ("Flinc", "Fl"),
    ("Al-Faisal", "Alfaisal"),
    ("例示公司", "例示"),
    ("公司例示", "例示"),
    ("", ""),
    (" ", "."),
    ("---", "--"),
]
LITERAL = {
    "Example Hosting B.V.": "example hosting",
    "AT&T Corp.": "at and t",
    "3M Company": "3m",
    "SC SRL": "sc",
    "Amazon.com, Inc.": "amazon com",
    "M247 Europe SRL": "m247 europe",
    "X Corp.": "x",
    # Nothing but legal forms.
    "Ltd": "ltd",
    "Company Limited": "company limited",
    "LLC SIA": "llc sia",
    "株式会社": "株式会社",
    "The Company, Inc.": "the company inc",
    # No letter, no digit.
    "---": "---",
    " *** ": "***",
    "": "",
    " \t": "",
}
STEMS = {
    "IPXO": "IPXO",
    "IPXO-Z13-20230601": "IPXO",
    "ipxo1": "IPXO",
    "HostHatch_Inc": "HOSTHATCH",
    "RU-PROLINE": "RU-PROLINE",
    "ru-proline-20200430": "RU-PROLINE-20200430",
    "M247-LTD": "M247-LTD",
    "8-11-195-0-24": "8-11-195-0-24",
    "NET-EXAMPLE": "NET-EXAMPLE",
    "Customer-12": "CUSTOMER-12",
    "NETWAY-12": "NETWAY",
    " EXAMPLE-1 ": "EXAMPLE",
    "": "",
}
PUNCTUATION = [*" .,+'\"-_:/\\*#|()", "–", "«"]  # noqa: RUF001
WORDS = ["net", "the", "example", "2000", "sc", "s", "c", "a", "and", "de", "naïve", "例"]

letters = st.text(st.characters(categories=["L", "Nd"]) | st.sampled_from(" -.&"))
anything = st.text() | letters
forms = st.sampled_from(
    [form.decode() for table in (names._AT_END, names._AT_START) for form in names._forms(table)]
)
made = st.lists(st.sampled_from(WORDS) | forms, min_size=1, max_size=6).map(" ".join)


@pytest.mark.parametrize(("left", "right"), SAME)
def test_names_of_one_company_are_the_same(left: str, right: str) -> None:
    assert normal(left) == normal(right)
    assert same_name(left, right)
    assert same_name(right, left)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_names_of_two_companies_are_not(left: str, right: str) -> None:
    assert not same_name(left, right)
    assert not same_name(right, left)


@pytest.mark.parametrize(("name", "form"), LITERAL.items())
def test_a_normal_form_is_bare_words(name: str, form: str) -> None:
    assert normal(name) == form


def test_a_folded_name_keeps_its_legal_form() -> None:
    assert folded("Example Hosting, B.V.") == "example hosting b v"


@given(anything | made)
def test_a_normal_form_is_its_own(name: str) -> None:
    assert normal(normal(name)) == normal(name)


@given(anything | made)
def test_a_name_with_a_letter_or_digit_is_never_empty(name: str) -> None:
    if any(map(str.isalnum, name)):
        assert any(map(str.isalnum, normal(name)))
    assert (normal(name) == "") == (name.strip() == "")


@given(letters | made)
def test_case_makes_no_difference(name: str) -> None:
    assert normal(name.upper()) == normal(name.lower()) == normal(name)


@given(made, st.lists(st.sampled_from(PUNCTUATION), min_size=7, max_size=7))
def test_punctuation_makes_no_difference(name: str, marks: list[str]) -> None:
    words = name.split()
    dressed = "".join(mark + word for mark, word in zip(marks * 4, words, strict=False))
    assert normal(dressed + marks[0]) == normal(" ".join(words[: 4 * len(marks)]))


def bare(name: str) -> str:
    """Do what `normal` does to a folded name, word by word."""
    ends = [form.decode().split() for form in names._forms(names._AT_END)]
    starts = [form.decode().split() for form in names._forms(names._AT_START)]
    words = name.split()
    if words[0] == "sc" or words[:2] == ["s", "c"]:
        tails = (["srl"], ["s", "r", "l"], ["sa"], ["s", "a"])
        head = 1 if words[0] == "sc" else 2
        if any(words[head + 1 :][-len(tail) :] == tail for tail in tails):
            words = words[head:]
    while found := [len(form) for form in ends if words[-len(form) :] == form]:
        words = words[: -max(found)]
    while found := [len(form) for form in starts if words[: len(form)] == form]:
        words = words[max(found) :]
    return " ".join(words) if words not in ([], ["the"]) else name


@given(made)
@example("s c s a")
@example("sc the srl")
@example("co ltd the")
def test_legal_forms_go_word_by_word_the_longest_first(name: str) -> None:
    text = folded(name)
    assert normal(name) == bare(text)


@given(st.lists(anything | made | st.sampled_from(["a\nb", "&lt;Ltd", "a&b;", "R&D Inc"])))
def test_many_names_are_read_as_one_is(texts: list[str]) -> None:
    found = normal_many([text.encode() for text in texts])
    assert [form.decode() for form in found] == [normal(text) for text in texts]


@given(st.lists(st.binary()))
def test_what_is_no_utf_8_is_latin_1(texts: list[bytes]) -> None:
    def decoded(text: bytes) -> str:
        try:
            return text.decode()
        except UnicodeDecodeError:
            return text.decode("latin-1")

    assert normal_many(texts) == [normal(decoded(text)).encode() for text in texts]


def test_latin_1_and_utf_8_meet() -> None:
    assert normal_many(["Müller AG".encode("latin-1"), "MÜLLER".encode()]) == [b"muller"] * 2


def test_more_names_than_one_slice_keep_their_order() -> None:
    texts = [b"Example %d B.V." % number for number in range(3 * names._SLICE + 1)]
    assert normal_many(texts) == [b"example %d" % number for number in range(len(texts))]
    assert normal_many([]) == []


@pytest.mark.parametrize(("netname", "expected"), STEMS.items())
def test_a_stem_is_the_word_at_a_netnames_beginning(netname: str, expected: str) -> None:
    assert stem(netname) == expected


@given(st.text())
def test_a_stem_is_its_own(netname: str) -> None:
    assert stem(stem(netname)) == stem(netname)
