"""One delivery to read."""

from __future__ import annotations

from dataclasses import dataclass

from etl_assets.staging.area import ChangedError, StagingFolder
from etl_assets.staging.content import Content


@dataclass(frozen=True)
class DeliveryFile:
    """One delivery to read.

    Attributes:
        area: The staging area that it lies in.
        key: Its key there.
        delivery_id: Its id in the ledger, for `_delivery`.
        content: What `examine` found when the delivery was registered.
        fingerprint: The listing's fingerprint at that time.
    """

    area: StagingFolder
    key: str
    delivery_id: str
    content: Content
    fingerprint: str

    def check_unchanged(self) -> None:
        """Raise if the object is no longer the one that was listed.

        Polars reads lazily: call it again once the frame was collected.

        Raises:
            VanishedError: It is gone.
            ChangedError: It is another one.
        """
        if self.area.stat(self.key).fingerprint != self.fingerprint:
            raise ChangedError("The object was changed after it was listed", where=self.where)

    @property
    def where(self) -> dict[str, object]:
        """Where errors say that they happened."""
        return {"delivery": self.delivery_id, "key": self.key}
