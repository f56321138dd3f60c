"""Object storage that speaks S3: how to reach it, and what its errors mean. The rooms above share it.

One chain finds the credentials for everything (obstore for staging, Delta and Polars for the lake): those
given here, else boto3's: environment, profile, container, instance, web identity.
"""

from __future__ import annotations

import email.utils
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from etl_assets.errors import EtlError

if TYPE_CHECKING:
    from botocore.credentials import Credentials
    from obstore.store import S3Store

RETRIES = 12
RETRY_SECONDS = 20
"""A sensor's look must end within a minute: what lasts longer is tried again by the next look or run."""
TIMEOUT_SECONDS = 30


class Fault(StrEnum):
    """What kind of trouble an error of the storage is."""

    NO_BUCKET = "no_bucket"
    NO_OBJECT = "no_object"
    CREDENTIALS = "credentials"
    PERMISSION = "permission"
    CLOCK = "clock"
    REGION = "region"
    TLS = "tls"
    CHANGED = "changed"
    TRANSIENT = "transient"


@dataclass(frozen=True)
class Place:
    """A prefix of a bucket: `s3://bucket/prefix`."""

    bucket: str
    prefix: str = ""

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}".rstrip("/")


def is_s3(url: str) -> bool:
    """Whether a URL names a place in object storage."""
    return url.startswith("s3://")


def parse_place(url: str) -> Place:
    """Read `s3://bucket/prefix`.

    Raises:
        ValueError: It is no such URL; the message says what is expected.
    """
    parts = urlsplit(url)
    if parts.scheme != "s3" or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", parts.netloc):
        raise ValueError("expected s3://bucket or s3://bucket/prefix, without user, password or port")
    prefix = parts.path.strip("/")
    if parts.query or parts.fragment or any(part in ("", ".", "..") for part in prefix.split("/") if prefix):
        raise ValueError("expected s3://bucket/prefix with plain names between single slashes")
    return Place(parts.netloc, prefix)


