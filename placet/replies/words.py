"""The words that decide, language by language. Data only; all lower case, compared after folding.

An answer counts only if its line is one of these and nothing else. A word is listed only if nobody who
writes it alone can mean anything else by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

APPROVE, REJECT = "approve", "reject"


@dataclass(frozen=True)
class Words:
    """One language's words."""

    answers: Mapping[str, tuple[str, ...]]  # outcome: what says it, alone on a line
    courtesy: tuple[str, ...]  # what may stand beside an answer without changing it
    regret: tuple[str, ...]  # the same beside a rejection only
    stems: Mapping[str, tuple[str, ...]]  # outcome: how words begin that speak of it anywhere
    doubt: tuple[str, ...]  # words in a comment after which the answer is no longer clear
    first_doubt: tuple[str, ...]  # the same where they begin a line of the comment
    closings: tuple[str, ...]  # lines that end what somebody says: below them stands who they are
    legal: tuple[str, ...]  # how the small print begins that companies add below every mail


# A line that begins so is said by the sender, though it stands below the closing.
AFTERWORDS = ("ps", "p.s", "p. s", "nb", "n.b", "pd", "p.d")

LANGUAGES: dict[str, Words] = {
    "en": Words(
        answers={
            APPROVE: (
                "approve", "approved", "i approve", "i approve this", "i approve it",
                "i approve this request", "i approve the request", "request approved", "this is approved",
                "approval granted", "yes", "yes i approve", "ok", "okay", "accept", "accepted", "i accept",
                "agreed", "authorized", "authorised", "permission granted", "go ahead",
                "please go ahead", "approved by me", "approved from my side",
            ),
            REJECT: (
                "reject", "rejected", "i reject", "i reject this", "i reject it", "i reject this request",
                "i reject the request", "request rejected", "this is rejected", "no", "no i reject", "declined",
                "decline", "i decline", "refused", "refuse", "i refuse", "denied", "deny", "i deny",
                "disapproved", "i disapprove", "not approved", "i do not approve", "i don't approve",
                "i do not approve this", "i don't approve this", "approval denied", "approval not granted",
                "permission denied", "not accepted", "not authorized", "not authorised", "no way",
            ),
        },
        courtesy=("thanks", "thank you", "thx", "many thanks", "please", "cheers", "thanks a lot"),
        regret=("sorry", "i'm sorry", "i am sorry", "unfortunately"),
        stems={
            APPROVE: ("approv", "accept", "agree", "authori", "confirm", "yes", "go ahead", "proceed"),
            REJECT: ("reject", "refus", "declin", "denied", "deny", "denial", "disapprov", "disagree", "no", "not",
                     "don't", "cannot", "can't", "won't", "never", "object", "cancel", "withdraw"),
        },
        doubt=("if", "unless", "provided", "providing", "until", "once", "except", "condition", "conditional",
               "conditions", "subject to", "wait", "hold", "hold on", "actually", "mistake", "ignore", "correction",
               "changed my mind", "instead", "pending", "depending", "depends", "assuming", "as long as", "only",
               "half", "partially", "partly", "however", "when", "whether", "maybe", "perhaps"),
        first_doubt=("but", "although", "though", "after", "before", "up to", "as soon as", "with", "without", "or",
                     "and", "except", "not", "question", "for the", "to the", "by"),
        closings=("best regards", "kind regards", "regards", "warm regards", "best wishes", "best",
                  "with kind regards",
                  "with best regards", "yours sincerely", "sincerely", "yours faithfully", "yours"),
        legal=("disclaimer", "confidentiality notice", "confidential", "notice: ", "this e-mail and any",
               "this email and any", "this message and any", "this e-mail is confidential",
               "this email is confidential", "the information contained in"),
    ),
    "fr": Words(
        answers={
            APPROVE: (
                "approuver", "approuvé", "approuvée", "approuve", "j'approuve", "c'est approuvé",
                "demande approuvée", "oui", "oui j'approuve", "d'accord", "je suis d'accord", "accepté", "acceptée",
                "j'accepte", "validé", "validée", "je valide", "accordé", "bon pour accord", "je donne mon accord",
                "ok pour moi",
            ),
            REJECT: (
                "refuser", "refusé", "refusée", "refuse", "je refuse", "c'est refusé", "demande refusée", "non",
                "non je refuse", "rejeté", "rejetée", "rejeter", "je rejette", "non approuvé", "non approuvée",
                "pas approuvé", "je n'approuve pas", "pas d'accord", "je ne suis pas d'accord",
            ),
        },
        courtesy=("merci", "merci beaucoup", "svp", "s'il vous plaît", "s'il te plaît"),
        regret=("désolé", "désolée", "malheureusement"),
        stems={
            APPROVE: ("approuv", "accept", "accord", "valid", "oui", "autoris"),
            REJECT: ("refus", "rejet", "rejett", "non", "pas", "jamais", "n'", "ne", "désaccord", "annul"),
        },
        doubt=("si", "sauf", "condition", "à condition", "sous réserve", "réserve", "pourvu", "jusqu'à",
               "seulement", "uniquement", "attendez", "attends", "en fait", "erreur", "finalement", "toutefois",
               "cependant", "moitié", "partiellement", "quand", "peut-être", "dès que", "lorsque", "oublie"),
        first_doubt=("mais", "après", "avant", "avec", "sans", "ou", "et", "question", "pour"),
        closings=("cordialement", "bien cordialement", "bien à vous", "bien à toi", "salutations", "sincèrement",
                  "meilleures salutations", "avec mes meilleures salutations", "sincères salutations"),
        legal=("ce message et", "ce courriel et", "ce message est confidentiel", "avis de confidentialité"),
    ),
    "de": Words(
        answers={
            APPROVE: (
                "genehmigen", "genehmigt", "ich genehmige", "ich genehmige das", "ich genehmige dies",
                "hiermit genehmigt", "ist genehmigt", "antrag genehmigt", "ja", "ja ich genehmige", "freigegeben",
                "ich gebe frei", "freigabe erteilt", "einverstanden", "ich bin einverstanden", "angenommen",
                "zugestimmt", "ich stimme zu", "bewilligt", "geht in ordnung", "in ordnung",
            ),
            REJECT: (
                "ablehnen", "abgelehnt", "ich lehne ab", "ich lehne das ab", "antrag abgelehnt", "ist abgelehnt",
                "nein", "nein abgelehnt", "nicht genehmigt", "ich genehmige nicht", "ich genehmige das nicht",
                "nicht einverstanden", "ich bin nicht einverstanden", "ich stimme nicht zu", "nicht freigegeben",
                "zurückgewiesen", "verweigert", "kommt nicht in frage",
            ),
        },
        courtesy=("danke", "vielen dank", "bitte", "danke schön", "besten dank"),
        regret=("leider", "tut mir leid", "sorry"),
        stems={
            APPROVE: ("genehmig", "freigegeb", "freigab", "einverstand", "angenomm", "zustimm", "zugestimm",
                      "bewillig", "ja"),
            REJECT: ("abgelehn", "ablehn", "lehn", "nein", "nicht", "kein", "nie", "verweiger", "zurückgewies",
                     "storn"),
        },
        doubt=("wenn", "falls", "sofern", "außer", "bedingung", "vorausgesetzt", "vorbehalt", "unter vorbehalt",
               "bis", "sobald", "erst", "nur", "moment", "halt", "warte", "warten", "eigentlich", "irrtum", "fehler",
               "doch", "allerdings", "jedoch", "hälfte", "teilweise", "vielleicht", "ob", "solange"),
        first_doubt=("aber", "nach", "vor", "mit", "ohne", "oder", "und", "frage", "für"),
        closings=("mit freundlichen grüßen", "mit freundlichen grüssen", "freundliche grüße", "freundliche grüsse",
                  "viele grüße", "beste grüße", "liebe grüße", "grüße", "gruß", "mfg", "lg", "vg",
                  "mit besten grüßen", "schöne grüße"),
        legal=("diese e-mail enthält vertrauliche", "diese nachricht enthält vertrauliche",
               "diese e-mail ist vertraulich", "der inhalt dieser e-mail"),
    ),
    "es": Words(
        answers={
            APPROVE: (
                "aprobar", "aprobado", "aprobada", "apruebo", "lo apruebo", "yo apruebo", "solicitud aprobada", "sí",
                "sí apruebo", "aceptado", "aceptada", "acepto", "de acuerdo", "estoy de acuerdo", "autorizado",
                "autorizada", "autorizo", "conforme", "doy mi visto bueno", "adelante",
            ),
            REJECT: (
                "rechazar", "rechazado", "rechazada", "rechazo", "lo rechazo", "solicitud rechazada", "no",
                "no aprobado", "no aprobada", "no apruebo", "no lo apruebo", "denegado", "denegada",
                "no autorizado", "no estoy de acuerdo", "no acepto",
            ),
        },
        courtesy=("gracias", "muchas gracias", "por favor"),
        regret=("lo siento", "lamentablemente"),
        stems={
            APPROVE: ("aprob", "aprueb", "acept", "acuerdo", "autoriz", "sí", "adelante"),
            REJECT: ("rechaz", "deneg", "no", "nunca", "tampoco", "ningún", "anul", "cancel"),
        },
        doubt=("si", "salvo", "excepto", "condición", "siempre que", "hasta", "cuando", "solo", "sólo", "solamente",
               "espera", "espere", "en realidad", "error", "sin embargo", "mitad", "parcialmente", "quizás", "quizá",
               "tal vez", "con tal"),
        first_doubt=("pero", "después", "antes", "con", "sin", "o", "y", "pregunta", "para"),
        closings=("saludos", "un saludo", "saludos cordiales", "atentamente", "cordialmente", "saludos y gracias"),
        legal=("este mensaje y", "este correo electrónico y", "la información contenida", "aviso legal",
               "aviso de confidencialidad"),
    ),
}  # fmt: skip
