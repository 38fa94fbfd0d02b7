"""Settings of the portal, in Django's own order. Every environment name is in docs/deployment.md."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import dj_database_url
from csp.constants import NONE, SELF

from telehealth import environment

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(environment.os.environ.get("DATA_DIR", BASE_DIR / "data")).resolve()
DATA_DIR.mkdir(parents=True, exist_ok=True, mode=0o700)
REDIS_URL = environment.os.environ.get("REDIS_URL", "")

DEBUG = environment.flag("DEBUG", False)
SECRET_KEY = environment.secret_key(DATA_DIR)
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS", ["127.0.0.1", "localhost"])
USES_TLS = environment.flag("USES_TLS", False)
PORTAL_URL = environment.portal_url(ALLOWED_HOSTS, USES_TLS)
CSRF_TRUSTED_ORIGINS = [f"https://{host}" for host in ALLOWED_HOSTS] if USES_TLS else []

INSTALLED_APPS = [
    "audit",
    "accounts",
    "notices",
    "patients",
    "consultations",
    "recordings",
    "telehealth.apps.StaffAdminConfig",
    "telehealth.apps.TelehealthConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "servestatic.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.forms",
    "allauth",
    "allauth.account",
    "allauth.usersessions",
    "channels",
    "csp",
    "django_htmx",
    "guardian",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "servestatic.middleware.ServeStaticMiddleware",
    "csp.middleware.CSPMiddleware",
    "telehealth.middleware.SafeHeadersMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.LanguageAndTimeZoneMiddleware",
    "telehealth.middleware.FailClosedMiddleware",
]

FORM_RENDERER = "django.forms.renderers.TemplatesSetting"
ROOT_URLCONF = "telehealth.urls"
ASGI_APPLICATION = "telehealth.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "accounts.context_processors.known",
            ]
        },
    }
]

# An acknowledged chunk must survive a power cut (synchronous=FULL); REPLACE must not walk past
# the ledger's triggers (recursive_triggers); writers wait for each other (IMMEDIATE).
SQLITE_OPTIONS = {
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
}
DATABASES: dict[str, Any] = {"default": dj_database_url.config(default=f"sqlite:///{DATA_DIR / 'portal.sqlite3'}")}
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["OPTIONS"] = SQLITE_OPTIONS
else:
    # Under ASGI each request has a thread of its own, which could not find a kept connection again: a pool lends them.
    pool = {"min_size": 1, "max_size": environment.number("DATABASE_POOL_SIZE", 20), "timeout": 10}
    given = DATABASES["default"].get("OPTIONS", {})
    # A page's query is over in milliseconds; compiling its plan to machine code (JIT) takes tens of them.
    DATABASES["default"] |= {"CONN_HEALTH_CHECKS": True, "OPTIONS": {"options": "-c jit=off", **given, "pool": pool}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
SILENCED_SYSTEM_CHECKS = [
    "auth.W004",  # email is unique by the constraint one_account_per_email
    "security.W005",  # subdomains and preloading are for who owns the domain to decide, at the proxy
    "security.W021",
]
ANONYMOUS_USER_NAME = None  # guardian: nobody anonymous can ever be granted anything
GUARDIAN_AUTO_PREFETCH = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "landing"
ACCOUNT_ADAPTER = "accounts.adapter.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "none"  # nobody signs up; the link of an invitation proves an address
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False

LANGUAGES = environment.languages({"en-gb": "English", "pl": "Polski"})  # the first for whoever has chosen none
LANGUAGE_CODE = LANGUAGES[0][0]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "UTC"
DEFAULT_PERSON_TIME_ZONE = environment.os.environ.get("DEFAULT_PERSON_TIME_ZONE", "Europe/London")
FORMAT_MODULE_PATH = ["telehealth.formats"]

STATIC_URL = "/static/"
STATIC_ROOT = Path(environment.os.environ.get("STATIC_ROOT", DATA_DIR / "static"))
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "telehealth.staticfiles.HashedStaticFiles"},
}

EMAIL_HOST = environment.os.environ.get("EMAIL_HOST", "")
EMAIL_PORT = environment.number("EMAIL_PORT", 587)
EMAIL_HOST_USER = environment.os.environ.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = environment.os.environ.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = environment.flag("EMAIL_USE_TLS", True)
EMAIL_TIMEOUT = 10
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'filebased'}.EmailBackend"
EMAIL_FILE_PATH = DATA_DIR / "mail"
DEFAULT_FROM_EMAIL = environment.os.environ.get("DEFAULT_FROM_EMAIL", "Telehealth <no-reply@portal.invalid>")
ALERT_EMAILS = environment.words("ALERT_EMAILS", [])
CLINIC_PHONE = environment.phone("CLINIC_PHONE")

SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = USES_TLS
CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = USES_TLS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if USES_TLS else None
SECURE_HSTS_SECONDS = 31_536_000 if USES_TLS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# The largest body is one capture chunk; nothing larger is ever spooled to disk in the clear.
REQUEST_BODY_LIMIT_BYTES = 2_400_000
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "media-src": [SELF, "blob:"],
        "connect-src": [SELF],
        "worker-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

CHANNEL_LAYERS: dict[str, dict[str, Any]] = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if REDIS_URL:
    # Never the core layer: it drops bursts silently and breaks under redis-py 8's socket timeout.
    CHANNEL_LAYERS["default"] = {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": None}]},
    }

BROKER_DIR = DATA_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost/"  # a folder has no host, but kombu warns without one
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 3600}
    if REDIS_URL
    else {
        "data_folder_in": str(BROKER_DIR / "queue"),
        "data_folder_out": str(BROKER_DIR / "queue"),
        "processed_folder": str(BROKER_DIR / "processed"),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.1,  # seconds; also what passes between two messages, so that 1 would queue behind a burst
    }
)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_RESULT_BACKEND = None
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_PUBLISH_RETRY = False  # a lost ring is found by the sweep; a request never waits for it
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep-recordings": {"task": "recordings.sweep", "schedule": 15.0},
    "sweep-shares": {"task": "recordings.sweep_shares", "schedule": 60.0},
    "settle-viewings": {"task": "recordings.settle_viewings", "schedule": 300.0},
    "erase-expired-recordings": {"task": "recordings.erase_expired", "schedule": 86_400.0},
    "purge-notices": {"task": "notices.purge", "schedule": 86_400.0},
    "clear-sessions": {"task": "accounts.clear_sessions", "schedule": 86_400.0},
    "tidy-storage": {"task": "recordings.tidy", "schedule": 3600.0},
    "mail-alerts": {"task": "audit.mail_alerts", "schedule": 60.0},
    "checkpoint-ledger": {"task": "audit.checkpoint", "schedule": 60.0},
    "drain-ledger-spool": {"task": "audit.drain_spool", "schedule": 15.0},
    "verify-ledger-tail": {"task": "audit.verify", "schedule": 3600.0},
    "verify-ledger": {"task": "audit.verify", "schedule": 86_400.0, "kwargs": {"full": True}},
    "reconcile-grants": {"task": "accounts.reconcile_grants", "schedule": 86_400.0},
    "deliver-notices": {"task": "notices.deliver", "schedule": 15.0},
    "remind-of-consultations": {"task": "consultations.remind", "schedule": 30.0},
    "offer-free-times": {"task": "consultations.offer_free_times", "schedule": 60.0},
    "sweep-calls": {"task": "consultations.sweep", "schedule": 15.0},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["accounts.api.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.api.DenyUnlessTheViewSays"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Telehealth portal",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    "SERVE_AUTHENTICATION": ["accounts.api.SessionAuthentication"],
}

MASTER_KEY_URI = environment.os.environ.get("MASTER_KEY_URI", f"file://{DATA_DIR / 'master.key'}")
STORAGE_URL = environment.os.environ.get("STORAGE_URL", (DATA_DIR / "storage").as_uri())
LEDGER_SIGNING_KEY = environment.os.environ.get("LEDGER_SIGNING_KEY", f"file://{DATA_DIR / 'ledger-signing.key'}")
CHECKPOINT_URL = environment.os.environ.get("CHECKPOINT_URL", f"file://{DATA_DIR / 'checkpoints'}")
LEDGER_SPOOL_DIR = Path(environment.os.environ.get("LEDGER_SPOOL_DIR", DATA_DIR / "ledger-spool"))
IS_DEMO_ALLOWED = environment.flag("DEMO", False)

BOOKING_NOTICE, BOOKING_AHEAD = timedelta(hours=1), timedelta(days=42)  # what patients can book: from … until …
BOOKING_CHANGES_UNTIL_BEFORE = timedelta(hours=2)
BOOKING_MOST_AHEAD = 5  # consultations one patient may have booked at a time
WAITING_LIST_OFFER_LASTS = timedelta(hours=2)
CALL_JOIN_OPENS_BEFORE = timedelta(minutes=15)
CALL_JOIN_CLOSES_AFTER = timedelta(hours=1)
NO_SHOW_AFTER = timedelta(minutes=10)  # after the start a clinician may say that the patient did not come
CALL_CAMERA = {"width": 1280, "height": 720, "frame_rate": 15}
RECORDING_CANVAS = {"width": 1280, "height": 720, "frame_rate": 15}
RECORDING_BITRATES = {"audio": 32_000, "video": 800_000}
RECORDING_CHUNK_MS = 2000
if environment.flag("SMALL_PICTURES", False):  # two cores carry about four small peers
    CALL_CAMERA = {"width": 320, "height": 240, "frame_rate": 10}
    RECORDING_CANVAS = {"width": 640, "height": 360, "frame_rate": 10}
    RECORDING_BITRATES = {"audio": 32_000, "video": 400_000}
RECORDING_RETENTION_DAYS = environment.number("RECORDING_RETENTION_DAYS", 365)  # until administrators set a period
RETENTION_LEAST_DAYS = environment.number("RETENTION_LEAST_DAYS", 30)
NOTICE_RETENTION_DAYS = environment.number("NOTICE_RETENTION_DAYS", 90)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
