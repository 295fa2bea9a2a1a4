"""An app with a graph of thirty providers, ten of them app-scoped."""

from collections.abc import AsyncIterator, Sequence
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
"""App-scoped; each has a release. What the values of a mapping name is what each needs."""

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
"""Request-scoped; the session has a release."""

FORMS: dict[str, type] = {}
FORMS |= {name: type(name, (), {}) for name in [*APP, *REQUEST, "Handler"]}

OVERRIDDEN = ("Clock", "Mailer", "Payments", "Search", "Cache", "Database", "Shipping", "Users")
"""What the tests replace, in turn."""


def _function(name: str, needs: Sequence[str], *, is_released: bool) -> Any:
    """A function that makes it, as if somebody had written it."""
    parameters = ", ".join(f"p{number}" for number in range(len(needs)))
    lines = f"async def {name.lower()}({parameters}): yield Form()"
    if not is_released:
        lines = f"def {name.lower()}({parameters}): return Form()"
    names: dict[str, Any] = {"Form": FORMS[name]}
    exec(lines, names)
    written = names[name.lower()]
    written.__annotations__ = {f"p{number}": FORMS[need] for number, need in enumerate(needs)}
    form: Any = FORMS[name]
    written.__annotations__["return"] = AsyncIterator[form] if is_released else form
    return written


def make_container() -> Container:
    """A container that nobody has asked for anything."""
    return Container(
        [provider(_function(name, APP[name], is_released=True), scope="app") for name in APP],
        [
            provider(_function(name, needs, is_released=name == "Session"), scope="request")
            for name, needs in REQUEST.items()
        ],
        provider(_function("Handler", ("Shop",), is_released=False), scope="call"),
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
