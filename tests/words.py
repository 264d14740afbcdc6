"""The language files that come with Placet, read once for all tests: it takes a second and fifty megabytes."""

from placet.replies.languages import languages

LANGUAGES = languages()
