"""Renderer: templates and what they may use. Every value is escaped; a name that a template does not get is an error."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from smsrelay.contract.masked_number import masked_number
from smsrelay_worker.console.languages.catalogue import Catalogue, Language
from smsrelay_worker.console.navigation import NAVIGATION
from smsrelay_worker.messages.timeline import clock

_MARKED = re.compile("`([^`]+)`")
_ROOM = __name__.rpartition(".")[0]


class Renderer:
    """Safe to share between threads. ``assets``: a text that changes with the static files, so that browsers fetch new ones."""

    def __init__(self, assets: str) -> None:
        self._environment = Environment(
            loader=PackageLoader(_ROOM, "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(assets=assets, navigation=NAVIGATION, languages=tuple(Language))
        self._environment.filters.update(instant=instant, masked=masked_number, prose=prose)

    def render(self, template: str, catalogue: Catalogue, values: Mapping[str, object]) -> str:
        """The page. Templates call ``t`` with a key for a text, and ``span(ms)`` for a stretch of time in words."""
        words: dict[str, Any] = {
            "t": catalogue.text,
            "known": catalogue.knows,
            "span": catalogue.span,
            "state": partial(_labelled, catalogue, "state"),
            "language": catalogue.language.value,
        }
        return self._environment.get_template(template).render(words | dict(values))


def instant(at: int) -> Markup:
    """An instant (ms) as people and programs read it, to the second, in UTC."""
    moment = datetime.fromtimestamp(at / 1000, UTC)
    title = clock(at)
    return Markup('<time datetime="{}" title="{} UTC">{}</time>').format(moment.isoformat(), title, title.partition(".")[0])


def prose(text: str) -> Markup:
    """A sentence of ours in which backticks mark commands."""
    return Markup(_MARKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  escaped before


def _labelled(catalogue: Catalogue, kind: str, name: str) -> Markup:
    """A state as a coloured label with its word: the colour says nothing that the word does not."""
    return Markup('<span class="{} {}-{}">{}</span>').format(kind, kind, name, catalogue.text(f"{kind}.{name}"))
