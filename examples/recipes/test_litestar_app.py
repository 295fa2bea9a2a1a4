"""The page "Use Litestar" tells the truth."""

from pathlib import Path

from starlette.testclient import TestClient

from recipes.litestar_app import DatabaseFile, container, create_app, create_table


def test_litestar(tmp_path: Path) -> None:
    file = tmp_path / "orders.db"
    create_table(file)
    app = container.asgi(create_app, values={DatabaseFile: file})
    with TestClient(app) as client:
        guest = {"x-guest": "Ada"}
        assert client.put("/orders/1/tea", headers=guest).text == "tea for Ada"
        assert client.put("/orders/1/milk").status_code == 409
        assert client.get("/lists/all").json() == ["tea"]
        assert client.get("/summary").text == "1 orders"
        with client.websocket_connect("/feed") as feed:
            feed.send_text("tea")
            assert feed.receive_text() == "tea: 1"
