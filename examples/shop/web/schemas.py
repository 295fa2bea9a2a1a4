"""What goes over the wire, in and out."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Text = Annotated[
    str,
    # PostgreSQL cannot store NUL.
    StringConstraints(strip_whitespace=True, min_length=1, max_length=50, pattern=r"^[^\x00]*$"),
]
Sku = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,50}$")]
Number = Annotated[int, Path(ge=1, le=2**31 - 1)]
Quantity = Annotated[int, Field(ge=1, le=1000)]


class View(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ProductDraft(BaseModel):
    sku: Sku
    name: Text
    price: Annotated[int, Field(ge=0, le=10**6)]
    stock: Annotated[int, Field(ge=0, le=10**6)] = 0


class ProductView(View):
    sku: str
    name: str
    price: int
    stock: int


class CustomerDraft(BaseModel):
    name: Text
    email: Annotated[Text, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$")]
    card: Text


class CustomerView(View):
    id: int
    name: str
    email: str


class OrderDraft(BaseModel):
    customer_id: Annotated[int, Field(ge=1, le=2**31 - 1)]
    items: Annotated[dict[Sku, Quantity], Field(min_length=1, max_length=50)]


class LineView(View):
    sku: str
    quantity: int


class OrderView(View):
    id: int
    customer_id: int
    placed: datetime
    state: str
    total: int
    lines: list[LineView]
