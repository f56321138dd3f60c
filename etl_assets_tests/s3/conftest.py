from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from etl_assets.object_storage import ObjectStorage, Place
from etl_assets_tests.orchestration.fixtures import dagster_template, house, make_house
from etl_assets_tests.s3.server import KEY, SECRET, Server

__all__ = ["dagster_template", "house", "make_house"]


@pytest.fixture
def storage(server: Server) -> ObjectStorage:
    return ObjectStorage(endpoint=server.endpoint, access_key_id=KEY, secret_access_key=SECRET)


@pytest.fixture
def make_place(server: Server) -> Callable[[str], Place]:
    """A bucket of one's own, and a prefix in it."""

    def make(prefix: str = "in/tiny") -> Place:
        bucket = f"b-{uuid.uuid4().hex[:12]}"
        server.client().create_bucket(Bucket=bucket)
        return Place(bucket, prefix)

    return make
