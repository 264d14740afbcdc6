"""What mail programs write above a quote, in each language: none of it, and nothing below it, is new."""

import textwrap

import pytest

from placet.replies.parse.quotes import new_text

ANSWER = "Approve\n\nSoon, please."
OLD = "Reject\n\nReject"

# Lines that say who wrote, as Gmail, Apple Mail, Thunderbird, Outlook, Yahoo and others write them.
WROTE = {
    "en": [
        "On Tue, Nov 3, 2026 at 10:12 AM Tom Taylor <tom@x.example> wrote:",
        "On 3 Nov 2026, at 10:12, Tom Taylor <tom@x.example> wrote:",
        "On 03/11/2026 10:12, Tom Taylor wrote:",
        "On Tuesday, November 3rd, 2026 at 10:12 AM, Tom Taylor <tom@x.example> wrote:",
        "On Nov 3, 2026 at 10:12 +0100, Tom Taylor <tom@x.example>, wrote:",
        "At 2026-11-03 10:12:00, \"Tom Taylor\" <tom@x.example> wrote:",
        "Tom Taylor <tom@x.example> writes:",
        "---- On Tue, 03 Nov 2026 10:12:00 +0100 Tom Taylor <tom@x.example> wrote ----",
    ],
    "fr": [
        "Le mar. 3 nov. 2026 à 10:12, Tom Taylor <tom@x.example> a écrit :",
        "Le 3 nov. 2026 à 10:12, Tom Taylor <tom@x.example> a écrit :",
        "Le 03/11/2026 à 10:12, Tom Taylor a écrit\u00a0:",
        "Le mardi 3 novembre 2026 à 10:12:00 UTC+1, Tom Taylor <tom@x.example> a écrit :",
    ],
    "de": [
        "Am Di., 3. Nov. 2026 um 10:12 Uhr schrieb Tom Taylor <tom@x.example>:",
        "Am 03.11.2026 um 10:12 schrieb Tom Taylor <tom@x.example>:",
        "Am 03.11.26 um 10:12 schrieb Tom Taylor:",
        "Tom Taylor <tom@x.example> schrieb am Di., 3. Nov. 2026, 10:12:",
        "Tom Taylor schrieb am 03.11.2026 um 10:12:",
    ],
    "es": [
        "El mar, 3 nov 2026 a las 10:12, Tom Taylor (<tom@x.example>) escribió:",
        "El 3 nov 2026, a las 10:12, Tom Taylor <tom@x.example> escribió:",
        "El 03/11/2026 a las 10:12, Tom Taylor escribió:",
        "El martes, 3 de noviembre de 2026, 10:12:00 CET, Tom Taylor <tom@x.example> escribió:",
    ],
    "it": [
        "Il giorno mar 3 nov 2026 alle ore 10:12 Tom Taylor <tom@x.example> ha scritto:",
        "Il giorno 3 nov 2026, alle ore 10:12, Tom Taylor <tom@x.example> ha scritto:",
        "Il 03/11/2026 10:12, Tom Taylor ha scritto:",
        "Il Mar 3 Nov 2026, 10:12 Tom Taylor <tom@x.example> ha scritto:",
    ],
    "pt": [
        "Em ter., 3 de nov. de 2026 às 10:12, Tom Taylor <tom@x.example> escreveu:",
        "Em 3 de nov. de 2026, à(s) 10:12, Tom Taylor <tom@x.example> escreveu:",
        "Em 03/11/2026 10:12, Tom Taylor escreveu:",
        "Tom Taylor <tom@x.example> escreveu (terça, 3/11/2026 à(s) 10:12):",
        "No dia 3 de novembro de 2026 10h12, Tom Taylor escreveu:",
    ],
    "nl": [
        "Op di 3 nov 2026 om 10:12 schreef Tom Taylor <tom@x.example>:",
        "Op 3 nov. 2026, om 10:12 heeft Tom Taylor <tom@x.example> het volgende geschreven:",
        "Op 03-11-2026 om 10:12 schreef Tom Taylor:",
    ],
    "sv": [
        "Den tis 3 nov. 2026 kl 10:12 skrev Tom Taylor <tom@x.example>:",
        "3 nov. 2026 kl. 10:12 skrev Tom Taylor <tom@x.example>:",
        "Den 2026-11-03 kl. 10:12, skrev Tom Taylor:",
    ],
    "da": [
        "Den tirs. 3. nov. 2026 kl. 10.12 skrev Tom Taylor <tom@x.example>:",
        "Den 3. nov. 2026 kl. 10.12 skrev Tom Taylor <tom@x.example>:",
        "Den 03.11.2026 kl. 10.12 skrev Tom Taylor:",
    ],
    "nb": [
        "tir. 3. nov. 2026 kl. 10:12 skrev Tom Taylor <tom@x.example>:",
        "3. nov. 2026 kl. 10:12 skrev Tom Taylor <tom@x.example>:",
        "Den 03.11.2026 10:12, skrev Tom Taylor:",
    ],
    "fi": [
        "ti 3. marrask. 2026 klo 10.12 Tom Taylor (tom@x.example) kirjoitti:",
        "Tom Taylor <tom@x.example> kirjoitti 3.11.2026 kello 10.12:",
        "Tom Taylor kirjoitti 3.11.2026 klo 10.12:",
        "tiistai 3. marraskuuta 2026 klo 10.12.00 UTC+2 Tom Taylor <tom@x.example> kirjoitti:",
    ],
    "pl": [
        "wt., 3 lis 2026 o 10:12 Tom Taylor <tom@x.example> napisał(a):",
        "Wiadomość napisana przez Tom Taylor <tom@x.example> w dniu 3 lis 2026, o godz. 10:12:",
        "W dniu 3.11.2026 o 10:12, Tom Taylor pisze:",
        "Dnia 3 listopada 2026 10:12 Tom Taylor <tom@x.example> napisał(a):",
    ],
    "cs": [
        "út 3. 11. 2026 v 10:12 odesílatel Tom Taylor <tom@x.example> napsal:",
        "3. 11. 2026 v 10:12, Tom Taylor <tom@x.example>:",
        "Dne 03. 11. 26 v 10:12 Tom Taylor napsal(a):",
    ],
    "sk": [
        "ut 3. 11. 2026 o 10:12 Tom Taylor <tom@x.example> napísal(a):",
        "Dňa 3. 11. 2026 o 10:12 Tom Taylor napísal(a):",
    ],
    "hu": [
        "Tom Taylor <tom@x.example> ezt írta (időpont: 2026. nov. 3., K, 10:12):",
        "2026. nov. 3. dátummal, 10:12 időpontban Tom Taylor <tom@x.example> írta:",
        "2026. 11. 03. 10:12 keltezéssel, Tom Taylor írta:",
        "2026. nov. 3., K 10:12 időpontban Tom Taylor <tom@x.example> ezt írta:",
    ],
    "ro": [
        "mar., 3 nov. 2026 la 10:12, Tom Taylor <tom@x.example> a scris:",
        "În mar., 3 nov. 2026 la 10:12, Tom Taylor <tom@x.example> a scris:",
        "Pe 3 nov. 2026, la 10:12, Tom Taylor <tom@x.example> a scris:",
        "Pe 03.11.2026 10:12, Tom Taylor a scris:",
    ],
    "tr": [
        "Tom Taylor <tom@x.example>, 3 Kas 2026 Sal, 10:12 tarihinde şunu yazdı:",
        "Tom Taylor <tom@x.example> şunları yazdı (3 Kas 2026 10:12):",
        "3.11.2026 10:12 tarihinde Tom Taylor yazdı:",
        "3 Kas 2026 Sal, saat 10:12 tarihinde Tom Taylor <tom@x.example> şunu yazdı:",
    ],
    "ru": [
        "вт, 3 нояб. 2026 г. в 10:12, Tom Taylor <tom@x.example>:",
        "3 нояб. 2026 г., в 10:12, Tom Taylor <tom@x.example> написал(а):",
        "03.11.2026 10:12, Tom Taylor пишет:",
        "Вторник, 3 ноября 2026, 10:12 +03:00 от Tom Taylor <tom@x.example>:",
        "03.11.2026, 10:12, \"Tom Taylor\" <tom@x.example>:",
    ],
    "uk": [
        "вт, 3 лист. 2026 р. о 10:12 Tom Taylor <tom@x.example> пише:",
        "3 лист. 2026 р. о 10:12 Tom Taylor <tom@x.example> написав(ла):",
        "03.11.26 10:12, Tom Taylor пише:",
        "3 листопада 2026, 10:12:00, від \"Tom Taylor\" <tom@x.example>:",
    ],
    "el": [
        "Στις Τρί 3 Νοε 2026 στις 10:12 π.μ., ο χρήστης Tom Taylor <tom@x.example> έγραψε:",
        "Στις 3 Νοε 2026, στις 10:12, ο/η Tom Taylor <tom@x.example> έγραψε:",
        "Στις 3/11/2026 10:12, ο/η Tom Taylor έγραψε:",
    ],
    "ja": [
        "2026年11月3日(火) 10:12 Tom Taylor <tom@x.example>:",
        "2026/11/03 10:12、Tom Taylor <tom@x.example>のメール:",
        "2026年11月3日(火) 10時12分 Tom Taylor さんは書きました:",
        "On 2026/11/03 10:12, Tom Taylor wrote:",
    ],
    "zh": [
        "Tom Taylor <tom@x.example> 于2026年11月3日周二 10:12写道：",
        "Tom Taylor <tom@x.example> 於 2026年11月3日週二 上午10:12寫道：",
        "在 2026年11月3日，10:12，Tom Taylor <tom@x.example> 写道：",
        "在 2026-11-03 10:12:00，\"Tom Taylor\" <tom@x.example> 写道：",
        "在 2026/11/3 10:12, Tom Taylor 写道:",
    ],
    "ko": [
        "2026년 11월 3일 (화) 오전 10:12, Tom Taylor <tom@x.example>님이 작성:",
        "2026. 11. 3. 오전 10:12, Tom Taylor <tom@x.example> 작성:",
        "2026-11-03 오전 10:12에 Tom Taylor 이(가) 쓴 글:",
    ],
    "ar": [
        "في الثلاثاء، 3 نوفمبر 2026 في 10:12 ص تمت كتابة ما يلي بواسطة Tom Taylor <\u202atom@x.example\u202c\u200f>:",
        "في ٣ نوفمبر ٢٠٢٦، الساعة ١٠:١٢ ص، كتب Tom Taylor <tom@x.example>:",
        "في 3/11/2026 10:12 ص، كتب Tom Taylor:",
    ],
    "he": [
        "\u202bבתאריך יום ג׳, 3 בנוב׳ 2026 ב-10:12 מאת Tom Taylor <\u202atom@x.example\u202c\u200f>:\u202c",
        "ב-3 בנוב׳ 2026, בשעה 10:12, \u200fTom Taylor <tom@x.example> כתב/ה:",
        "בתאריך 03/11/2026 10:12, Tom Taylor כתב:",
    ],
    "hi": [
        "मंगल, 3 नव॰ 2026 को 10:12 am बजे को Tom Taylor <tom@x.example> ने लिखा:",
        "३ नव॰ २०२६ को १०:१२ बजे, Tom Taylor <tom@x.example> ने लिखा:",
        "03/11/2026 10:12 को, Tom Taylor ने लिखा:",
    ],
    "vi": [
        "Vào Th 3, 3 thg 11, 2026 vào lúc 10:12 Tom Taylor <tom@x.example> đã viết:",
        "Vào 10:12, 3 thg 11, 2026, Tom Taylor <tom@x.example> đã viết:",
        "Vào 03/11/2026 10:12, Tom Taylor đã viết:",
    ],
    "id": [
        "Pada tanggal Sel, 3 Nov 2026 pukul 10.12 Tom Taylor <tom@x.example> menulis:",
        "Pada 3 Nov 2026, pukul 10.12, Tom Taylor <tom@x.example> menulis:",
        "Pada 03/11/2026 10:12, Tom Taylor menulis:",
    ],
    "ca": ["El dt., 3 de nov. 2026 a les 10:12, Tom Taylor <tom@x.example> va escriure:"],
}  # fmt: skip

