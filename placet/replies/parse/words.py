"""What mail programs write around a quote, language by language. Data only; all of it lower case.

An approver may answer in one language with a mail program that speaks another, so the words of all
languages count together. A word that is missing here is a quote that may leak: add it to its language.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """One language's words."""

    starts: tuple[str, ...]  # how the line above a quote begins: "on Monday ... wrote:"
    wrote: tuple[str, ...]  # what it holds near its end
    sender: tuple[str, ...]  # labels of the header block that Outlook puts above a quote
    sent: tuple[str, ...]
    to: tuple[str, ...]
    subject: tuple[str, ...]
    original: tuple[str, ...]  # what stands between dashes above a quote
    device: tuple[str, ...] = ()  # how a line begins that a telephone adds below
    automatic: tuple[str, ...] = ()  # how the subject of an automatic reply begins


LANGUAGES: dict[str, Words] = {
    "en": Words(
        starts=("on ", "at "),
        wrote=("wrote", "writes", "said", "has written"),
        sender=("from", "sender"),
        sent=("sent", "date", "sent on"),
        to=("to", "cc", "bcc", "reply-to"),
        subject=("subject", "importance"),
        original=(
            "original message",
            "original e-mail",
            "original email",
            "original text",
            "forwarded message",
            "forwarded by",
            "begin forwarded message",
            "reply message",
            "reply to message",
            "original appointment",
        ),
        device=(
            "sent from my ",
            "sent from mail for ",
            "sent from outlook",
            "sent from yahoo",
            "sent from typeapp",
            "sent from samsung",
            "sent from android",
            "sent via ",
            "get outlook for ",
            "sent with ",
        ),
        automatic=(
            "automatic reply",
            "out of office",
            "autoreply",
            "auto-reply",
            "auto reply",
            "auto:",
            "ooo:",
        ),
    ),
    "fr": Words(
        starts=("le ",),
        wrote=("a écrit", "écrit", "ecrit", "écrivait", "a ecrit"),
        sender=("de", "expéditeur"),
        sent=("envoyé", "date", "envoyé le"),
        to=("à", "a", "cc", "destinataire"),
        subject=("objet", "sujet"),
        original=(
            "message d'origine",
            "message original",
            "message initial",
            "message transféré",
            "courriel original",
        ),
        device=(
            "envoyé de mon ",
            "envoyé depuis mon ",
            "envoyé à partir de ",
            "obtenez outlook pour ",
            "envoyé de ",
        ),
        automatic=("réponse automatique", "absence du bureau", "absent du bureau"),
    ),
    "de": Words(
        starts=("am ", "im auftrag"),
        wrote=("schrieb", "schrieben", "hat geschrieben", "geschrieben"),
        sender=("von", "absender"),
        sent=("gesendet", "datum", "gesendet am"),
        to=("an", "cc", "kopie", "bcc"),
        subject=("betreff", "wichtigkeit"),
        original=(
            "ursprüngliche nachricht",
            "originalnachricht",
            "original-nachricht",
            "original nachricht",
            "ursprüngliche mail",
            "weitergeleitete nachricht",
            "anfang der weitergeleiteten nachricht",
        ),
        device=(
            "von meinem ",
            "gesendet von mail",
            "gesendet von outlook",
            "gesendet von meinem ",
            "gesendet mit ",
            "outlook für ",
            "diese nachricht wurde von meinem",
        ),
        automatic=("automatische antwort", "abwesenheitsnotiz", "abwesend", "abwesenheitsbenachrichtigung"),
    ),
    "es": Words(
        starts=("el ",),
        wrote=("escribió", "escribio", "ha escrito", "escribía"),
        sender=("de", "remitente"),
        sent=("enviado", "enviado el", "fecha"),
        to=("para", "a", "cc"),
        subject=("asunto",),
        original=("mensaje original", "mensaje reenviado", "mensaje enviado"),
        device=("enviado desde mi ", "enviado desde ", "obtener outlook para "),
        automatic=("respuesta automática", "fuera de la oficina"),
    ),
    "it": Words(
        starts=("il ", "in data "),
        wrote=("ha scritto", "scrive", "scrisse"),
        sender=("da", "mittente"),
        sent=("inviato", "data", "inviato il"),
        to=("a", "cc"),
        subject=("oggetto",),
        original=("messaggio originale", "messaggio inoltrato"),
        device=("inviato da ", "inviato dal mio ", "scarica outlook per "),
        automatic=("risposta automatica", "fuori sede"),
    ),
    "pt": Words(
        starts=("em ", "a ", "no dia "),
        wrote=("escreveu", "escreveram"),
        sender=("de", "remetente"),
        sent=("enviado", "enviada", "enviada em", "enviado em", "data"),
        to=("para", "cc"),
        subject=("assunto",),
        original=("mensagem original", "mensagem encaminhada"),
        device=("enviado do meu ", "enviado a partir do ", "obter o outlook para "),
        automatic=("resposta automática", "ausência temporária"),
    ),
    "nl": Words(
        starts=("op ",),
        wrote=("schreef", "het volgende geschreven", "heeft geschreven"),
        sender=("van", "afzender"),
        sent=("verzonden", "datum", "verstuurd"),
        to=("aan", "cc"),
        subject=("onderwerp",),
        original=("oorspronkelijk bericht", "origineel bericht", "doorgestuurd bericht"),
        device=("verstuurd vanaf mijn ", "verzonden vanaf mijn ", "outlook voor ", "verzonden vanuit "),
        automatic=("automatisch antwoord", "afwezigheidsbericht"),
    ),
    "sv": Words(
        starts=("den ", "på "),
        wrote=("skrev", "följande"),
        sender=("från",),
        sent=("skickat", "datum", "skickat den"),
        to=("till", "kopia"),
        subject=("ämne",),
        original=("ursprungligt meddelande", "originalmeddelande", "vidarebefordrat meddelande"),
        device=("skickat från min ", "hämta outlook för "),
        automatic=("autosvar", "automatiskt svar"),
    ),
    "da": Words(
        starts=("den ",),
        wrote=("skrev",),
        sender=("fra",),
        sent=("sendt", "dato"),
        to=("til", "cc"),
        subject=("emne",),
        original=("oprindelig meddelelse", "oprindelig besked", "videresendt meddelelse"),
        device=("sendt fra min ", "hent outlook til "),
        automatic=("automatisk svar", "fraværsmeddelelse"),
    ),
    "nb": Words(
        starts=("den ", "på "),
        wrote=("skrev", "følgende"),
        sender=("fra",),
        sent=("sendt", "dato"),
        to=("til", "kopi"),
        subject=("emne",),
        original=("opprinnelig melding", "videresendt melding"),
        device=("sendt fra min ", "hent outlook for "),
        automatic=("automatisk svar", "autosvar"),
    ),
    "fi": Words(
        starts=(),
        wrote=("kirjoitti", "kirjoitti seuraavaa"),
        sender=("lähettäjä",),
        sent=("lähetetty", "päivä", "päivämäärä", "pvm"),
        to=("vastaanottaja", "kopio"),
        subject=("aihe",),
        original=("alkuperäinen viesti", "välitetty viesti"),
        device=("lähetetty ",),
        automatic=("automaattinen vastaus", "poissa"),
    ),
    "pl": Words(
        starts=("w dniu ", "dnia "),
        wrote=("napisał", "napisała", "napisał(a)", "napisał/a", "pisze"),
        sender=("od", "nadawca"),
        sent=("wysłano", "data", "wysłane"),
        to=("do", "dw"),
        subject=("temat",),
        original=(
            "wiadomość oryginalna",
            "oryginalna wiadomość",
            "wiadomość przekazana",
            "wiadomość pierwotna",
        ),
        device=("wysłane z ", "pobierz program outlook"),
        automatic=("odpowiedź automatyczna", "automatyczna odpowiedź"),
    ),
    "cs": Words(
        starts=("dne ",),
        wrote=("napsal", "napsala", "napsal(a)"),
        sender=("od",),
        sent=("odesláno", "datum", "odesláno dne"),
        to=("komu", "kopie"),
        subject=("předmět",),
        original=("původní zpráva", "původní e-mail", "přeposlaná zpráva"),
        device=("odesláno z ", "získejte outlook"),
        automatic=("automatická odpověď",),
    ),
    "hu": Words(
        starts=(),
        wrote=("írta", "ezt írta", "a következőt írta"),
        sender=("feladó",),
        sent=("elküldve", "dátum", "küldve"),
        to=("címzett", "másolatot kap"),
        subject=("tárgy",),
        original=("eredeti üzenet", "továbbított üzenet"),
        device=("elküldve ", "az iphone-omról küldve"),
        automatic=("automatikus válasz",),
    ),
    "ro": Words(
        starts=("pe ", "în data "),
        wrote=("a scris",),
        sender=("de la", "expeditor"),
        sent=("trimis", "data", "dată"),
        to=("către", "catre", "cc"),
        subject=("subiect",),
        original=("mesaj original", "mesajul original", "mesaj redirecționat"),
        device=("trimis de pe ",),
        automatic=("răspuns automat",),
    ),
    "tr": Words(
        starts=(),
        wrote=("şunu yazdı", "yazdı", "şöyle yazdı"),
        sender=("kimden", "gönderen"),
        sent=("gönderildi", "tarih", "gönderme tarihi"),
        to=("kime", "bilgi"),
        subject=("konu",),
        original=("orijinal mesaj", "özgün ileti", "iletilen mesaj", "orjinal mesaj"),
        device=("iphone'umdan gönderildi",),
        automatic=("otomatik yanıt",),
    ),
    "ru": Words(
        starts=(),
        wrote=("написал", "написала", "пишет", "написал(а)", "писал", "писала"),
        sender=("от", "от кого", "отправитель"),
        sent=("отправлено", "дата", "sent"),
        to=("кому", "копия"),
        subject=("тема",),
        original=(
            "исходное сообщение",
            "пересланное сообщение",
            "пересылаемое сообщение",
            "original message",
        ),
        device=("отправлено с ", "отправлено из "),
        automatic=("автоматический ответ", "автоответ"),
    ),
    "uk": Words(
        starts=(),
        wrote=("пише", "написав", "написала", "писав", "написав(ла)"),
        sender=("від", "від кого"),
        sent=("надіслано", "дата", "відправлено"),
        to=("кому", "копія"),
        subject=("тема",),
        original=("вихідне повідомлення", "оригінальне повідомлення", "переслане повідомлення"),
        device=("надіслано з ",),
        automatic=("автоматична відповідь",),
    ),
    "el": Words(
        starts=("στις ", "την "),
        wrote=("έγραψε",),
        sender=("από",),
        sent=("στάλθηκε", "ημερομηνία", "αποστολή"),
        to=("προς", "κοιν"),
        subject=("θέμα",),
        original=("αρχικό μήνυμα", "προωθημένο μήνυμα"),
        device=("στάλθηκε από ",),
        automatic=("αυτόματη απάντηση",),
    ),
    "ja": Words(
        starts=(),
        wrote=("のメッセージ", "書きました", "のメール", "wrote"),
        sender=("差出人", "送信者"),
        sent=("送信日時", "日付", "日時", "送信"),
        to=("宛先", "cc"),
        subject=("件名",),
        original=("元のメッセージ", "転送メッセージ", "オリジナルメッセージ"),
        device=("iphoneから送信",),
        automatic=("自動応答", "自動返信", "不在"),
    ),
    "zh": Words(
        starts=("在 ", "于"),
        wrote=("写道", "寫道", "来信", "写入"),
        sender=("发件人", "寄件者", "寄件人"),
        sent=("发送时间", "发送日期", "寄件日期", "日期", "時間"),
        to=("收件人", "收件者", "抄送", "副本"),
        subject=("主题", "主旨", "主題"),
        original=("原始邮件", "原始郵件", "转发的邮件", "邮件原件"),
        device=("发自我的", "從我的", "来自我的"),
        automatic=("自动答复", "自动回复", "自動回覆"),
    ),
    "ko": Words(
        starts=(),
        wrote=("작성", "님이 작성", "썼습니다"),
        sender=("보낸 사람", "보낸사람", "발신"),
        sent=("보낸 날짜", "보낸날짜", "날짜", "보냄"),
        to=("받는 사람", "받는사람", "참조"),
        subject=("제목",),
        original=("원본 메시지", "원본 메일", "전달된 메시지"),
        device=("나의 iphone에서 보냄", "내 iphone에서 보냄"),
        automatic=("자동 회신", "부재중"),
    ),
    "vi": Words(
        starts=("vào ", "ngày "),
        wrote=("đã viết", "viết"),
        sender=("từ", "người gửi"),
        sent=("đã gửi", "ngày"),
        to=("đến", "tới"),
        subject=("chủ đề", "chủ đề"),
        original=("thư gốc", "tin nhắn gốc"),
        device=("đã gửi từ ", "gửi từ "),
        automatic=("trả lời tự động",),
    ),
}


def _all(field: str) -> frozenset[str]:
    return frozenset(word for words in LANGUAGES.values() for word in getattr(words, field))


def _longest_first(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(words, key=lambda word: (-len(word), word)))


STARTS = _longest_first(_all("starts"))
WROTE = _longest_first(_all("wrote"))
SENDER_LABELS = _all("sender")
LABELS = SENDER_LABELS | _all("sent") | _all("to") | _all("subject")
ORIGINAL = _longest_first(_all("original"))
DEVICES = _longest_first(_all("device"))
AUTOMATIC_SUBJECTS = _longest_first(_all("automatic"))

# The line in our own mails below which nothing is read, and those of others.
MARKERS = ("reply above this line", "##- ", "=-=-=-=")
