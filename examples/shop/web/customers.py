"""Customers."""

from fastapi import APIRouter, status

from lifescope.integrations.fastapi import Inject
from shop.customers import Customers
from shop.web.schemas import CustomerDraft, CustomerView, Number

router = APIRouter(prefix="/customers", tags=["customers"])


@router.get("/{number}")
async def get_customer(number: Number, customers: Inject[Customers]) -> CustomerView:
    return CustomerView.model_validate(await customers.customer(number))


@router.post("", status_code=status.HTTP_201_CREATED)
async def register(draft: CustomerDraft, customers: Inject[Customers]) -> CustomerView:
    return CustomerView.model_validate(await customers.register(**draft.model_dump()))
