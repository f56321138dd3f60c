from __future__ import annotations

import pytest

from etl_assets_tests.docs.places import ROOT, place_of
from etl_assets_tests.s3.server import Server

pytestmark = pytest.mark.slow

ORDERS = b"order_id,ordered_on,shipped_on,customer,country,amount\nA1,2024-03-01,2024-03-02,Ada,DE,19.90\n"


def test_the_page_does_what_it_says(server: Server) -> None:
    page = ROOT / "docs" / "how-to" / "s3.md"
    text = page.read_text(encoding="utf-8").replace("http://127.0.0.1:8333", server.endpoint)
    client = server.client()
    for bucket in ("drop", "lake"):
        client.create_bucket(Bucket=bucket)
    client.put_object(Bucket="drop", Key="orders/2024-03-01.csv", Body=ORDERS)

    with place_of(page) as reader:
        reader.environment |= server.environment()
        reader.follow(text)

    found = client.list_objects_v2(Bucket="lake", Prefix="shop/orders/gold/")
    assert found["KeyCount"] > 0