# From, sent, to, copy and subject as Outlook writes them, and a date as it stands there.
LABELS = {
    "en": ("From", "Sent", "To", "Cc", "Subject", "Tuesday, November 3, 2026 10:12 AM"),
    "fr": ("De", "Envoyé", "À", "Cc", "Objet", "mardi 3 novembre 2026 10:12"),
    "de": ("Von", "Gesendet", "An", "Cc", "Betreff", "Dienstag, 3. November 2026 10:12"),
    "es": ("De", "Enviado", "Para", "CC", "Asunto", "martes, 3 de noviembre de 2026 10:12"),
    "it": ("Da", "Inviato", "A", "Cc", "Oggetto", "martedì 3 novembre 2026 10:12"),
    "pt": ("De", "Enviada em", "Para", "Cc", "Assunto", "terça-feira, 3 de novembro de 2026 10:12"),
    "nl": ("Van", "Verzonden", "Aan", "CC", "Onderwerp", "dinsdag 3 november 2026 10:12"),
    "sv": ("Från", "Skickat", "Till", "Kopia", "Ämne", "den 3 november 2026 10:12"),
    "da": ("Fra", "Sendt", "Til", "Cc", "Emne", "3. november 2026 10:12"),
    "nb": ("Fra", "Sendt", "Til", "Kopi", "Emne", "tirsdag 3. november 2026 10:12"),
    "fi": ("Lähettäjä", "Lähetetty", "Vastaanottaja", "Kopio", "Aihe", "tiistai 3. marraskuuta 2026 10.12"),
    "pl": ("Od", "Wysłano", "Do", "DW", "Temat", "wtorek, 3 listopada 2026 10:12"),
    "cs": ("Od", "Odesláno", "Komu", "Kopie", "Předmět", "úterý 3. listopadu 2026 10:12"),
    "sk": ("Od", "Odoslané", "Komu", "Kópia", "Predmet", "utorok 3. novembra 2026 10:12"),
    "hu": ("Feladó", "Elküldve", "Címzett", "Másolatot kap", "Tárgy", "2026. november 3., kedd 10:12"),
    "ro": ("De la", "Trimis", "Către", "Cc", "Subiect", "marți, 3 noiembrie 2026 10:12"),
    "tr": ("Kimden", "Gönderildi", "Kime", "Bilgi", "Konu", "3 Kasım 2026 Salı 10:12"),
    "ru": ("От", "Отправлено", "Кому", "Копия", "Тема", "3 ноября 2026 г. 10:12"),
    "uk": ("Від", "Надіслано", "Кому", "Копія", "Тема", "3 листопада 2026 р. 10:12"),
    "el": ("Από", "Στάλθηκε", "Προς", "Κοιν.", "Θέμα", "Τρίτη, 3 Νοεμβρίου 2026 10:12"),
    "ja": ("差出人", "送信日時", "宛先", "CC", "件名", "2026年11月3日火曜日 10:12"),
    "zh": ("发件人", "发送时间", "收件人", "抄送", "主题", "2026年11月3日星期二 10:12"),
    "zh-Hant": ("寄件者", "寄件日期", "收件者", "副本", "主旨", "2026年11月3日星期二 10:12"),
    "ko": ("보낸 사람", "보낸 날짜", "받는 사람", "참조", "제목", "2026년 11월 3일 화요일 오전 10:12"),
    "ar": ("من", "تم الإرسال", "إلى", "نسخة", "الموضوع", "03 نوفمبر, 2026 10:12 ص"),
    "he": ("מאת", "נשלח", "אל", "עותק", "נושא", "יום שלישי 3 נובמבר 2026 10:12"),
    "hi": ("प्रेषक", "भेजा गया", "प्रति", "प्रतिलिपि", "विषय", "मंगलवार, 3 नवंबर 2026 10:12"),
    "vi": ("Từ", "Đã gửi", "Đến", "Cc", "Chủ đề", "Thứ Ba, ngày 3 tháng 11 năm 2026 10:12"),
    "id": ("Dari", "Dikirim", "Kepada", "Cc", "Subjek", "Selasa, 3 November 2026 10:12"),
    "ca": ("De", "Enviat", "Per a", "A/c", "Tema", "dimarts, 3 de novembre de 2026 10:12"),
}

