"""What is written to the terminal, or to whatever is in its place."""

import os
import sys
from typing import TextIO

__all__ = ["has_colours", "say", "write"]


def say(text: str) -> None:
    """One line on stderr, about the command itself."""
    write(f"lifescope: {text}", sys.stderr)


def write(text: str, to: TextIO | None = None) -> None:
    """*text* and the end of its line; nobody minds if its reader has gone, as `head` does."""
    stream: TextIO = sys.stdout if to is None else to
    encoding = getattr(stream, "encoding", None) or "utf-8"
    line = text.removesuffix("\n") + "\n"
    try:
        stream.write(line.encode(encoding, "replace").decode(encoding))
        stream.flush()
    except BrokenPipeError:
        # Python's documentation advises this: it flushes once more at the end, and may complain.
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, stream.fileno())
        os.close(devnull)


def has_colours(stream: TextIO) -> bool:
    """Whether *stream* is to be painted: NO_COLOR and FORCE_COLOR decide, then what it is."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"
