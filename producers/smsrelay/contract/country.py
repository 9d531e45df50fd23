"""Country: the calling code of a number, which decides where it may be texted, and when."""

import phonenumbers

MAINLAND = "86"


def calling_code(number: str) -> str:
    """The calling code of a number in E.164, without its plus: ``"86"`` for ``"+8613912345678"``.

    Raises ``ValueError``, which quotes nothing of it, for text that is no such number.
    """
    if number.startswith("+86"):  # no other code begins like that; parsing costs more than accepting the job
        return MAINLAND
    code = _parsed_code(number)
    if code is None:  # raised here: in the handler it would carry an exception that may quote the number
        raise ValueError("not a phone number in E.164")
    return str(code)


def _parsed_code(number: str) -> int | None:
    try:
        return phonenumbers.parse(number).country_code
    except phonenumbers.NumberParseException:
        return None
