"""What the page "Read settings and secrets" shows."""

import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NewType, Self

import httpx2
from fastapi import FastAPI
from starlette.types import ASGIApp

from lifescope import Container, provider, supplied
from lifescope.integrations.fastapi import Inject


# --8<-- [start:class]
@dataclass(frozen=True)
class Settings:
    payments_url: str
    payments_token: str = field(repr=False)  # so that it is in no log and no traceback
    page_size: int = 20

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Self:
        return cls(
            payments_url=env["SHOP_PAYMENTS_URL"],
            payments_token=read_secret(env, "SHOP_PAYMENTS_TOKEN"),
            page_size=int(env.get("SHOP_PAGE_SIZE") or cls.page_size),
        )


# --8<-- [end:class]


# --8<-- [start:secret]
def read_secret(env: Mapping[str, str], name: str) -> str:
    """What the variable says, or the file that ``NAME_FILE`` names."""
    file = env.get(f"{name}_FILE")
    return Path(file).read_text(encoding="utf-8").strip() if file else env[name]


# --8<-- [end:secret]


# --8<-- [start:provider]
@provider(scope="app")
def settings() -> Settings:
    return Settings.from_env(os.environ)


@provider(scope="app")
async def payments(settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {settings.payments_token}"}
    async with httpx2.AsyncClient(base_url=settings.payments_url, headers=headers) as client:
        yield client


# --8<-- [end:provider]

# --8<-- [start:part]
PageSize = NewType("PageSize", int)


@provider(scope="app")
def page_size(settings: Settings) -> PageSize:
    return PageSize(settings.page_size)


# --8<-- [end:part]


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/")
    async def index(size: Inject[PageSize], payments: Inject[httpx2.AsyncClient]) -> list[str]:
        return [str(size), str(payments.base_url)]

    return app


container = Container(settings, payments, page_size)
app = container.asgi(create_app)


# --8<-- [start:supplied]
without_settings = Container(supplied(Settings, scope="app"), payments, page_size)


def create_service(env: Mapping[str, str]) -> ASGIApp:
    return without_settings.asgi(create_app, values={Settings: Settings.from_env(env)})


# --8<-- [end:supplied]
