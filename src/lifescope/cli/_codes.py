"""The exit codes."""

__all__ = ["CRASHED", "INTERRUPTED", "NOT_STARTED", "PROBLEMS", "WRONG_USE"]

PROBLEMS = 1
"""The exit code when the check has found problems."""

CRASHED = 1
"""The exit code when the app has crashed, or has not stopped in good order."""

WRONG_USE = 2
"""The exit code when the command line is wrong; argparse's is the same."""

NOT_STARTED = 3
"""The exit code when the app did not start, or cannot be imported; uvicorn's is the same."""

INTERRUPTED = 130
"""The exit code after a Ctrl-C that no server has taken notice of; that of shells."""
