"""The service that takes the money, over HTTP. Knows no lifescope."""

import logging
from collections.abc import Mapping
from typing import Protocol

import httpx

from shop.statistics import Statistics

logger = logging.getLogger(__name__)


class DeclinedError(Exception):
    """Raised when a card cannot be charged."""


class UnavailableError(Exception):
    """Raised when the service does not answer, or not as it should."""


class Gateway(Protocol):
    """Takes money, and gives it back."""

    async def charge(self, reference: str, card: str, cents: int) -> str:
        """Charge *card* once for each *reference*, however often it is asked; the payment's number.

        Raises:
            DeclinedError: The card cannot be charged.
            UnavailableError: Nobody knows; ask again.
        """
        ...

    async def refund(self, payment: str) -> None:
        """Give the money back.

        Raises:
            UnavailableError: Nobody knows; ask again.
        """
        ...


class HttpGateway:
    """Asks the service."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def charge(self, reference: str, card: str, cents: int) -> str:
        body = {"reference": reference, "card": card, "cents": cents}
        response = await self._post("/charges", body)
        if response.status_code == 402:
            raise DeclinedError("The card was declined.")
        if response.status_code != 201:
            raise UnavailableError(f"The payment service answers {response.status_code}.")
        return str(response.json()["payment"])

    async def refund(self, payment: str) -> None:
        response = await self._post("/refunds", {"payment": payment})
        if response.status_code != 201:
            raise UnavailableError(f"The payment service answers {response.status_code}.")

    async def _post(self, path: str, body: Mapping[str, object]) -> httpx.Response:
        try:
            return await self._client.post(path, json=body)
        except httpx.HTTPError as error:
            raise UnavailableError("The payment service does not answer.") from error


class PatientGateway:
    """Asks again when nobody knows."""

    def __init__(self, inner: Gateway, attempts: int = 3) -> None:
        self._inner = inner
        self._attempts = attempts

    async def charge(self, reference: str, card: str, cents: int) -> str:
        for _ in range(1, self._attempts):
            try:
                return await self._inner.charge(reference, card, cents)
            except UnavailableError as error:
                logger.warning("%s Once more.", error)
        return await self._inner.charge(reference, card, cents)

    async def refund(self, payment: str) -> None:
        await self._inner.refund(payment)


class CountedGateway:
    """Counts what has been taken."""

    def __init__(self, inner: Gateway, statistics: Statistics) -> None:
        self._inner = inner
        self._statistics = statistics

    async def charge(self, reference: str, card: str, cents: int) -> str:
        try:
            payment = await self._inner.charge(reference, card, cents)
        except DeclinedError:
            await self._statistics.count("declined")
            raise
        await self._statistics.count("cents", cents)
        return payment

    async def refund(self, payment: str) -> None:
        await self._inner.refund(payment)
        await self._statistics.count("refunds")
