"""The page about each error: Markdown, written so that it can be read in a terminal as well."""

import re

__all__ = ["page"]


def page(code: str) -> str:
    """The page about the error with this code, such as "LS101".

    It says why lifescope refuses this, and shows a program with the mistake, what it says, and
    the program mended. It is Markdown of at most 80 columns, without HTML and includes.

    Raises:
        LookupError: There is no error with this code.
    """
    from importlib import resources  # slow, and only here

    if re.fullmatch(r"LS\d{3}", code, re.ASCII):
        file = resources.files("lifescope.errors") / "pages" / f"{code}.md"
        if file.is_file():
            return file.read_text(encoding="utf-8")
    raise LookupError(f"there is no error with the code {code!r}")