LINES = [(language, line) for language, lines in WROTE.items() for line in lines]


def kept(above: str, quote: str) -> tuple[str, bool]:
    new = new_text(f"{ANSWER}\n\n{above}\n{quote}")
    return new.text, new.doubtful


def marked(text: str) -> str:
    return "".join(f"> {line}\n" for line in text.split("\n"))


@pytest.mark.parametrize(("language", "line"), LINES)
def test_the_line_that_says_who_wrote_is_no_answer_however_it_is_wrapped(language: str, line: str) -> None:
    for width in (200, 76, 60):
        above = textwrap.fill(line, width, break_on_hyphens=False)
        assert kept(above, f"\n{marked(OLD)}") == (ANSWER, False), width
        assert kept(above, marked(OLD)) == (ANSWER, False), width


@pytest.mark.parametrize(("language", "line"), LINES)
def test_all_below_it_is_quoted_where_nothing_is_marked(language: str, line: str) -> None:
    assert kept(line, f"\n{OLD}") == (ANSWER, False)


@pytest.mark.parametrize("language", LABELS)
@pytest.mark.parametrize("who", ["Tom Taylor", "Tom Taylor <tom@x.example>"])
@pytest.mark.parametrize("form", ["{}: {}", "*{}:* {}", "{} : {}", "{}:\t{}", "{}：{}"])
def test_all_below_a_header_block_is_quoted(language: str, who: str, form: str) -> None:
    sender, sent, to, copy, subject, date = LABELS[language]
    values = [(sender, who), (sent, date), (to, "Ann Approver"), (copy, "Bob"), (subject, "Five laptops")]
    lines = [form.format(label, value) for label, value in values]
    for block in (
        "\n".join(lines),
        "\n".join(lines[:3] + lines[4:]),
        "\n\n".join(lines),
        "_" * 32 + "\n" + "\n".join(lines),
    ):
        assert kept(block, f"\n{OLD}") == (ANSWER, False), block


