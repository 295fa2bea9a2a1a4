"""The routes: HTTP in, answers out."""

from fastapi import FastAPI

from shop.web import catalogue, customers, errors, operations, orders
from shop.web.tenants import TenantMiddleware


def create_app() -> FastAPI:
    """Make the web application; the app scope is open when lifescope calls this."""
    app = FastAPI(title="Shop")
    app.add_middleware(TenantMiddleware)
    errors.add_to(app)
    for module in (catalogue, customers, orders, operations):
        app.include_router(module.router)
    return app
