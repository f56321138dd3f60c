"""Ids that are hashes of what they stand for."""

from __future__ import annotations

import hashlib
import json


def digest(*parts: object) -> str:
    """Hash what JSON can hold; equal in every process and version."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
