"""Static pages that FastAPI serves behind dependencies."""

from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Response

from frameworks.forms import SCOPES
from integrations.driving import Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")


def guard(response: Response, session: Inject[Session], key: str = "right") -> None:
    response.headers["x-session"] = session.read()
    if key != "right":
        raise HTTPException(401)


@pytest.fixture(params=["app", "router"])
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """An app with a page behind a dependency of the app, or of a router."""
    (tmp_path / "index.html").write_text("<p>hello")
    if request.param == "app":
        app = FastAPI(dependencies=[Depends(guard)])
        app.frontend("/ui", directory=tmp_path)
        return app
    app, router = FastAPI(), APIRouter(dependencies=[Depends(guard)])
    router.frontend("/", directory=tmp_path)
    app.include_router(router, prefix="/ui")
    return app


@pytest.mark.parametrize("scope", SCOPES)
def test_dependencies_of_a_frontend_are_filled(serve: Serve, guarded: Any, scope: str) -> None:
    """What guards static pages may have injected parameters, and its refusal is told (J12, G4)."""
    log: list[str] = []
    client = serve(Container(open_sessions(log, scope)).asgi(guarded))
    page = client.get("/ui/index.html")
    assert (page.text, page.headers["x-session"]) == ("<p>hello", "session 1")
    assert client.get("/ui/index.html?key=wrong").status_code == 401
    assert log == ["open 1", "commit 1", "open 2", "roll back 2: HTTPException"]