@dataclass(frozen=True)
class ObjectStorage:
    """How to reach object storage.

    Attributes:
        endpoint: URL of a server that is not AWS's own.
        region: The buckets' region; None for what the environment says, else us-east-1.
        path_style: Whether the bucket stands in the path of a request rather than in the host's name;
            None for path style at an endpoint of one's own.
        access_key_id: With its secret, instead of what boto3 finds.
        encryption: `AES256`, `aws:kms` or `aws:kms:dsse`, for everything that is written.
        kms_key_id: With a kms encryption, the key.
        bucket_key: With a kms encryption, whether the bucket's key saves requests to KMS.
    """

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    access_key_id: str | None = field(default=None, repr=False)
    secret_access_key: str | None = field(default=None, repr=False)
    session_token: str | None = field(default=None, repr=False)
    encryption: str | None = None
    kms_key_id: str | None = None
    bucket_key: bool | None = None
    retries: int = RETRIES
    retry_seconds: int = RETRY_SECONDS

    def store(self, place: Place) -> S3Store:
        """Open a prefix with obstore."""
        from obstore.store import S3Store

        config: Any = {"region": self._region, "virtual_hosted_style_request": not self._in_path}
        provider: Any = None
        if self.endpoint:
            config["endpoint"] = self._endpoint_of(place.bucket)
        if self.encryption:
            config["server_side_encryption"] = self.encryption
        if self.kms_key_id:
            config["sse_kms_key_id"] = self.kms_key_id
        if self.bucket_key is not None:
            config["sse_bucket_key_enabled"] = self.bucket_key
        if self.access_key_id:
            config |= {"access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key}
            if self.session_token:
                config["session_token"] = self.session_token
        else:
            from obstore.auth.boto3 import Boto3CredentialProvider

            _found_credentials()  # before obstore asks, which fails with less of a hint
            provider = Boto3CredentialProvider()
        return S3Store(
            place.bucket,
            prefix=place.prefix or None,
            config=config,
            credential_provider=provider,
            client_options={
                "allow_http": self._is_http,
                "timeout": timedelta(seconds=TIMEOUT_SECONDS),
                "connect_timeout": timedelta(seconds=5),
            },
            retry_config={
                "max_retries": self.retries,
                "retry_timeout": timedelta(seconds=self.retry_seconds),
            },
        )

    def client(self) -> Any:
        """Open a boto3 client, for what obstore can't do."""
        import boto3
        from botocore.config import Config

        found: Any = {}
        if self.access_key_id:
            found = {
                "aws_access_key_id": self.access_key_id,
                "aws_secret_access_key": self.secret_access_key,
                "aws_session_token": self.session_token,
            }
        style = {"addressing_style": "path" if self._in_path else "auto"}
        config = Config(s3=style, connect_timeout=5, read_timeout=TIMEOUT_SECONDS)
        return boto3.client(
            "s3", endpoint_url=self.endpoint, region_name=self._region, config=config, **found
        )

    def delta_options(self, bucket: str) -> dict[str, str]:
        """`storage_options` of Delta tables. Commits are conditional: of two writers one is refused.

        Polars' `scan_delta` takes them as well, so there is nothing about retries in them: each would want
        to have it said in its own way.
        """
        return self._options(bucket) | {"aws_conditional_put": "etag"}

    def polars_options(self, bucket: str) -> dict[str, Any]:
        """`storage_options` of Polars' scans and sinks."""
        return self._options(bucket) | {
            "max_retries": self.retries,
            "retry_timeout_ms": self.retry_seconds * 1000,
        }

    def server_time(self) -> datetime | None:
        """The server's clock, which sets the times of objects; None where it does not tell.

        Any answer has the time, a refusal too: the request is not signed.
        """
        url = self.endpoint or f"https://s3.{self._region}.amazonaws.com"
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=3) as response:
                said = response.headers.get("Date")
        except urllib.error.HTTPError as error:
            said = error.headers.get("Date")
        except OSError:
            return None
        try:
            return email.utils.parsedate_to_datetime(said).astimezone(UTC) if said else None
        except ValueError:
            return None

    def _options(self, bucket: str) -> dict[str, str]:
        options = {
            "aws_region": self._region,
            "aws_virtual_hosted_style_request": str(not self._in_path).lower(),
            **self._credentials(),
        }
        if self.endpoint:
            options["aws_endpoint_url"] = self._endpoint_of(bucket)
            options["aws_allow_http"] = str(self._is_http).lower()
        if self.encryption:
            options["aws_server_side_encryption"] = self.encryption
        if self.kms_key_id:
            options["aws_sse_kms_key_id"] = self.kms_key_id
        if self.bucket_key is not None:
            options["aws_sse_bucket_key_enabled"] = str(self.bucket_key).lower()
        return options

    def _credentials(self) -> dict[str, str]:
        key, secret, token = self.access_key_id, self.secret_access_key, self.session_token
        if not key:
            # Asked anew each time: boto3 renews what expires a quarter of an hour before it does.
            found = _found_credentials().get_frozen_credentials()
            key, secret, token = found.access_key, found.secret_key, found.token
        options = {"aws_access_key_id": key, "aws_secret_access_key": secret or ""}
        return options | ({"aws_session_token": token} if token else {})

    @property
    def _region(self) -> str:
        return (
            self.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
        )

    @property
    def _in_path(self) -> bool:
        return bool(self.endpoint) if self.path_style is None else self.path_style

    @property
    def _is_http(self) -> bool:
        return bool(self.endpoint and self.endpoint.startswith("http://"))

    def _endpoint_of(self, bucket: str) -> str:
        """An endpoint of one's own is taken as it is: virtual hosts need the bucket in its name."""
        endpoint = (self.endpoint or "").rstrip("/")
        if self._in_path:
            return endpoint
        scheme, _, host = endpoint.partition("://")
        return endpoint if host.startswith(f"{bucket}.") else f"{scheme}://{bucket}.{host}"


class NoCredentialsError(EtlError):
    """There is nothing to sign requests with."""


@lru_cache(maxsize=1)
def _session_credentials() -> Credentials | None:
    import boto3

    found: Credentials | None = boto3.Session().get_credentials()
    return found


