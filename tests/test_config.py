"""Settings: from the environment or a TOML file; wrong ones are named, all at once, without their values."""

import sys
from pathlib import Path

import pytest

from placet.lib.config import Config, ConfigInvalid, load_config

from .installation import Installation


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("PLACET_DATA_DIR", "PLACET_CONFIG", "PLACET_DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def problems() -> list[str]:
    with pytest.raises(ConfigInvalid) as error:
        load_config()
    first, *lines = str(error.value).splitlines()
    assert first == "Placet cannot start; these settings are wrong:"
    return [line.strip() for line in lines]


def test_nothing_has_to_be_set(tmp_path: Path) -> None:
    config = load_config()
    assert config.data_dir == tmp_path / "placet-data"
    assert config.database_url == ""
    assert config.listen == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("listen", "address"),
    [
        ("127.0.0.1:8123", "http://127.0.0.1:8123"),
        ("0.0.0.0:9000", "http://127.0.0.1:9000"),
        ("[::]:9000", "http://127.0.0.1:9000"),
        ("127.0.0.1:0", "http://127.0.0.1:8000"),
    ],
)
def test_links_lead_to_where_it_listens_where_no_address_is_set(
    monkeypatch: pytest.MonkeyPatch, listen: str, address: str
) -> None:
    monkeypatch.setenv("PLACET_LISTEN", listen)
    assert load_config().public_url == address
    assert "public_url" not in load_config().model_fields_set, "it can be entered on the page"
    monkeypatch.setenv("PLACET_PUBLIC_URL", "https://approvals.example.com")
    assert load_config().public_url == "https://approvals.example.com"


def test_every_wrong_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "PLACET_PUBLIC_URL": "approvals.example.com",
        "PLACET_LISTEN": "8000",
        "PLACET_DATABASE_URL": "mysql://u:p@h/d",
        "PLACET_TIME_ZONE": "Mars/Olympus",
        "PLACET_WORKERS": "0",
        "PLACET_LOG_LEVEL": "loud",
        "PLACET_TRUST_PROXY": "perhaps",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    found = problems()
    assert sorted(line.partition(":")[0] for line in found) == sorted(wrong)
    assert "PLACET_TIME_ZONE: must be a time zone such as Europe/Paris" in found
    assert "PLACET_LISTEN: must be host:port, such as 127.0.0.1:8000" in found


def test_an_unknown_variable_is_named_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABSE_URL", "postgres://h/d")
    (found,) = problems()
    assert found.startswith("PLACET_DATABSE_URL: no such setting")
    assert all(f"PLACET_{name.upper()}" in found for name in Config.model_fields)


def test_a_wrong_value_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", "mysql://u:hunter2@h/d")
    assert "hunter2" not in "".join(problems())


def test_a_file_is_read_and_the_environment_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "placet.toml").write_text('time_zone = "Europe/Paris"\nworkers = 4\n')
    monkeypatch.setenv("PLACET_WORKERS", "8")
    config = load_config()
    assert (config.time_zone, config.workers) == ("Europe/Paris", 8)


def test_another_file_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.toml").write_text('public_url = "https://approvals.example.com/"\n')
    monkeypatch.setenv("PLACET_CONFIG", str(tmp_path / "other.toml"))
    assert load_config().public_url == "https://approvals.example.com"


def test_what_is_wrong_in_a_file_is_named_with_the_file(tmp_path: Path) -> None:
    (tmp_path / "placet.toml").write_text('workrs = 4\ntime_zone = "Mars"\n')
    unknown, wrong = sorted(problems(), key=lambda line: "workrs" not in line)
    assert unknown.startswith(f"workrs in {tmp_path / 'placet.toml'}: no such setting")
    assert wrong.startswith(f"time_zone in {tmp_path / 'placet.toml'}: must be a time zone")


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "placet.toml").write_text("workers 4\n")
    (found,) = problems()
    assert found.startswith(f"{tmp_path / 'placet.toml'}: not valid TOML")


def test_a_file_that_was_named_must_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_CONFIG", str(tmp_path / "none.toml"))
    assert problems() == [f"PLACET_CONFIG: there is no file {tmp_path / 'none.toml'}"]


@pytest.mark.parametrize("command", [("serve",), ("person", "list"), ("backup", "x.tar.gz")])
def test_a_command_says_what_is_wrong_without_a_stack_trace(command: tuple[str, ...], tmp_path: Path) -> None:
    said = Installation(tmp_path / "data").refused(*command, PLACET_LISTEN="8000", PLACET_COLOUR="blue")
    assert "PLACET_LISTEN: must be host:port" in said
    assert "PLACET_COLOUR: no such setting" in said
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgres://u:hunter2/x@h/d", "cannot be read"),
        ("postgres://u:hunter2#x@h/d", "cannot be read"),
        ("postgres://u:hunter2@[::1/d", "cannot be read"),
        ("postgres://u:hunter2@h:99999/d", "cannot be read"),
        ("postgres://u:hunter2@h", "the name of the database is missing"),
        ("postgres://u:hunter2@h/" + "d" * 64, "missing or too long"),
        ("postgres://u:hunter2@h/d?sslmodus=require", "no option of PostgreSQL"),
        ("sqlite://", "must name a file"),
        ("sqlite://:memory:", "must name a file"),
    ],
)
def test_a_malformed_database_is_named_like_every_other_setting(
    url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", url)
    (found,) = problems()
    assert found.startswith("PLACET_DATABASE_URL: ")
    assert said in found
    assert "hunter2" not in found


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p%2Fss%40@h:5432/placet?sslmode=verify-full&connect_timeout=5",
        "postgres:///placet?host=/run/postgresql",
        "sqlite:////srv/placet.sqlite3",
    ],
)
def test_a_good_database_is_taken_as_it_is(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_DATABASE_URL", url)
    assert load_config().database_url == url


def test_postgresql_without_its_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.setenv("PLACET_DATABASE_URL", "postgres://u:hunter2@h/d")
    assert problems() == [
        "PLACET_DATABASE_URL: needs what talks to PostgreSQL: pip install 'placet[postgresql]'"
    ]


@pytest.mark.parametrize(
    "key", ["short", "k" * 23, "k" * 201, "k" * 20 + " " + "k" * 20, "k" * 30 + "é", "k" * 30 + "\n"]
)
def test_a_key_that_a_header_cannot_carry_or_somebody_could_guess_is_refused(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLACET_METRICS_KEY", key)
    (found,) = problems()
    assert found.startswith("PLACET_METRICS_KEY: must be 24 to 200") and key.strip() not in found


def test_a_key_for_metrics_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_METRICS_KEY", "k" * 24)
    assert load_config().metrics_key == "k" * 24
