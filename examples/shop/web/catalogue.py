"""Products."""

from fastapi import APIRouter, status

from lifescope.integrations.fastapi import Inject
from shop.catalogue import Catalogue
from shop.web.schemas import ProductDraft, ProductView

router = APIRouter(prefix="/products", tags=["catalogue"])


@router.get("")
async def list_products(catalogue: Inject[Catalogue]) -> list[ProductView]:
    return [ProductView.model_validate(product) for product in await catalogue.products()]


@router.get("/{sku}")
async def get_product(sku: str, catalogue: Inject[Catalogue]) -> ProductView:
    return ProductView.model_validate(await catalogue.product(sku))


@router.post("", status_code=status.HTTP_201_CREATED)
async def add_product(draft: ProductDraft, catalogue: Inject[Catalogue]) -> ProductView:
    return ProductView.model_validate(await catalogue.add(**draft.model_dump()))