@pytest.mark.parametrize(
    "block",
    [
        "Tom Taylor ---03.11.2026 10:12:00---Five laptops",
        "Inactive hide details for Tom Taylor ---11/03/2026 10:12:45 AM---Five laptops",
        "From:\tTom Taylor/Contoso\nTo:\tAnn Approver/Contoso@Contoso\nDate:\t03/11/2026 10:12\nSubject:\tFive laptops",
        "Von:\tTom Taylor/Contoso\nAn:\tAnn Approver/Contoso@Contoso\nDatum:\t03.11.2026 10:12\nBetreff:\tFive laptops",
        "Tom Taylor <tom@x.example>\n03/11/2026 10:12\n\nTo\nAnn Approver/Contoso\ncc\n\nSubject\nFive laptops",
        "-------- 原始邮件 --------\n发件人: \"Tom\" <tom@x.example>;\n发送时间: 2026年11月3日",
        "-------- Original --------\nFrom: \"Tom\" <tom@x.example>;\nDate: Tue, Nov 3, 2026 10:12 AM",
        "-------- Originalnachricht --------\nVon: Tom <tom@x.example>\nDatum: 03.11.26 10:12 (GMT+01:00)",
        "Gesendet: Dienstag, 3. November 2026 10:12\nVon: \"Tom T\" <tom@x.example>\nAn: ann@x.example\nBetreff: x",
        "-------- Пересылаемое сообщение --------\n03.11.2026, 10:12, \"Tom\" <tom@x.example>:",
        "------- Original Message -------\nOn Tuesday, November 3rd, 2026 at 10:12 AM, Tom <tom@x.example> wrote:",
        "----- Forwarded Message -----\nFrom: Tom <tom@x.example>\nTo: Ann <ann@x.example>\nSent: November 3, 2026",
        "2026-11-03 10:12 GMT+01:00 Tom Taylor",
        "Op 3 nov. 2026, om 10:12 heeft Tom\nTaylor <tom@x.example>\nhet volgende geschreven:",
    ],
)  # fmt: skip
def test_other_forms_of_programs(block: str) -> None:
    assert kept(block, f"\n{OLD}") == (ANSWER, False)


