"""A FastAPI app in a module with deferred annotations (PEP 563)."""

from __future__ import annotations

from fastapi import Depends, FastAPI, Request
from starlette.requests import HTTPConnection

from lifescope import Container, provider
from lifescope.integrations.fastapi import Inject


@provider(scope="request")
def path_of(request: Request, connection: HTTPConnection) -> Path:
    return Path(request.url.path if request is connection else "two connections")


class Path(str):
    __slots__ = ()


def dependency(path: Inject[Path]) -> str:
    return f"dependency {path}"


def create_app() -> FastAPI:
    app = FastAPI()

    @app.get("/async/{number}")
    async def asynchronous(
        number: int, path: Inject[Path], depends: str = Depends(dependency)
    ) -> list[str]:
        return [f"endpoint {path} {number}", depends]

    @app.get("/sync/{number}")
    def synchronous(
        number: int, path: Inject[Path], depends: str = Depends(dependency)
    ) -> list[str]:
        return [f"endpoint {path} {number}", depends]

    return app


container = Container(path_of)