def _found_credentials() -> Credentials:
    found = _session_credentials()
    if found is None:
        _session_credentials.cache_clear()
        raise NoCredentialsError(
            "There are no credentials for the object storage",
            hint="Set ETL_STORAGE__ACCESS_KEY_ID and ETL_STORAGE__SECRET_ACCESS_KEY, or give the process a "
            "role, an AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    return found


# -- errors -----------------------------------------------------------------------------------

_FAULTS = {
    "NoSuchBucket": Fault.NO_BUCKET,
    "NoSuchKey": Fault.NO_OBJECT,
    **dict.fromkeys(
        (
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "ExpiredToken",
            "InvalidToken",
            "TokenRefreshRequired",
            "InvalidClientTokenId",
        ),
        Fault.CREDENTIALS,
    ),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "NotSignedUp"), Fault.PERMISSION),
    "RequestTimeTooSkewed": Fault.CLOCK,
    **dict.fromkeys(
        ("PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"),
        Fault.REGION,
    ),
    "PreconditionFailed": Fault.CHANGED,
}
_BY_STATUS = {
    403: Fault.PERMISSION,
    404: Fault.NO_OBJECT,
    401: Fault.CREDENTIALS,
    412: Fault.CHANGED,
    301: Fault.REGION,
}


_TLS = re.compile(
    "invalid peer certificate|received corrupt message|InvalidCertificate|InvalidContentType|"
    "SSL validation failed|CERTIFICATE_VERIFY_FAILED|tls handshake"
)
"""How the TLS libraries under the clients say that they don't trust who answers, or that it speaks no TLS."""


def fault_of(error: BaseException) -> Fault:
    """Say what kind of trouble an error of obstore, Delta or Polars is; what is not known may pass."""
    text = str(error)
    if _TLS.search(text):
        return Fault.TLS
    for code in _codes(text):
        if code in _FAULTS:
            return _FAULTS[code]
    if status := re.search(r"status code:? (\d{3})", text):
        return _BY_STATUS.get(int(status[1]), Fault.TRANSIENT)
    if isinstance(error, FileNotFoundError):
        return Fault.NO_OBJECT
    if isinstance(error, PermissionError) or "lacked the necessary privileges" in text:
        return Fault.PERMISSION
    return Fault.TRANSIENT


def explained(error: BaseException, place: Place, doing: str) -> tuple[Fault, str, str]:
    """Tell people what an error means: its kind, what happened, and what to do.

    Args:
        error: From obstore, Delta or Polars.
        place: Where it happened.
        doing: What was refused, such as "list" or "read".
    """
    fault = fault_of(error)
    code = next(iter(_codes(str(error))), "")
    said = f" ({code})" if code else ""
    what, hint = {
        Fault.NO_BUCKET: (
            f"There is no bucket {place.bucket}",
            "Make the bucket, or correct the URL; the endpoint and region are in the section storage",
        ),
        Fault.NO_OBJECT: (f"{place} is not there", ""),
        Fault.CREDENTIALS: (
            f"The object storage does not accept the credentials{said}",
            "Renew them: ETL_STORAGE__ACCESS_KEY_ID and ETL_STORAGE__SECRET_ACCESS_KEY, or what boto3 finds",
        ),
        Fault.PERMISSION: (
            f"There is no permission to {doing} in the bucket {place.bucket}{said}",
            f"Let the process's role or user {doing} below {place}; see docs/how-to/s3.md for the policy",
        ),
        Fault.CLOCK: (
            "This machine's clock differs from the object storage's by more than it allows",
            "Set the clock of this machine, with NTP for instance",
        ),
        Fault.REGION: (
            f"The bucket {place.bucket} is in another region{said}",
            "Set region in the section storage to the bucket's",
        ),
        Fault.TLS: (
            "There is no trusted TLS connection to the object storage",
            "Check the endpoint: is it https:// to a server that speaks TLS, is its certificate made out to "
            "this name, and does this machine trust who signed it (SSL_CERT_FILE, AWS_CA_BUNDLE)?",
        ),
        Fault.CHANGED: ("The object was changed after it was listed", ""),
        Fault.TRANSIENT: (
            f"The object storage does not answer as it should: {_first_words(error)}",
            "It is tried again; if it lasts, check the server, the network and the endpoint",
        ),
    }[fault]
    return fault, what, hint


def _codes(text: str) -> list[str]:
    """S3's own words for what is wrong: of an answer, or of one object of several that were to be deleted."""
    return re.findall(r"(?:<Code>|\(code: )(\w+)", text)


def _first_words(error: BaseException) -> str:
    """The beginning of an error without the colours and the structures that follow."""
    text = re.sub(r"\x1b\[\d+m", "", str(error)).partition("\n\nDebug source")[0]
    return " ".join(text.replace("↳", " ").split())[:240]
