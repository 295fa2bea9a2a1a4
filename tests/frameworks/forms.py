"""What the files of this folder share: the ways of writing an endpoint, and small helpers.

A *form* adds an endpoint "GET /" with a parameter of the annotation that it is given: `Inject[T]`
in the tests, a plain `Depends` to see whether this version of FastAPI knows the form at all.
"""

import gc
import warnings
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, HTTPException
from starlette.testclient import TestClient

from integrations.driving import Session

SCOPES = ["request", "call"]

LOOPS = [
    pytest.param(("asyncio", {}), id="asyncio"),
    pytest.param(("trio", {}), id="trio"),
]

Act = Callable[[Session], str]
"""What an endpoint does with its session."""

Form = Callable[[FastAPI, Any, Act], None]


class Refused(Exception):
    """An error of the application's own."""


def read(session: Session) -> str:
    return session.read()


def refuse(session: Session) -> str:
    raise HTTPException(409, session.read())


def known(forms: Iterable[Form], *, newer: Iterable[Form] = ()) -> list[Form]:
    """*forms*, and those of *newer* that this FastAPI serves if nothing is injected."""
    return [*forms, *filter(is_served_without_injection, newer)]


def is_served_without_injection(form: Form) -> bool:
    def session() -> Session:
        return Session(1)

    app = FastAPI()
    with warnings.catch_warnings(action="ignore"):  # of a coroutine that nobody awaits
        try:
            form(app, Annotated[Session, Depends(session)], read)
            answer = TestClient(app, raise_server_exceptions=False).get("/")
        except Exception:  # it cannot even be declared
            return False
        finally:
            gc.collect()
    return answer.status_code == 200 and answer.json() == "session 1"
