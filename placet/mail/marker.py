"""The line above which people write their answer; what stands below it is ours."""

from django.utils.translation import gettext as _


def marker() -> str:
    """In the language that is active. Who reads replies knows it in each (`above` in placet/replies/languages)."""
    return "=== {} ===".format(_("Reply above this line"))
