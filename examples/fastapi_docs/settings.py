"""Settings that are read once, and a model that is loaded when the app starts."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from fastapi import Depends, FastAPI

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


@dataclass
class Settings:
    name: str = "Tea shop"
    factor: int = 42


class Model:
    """Slow to load."""

    def __init__(self, factor: int) -> None:
        self.factor = factor

    def predict(self, x: float) -> float:
        return x * self.factor


def as_fastapi_shows() -> FastAPI:
    models: dict[str, Model] = {}

    @lru_cache
    def read_settings() -> Settings:
        return Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        models["answer"] = Model(read_settings().factor)
        yield
        models.clear()

    app = FastAPI(lifespan=lifespan)

    @app.get("/info")
    async def info(settings: Annotated[Settings, Depends(read_settings)]) -> Settings:
        return settings

    @app.get("/predict")
    def predict(x: float) -> float:
        return models["answer"].predict(x)

    return app


@provider(scope="app")
def read_settings() -> Settings:
    return Settings()


@provider(scope="app")
async def load_model(settings: Settings) -> AsyncIterator[Model]:
    yield Model(settings.factor)


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/info")
    async def info(settings: Inject[Settings]) -> Settings:
        return settings

    @app.get("/predict")
    def predict(x: float, model: Inject[Model]) -> float:
        return model.predict(x)

    return app


with_inject = Container(read_settings, load_model).asgi(create_app)
