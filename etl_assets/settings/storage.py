"""How object storage is reached: the section `storage` of app.yaml."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from etl_assets.object_storage import ObjectStorage


class StorageSettings(BaseModel):
    """How S3 is reached, for staging areas and for the lake; not needed for AWS with a role.

    The keys come from the environment only; without them boto3's chain is asked: AWS_ACCESS_KEY_ID, a
    profile, the role of a container or an instance.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str | None = Field(
        None, description="URL of a server that is not AWS's, such as https://minio.example.com:9000."
    )
    region: str | None = Field(None, description="The buckets' region; default: AWS_REGION, else us-east-1.")
    path_style: bool | None = Field(
        None, description="Bucket in the path of a URL, not in its host; default: true with an endpoint."
    )
    allow_http: bool = Field(
        False, description="Allow an endpoint without TLS that is not on this machine: everybody can listen."
    )
    access_key_id: SecretStr | None = Field(None, description="From the environment only, with its secret.")
    secret_access_key: SecretStr | None = Field(None, description="From the environment only.")
    session_token: SecretStr | None = Field(None, description="From the environment only.")
    encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = Field(
        None, description="How the server encrypts what is written; default: as the bucket says."
    )
    kms_key_id: str | None = Field(None, description="With a kms encryption: the key's id or ARN.")
    bucket_key: bool | None = Field(
        None, description="With a kms encryption: use the bucket's key, which saves requests to KMS."
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.endpoint is not None:
            _check_endpoint(self.endpoint, allow_http=self.allow_http)
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("access_key_id and secret_access_key go together")
        if self.session_token is not None and self.access_key_id is None:
            raise ValueError("session_token goes with access_key_id and secret_access_key")
        kms = self.encryption is not None and self.encryption.startswith("aws:kms")
        if not kms and (self.kms_key_id is not None or self.bucket_key is not None):
            raise ValueError("kms_key_id and bucket_key go with encryption: aws:kms")
        return self

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never be written anywhere in clear."""
        found = (self.secret_access_key, self.session_token)
        return tuple(one.get_secret_value() for one in found if one is not None)

    @property
    def object_storage(self) -> ObjectStorage:
        """The same as the rooms below the settings take it."""
        return ObjectStorage(
            endpoint=self.endpoint,
            region=self.region,
            path_style=self.path_style,
            access_key_id=_value(self.access_key_id),
            secret_access_key=_value(self.secret_access_key),
            session_token=_value(self.session_token),
            encryption=self.encryption,
            kms_key_id=self.kms_key_id,
            bucket_key=self.bucket_key,
        )


def _value(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _check_endpoint(endpoint: str, *, allow_http: bool) -> None:
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
        raise ValueError("endpoint: expected https://host or https://host:port")
    if parts.username or parts.password or parts.query:
        raise ValueError("endpoint: expected no user or password; the keys come from the environment")
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname)):
        raise ValueError(
            "endpoint: http:// to another machine can be read by everybody in between; "
            "use https://, or set allow_http: true"
        )


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
