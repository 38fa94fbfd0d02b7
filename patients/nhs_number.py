"""The NHS number's check digit.

Source: NHS Data Dictionary, "NHS NUMBER": ten digits, the last one a modulus 11 check digit.
"""

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def is_nhs_number(value: str) -> bool:
    if len(value) != 10 or not value.isascii() or not value.isdigit():
        return False
    total = sum(int(digit) * weight for digit, weight in zip(value, range(10, 1, -1), strict=False))
    check = (11 - total % 11) % 11
    return check != 10 and check == int(value[9])


def validate_nhs_number(value: str) -> None:
    if not is_nhs_number(value):
        raise ValidationError(_("This is not an NHS number. It has ten digits; please compare it with the letter."))


def spaced(value: str) -> str:
    """Write it as people read it out: 999 000 0018."""
    return f"{value[:3]} {value[3:6]} {value[6:]}".strip()
