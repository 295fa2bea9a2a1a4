"""Errors of the domain, as answers. Each has left its endpoint, so everything is rolled back."""

from fastapi import FastAPI, Request, status
from fastapi.responses import JSONResponse

from shop.catalogue import OutOfStockError
from shop.customers import EmailTakenError
from shop.database import NotFoundError
from shop.orders import WrongStateError
from shop.tenants import UnknownTenantError

STATUSES: dict[type[Exception], int] = {
    UnknownTenantError: status.HTTP_400_BAD_REQUEST,
    NotFoundError: status.HTTP_404_NOT_FOUND,
    EmailTakenError: status.HTTP_409_CONFLICT,
    OutOfStockError: status.HTTP_409_CONFLICT,
    WrongStateError: status.HTTP_409_CONFLICT,
}


def add_to(app: FastAPI) -> None:
    for kind in STATUSES:
        app.add_exception_handler(kind, _answer)


async def _answer(request: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, STATUSES[type(error)])
