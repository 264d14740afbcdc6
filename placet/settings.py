"""Django's settings, made from `placet.lib.config`."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dj_database_url
import structlog

from placet.lib import keys
from placet.lib.config import SQLITE_FILE, ConfigInvalid, load_config
from placet.lib.reached import reached_at

try:
    PLACET = load_config()
    keys.ensure_keys(PLACET.data_dir / "keys", None if PLACET.database_url else PLACET.data_dir / SQLITE_FILE)
    SECRET_KEY = keys.read_secret(PLACET.data_dir / "keys")
except (ConfigInvalid, keys.KeyTrouble) as trouble:
    # Said in words, not as a stack trace: it is the operator who reads this.
    sys.exit(str(trouble))

BASE_DIR = Path(__file__).resolve().parent
REPLY_CODE_KEY = keys.derive(SECRET_KEY, "reply codes")

DEBUG = False

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "django_htmx",
    "heroicons",
    "placet.workers",
    "placet.accounts",
    "placet.audit",
    "placet.mailboxes",
    "placet.mail",
    "placet.alarms",
    "placet.approvals",
    "placet.webhooks",
    "placet.api",
    "placet.portal",
    "placet.designer",
    "placet.reports",
    "placet.panel",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "placet.lib.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "placet.accounts.middleware.as_the_reader_reads",
]

ROOT_URLCONF = "placet.urls"
WSGI_APPLICATION = "placet.wsgi.application"

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        # Each kind of mailbox has its own in its folder.
        "DIRS": [BASE_DIR / "templates", *sorted(BASE_DIR.glob("mailboxes/*/templates"))],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "placet.accounts.general.on_every_page",
            ],
            # In every page and mail, without {% load %}.
            "builtins": [
                "django.templatetags.i18n",
                "django.templatetags.static",
                "heroicons.templatetags.heroicons",
                "placet.portal.templatetags.pages",
            ],
        },
    }
]


# `placet serve` sets these once more for an address that was entered on the page.
globals().update(reached_at(PLACET.public_url))


def _database() -> dict[str, Any]:
    url = PLACET.database_url or f"sqlite:///{PLACET.data_dir / SQLITE_FILE}"
    database: dict[str, Any] = dict(dj_database_url.parse(url))
    if database["ENGINE"].endswith("sqlite3"):
        # IMMEDIATE: a transaction that reads first cannot lose its right to write to another one.
        # synchronous=FULL: a decision that was confirmed by mail survives a power cut.
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;",
        }
    else:
        database["CONN_HEALTH_CHECKS"] = True
        database["CONN_MAX_AGE"] = 60
        # Behind a pool that gives each transaction another session there are no cursors on the server.
        database["DISABLE_SERVER_SIDE_CURSORS"] = bool(PLACET.database_direct_url)
    return database


DATABASES = {"default": _database()}
if DATABASES["default"]["ENGINE"].endswith("postgresql"):
    INSTALLED_APPS.append("procrastinate.contrib.django")
    PROCRASTINATE_AUTODISCOVER_MODULE_NAME = (
        ""  # its tasks are made where they are done (`placet.work_shared`)
    )
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.Person"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("name", "email")},
    },
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "placet.accounts.passwords.DigitsAloneValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "portal:home"
LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "placet.accounts.adapter.Adapter"
ACCOUNT_FORMS = {
    "login": "placet.accounts.sign_in_forms.SignIn",
    "change_password": "placet.accounts.sign_in_forms.ChangePassword",
    "set_password": "placet.accounts.sign_in_forms.SetPassword",
    "reset_password": "placet.accounts.sign_in_forms.ResetPassword",
    "reset_password_from_key": "placet.accounts.sign_in_forms.ResetPasswordFromKey",
}
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # addresses are confirmed by an administrator, or by mail from the panel
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False  # strangers are not written to
# Wrong passwords are counted by placet.accounts.sign_in_limits.
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip"}
# What is kept of a mail that can be answered, by the part that reads answers: mails know nothing of it.
KEEP_WORDS = "placet.replies.own_words.keep"
CHECK_WORDS = "placet.replies.outcome_words.problems"
CODES_IN_MAIL = "placet.replies.pick.codes_of_kept"
#: Who tells `placet.accounts` which processes reckon with a calendar.
PROCESSES_WITH_CALENDAR = "placet.approvals.processes.naming_calendar"
CHECK_QUESTIONS = "placet.replies.question_words.problems"
#: What else is compared with the record when it is verified: each gives what differs, in words.
ALSO_COMPARED = (
    "placet.accounts.trust_evidence.compare",
    "placet.api.evidence_keys.compare",
    "placet.replies.evidence_signatures.compare",
)
CHECK_MAIL_TEXTS = "placet.replies.mail_texts.problems"
EMAIL_BACKEND = "placet.mail.backend.OutboxBackend"
DEFAULT_FROM_EMAIL = "placet@localhost"  # the outbox puts the mailbox's own address here

MESSAGE_STORAGE = "placet.lib.notices.Storage"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PLACET.trust_proxy:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000  # tables of a form have up to 3,000 cells (`approvals.form_checks`)

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "placet_cache",
        # It counts sign-ins that failed: a stranger who fills it must not make it forget them. Django's 300 would.
        "OPTIONS": {"MAX_ENTRIES": 100_000, "CULL_FREQUENCY": 10},
    },
}

LANGUAGE_CODE = PLACET.language
LANGUAGES = [("en", "English"), ("fr", "Français")]
# Each part of Placet has its texts in other languages with it. Named here they come before those of libraries, and
# parts that are no applications of Django are read too.
LOCALE_PATHS = [BASE_DIR / "locale", *sorted(BASE_DIR.glob("*/locale"))]
TIME_ZONE = PLACET.time_zone
USE_TZ = True
USE_I18N = True

STATIC_URL = "static/"
# The page that shows the API is django-ninja's. Its folder is looked up without loading it, which only a call does.
_NINJA = find_spec("ninja")
assert _NINJA is not None
assert _NINJA.origin is not None
STATICFILES_DIRS = [BASE_DIR / "static", ("ninja", Path(_NINJA.origin).parent / "static" / "ninja")]
# Served from the package by WhiteNoise: nothing to collect.
WHITENOISE_USE_FINDERS = True
STORAGES = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PLACET.data_dir / "files", "base_url": None},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

_shared: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
structlog.configure(
    processors=[*_shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
    logger_factory=structlog.stdlib.LoggerFactory(),
    wrapper_class=structlog.stdlib.BoundLogger,
    cache_logger_on_first_use=True,
)
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.JSONRenderer(),
            ],
            "foreign_pre_chain": _shared,
        }
    },
    "handlers": {
        "stderr": {"class": "logging.StreamHandler", "formatter": "line", "level": PLACET.log_level.upper()},
        "memory": {"()": "placet.lib.logs.remembering", "level": "WARNING"},
    },
    # Warnings go to the memory even where only errors are written (`placet.lib.logs.set_level`).
    "root": {
        "handlers": ["stderr", "memory"],
        "level": PLACET.log_level.upper() if PLACET.log_level != "error" else "WARNING",
    },
    "loggers": {
        "django.template": {"level": "INFO"},  # its debug lines hold all that a page or a mail is made of
        "django.server": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "urllib3": {"level": "WARNING"},  # its debug lines hold addresses
        "waitress.queue": {"level": "ERROR"},
        "procrastinate": {"level": "WARNING"},  # a line for each nudge, and more
    },
}
