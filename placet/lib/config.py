"""What the operator sets: environment variables `PLACET_…` or a TOML file. Wrong ones are named, all at once."""

import os
import re
import tomllib
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from placet.lib.proxies import trusted_of
from placet.lib.reached import NoAddress, public_url_of

PREFIX = "PLACET_"
CONFIG_VARIABLE = "PLACET_CONFIG"
DEFAULT_FILE = "placet.toml"
SQLITE_FILE = "placet.sqlite3"  # in the data folder, where no other database is named
LONGEST_POSTGRES_NAME = 63  # bytes; PostgreSQL cuts longer ones (NAMEDATALEN)


class ConfigInvalid(Exception):
    """One or more settings are wrong; the message names each and says where it came from."""


class Config(BaseSettings):
    """Every setting of an installation. The environment wins over the TOML file."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", hide_input_in_errors=True)

    data_dir: Path = Field(
        Path("placet-data"), description="Folder of the database (SQLite), the keys and the files."
    )
    database_url: str = Field(
        "", description="postgres://user:password@host/name; empty: SQLite in the data folder."
    )
    database_direct_url: str = Field(
        "", description="The same database's own address, where database_url is that of PgBouncer."
    )
    listen: str = Field("127.0.0.1:8000", description="host:port that `placet serve` listens on.")
    public_url: str = Field(
        default_factory=lambda values: url_of_listen(values.get("listen", "127.0.0.1:8000")),
        description="The address people reach Placet at; links in mails start with it.",
    )
    trust_proxy: str = Field(
        "",
        description="A reverse proxy in front sets X-Forwarded-For and X-Forwarded-Proto: true (one on this machine or "
        "in a private network), or its addresses.",
    )
    time_zone: str = Field("UTC", description="Time zone for people who have not chosen one.")
    language: Literal["en", "fr"] = Field(
        "en", description="Language of pages and mails for people who have not chosen one."
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    words_dir: Path | None = Field(
        None, description="Folder of files with words that people here answer with; none: only Placet's own."
    )
    reply_languages: str = Field(
        "", description="Codes of the languages that replies are read in, such as “en, fr”; empty: all."
    )
    dns_servers: str = Field(
        "",
        description="Addresses of the DNS servers that are asked for the keys of DKIM signatures, such as "
        "“127.0.0.1, 192.0.2.53:5353”; empty: the machine's own.",
    )
    auditors: str = Field(
        "",
        description="Addresses that get the checkpoint of the record once a day, separated by commas or blanks.",
    )
    metrics_key: str = Field(
        "",
        description="What a monitor shows to read /metrics, as “Authorization: Bearer …”; empty: there is no /metrics.",
    )
    start_mails_per_hour: int = Field(
        10, ge=1, le=10_000, description="Requests that one person can start by mail in an hour."
    )
    start_mails_per_day: int = Field(50, ge=1, le=100_000, description="The same in 24 hours.")
    archive_mails_after_days: int = Field(
        90,
        ge=0,
        le=36_500,
        description="After how many days mails that were done with are put together, so that they take less room; "
        "0: never.",
    )
    ask_ispdb: bool = Field(
        False,
        description="Ask Thunderbird's database of mail providers, too, when the servers of a mailbox are looked up; "
        "it learns the domain of the address and that of its mail server.",
    )
    workers: int = Field(2, ge=1, le=32, description="Threads that take in mail.")

    @field_validator("public_url")
    @classmethod
    def _public_url(cls, value: str) -> str:
        try:
            return public_url_of(value)
        except NoAddress:
            raise ValueError("must be an address such as https://approvals.example.com") from None

    @field_validator("auditors")
    @classmethod
    def _auditors(cls, value: str) -> str:
        if not all(_ADDRESS.fullmatch(address) for address in addresses_in(value)):
            raise ValueError("must be addresses such as audit@example.com, separated by commas")
        return value

    @field_validator("metrics_key")
    @classmethod
    def _metrics_key(cls, value: str) -> str:
        if value and not _KEY.fullmatch(value):
            raise ValueError(
                "must be 24 to 200 letters, digits or signs without blanks, such as: openssl rand -hex 24"
            )
        return value

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        return listen_of(value)

    @field_validator("trust_proxy", mode="before")
    @classmethod
    def _trust_proxy(cls, value: object) -> str:
        return trusted_of(", ".join(map(str, value)) if isinstance(value, list) else str(value))

    @field_validator("database_url")
    @classmethod
    def _database_url(cls, value: str) -> str:
        scheme = value.partition(":")[0].lower()
        if value and scheme not in ("postgres", "postgresql", "sqlite"):
            raise ValueError("must start with postgres:// or sqlite:///")
        if scheme == "sqlite":
            _check_sqlite(value)
        elif value:
            _check_postgres(value)
        return value

    @field_validator("database_direct_url")
    @classmethod
    def _database_direct_url(cls, value: str) -> str:
        if value and value.partition(":")[0].lower() not in ("postgres", "postgresql"):
            raise ValueError("must start with postgres://")
        if value:
            _check_postgres(value)
        return value

    @field_validator("time_zone")
    @classmethod
    def _time_zone(cls, value: str) -> str:
        from zoneinfo import available_timezones  # reads a hundred files: only when a setting is checked

        if value not in available_timezones():
            raise ValueError("must be a time zone such as Europe/Paris")
        return value

    @field_validator("data_dir")
    @classmethod
    def _data_dir(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @field_validator("dns_servers")
    @classmethod
    def _dns_servers(cls, value: str) -> str:
        for server in re.split(r"[\s,]+", value.strip()):
            address = re.fullmatch(r"\[(.+)\](?::\d{1,5})?|([^:]+)(?::\d{1,5})?|(.+)", server)
            try:
                ip_address(next(filter(None, address.groups() if address else ()), "")) if server else None
            except ValueError:
                raise ValueError("must be IP addresses, perhaps with ports") from None
        return value

    @field_validator("words_dir")
    @classmethod
    def _words_dir(cls, value: Path | None) -> Path | None:
        if value is None:
            return None
        if not value.expanduser().is_dir():
            raise ValueError("must be a folder that is there")
        return value.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, toml_file=config_file()),
        )


_KEY = re.compile(r"[!-~]{24,200}")  # what a header can carry, and nobody can guess
_ADDRESS = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+")


def addresses_in(text: str) -> list[str]:
    """The addresses of a list, each once, in small letters."""
    return list(dict.fromkeys(text.replace(",", " ").lower().split()))


# What a library says of a bad address may repeat its password, so it is left out.


def listen_of(text: str) -> str:
    """The address that `placet serve` listens on. ValueError in words for anything else."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError("must be host:port, such as 127.0.0.1:8000")
    return text