def test_an_answer_on_the_line_of_an_attribution_is_kept() -> None:
    line = "Approve On Tue, Nov 3, 2026 at 10:12 AM Tom <tom@x.example> wrote:"
    assert new_text(f"{line}\n{marked(OLD)}").text == "Approve"
    assert new_text("Genehmigt --- Am 03.11.2026 um 10:12 schrieb Tom:\n> Nein").text == "Genehmigt"


def test_a_line_that_only_looks_like_one_is_doubtful() -> None:
    new = new_text(
        "Approve\n\nTom, see tom@x.example of 3 Nov 2026 for the only condition:\nonly five of them"
    )
    assert (new.text, new.doubtful) == ("Approve", True)
    new = new_text("Approve\n\n-------- On one condition --------\nonly five of them")
    assert (new.text, new.doubtful) == ("Approve", True)


# ---------------------------------------------------------------------- the sender's last line above a head

GMAIL = "On Tue, 3 Nov 2026 at 10:12, Tom Taylor <tom@x.example> wrote:"


@pytest.mark.parametrize(
    ("condition", "line"),
    [
        ("On condition that the price is below 100", GMAIL),
        ("At most one desk", GMAIL),
        ("Am Preis muss noch verhandelt werden", "Am 03.11.2026 um 10:12 schrieb Tom Taylor:"),
        ("Le montant ne doit pas dépasser 500 euros", "Le 03/11/2026 à 10:12, Tom Taylor a écrit :"),
        ("El importe no puede superar 500", "El 03/11/2026 a las 10:12, Tom Taylor escribió:"),
        ("Il resto no", "Quoting Tom Taylor <tom@x.example>:"),
        ("У повідомленні немає ціни", "03.11.26 10:12, Tom Taylor пише:"),
        ("Not after 10:00", GMAIL),
        ("On one condition: only half", GMAIL.replace(" at ", "\nat ")),
        (
            "On condition that it is cheap",
            "---- On Tue, 3 Nov 2026 10:12:00 +0100 Tom <tom@x.example> wrote ---",
        ),
        ("On condition that it is cheap", "-----Original Message-----\nFrom: Tom Taylor\nSent: x\nTo: Ann"),
    ],
)
def test_a_line_that_begins_like_an_attribution_is_the_senders(condition: str, line: str) -> None:
    for quote in (marked(OLD), f"\n{OLD}"):
        assert new_text(f"Approve\n{condition}\n{line}\n{quote}").text == f"Approve\n{condition}"


