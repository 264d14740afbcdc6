"""Finding requests by the words of their title and their form (`Request.words`)."""

from placet.lib.text_index import TextIndex

WORDS = TextIndex("approvals_request", "words")
