"""The parts that need neither a server nor a container, and the container itself."""

import ast
from pathlib import Path

import pytest

from shop.app import container
from shop.mail import load_templates
from shop.pricing import Item, ManyOfOne, ManyProducts, Pricing
from shop.settings import Settings

HERE = Path(__file__).parents[1]
EDGES = {"providers.py", "app.py", "worker.py", "queues.py"}


def test_settings_come_from_the_environment() -> None:
    env = {
        "SHOP_DATABASE_URL": "postgresql+asyncpg://me:secret@db/shop",
        "SHOP_REDIS_URL": "redis://:secret@db",
        "SHOP_TENANTS": "one,two",
    }
    settings = Settings.from_env(env)
    assert settings.tenants == ("one", "two")
    assert settings.redis_url == "redis://:secret@db"
    assert "secret" not in repr(settings)
    assert Settings.from_env(dict.fromkeys(env, "")) == Settings()


@pytest.mark.parametrize(
    ("items", "total"),
    [
        ([Item("tea", 100, 9)], 900),
        ([Item("tea", 100, 10)], 900),
        ([Item(str(sku), 200, 1) for sku in range(5)], 500),
        ([Item(str(sku), 1, 1) for sku in range(5)], 0),
    ],
)
def test_discounts(items: list[Item], total: int) -> None:
    assert Pricing([ManyOfOne(), ManyProducts()]).total(items) == total


@pytest.mark.anyio
async def test_letters_can_be_filled_in() -> None:
    templates = await load_templates()
    for name in ("confirm", "refused"):
        letter = templates.write(name, number=7, shop="tea-house", name="Ada")
        assert "order 7 at the tea-house" in letter["Subject"]
        assert "Dear Ada," in letter.get_content()


def test_domain_knows_nothing_of_lifescope() -> None:
    domain = [path for path in HERE.glob("*.py") if path.name not in EDGES]
    assert len(domain) > 10
    for path in domain:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imported = {
            node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        imported |= {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        assert not {name for name in imported if name.split(".")[0] == "lifescope"}, path


def test_composition_is_checked_as_a_whole() -> None:
    """G14: And there is something to check."""
    declared = container.graph.declared
    assert len(declared) >= 30
    assert {provider.scope for provider in declared} == {"app", "request", "call", "transient"}
