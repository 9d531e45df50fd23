"""Detects values that a spreadsheet or an export has damaged or replaced: ``#N/A``, ``4.4E+15``, ``null``, …

The description quotes the value only if it is one of a few known words.
"""

import re

_WORDS = (
    "#N/A #REF! #VALUE! #NAME? #DIV/0! #NULL! #NUM! #SPILL! #CALC! #FIELD! #BLOCKED! #CONNECT! #BUSY! #UNKNOWN! #GETTING_DATA"
    " #ERROR! #NV #BEZUG! #WERT! #VALEUR! #NOM? #¡VALOR! #¿NOMBRE? #N/D #Н/Д #ССЫЛКА! #ЗНАЧ! #ИМЯ?"
    " NULL NaN NaT None nil undefined N/A \\N <NA> <null> (null)"
)
_NO_VALUE = {word.lower(): word for word in _WORDS.split()}
_SCIENTIFIC = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?[Ee]\+[0-9]{1,3}")
_ROUNDED = "a number in scientific notation, which drops digits"
_SHAPES = (
    (_SCIENTIFIC, _ROUNDED),
    (re.compile(r"[0-9]{15}0{2,}"), "a number that a spreadsheet rounded to 15 digits"),
    (re.compile(r"[0-9]+\.0+"), "a whole number that a program wrote as a decimal"),
    (re.compile(r"#{3,}"), "what a spreadsheet shows where a column is too narrow"),
    (re.compile(r"Err:[0-9]{3}|\[object Object\]"), "an error of a program"),
    (re.compile(r"[=＝@].*"), "a formula"),
    (re.compile(r"\$?\{.*\}|<<.*>>|«.*»|%[A-Za-z_]+%"), "a placeholder that was not filled in"),
    (re.compile(r"\?{2,}|.*\?{3}.*"), "characters that were lost in an encoding"),
    (re.compile(r".*(?:锟斤拷|Ã[\x80-¿]|â€).*"), "text that was read in a wrong encoding"),
)
_SUSPICIOUS = re.compile(r"[#=＝@{<«%?+.:\[Ãâ锟]|[0-9]{17}")  # every value of a shape above matches this: a fast check
FORMULA_MARK = '="'
_TEXT_FORMULA = re.compile(r'="[^"]*"')


def artefact(value: str) -> str | None:
    """What a value looks like if it looks damaged; ``None`` if it looks intact."""
    word = _NO_VALUE.get(value.lower())
    if word is not None:
        return f"“{word}”, which means that there is no value"
    if not _SUSPICIOUS.search(value):
        return None
    return next((what for shape, what in _SHAPES if shape.fullmatch(value)), None)


def reference_fault(reference: str) -> str | None:
    """Why a reference may not be unique; ``None`` if it looks like an id."""
    word = _NO_VALUE.get(reference.lower())
    if word is not None:
        return f"is “{word}”, which means that there is no value"
    return f"is {_ROUNDED}; make the column text in the spreadsheet" if _SCIENTIFIC.fullmatch(reference) else None


def is_text_formula(cell: str) -> bool:
    """Whether a cell is a formula like ``="0012"``, which exports use so that a spreadsheet keeps leading zeros."""
    return _TEXT_FORMULA.fullmatch(cell.strip()) is not None
