"""An app with a graph of thirty providers, ten of them app-scoped."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject

APP: dict[str, Sequence[str]] = {
    "Settings": (),
    "Clock": (),
    "Metrics": ("Settings",),
    "Database": ("Settings", "Metrics"),
    "Cache": ("Settings",),
    "Http": ("Settings", "Metrics"),
    "Mailer": ("Http", "Settings"),
    "Payments": ("Http", "Clock"),
    "Search": ("Http", "Cache"),
    "Catalogue": ("Database", "Search"),
}
"""App-scoped; each has a release."""

REQUEST: dict[str, Sequence[str]] = {
    "Session": ("Database",),
    "Audit": ("Session", "Clock"),
    "Users": ("Session", "Cache"),
    "CurrentUser": ("Users",),
    "Permissions": ("CurrentUser",),
    "Products": ("Session", "Catalogue"),
    "Prices": ("Products", "Clock"),
    "Stock": ("Session",),
    "Basket": ("Session", "CurrentUser"),
    "Discounts": ("Basket", "Prices"),
    "Shipping": ("Basket", "Http"),
    "Taxes": ("Basket", "Settings"),
    "Orders": ("Session", "Audit"),
    "Invoices": ("Orders", "Mailer"),
    "Checkout": ("Orders", "Payments", "Discounts", "Shipping", "Taxes", "Stock"),
    "Reviews": ("Session", "CurrentUser"),
    "Newsletter": ("Mailer", "Users"),
    "Reports": ("Session", "Metrics"),
    "Shop": ("Checkout", "Invoices", "Permissions"),
}
"""Request-scoped."""

FORMS: dict[str, type] = {}
FORMS |= {name: type(name, (), {}) for name in [*APP, *REQUEST, "Handler"]}

OVERRIDDEN = ("Clock", "Mailer", "Payments", "Search", "Cache", "Database", "Shipping", "Users")
"""What the tests replace, in turn."""


def _annotated(function: Callable[..., Any], name: str, needs: Sequence[str], result: Any) -> Any:
    """*function*, as if it had been written with these parameters."""
    parameters = ", ".join(f"p{number}" for number in range(len(needs)))
    names: dict[str, Any] = {"made": function}
    is_async = "AsyncIterator" in str(result)
    body = f"async for each in made({parameters}): yield each"
    define = "async def" if is_async else "def"
    line = body if is_async else f"return made({parameters})"
    exec(f"{define} {name.lower()}({parameters}):\n    {line}", names)
    written = names[name.lower()]
    written.__annotations__ = {
        **{f"p{number}": FORMS[need] for number, need in enumerate(needs)},
        "return": result,
    }
    return written


def _released(name: str) -> Any:
    async def make(*_: Any) -> AsyncIterator[Any]:
        yield FORMS[name]()

    return _annotated(make, name, APP[name], AsyncIterator[FORMS[name]])  # type: ignore[name-defined]


def _plain(name: str, needs: Sequence[str]) -> Any:
    return _annotated(lambda *_: FORMS[name](), name, needs, FORMS[name])


def make_container() -> Container:
    """A container that nobody has asked for anything."""
    return Container(
        [provider(_released(name), scope="app") for name in APP],
        [provider(_plain(name, needs), scope="request") for name, needs in REQUEST.items()],
        provider(_plain("Handler", ("Shop",)), scope="call"),
    )


def create_app() -> FastAPI:
    """One endpoint, which needs most of the graph."""
    app = FastAPI()
    handler, reviews = FORMS["Handler"], FORMS["Reviews"]

    async def buy(handler: Any, reviews: Any) -> dict[str, str]:
        return {"bought": type(handler).__name__}

    buy.__annotations__ |= {"handler": Inject[handler], "reviews": Inject[reviews]}
    app.get("/buy")(buy)
    return app
