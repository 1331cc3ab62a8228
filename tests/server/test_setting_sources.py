"""Settings of a file, the environment and the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tv5core.errors import InvalidInputError
from tv5core.server.setting_sources import load_settings


def test_a_later_source_wins(tmp_path: Path) -> None:
    file = tmp_path / "tv5.toml"
    file.write_text('port = 1\nhost = "::1"\nworkers = 2\ncors_origins = ["https://a.example"]\n')
    found = load_settings({"port": 3}, file=file, environment={"TV5_PORT": "2", "TV5_WORKERS": "4"})
    assert (found.port, found.workers, found.host) == (3, 4, "::1")
    assert found.cors_origins == ("https://a.example",)
    assert load_settings(environment={"TV5_CONFIG": str(file)}).port == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [("port", "x"), ("port", 70_000), ("region", "usa"), ("cors_origins", "ftp://x"), ("nome", 1)],
)
def test_a_wrong_setting_is_named(name: str, value: object) -> None:
    with pytest.raises(InvalidInputError, match=f"{name}.*expected|expected.*{name}"):
        load_settings({name: value}, environment={})


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hush\n")
    found = load_settings({"admin_token_file": str(file)}, environment={"TV5_HOOK_SECRET": "psst"})
    assert found.admin_token is not None
    assert found.admin_token.reveal() == "hush"
    assert "hush" not in repr(found)
    assert "psst" not in repr(found) + repr(found.public())
    with pytest.raises(InvalidInputError) as refused:
        load_settings(environment={"TV5_ADMIN_TOKEN": "two words"})
    assert "two words" not in str(refused.value)


def test_credentials_in_a_url_are_not_shown() -> None:
    found = load_settings(
        {"redis_url": "redis+cluster://u:hush@a,b", "events_kafka_url": "kafka://u:hush@a/films"},
        environment={},
    )
    assert "hush" not in repr(found) + repr(found.public())
    assert found.public()["redis_url"] == "redis+cluster://***@a,b"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("redis_url", "redis://u:hush@a,b", r"redis\+cluster"),
        ("redis_url", "redis+sentinel://u:hush@a", "service"),
        ("vectors_url", "qdrant://:hush@a", "collection"),
        ("events_kafka_url", "kafka://u:hush@a", "topic"),
        ("events_redis_channel", "events", "redis_url"),
    ],
)
def test_a_wrong_address_is_named_without_its_credentials(name: str, value: str, said: str) -> None:
    with pytest.raises(InvalidInputError, match=f"setting {name}: expected.*{said}") as refused:
        load_settings({name: value}, environment={})
    assert "hush" not in str(refused.value)
