"""Raised where something is asked for, in the wrong place or at the wrong time."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifescope import _text
from lifescope._model.keys import Key
from lifescope._model.names import Place, at, spell
from lifescope._model.provider import Kind, Link, Provider
from lifescope.errors._base import LifescopeError
from lifescope.errors._missing import asked_as

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
                'elsewhere: async with container.open() as app, app.open("request"): ...',
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
        opened_at: Where the scope is opened, if it is opened by hand; else of container.asgi.
        declared_at: Where the first that is missing is declared.
        provided_by: What makes the first that is not declared, if anything does.
        opened_by: "asgi", if container.asgi takes the values for the scope; "root", if it opens
            the scope and takes none.
        widest: The container's widest scope.
    """

    scope: str
    missing: Sequence[Key] = ()
    unknown: Sequence[Key] = ()
    opened_at: Place | None = None
    declared_at: Place | None = None
    provided_by: Provider | None = None
    opened_by: str = ""
    widest: str = "app"

    def _report(self) -> _text.Report:
        first = [f"{key}{at(self.declared_at)}" for key in self.missing[:1]]
        return _text.Report(
            f'the values for the scope "{self.scope}" are not the declared ones',
            lists=[
                ("Missing:", [*first, *map(str, self.missing[1:])]),
                ("Not declared:", [str(key) for key in self.unknown]),
                ("It opens at:" if not self.opened_by else "Its values:", self._opened()),
            ],
            fixes=[*self._for_missing(), *self._for_unknown()],
        )

    def _opened(self) -> list[str]:
        if self.opened_by:
            return [f"container.asgi(..., values=...){at(self.opened_at)}"]
        return _places(self.opened_at)

    def _for_missing(self) -> list[str]:
        if not self.missing:
            return []
        form = asked_as(self.missing[0], self.missing[0].name)
        values = f"values={{{form}: ...}}"
        here = at(self.opened_at)
        if self.opened_by == "asgi":
            return [f"hand it in: container.asgi(..., {values}){here}."]
        if self.opened_by == "root":
            return [
                f'have it made: a function marked @provider(scope="{self.scope}") that returns it '
                f"instead of supplied(...){at(self.declared_at)}; it may ask for the Request.",
                f'declare it in the scope "{self.widest}"{at(self.declared_at)}, and hand it in: '
                f"container.asgi(..., {values}){here}.",
            ]
        return [f"hand it in when the scope opens: open({values}){here}."]

    def _for_unknown(self) -> list[str]:
        if not self.unknown:
            return []
        key, provider = self.unknown[0], self.provided_by
        if provider is None or provider.place is None:
            told = f'{spell(key.form)}, scope="{self.scope}"'
            told += f', name="{key.name}"' if key.name is not None else ""
            return [
                f"declare it: Container(..., supplied({told})).",
                f"leave it out of the values{at(self.opened_at)}.",
            ]
        is_supplied = provider.kind is Kind.SUPPLIED
        made = f'declared for the scope "{provider.scope}"' if is_supplied else "made"
        fixes = [f"leave it out{at(self.opened_at)}: it is {made} by {provider}."]
        if is_supplied:
            return [f'declare it for the scope "{self.scope}"{at(provider.place)}.', *fixes]
        return [*fixes, f"in a test, replace what makes it: container.override({key}, ...)."]


@dataclass(eq=False, kw_only=True, repr=False)
class NotReadyError(LifescopeError, code="LS203"):
    """Raised by `get_nowait` and by injected `def` functions for what must be awaited.

    Attributes:
        key: What was asked for, None for the parameters of a function.
        provider: The provider that would have to be awaited.
        place: Where it is written.
        function: The function, with the place where it is written.
        opens: The scope that would have to be opened for the parameters.
    """

    key: Key | None
    provider: str
    place: Place | None = None
    function: str = ""
    opens: str = ""

    def _report(self) -> _text.Report:
        chain = [Link(self.provider, self.place)] if self.place else []
        if self.key is not None:
            return _text.Report(
                f"{self.key} is not ready: {self.provider} has to be awaited",
                chain,
                fixes=[
                    f"await scope.get({spell(self.key.form)}), in an async def.",
                    "let something ask for it before, such as a parameter: then it is ready.",
                ],
            )
        of = f" of {self.function}" if self.function else ""
        around = f'open the scope around the call: async with scope.open("{self.opens}"): ...'
        return _text.Report(
            f"the parameters{of} are not ready: {self.provider} has to be awaited",
            chain,
            fixes=[
                "make the function an async def.",
                *([around] if self.opens else []),
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
