"""The encoding of a campaign's file: given by the user, verified against the bytes, never guessed.

A wrong encoding would put a wrong text on a phone, so a file that does not match is refused with a ``Rejection`` that says which
encoding to give.
"""

import codecs
import hashlib
import io

from smsrelay.contract.rejection import Rejection

_BLOCK = 1 << 20
_START = 4096  # bytes to recognise the file by
_LONGEST_LINE = 1 << 20  # characters
_NUL_SHARE = 10  # at least a tenth of a UTF-16 file with Latin digits and delimiters is NUL; other text has none
_NO_MARK = 0  # in place of a line number
_NOT_FOR_TEXT_FILES = {"charmap", "idna", "mbcs", "oem", "punycode", "raw-unicode-escape", "undefined", "unicode-escape"}
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ADVICE = "a plain “CSV” of a Chinese Excel is GBK: give --encoding gb18030, or save the file as “CSV UTF-8”"


def known_encoding(name: str) -> str:
    """Python's name of the codec; for UTF-8, the one that drops a byte order mark. Raises ``ValueError``."""
    try:
        known = codecs.lookup(name).name
        io.TextIOWrapper(io.BytesIO(), encoding=known)
    except (LookupError, ValueError):  # ValueError: not a possible name
        known = ""
    if not known or known in _NOT_FOR_TEXT_FILES:
        raise ValueError("is not an encoding for text files; common ones are utf-8, gb18030, utf-16 and big5")
    return "utf-8-sig" if known == "utf-8" else known


def checked_digest(file: io.BufferedReader, encoding: str) -> str:
    """Digest of the file's bytes; raises ``Rejection`` if they are not text in this encoding."""
    digest, text, in_utf8 = hashlib.sha256(), _Decoded(encoding), _Decoded("utf-8")
    unicode = encoding.startswith("utf-")
    ascii_only = True
    _check_marks(file.peek(_START)[:_START], encoding)
    while block := file.read(_BLOCK):
        digest.update(block)
        text.add(block)
        if not unicode:
            in_utf8.add(block)
            ascii_only = ascii_only and block.isascii()
    text.add(b"", final=True)
    in_utf8.add(b"", final=True)
    if not unicode and not ascii_only and in_utf8.wrong_line is None:
        reason = f"the file is UTF-8, and {encoding} would read other characters: leave --encoding out, or give utf-8"
        raise Rejection.of("--encoding", f"{reason}; if it really is {encoding}, save it as UTF-8")
    if text.wrong_line is not None:
        raise Rejection.of("--encoding", _not_text(encoding, text.wrong_line))
    return digest.hexdigest()


class _Decoded:
    """Decodes a file block by block, up to the first byte that is invalid."""

    def __init__(self, encoding: str) -> None:
        self.wrong_line: int | None = None
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._lines = 1
        self._length = 0  # of the unfinished last line

    def add(self, block: bytes, final: bool = False) -> None:
        """Decode the next block."""
        if self.wrong_line is not None:
            return
        try:
            self._count(self._decoder.decode(block, final), final)
        except UnicodeDecodeError as error:
            self._count(error.object[: error.start].decode(self._encoding, "replace"), final=True)
            self.wrong_line = self._lines
        except UnicodeError:  # utf-16 or utf-32 without the byte order mark that these codecs need
            self.wrong_line = _NO_MARK

    def _count(self, text: str, final: bool) -> None:
        text = self._newlines.decode(text, final)
        first, last = text.find("\n"), text.rfind("\n")
        self._length += len(text) if first < 0 else first
        if self._length > _LONGEST_LINE:
            raise Rejection.of(f"line {self._lines}", f"is longer than {_LONGEST_LINE:,} characters; is the file a CSV?")
        if last >= 0:
            self._length = len(text) - last - 1
        self._lines += text.count("\n")


def _check_marks(start: bytes, encoding: str) -> None:
    """Raises ``Rejection`` for UTF-16 or UTF-32 given as another encoding."""
    wide = encoding.startswith(("utf-16", "utf-32"))
    named = next((name for mark, name in _MARKS if start.startswith(mark)), None)
    if named is not None and not encoding.startswith(named):
        raise Rejection.of("--encoding", f"the file is {named.upper()} (“Unicode text”): give --encoding {named}")
    zeros = start.count(0)
    if not wide and zeros * _NUL_SHARE > len(start):
        named = "utf-16-le" if start[1::2].count(0) * 2 > zeros else "utf-16-be"
        raise Rejection.of("--encoding", f"the file looks like UTF-16 without a byte order mark: give --encoding {named}")


def _not_text(encoding: str, line: int) -> str:
    if line == _NO_MARK:
        return f"the file has no byte order mark of {encoding.upper()}: give --encoding {encoding}-le or {encoding}-be"
    if encoding == "utf-8-sig":
        return f"line {line} is not UTF-8; {_ADVICE}"
    return f"line {line} is not {encoding}; give the encoding that the file was saved in"
