"""The forms of django-allauth, with our labels: it says each label a second time inside the input, as a placeholder."""

from typing import Any

from allauth.account import forms
from django.forms import EmailField
from django.utils.translation import gettext_lazy as _

_LABELS = {
    "oldpassword": _("Current password"),
    "password1": _("New password"),
    "password2": _("New password, again"),
}


class _Labelled:
    """Before a form of django-allauth in the order of classes."""

    fields: dict[str, Any]

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for name, field in self.fields.items():
            field.label = _LABELS.get(name, field.label)
            field.widget.attrs.pop("placeholder", None)
            if isinstance(field, EmailField):
                field.error_messages["invalid"] = _("Enter a whole e-mail address, such as name@contoso.com.")


class SignIn(_Labelled, forms.LoginForm):  # type: ignore[misc]  # allauth has no types
    pass


class ChangePassword(_Labelled, forms.ChangePasswordForm):  # type: ignore[misc]  # as above
    pass


class SetPassword(_Labelled, forms.SetPasswordForm):  # type: ignore[misc]  # as above
    pass


class ResetPassword(_Labelled, forms.ResetPasswordForm):  # type: ignore[misc]  # as above
    pass


class ResetPasswordFromKey(_Labelled, forms.ResetPasswordKeyForm):  # type: ignore[misc]  # as above
    pass
