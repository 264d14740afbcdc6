"""What a password must not be, beside what Django's own validators say."""

from typing import Any

from django.contrib.auth.password_validation import NumericPasswordValidator


class DigitsAloneValidator(NumericPasswordValidator):
    """Not digits alone, however they are parted: "1234 5678 9012" is a number, too. Raises ValidationError."""

    def validate(self, password: str, user: Any = None) -> None:
        super().validate("".join(filter(str.isalnum, password)), user)