def url_of_listen(listen: str) -> str:
    """Where people reach a Placet that nobody gave an address: on this machine, where it listens. Which port the system
    will choose for “:0” nobody knows yet."""
    host, _, port = listen.rpartition(":")
    port = "8000" if port == "0" else port
    everywhere = host.strip("[]") in ("0.0.0.0", "::", "*")  # noqa: S104 - it is looked for, not bound
    return f"http://{'127.0.0.1' if everywhere else host}:{port}"


def _check_sqlite(url: str) -> None:
    if _parsed(url)["NAME"] in ("", ":memory:"):
        raise ValueError("must name a file, such as sqlite:////var/lib/placet/placet.sqlite3")


def _check_postgres(url: str) -> None:
    form = "must be postgres://user:password@host/name"
    database = _parsed(url)
    if not database["NAME"] or len(str(database["NAME"]).encode()) > LONGEST_POSTGRES_NAME:
        raise ValueError(f"{form}; the name of the database is missing or too long")
    try:
        from psycopg import ProgrammingError  # only where it is used: a third of a second
        from psycopg.conninfo import make_conninfo
    except ImportError:
        raise ValueError("needs what talks to PostgreSQL: pip install 'placet[postgresql]'") from None
    try:
        make_conninfo(**{name: str(value) for name, value in database.get("OPTIONS", {}).items()})
    except ProgrammingError:
        raise ValueError(f"{form}; what follows the question mark is no option of PostgreSQL") from None


def _parsed(url: str) -> dict[str, Any]:
    import dj_database_url

    try:
        return dict(dj_database_url.parse(url))
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            "cannot be read; write special letters of the password as percent signs: / is %2F, @ is %40, : is %3A"
        ) from None


def config_file() -> Path:
    return Path(os.environ.get(CONFIG_VARIABLE, DEFAULT_FILE)).absolute()


def load_config() -> Config:
    """The settings, or ConfigInvalid that names every wrong one."""
    problems = _unknown_variables()
    file = config_file()
    if CONFIG_VARIABLE in os.environ and not file.is_file():
        problems.append(f"{CONFIG_VARIABLE}: there is no file {file}")
    try:
        config = Config()
    except ValidationError as error:
        found = error.errors(include_url=False)
        # What follows from another setting is not reckoned where any is wrong, and is not wrong itself.
        wrong = [dict(entry) for entry in found if entry["type"] != "default_factory_not_called"]
        problems += [_problem(entry, file) for entry in wrong]
    except tomllib.TOMLDecodeError as error:
        problems.append(f"{file}: not valid TOML: {error}")
    else:
        if not problems:
            return config
    raise ConfigInvalid(
        "Placet cannot start; these settings are wrong:\n" + "\n".join(f"  {p}" for p in problems)
    )


def _unknown_variables() -> list[str]:
    known = {f"{PREFIX}{name.upper()}" for name in Config.model_fields} | {CONFIG_VARIABLE}
    return [
        f"{name}: no such setting (known: {', '.join(sorted(known))})"
        for name in sorted(os.environ)
        if name.startswith(PREFIX) and name.upper() not in known
    ]


def _problem(entry: dict[str, Any], file: Path) -> str:
    name = str(entry["loc"][0]) if entry["loc"] else "?"
    variable = f"{PREFIX}{name.upper()}"
    where = variable if variable in os.environ else f"{name} in {file}"
    if entry["type"] == "extra_forbidden":
        return f"{where}: no such setting (known: {', '.join(sorted(Config.model_fields))})"
    return f"{where}: {str(entry['msg']).removeprefix('Value error, ')}"
