"""Raised where something is asked for, in the wrong place or at the wrong time."""

from collections.abc import Sequence
from dataclasses import dataclass

from lifescope._model.keys import Key
from lifescope._model.names import Place
from lifescope.errors._base import LifescopeError

__all__ = [
    "LifespanNotRunError",
    "NoScopeError",
    "NotReadyError",
    "ScopeClosedError",
    "ScopeOrderError",
    "SuppliedValueError",
    "WrongLoopError",
]


@dataclass(eq=False, kw_only=True, repr=False)
class NoScopeError(LifescopeError, LookupError):
    """Raised when something is asked for where no scope is open.

    Attributes:
        wanted: What was asked for: a key, or a description.
    """

    wanted: str = ""

    def __str__(self) -> str:
        wanted = f"{self.wanted} was asked for, but no" if self.wanted else "no"
        return (
            f"{wanted} scope is open here\n\n"
            f"  In a web application, serve container.asgi(...) and ask inside a request.\n"
            f"  Elsewhere: async with container.open() as scope: ...\n"
            f"  A new thread sees the scope only if it is started with a copy of the context\n"
            f"  (contextvars.copy_context().run), as anyio.to_thread.run_sync does."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class WrongLoopError(LifescopeError, RuntimeError):
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

    def __str__(self) -> str:
        wanted = f"{self.wanted} was asked for, but " if self.wanted else ""
        opened = f", opened at {self.opened_at}," if self.opened_at else ""
        return (
            f'{wanted}the scope "{self.scope}"{opened} belongs to another event loop\n\n'
            f"  Open an app scope in this loop as well (async with container.open()), or have the\n"
            f"  other loop do it: anyio.from_thread.run(scope.get, Key), from a worker thread."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ScopeClosedError(LifescopeError):
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

    def __str__(self) -> str:
        wanted = f" and cannot give {self.wanted}" if self.wanted else ""
        opened = f", opened at {self.opened_at}," if self.opened_at else ""
        ago = "" if self.seconds_ago is None else f" {self.seconds_ago:.3g} s ago"
        state = "is closing" if self.closing else f"was closed{ago}"
        return (
            f'the scope "{self.scope}"{opened} {state}{wanted}\n\n'
            f"  Code that goes on after its request or block needs a scope of its own."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class ScopeOrderError(LifescopeError):
    """Raised when a key is asked for in a scope that is wider than the key's own.

    Attributes:
        key: What was asked for.
        scope: The key's scope.
        asked_in: The scope that was asked.
        provider: The provider, or the one that it needs, that is in the narrower scope.
    """

    key: Key | None
    scope: str
    asked_in: str
    provider: str

    def __str__(self) -> str:
        wanted = (
            f"{self.key} was asked for" if self.key else f'the scope "{self.scope}" was asked for'
        )
        lives = f': {self.provider} lives in the scope "{self.scope}"' if self.provider else ""
        return (
            f'{wanted} in the scope "{self.asked_in}"{lives}\n\n'
            f'  Ask inside such a scope: async with scope.open("{self.scope}") as inner: ...'
        )


@dataclass(eq=False, kw_only=True, repr=False)
class SuppliedValueError(LifescopeError):
    """Raised when a scope is opened with other values than were declared with `supplied`.

    Attributes:
        scope: The scope.
        missing: Declared, but not handed in.
        unknown: Handed in, but not declared for this scope.
    """

    scope: str
    missing: Sequence[Key] = ()
    unknown: Sequence[Key] = ()

    def __str__(self) -> str:
        parts = [
            f"{title}: {', '.join(map(str, keys))}"
            for title, keys in (("missing", self.missing), ("not declared", self.unknown))
            if keys
        ]
        return (
            f'the values for the scope "{self.scope}" do not fit ({"; ".join(parts)})\n\n'
            f"  Hand them in when it opens, open(values={{Key: value}}), and declare each with\n"
            f'  supplied(Key, scope="{self.scope}").'
        )


@dataclass(eq=False, kw_only=True, repr=False)
class NotReadyError(LifescopeError):
    """Raised by `get_nowait` and by injected `def` functions for what must be awaited.

    Attributes:
        key: What was asked for, None for the parameters of a function.
        provider: The provider that would have to be awaited.
    """

    key: Key | None
    provider: str

    def __str__(self) -> str:
        return (
            f"{self.key or 'a parameter'} is not ready: {self.provider} has to be awaited\n\n"
            f"  Use await scope.get(...), or make the function an async def. In a worker thread\n"
            f"  @inject has it made by the event loop, and anyio.from_thread.run(scope.get, key)."
        )


@dataclass(eq=False, kw_only=True, repr=False)
class LifespanNotRunError(LifescopeError):
    """Raised when a request reaches a root whose lifespan is not running.

    Attributes:
        root: The app factory of the root.
        running: How many lifespans of it are running in this event loop.
    """

    root: str
    running: int = 0

    def __str__(self) -> str:
        if self.running > 1:
            return (
                f"{self.running} lifespans of container.asgi({self.root}) run in this event loop, "
                f"and the request does not say which is its own\n\n"
                f'  - The server, or a middleware, drops asgi_scope["state"]: pass it on.\n'
                f"  - The app is mounted in another one, which drops the state: give it what\n"
                f"    root.lifespan gives (async with root.lifespan(app) as state: yield state).\n"
                f"  - Two servers run the same root: run the app of a root.factory() in each."
            )
        return (
            f"a request came, but no lifespan of container.asgi({self.root}) is running\n\n"
            f"  - The server does not run lifespans: use one that does (uvicorn --lifespan on).\n"
            f"  - A test client must be entered: with TestClient(app) as client: ...\n"
            f"  - The app is mounted in another one, which must run its lifespan:\n"
            f'    Starlette(routes=[Mount("/", root)], lifespan=root.lifespan)\n'
            f"  - The lifespan runs in another event loop: run one in each that serves.\n"
            f"  - Nobody can run it: container.asgi(..., start_on_request=True)."
        )
