"""A payment service to play with: ``uvicorn shop.fake_payments:app --port 9000``.

It declines cards that begin with "declined", and fails once for each that begins with "flaky".
"""

from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


class FakePayments:
    """Everybody's money."""

    def __init__(self) -> None:
        self.charges: dict[str, dict[str, Any]] = {}
        self.refunds: list[str] = []
        self._numbers = count(1)
        self._failed: set[str] = set()

    async def charge(self, request: Request) -> Response:
        body = await request.json()
        reference, card = body["reference"], body["card"]
        if card.startswith("flaky") and reference not in self._failed:
            self._failed.add(reference)
            return Response(status_code=503)
        if card.startswith("declined"):
            return Response(status_code=402)
        if reference not in self.charges:
            self.charges[reference] = {**body, "payment": f"P{next(self._numbers)}"}
        return JSONResponse({"payment": self.charges[reference]["payment"]}, 201)

    async def refund(self, request: Request) -> Response:
        self.refunds.append((await request.json())["payment"])
        return Response(status_code=201)

    async def healthz(self, request: Request) -> Response:
        return Response()

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/charges", self.charge, methods=["POST"]),
                Route("/refunds", self.refund, methods=["POST"]),
                Route("/healthz", self.healthz),
            ]
        )


app = FakePayments().app()
