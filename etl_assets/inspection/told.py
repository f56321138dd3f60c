"""An inspection for machines: a stable shape, without cells that look personal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from etl_assets.inspection.comparing import Comparison
from etl_assets.inspection.records import Column, Inspection, Key, Proposal
from etl_assets.staging.formats.options import Format
from etl_assets.staging.source import Source


def as_json(found: Comparison, sources: Mapping[int, Source]) -> dict[str, Any]:
    """Return what was found as plain values; the rows of the samples are left out.

    Args:
        found: Some files.
        sources: Position of a group -> how its files may be declared.
    """
    return {
        "tables": [
            {
                "files": [str(path) for path in group.paths],
                "looked_at": len(group.files),
                "source": source_settings(sources[n]) if n in sources else None,
                **inspection_json(group.together),
                "findings": list(group.findings),
            }
            for n, group in enumerate(found.groups)
        ],
        "findings": list(found.findings),
        "failures": [{"file": str(one.path), "what": one.what, "hint": one.hint} for one in found.failures],
    }


def inspection_json(found: Inspection) -> dict[str, Any]:
    """Return what was found about one file, or several as one, as plain values."""
    return {
        "size": found.size,
        "rows": found.rows,
        "rows_looked_at": found.sample.height,
        "complete": found.complete,
        "format": format_settings(found.format),
        "proposals": [_proposal(one) for one in found.proposals],
        "columns": [_column(one) for one in found.columns],
        "keys": [_key(one) for one in found.keys],
        "problems": list(found.problems),
    }


def source_settings(source: Source) -> dict[str, Any]:
    """Return what a dataset's YAML needs to say of a source."""
    settings = source.model_dump(mode="json", exclude_defaults=True)
    settings.pop("format", None)
    return {**settings, "format": format_settings(source.format)}


def source_yaml(name: str, source: Source) -> str:
    """Return the lines of `sources` in a dataset's YAML."""
    settings = {"sources": {name: source_settings(source)}}
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=100)


def format_settings(format: Format) -> dict[str, Any]:
    """Return a format's type and what differs from its defaults: what a dataset's YAML needs to say."""
    settings = format.model_dump(mode="json", exclude_defaults=True)
    return {"type": format.type, **{name: value for name, value in settings.items() if name != "type"}}


def _proposal(one: Proposal) -> dict[str, Any]:
    return {
        "aspect": one.aspect,
        "value": one.value,
        "certainty": one.certainty.value,
        "evidence": one.evidence,
        "alternatives": list(one.alternatives),
    }


def _column(one: Column) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind.value,
        "certainty": one.certainty.value,
        "filled": one.filled,
        "fitting": one.fitting,
        "distinct": one.distinct,
        "formats": [
            {"format": form, "share": share} for form, share in zip(one.formats, one.shares, strict=False)
        ],
        "decimal": one.decimal,
        "thousands": one.thousands,
        "affixes": list(one.affixes) if one.affixes else None,
        "true_words": list(one.true_words),
        "false_words": list(one.false_words),
        "null_words": list(one.null_words),
        "padded": one.padded,
        "leading_zeros": one.leading_zeros,
        "personal": one.personal,
        "misfits": list(one.misfits),
        "examples": list(one.examples),
        "evidence": one.evidence,
        "hints": list(one.hints),
    }


def _key(one: Key) -> dict[str, Any]:
    return {
        "columns": list(one.columns),
        "certainty": one.certainty.value,
        "distinct": one.distinct,
        "rows": one.rows,
    }
