"""Mails whose text is there and cannot be read for an answer, whatever it says."""

from placet.lib.sentences import NOTHING, Sentence
from placet.replies.parse import Mail


def unreadable(mail: Mail) -> Sentence:
    """Why; NOTHING if it can be read."""
    if mail.sealed:
        return Sentence(
            "The mail is encrypted or protected ({how}), so its text cannot be read.",
            how=Sentence(mail.sealed),
        )
    if mail.voting:
        return Sentence("The answer was given with a voting button; please write it in the mail instead.")
    if mail.text_truncated and mail.perhaps_hidden:
        return Sentence("Not all of the mail can be seen for certain; please answer in plain text.")
    if mail.text_truncated:
        return Sentence("The mail is too long to be read whole.")
    if mail.quote_doubtful:
        return Sentence("It is not clear which lines are quoted; please answer above the quoted mail.")
    return NOTHING
