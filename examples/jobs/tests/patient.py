"""The shop's commands, with a courier who never comes: `python -m jobs.tests.patient order tea`."""

import logging

import anyio

from jobs.command import main
from jobs.shop import Courier, container

logger = logging.getLogger(__name__)


class Patient(Courier):
    async def book(self, item: str) -> None:
        logger.info("waiting")
        await anyio.sleep_forever()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    courier = Patient()
    with container.override(Courier, courier):
        main()
