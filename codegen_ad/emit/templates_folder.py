"""Where the templates are: inside the package in a wheel, beside it in a checkout."""

from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent


def templates_folder(package: Path = PACKAGE) -> Path:
    """Folder that holds one folder of templates per backend.

    A wheel carries it as `codegen_ad/templates`. An editable install runs from the checkout, where
    it is the top-level `templates`; `pyproject.toml` beside it tells a checkout from a folder of
    that name which happens to lie in `site-packages`.
    """
    shipped = package / "templates"
    if shipped.is_dir():
        return shipped
    checkout = package.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / "templates").is_dir():
        return checkout / "templates"
    raise FileNotFoundError(
        f"codegen_ad is installed without its templates: neither {shipped} nor a checkout's "
        f"{checkout / 'templates'} exists. Install it again: pip install --force-reinstall "
        "codegen-ad"
    )
