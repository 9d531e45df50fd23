"""Reading the docs: their text, their code blocks, and the commands that they print.

A page is named by its path from the root; one that is missing raises ``OSError``.
"""

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    """Contents of the page's fenced blocks of one language, in order; each ends with a line break."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```$", text_of(page), re.MULTILINE | re.DOTALL)
    return [content for found, content in fenced if found == language]


def from_examples(code: str) -> bool:
    """Whether a block of Python is a part of an example's file, at whatever indentation; the example is tested as a whole."""
    files = [path.read_text(encoding="utf-8") for path in ROOT.glob("examples/**/*.py")]
    return any(textwrap.indent(code, margin) in text for text in files for margin in ("", "    "))


def commands(page: str) -> list[str]:
    """Every line of the page's shell blocks."""
    return [line for block in blocks(page, "sh") for line in block.splitlines() if line]
