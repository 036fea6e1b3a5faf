"""Render a page from a template that extends ``base.html``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def render_page(template: Path, **content: Any) -> str:
    """Render a page that refers to no other file and to no server.

    Args:
        template: Jinja template; it may extend ``base.html``, whose blocks
            are ``title``, ``style`` and ``main``.
        **content: Values of the names in the template.
    """
    environment = Environment(
        loader=FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(content)
