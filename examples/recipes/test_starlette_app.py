"""The app of the page about Starlette."""

from starlette.testclient import TestClient

from recipes.starlette_app import app, counting_app


def test_injected_endpoints() -> None:
    with TestClient(app) as client:
        assert client.get("/books").json() == ["Emma"]
        assert client.post("/books", params={"title": "Ulysses"}).json() == 2
        answer = client.get("/books/2", headers={"x-reader": "Ann"})
        assert answer.json() == {"title": "Ulysses", "reader": "Ann"}
        assert client.get("/books/3").status_code == 404


def test_endpoint_that_is_put_together_by_hand() -> None:
    with TestClient(counting_app) as client:
        assert client.get("/count").json() == 1