def test_a_line_without_a_date_that_may_begin_an_attribution_is_doubtful() -> None:
    new = new_text(f"Approve\nOn condition that it is cheap\nTom <tom@x.example> wrote:\n{marked(OLD)}")
    assert new.doubtful


@pytest.mark.parametrize("gap", ["\n", "\n\n"])
@pytest.mark.parametrize("line", ["Max: 500", "Note: only half of it", "Limit: 1 desk"])
def test_a_label_of_the_sender_above_a_header_block_is_kept(line: str, gap: str) -> None:
    block = "From: Tom Taylor <tom@x.example>\nSent: Tuesday, 3 November 2026 10:12\nTo: Ann\nSubject: x"
    assert new_text(f"Approve\n{line}{gap}{block}\n\n{OLD}").text == f"Approve\n{line}"


@pytest.mark.parametrize("line", ["Priority: low, only after the audit", "Időpont: csak januárban"])
def test_a_known_label_of_the_sender_above_a_header_block_is_kept_or_doubtful(line: str) -> None:
    block = "From: Tom Taylor <tom@x.example>\nSent: Tuesday, 3 November 2026 10:12\nTo: Ann\nSubject: x"
    assert new_text(f"Approve\n{line}\n\n{block}\n\n{OLD}").text == f"Approve\n{line}"
    assert new_text(f"Approve\n{line}\n{block}\n\n{OLD}").doubtful


