"""Raised where something is asked for, in the wrong place or at the wrong time."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, spell
from lifescope._model.provider import Link
from lifescope.errors._base import LifescopeError

__all__ = [
    "LifespanNotRunError",
    "NoScopeError",
    "NotReadyError",
    "ScopeClosedError",
    "SuppliedValueError",
    "WrongLoopError",
]


@dataclass(eq=False, kw_only=True, repr=False)
class NoScopeError(LifescopeError, LookupError, code="LS201"):
    """Raised when something is asked for where no scope is open.

    Attributes:
        wanted: What was asked for: a key, or a description.
    """

    wanted: str = ""

    def _report(self) -> _text.Report:
        wanted = f" that could give {self.wanted}" if self.wanted else ""
        return _text.Report(
            f"no scope is open here{wanted}",
            fixes=[
                "in a web application, serve container.asgi(...), and ask inside a request.",
                "elsewhere: async with container.open() as scope: ...",
                "start a thread with a copy of the context (contextvars.copy_context().run), as "
                "anyio.to_thread.run_sync does.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class WrongLoopError(LifescopeError, RuntimeError, code="LS204"):
    """Raised when a scope is asked for something in another event loop than its own.

    What it holds belongs to the loop that opened the app scope: connections, locks, tasks.

    Attributes:
        scope: The scope's name.
        wanted: What was asked for.
        opened_at: Where it was opened, if it was opened by hand.
    """

    scope: str
    wanted: str = ""
    opened_at: Place | None = None

    def _report(self) -> _text.Report:
        wanted = f", and cannot give {self.wanted} here" if self.wanted else ""
        return _text.Report(
            f'the scope "{self.scope}" belongs to another event loop{wanted}',
            lists=[("The scope was opened at:", _places(self.opened_at))],
            fixes=[
                "open an app scope in this loop as well: async with container.open().",
                "let the other loop do it, from a worker thread: "
                "anyio.from_thread.run(scope.get, Key).",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ScopeClosedError(LifescopeError, code="LS202"):
    """Raised when a scope that has ended is asked for a value, or to open another scope.

    Attributes:
        scope: The scope's name.
        wanted: What was asked for.
        opened_at: Where it was opened, if it was opened by hand.
        closing: True if its releases are still running.
        seconds_ago: How long ago it was closed; None while it is closing.
    """

    scope: str
    wanted: str = ""
    opened_at: Place | None = None
    closing: bool = False
    seconds_ago: float | None = None

    def _report(self) -> _text.Report:
        wanted = f" and cannot give {self.wanted}" if self.wanted else ""
        state = "is closing" if self.closing else "is closed"
        told = [f"was opened at {place}" for place in _places(self.opened_at)]
        in_time = "ask earlier for what a release needs: through a parameter of its provider."
        if self.seconds_ago is not None:
            ago = f"{self.seconds_ago:,.0f} seconds" if self.seconds_ago >= 2 else "a moment"
            told.append(f"was closed {ago} ago")
        return _text.Report(
            f'the scope "{self.scope}" {state}{wanted}',
            lists=[("The scope:", told)],
            fixes=[
                *([in_time] if self.closing else []),
                "open a scope of its own for code that goes on after its request or block.",
                "take lifescope.Background to do something after the response.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class SuppliedValueError(LifescopeError, code="LS205"):
    """Raised when a scope is opened with other values than were declared with `supplied`.

    Attributes:
        scope: The scope.
        missing: Declared, but not handed in.
        unknown: Handed in, but not declared for this scope.
    """

    scope: str
    missing: Sequence[Key] = ()
    unknown: Sequence[Key] = ()

    def _report(self) -> _text.Report:
        fixes: list[str] = []
        if self.missing:
            form = spell(self.missing[0].form)
            fixes.append(f"hand it in when the scope opens: open(values={{{form}: ...}}).")
        if self.unknown:
            first = self.unknown[0]
            fixes.append(f'declare it: supplied({first}, scope="{self.scope}").')
        return _text.Report(
            f'the values for the scope "{self.scope}" are not the declared ones',
            lists=[
                ("Missing:", [str(key) for key in self.missing]),
                ("Not declared:", [str(key) for key in self.unknown]),
            ],
            fixes=fixes,
        )


@dataclass(eq=False, kw_only=True, repr=False)
class NotReadyError(LifescopeError, code="LS203"):
    """Raised by `get_nowait` and by injected `def` functions for what must be awaited.

    Attributes:
        key: What was asked for, None for the parameters of a function.
        provider: The provider that would have to be awaited.
        place: Where it is written.
    """

    key: Key | None
    provider: str
    place: Place | None = None

    def _report(self) -> _text.Report:
        return _text.Report(
            f"{self.key or 'a parameter'} is not ready: {self.provider} has to be awaited",
            [Link(self.provider, self.place)] if self.place else (),
            fixes=[
                f"await scope.get({spell(self.key.form)}), in an async def.",
                "let something ask for it before, such as a parameter: then it is ready.",
            ]
            if self.key
            else [
                "make the function an async def.",
                "call it in a worker thread (anyio.to_thread.run_sync): there @inject has the "
                "parameters made by the event loop.",
            ],
        )


@dataclass(eq=False, kw_only=True, repr=False)
class LifespanNotRunError(LifescopeError, code="LS206"):
    """Raised when a request reaches a root whose lifespan is not running.

    Attributes:
        root: The app factory of the root.
        running: How many lifespans of it are running in this event loop.
    """

    root: str
    running: int = 0

    def _report(self) -> _text.Report:
        if self.running > 1:
            return _text.Report(
                f"{self.running} lifespans of container.asgi({self.root}) run: a request must say "
                f"which is its own",
                fixes=[
                    'pass asgi_scope["state"] on, if a middleware or the server drops it.',
                    "give an outer app, in which it is mounted, what root.lifespan gives:\n"
                    "async with root.lifespan(app) as state: yield state",
                    "run the app of a root.factory() in each, if two servers run the same root.",
                ],
            )
        return _text.Report(
            f"a request came, but no lifespan of container.asgi({self.root}) is running",
            fixes=[
                "take a server that runs lifespans (uvicorn --lifespan on).",
                "enter a test client: with TestClient(app) as client: ...",
                "let an outer app, in which it is mounted, run its lifespan:\n"
                'Starlette(routes=[Mount("/", root)], lifespan=root.lifespan)',
                "run one in this event loop too, if it runs in another event loop.",
                "say container.asgi(..., start_on_request=True), where nobody can run it.",
            ],
        )


def _places(place: Place | None) -> list[str]:
    return [str(place)] if place else []
