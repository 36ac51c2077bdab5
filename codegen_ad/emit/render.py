"""Templates filled in: the only importer of jinja2, strict about what is missing."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import TYPE_CHECKING

from codegen_ad.emit.templates_folder import templates_folder

if TYPE_CHECKING:
    import jinja2


def render(template: str, **values: object) -> str:
    """The text of a template, named by its path below `templates/`."""
    return _environment().get_template(template).render(**values)


def digest(template_folder: str) -> str:
    """A digest of all templates of a backend; part of every kernel's key."""
    total = hashlib.sha256()
    for path in sorted((templates_folder() / template_folder).glob("*.jinja")):
        total.update(path.name.encode())
        total.update(path.read_bytes())
    return total.hexdigest()


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
