"""Reply: what a recipient's text means for marketing: no more of it, more again, or nothing. Pure.

Only a whole reply counts. "STOP" means something; "please stop the noise" may be about anything.
"""

import unicodedata
from enum import Enum

from smsrelay.contract.character import without_format


class Wish(Enum):
    """What a recipient asks for."""

    NO_MORE = "suppress"
    AGAIN = "unsuppress"


_WORDS = {
    "r t td 退订 stop stopall unsubscribe cancel end quit revoke optout": Wish.NO_MORE,
    "start": Wish.AGAIN,
}
_WISHES = {word: wish for words, wish in _WORDS.items() for word in words.split()}


def wish_of(reply: str) -> Wish | None:
    """The wish that a reply expresses; None: it expresses none. Case, blanks around it and full-width letters do not matter."""
    return _WISHES.get(unicodedata.normalize("NFKC", without_format(reply)).strip().casefold())