@pytest.mark.parametrize(
    "answer",
    [
        "Approve\nFrom: 01.12.2026 08:00\nTo: 05.12.2026 12:00\nOnly these days",
        "Approve\nFrom: Monday, 1 December 2026 8:00\nTo: Friday\nOnly these days",
        "Approve\nDate: 01.12.2026\nPriority: low\nSubject: to the board's consent",
    ],
)
def test_labels_that_name_nobody_are_no_header_block(answer: str) -> None:
    assert new_text(f"{answer}\n\n{GMAIL}\n{marked(OLD)}").text == answer


LONG_NAME = "Alice Requester via Placet Approvals and Decisions Service (Contoso"


def test_a_long_name_on_the_line_above_its_address_belongs_to_the_attribution() -> None:
    for line in (
        f"{LONG_NAME})\n<approvals@contoso.example> 于2026年11月24日周二 10:00写道：",
        f"{LONG_NAME}\nHoldings) <approvals@contoso.example>, 24 Kas 2026 Sal, 10:00 tarihinde şunu yazdı:",
    ):
        assert kept(line, marked(OLD)) == (ANSWER, False)


def test_a_condition_above_such_a_name_is_kept() -> None:
    tail = f"{LONG_NAME})\n<approvals@contoso.example> 于2026年11月24日周二 10:00写道：\n{marked(OLD)}"
    assert new_text(f"批准\n\n但只限一台\n\n{tail}").text == "批准\n\n但只限一台"
    assert new_text(f"批准\n但只限一台\n{tail}").doubtful
    short = f"<tom@x.example> 于2026年11月24日周二 10:00写道：\n{marked(OLD)}"
    assert new_text(f"批准\n但只限一台\n{short}").text == "批准\n但只限一台"


BARS = "".join(
    f"|------------>\n| {label:<11}|\n|------------>\n  >----------------|\n  |{value:<16}|\n  >----------------|\n"
    for label, value in (("From:", "Tom Taylor"), ("To:", "ann@x.example"), ("Date:", "03.11.2026"))
)


@pytest.mark.parametrize(
    "head",
    [
        "---- Wł. wt., 3 lis 2026 10:12:00 +0100 Tom Taylor\n<tom@x.example> napisał(a) ---",
        "---- 火, 3 11月 2026 10:12:00 +0900 Tom Taylor <tom@x.example>\n書きました ---",
        '-----"Taylor, Tom (Contoso)" <tom@x.example> ha scritto:\n-----',
        BARS,
        "Cytowanie Tom Taylor <tom@x.example>:",
        "2026-11-03 (화), 10:12 +0900, Tom Taylor:",
        "вівторок, 3 листопада 2026 р. 10:12:00 EET Tom Taylor написано:",
        "3. Nov. 2026, 10:12 von tom@x.example:",
        "Vào 10:12:00 GMT+07:00\nNgày 3 tháng 11 năm 2026, Tom Taylor đã viết:",
        "ann@contoso.example\n\n发件人： Tom\n发送时间： 2026-11-03 10:12\n收件人： ann\n主题： x",
    ],
)
def test_heads_that_leaked(head: str) -> None:
    assert kept(head, f"\n{OLD}") == (ANSWER, False)
