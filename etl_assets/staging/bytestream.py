"""The bytes of a delivery as UTF-8 text: hashed as delivered, unpacked, transcoded, never held at once."""

from __future__ import annotations

import codecs
import hashlib
import zlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import zstandard

from etl_assets.errors import StagingError
from etl_assets.staging.formats.options import Compression, TextFormat

CHUNK_BYTES = 1 << 18
"""A chunk stays in the processor's cache, and is below any sensible `max_record_bytes`."""

_ZSTD_STEP = 1 << 10

INVALID = b"\xff"
"""Stands for what the declared encoding can't decode; it is valid in no UTF-8 text."""


class UnpackingError(StagingError):
    """A delivery can't be unpacked or decoded, or becomes larger than is allowed. Not transient."""


class _Hash(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class HashedReader:
    """Reads a binary file in chunks and hashes what it read, in a thread beside the caller's work."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._sha256: _Hash = hashlib.sha256()
        self._pool: ThreadPoolExecutor | None = None
        self._pending: Future[None] | None = None
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown()
        self._stream.close()

    def chunks(self) -> Iterator[bytes]:
        """Yield all bytes, in chunks of `CHUNK_BYTES`."""
        while chunk := self._stream.read(CHUNK_BYTES):
            self._update(chunk)
            self.size += len(chunk)
            yield chunk

    def sha256(self) -> str:
        """Return the hash of the whole file, what was not asked for included."""
        for _ in self.chunks():
            pass
        if self._pending is not None:
            self._pending.result()
        return self._sha256.hexdigest()

    def _update(self, chunk: bytes) -> None:
        # A thread for a small file would cost more than the hash.
        if len(chunk) < CHUNK_BYTES:
            if self._pending is not None:
                self._pending.result()
            self._sha256.update(chunk)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "sha256")
        if self._pending is not None:
            self._pending.result()
        self._pending = self._pool.submit(self._sha256.update, chunk)


def is_plain(format: TextFormat, head: bytes) -> bool:
    """True when the file's own bytes are UTF-8 text as far as its settings say: nothing to unpack."""
    return _packed_as(format, head) is Compression.NONE and is_utf8(format)


def is_utf8(format: TextFormat) -> bool:
    """True when the settings say UTF-8, or its subset ASCII."""
    return format.encoding in ("utf-8", "utf-8-sig")


def text_chunks(raw: Iterator[bytes], format: TextFormat) -> Iterator[bytes]:
    """Yield a delivery's text as UTF-8, a byte order mark included if there is one.

    What the declared encoding can't decode becomes `INVALID`.

    Raises:
        UnpackingError: The compression is damaged, nothing can be decoded, or the text is longer
            than allowed.
    """
    first = b""
    while len(first) < 4 and (chunk := next(raw, b"")):
        first += chunk
    chunks = _unpack(first, raw, _packed_as(format, first))
    size = 0
    for chunk in chunks if is_utf8(format) else _transcode(chunks, format.encoding):
        size += len(chunk)
        if size > format.max_decompressed_bytes:
            raise UnpackingError(f"It unpacks to more than {format.max_decompressed_bytes} bytes")
        yield chunk


def _packed_as(format: TextFormat, head: bytes) -> Compression:
    if format.compression is not Compression.INFER:
        return format.compression
    if head.startswith(b"\x1f\x8b"):
        return Compression.GZIP
    return Compression.ZSTD if head.startswith(b"\x28\xb5\x2f\xfd") else Compression.NONE


def _unpack(first: bytes, rest: Iterator[bytes], packed: Compression) -> Iterator[bytes]:
    def packed_chunks() -> Iterator[bytes]:
        yield first
        yield from rest

    if packed is Compression.GZIP:
        return _gunzip(packed_chunks())
    if packed is Compression.ZSTD:
        return _unzstd(packed_chunks())
    return packed_chunks()


def _gunzip(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack any number of gzip members, one after the other, in bounded steps."""
    member = zlib.decompressobj(wbits=31)
    begun = False
    try:
        for chunk in chunks:
            data = chunk
            while data:
                begun = True
                out = member.decompress(data, CHUNK_BYTES)
                data = member.unconsumed_tail
                if out:
                    yield out
                if member.eof:
                    # Zeros may pad the end; anything else must be a further member.
                    data = member.unused_data.lstrip(b"\0")
                    member = zlib.decompressobj(wbits=31)
                    begun = False
    except zlib.error as error:
        raise UnpackingError(f"Its gzip compression is damaged: {error}") from None
    if begun:
        raise UnpackingError("Its gzip compression is cut off before the end")


def _unzstd(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack any number of zstd frames. A block is 128 kB and may be packed in 4 bytes: hence small steps."""
    frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
    begun = False
    try:
        for chunk in chunks:
            for position in range(0, len(chunk), _ZSTD_STEP):
                data = chunk[position : position + (_ZSTD_STEP)]
                while data:
                    begun = True
                    if out := frame.decompress(data):
                        yield out
                    data = b""
                    if frame.eof:
                        data = frame.unused_data
                        frame = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
                        begun = False
    except zstandard.ZstdError as error:
        raise UnpackingError(f"Its zstd compression is damaged: {error}") from None
    if begun:
        raise UnpackingError("Its zstd compression is cut off before the end")


def _mark_invalid(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    # A lone surrogate, which `surrogateescape` writes as the byte INVALID.
    return "\udcff", error.end


codecs.register_error("etl_assets.invalid", _mark_invalid)


def _transcode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("etl_assets.invalid")
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogateescape")
        if rest := decoder.decode(b"", final=True):
            yield rest.encode("utf-8", "surrogateescape")
    except UnicodeError as error:
        # Not an undecodable character, but for instance UTF-16 without its byte order mark.
        raise UnpackingError(f"It is not {encoding}: {error}") from None
