"""The command line, `codegen-ad`. This room only parses arguments and prints what `api` returns."""

import importlib.util
import sys

MISSING = """\
The command line needs click, which is not installed here. Install the extra that brings it:

    pip install "codegen-ad[cli]"
"""


def main() -> None:
    """Run the command line: the script `codegen-ad`, and `python -m codegen_ad`."""
    if importlib.util.find_spec("click") is None:
        sys.stderr.write(MISSING)
        raise SystemExit(2)
    from codegen_ad.cli.commands import commands

    commands(prog_name="codegen-ad")
