"""The shape of the code: which way imports flow, how large things may get, which names and shortcuts are banned."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.db.migrations.loader import MigrationLoader

ROOT = Path(__file__).parent.parent
# From the top to the bottom: an app imports only what stands after it.
LAYERS = ["telehealth", "assurance", "recordings", "consultations", "patients", "notices", "accounts", "audit"]
APPS = [name for name in LAYERS if (ROOT / name).is_dir()]
# Media and crypto code is pure: bytes or paths in, result out.
PURE = ("recordings/vault", "recordings/media")
FRAMEWORKS = {"django", "rest_framework", "channels", "celery", "guardian", "allauth", *LAYERS}

FILE_LINES, FUNCTION_LINES, SETTINGS_LINES, SCRIPT_LINES = 400, 50, 300, 200
# Named exceptions, each with its reason.
LONGER_FILES: dict[str, str] = {
    "tests/test_passport.py": "one table of children and one of constraints; half of it is those tables",
}
LONGER_FUNCTIONS: dict[str, str] = {}
LONGER_SCRIPTS: dict[str, str] = {}
# Places that may take whatever comes, as `file:function`.
LAST_RESORTS: dict[str, str] = {
    "consultations/realtime.py:_quietly": "each channel layer has errors of its own; what is true is in the database",
    "consultations/sockets.py:or_close": "a socket that failed is closed; the words of an error may be somebody's",
    "recordings/pipeline/process.py:_attempt": "an unknown fault is another try and then staff's, never a stuck job",
}
BANNED_FILES = {"utils.py", "helpers.py", "common.py", "util.py", "misc.py", "utils.js", "helpers.js", "common.js"}


def python_files(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts and "__pycache__" not in path.parts)


def scripts() -> list[Path]:
    return sorted(path for folder in ("static/js", "tests/js") for path in (ROOT / folder).rglob("*.js"))


def templates() -> list[Path]:
    found = [*(ROOT / "templates").rglob("*.html")]
    return sorted(found + [path for app in APPS for path in (ROOT / app).glob("templates/**/*.html")])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, module) of every import, also those inside functions and under TYPE_CHECKING."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            module = ".".join([*base, node.module or ""]).strip(".")
            yield node.lineno, module
            # `from recordings import vault` imports a module, too.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def top_of(module: str) -> str:
    return module.split(".")[0]


@pytest.mark.parametrize("app", APPS)
def test_imports_flow_one_way(app: str) -> None:
    above = set(LAYERS[: LAYERS.index(app)])
    wrong = {
        f"{name_of(path)}:{line} imports {top_of(module)}"
        for path in python_files(app)
        for line, module in imports_of(path)
        if top_of(module) in above | {"tests"}
    }
    assert wrong == set()


@pytest.mark.parametrize("folder", PURE)
def test_media_and_crypto_code_knows_no_framework_and_no_tables(folder: str) -> None:
    wrong = {
        f"{name_of(path)}:{line} imports {module}"
        for path in python_files(folder)
        for line, module in imports_of(path)
        if top_of(module) in FRAMEWORKS and not module.startswith((folder.replace("/", "."), "recordings.media"))
    }
    assert wrong == set()


@pytest.mark.parametrize("app", [app for app in APPS if app != "telehealth"])
def test_only_policy_touches_guardians_shortcuts_and_only_realtime_the_channel_layer(app: str) -> None:
    guardian = ("shortcuts", "decorators", "mixins", "utils", "core", "managers", "backends")
    places = {"channels.layers": "realtime.py", "celery": "tasks.py"}
    places |= {f"guardian.{module}": "policy.py" for module in guardian}
    wrong = {
        f"{name_of(path)}:{line} imports {module}"
        for path in python_files(app)
        for line, module in imports_of(path)
        for banned, home in places.items()
        if (module == banned or module.startswith(banned + ".")) and path.name != home
    }
    assert wrong == set()


# Who knows guardian's tables: those who define, read, recompute, check or listen to them.
KNOWS_THE_TABLES = {
    "models.py", "policy.py", "grants.py", "accounts/reconciliation.py", "telehealth/checks/rights.py",
    "consultations/realtime.py",
}  # fmt: skip


def test_only_policies_and_the_reconciliation_touch_grants() -> None:
    touching = {
        name_of(path)
        for path in python_files(*APPS)
        for _, module in imports_of(path)
        if module.endswith("ObjectPermission") or module.startswith("guardian.models")
    }
    assert {name for name in touching if not {name, name.split("/")[-1]} & KNOWS_THE_TABLES} == set()


def test_a_bare_grant_to_play_is_withdrawn_by_whoever_writes_down_why() -> None:
    callers = {
        name_of(path)
        for path in python_files(*APPS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute | ast.alias) and "withdraw_playback" in ast.unparse(node)
    }
    assert callers == {"recordings/revocations.py"}


@pytest.mark.parametrize("module", ["shortcuts", "decorators", "mixins", "utils", "core"])
def test_the_linter_refuses_guardians_own_ways_outside_of_a_policy(module: str) -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--select", "TID251", "--stdin-filename"]
    planted = f"import guardian.{module}\n"
    ends = {
        name: subprocess.run([*ruff, name, "-"], cwd=ROOT, input=planted, text=True, capture_output=True)
        for name in ("recordings/views.py", "recordings/policy.py")
    }
    assert f"guardian.{module}" in ends["recordings/views.py"].stdout
    assert [end.returncode for end in ends.values()] == [1, 0]


def own_modules() -> dict[str, Path]:
    return {name_of(path).removesuffix(".py").replace("/", "."): path for path in python_files(*APPS)}


def everything_imported_by(module: str) -> set[str]:
    """Return the own modules that importing this one loads, however far away."""
    modules, found, waiting = own_modules(), set[str](), [module]
    while waiting:
        path = modules[waiting.pop()]
        fresh = {name for _, name in imports_of(path) if name in modules} - found
        found |= fresh
        waiting += fresh
    return found


def test_the_leak_guard_shares_no_code_with_any_policy() -> None:
    """What is wrong there cannot be wrong here in the same way."""
    loaded = everything_imported_by("recordings.guard")
    assert {"recordings.suspensions", "audit.ledger"} <= loaded
    assert {name for name in loaded if name.split(".")[-1] in {"policy", "playback", "pages", "services"}} == set()


# What turns rows into answers, what reads recordings, and what lets them pass.
ANSWERS = ("django.http", "django.shortcuts", "django.contrib.admin", "django.template", "django.core.mail",
           "rest_framework", "consultations.realtime", "consultations.protocol", "notices.letters")  # fmt: skip
READS = ("recordings.models", "recordings.policy", "recordings.capture", "recordings.pages")
PASSES = ("recordings.guard", "recordings.playback", "recordings.facts_only")
RIGHTS = {"playable_by", "basis_for", "granted_to", "decide"}
# Who may ask the policy about recordings, each with what becomes of the answer.
ASKS_THE_POLICY = {
    "recordings/playback.py": "hands on what the guard returns",
    "recordings/clinic.py": "its list and its single row go through playback.record_listing",
    "recordings/letters.py": "hands on what the guard returns",
    "recordings/media_view.py": "whether a running answer may go on; what it plays has been through the guard",
}


def imports_any(path: Path, names: tuple[str, ...]) -> bool:
    return any(module == name or module.startswith(name + ".") for _, module in imports_of(path) for name in names)


def test_whatever_answers_with_recordings_goes_through_the_leak_guard() -> None:
    doors = {p for p in python_files(*APPS) if imports_any(p, ANSWERS) and imports_any(p, READS)}
    assert {"views.py", "clinic.py", "api.py", "admin.py", "live.py", "recordings.py"} <= {path.name for path in doors}
    assert {name_of(path) for path in doors if not imports_any(path, PASSES) and path.name != "guard.py"} == set()


def test_people_are_written_to_in_one_way() -> None:
    """By notices; whoever is on call by alerts, which wait in no queue. allauth sends links of its own."""
    sending = {name_of(path) for path in python_files(*APPS) if imports_any(path, ("django.core.mail",))}
    assert sending == {"audit/alerts.py", "notices/delivery.py", "notices/letters.py"}
    ways = {"email_user", "mail_admins", "mail_managers", "send_mail", "send_mass_mail", "EmailMessage"}
    nodes = [(name_of(path), node) for path in python_files(*APPS) for node in ast.walk(tree_of(path))]
    assert {name for name, node in nodes if isinstance(node, ast.Attribute) and node.attr in ways} == set()


def test_only_named_modules_ask_who_may_play() -> None:
    asking = {
        name_of(path)
        for path in python_files(*APPS)
        if imports_any(path, ("recordings.policy",))
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute)
        and node.attr in RIGHTS
        or isinstance(node, ast.alias)
        and node.name in RIGHTS
    }
    assert asking == set(ASKS_THE_POLICY)


def test_only_the_guard_makes_what_may_be_shown_and_pages_take_nothing_else() -> None:
    makers = {
        name_of(path)
        for path in python_files(*APPS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func).split(".")[-1] == "Shown"
        or isinstance(node, ast.Attribute | ast.alias)
        and "_SEAL" in ast.unparse(node)
    }
    assert makers == {"recordings/guard.py"}
    builders = [node for node in tree_of(ROOT / "recordings/pages.py").body if isinstance(node, ast.FunctionDef)]
    taken = {
        f"{builder.name}({argument.arg})"
        for builder in builders
        for argument in [*builder.args.args, *builder.args.kwonlyargs]
        if not builder.name.startswith("_") and argument.annotation and "Recording" in ast.unparse(argument.annotation)
    }
    assert len(builders) > 8 and taken == set()


def test_migrations_depend_downwards_only() -> None:
    own = set(APPS) - {"telehealth"}
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    wrong = set()
    for child in graph.nodes:
        for parent in graph.node_map[child].parents:
            if child[0] in own and parent.key[0] in own and LAYERS.index(parent.key[0]) < LAYERS.index(child[0]):
                wrong.add(f"{child} depends on {parent.key}")
    assert wrong == set()


@pytest.mark.parametrize("app", APPS)
def test_relations_between_tables_point_downwards_only(app: str) -> None:
    wrong = {
        f"{model.__name__}.{field.name} points to {field.related_model._meta.label}"
        for model in apps.get_app_config(app).get_models()
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model._meta.app_label in LAYERS[: LAYERS.index(app)]
    }
    assert wrong == set()


def too_long(paths: list[Path], most: int, excused: dict[str, str]) -> set[str]:
    sizes = {name_of(path): len(path.read_text().splitlines()) for path in paths}
    return {f"{name}: {lines} lines" for name, lines in sizes.items() if lines > most and name not in excused}


def test_files_stay_small() -> None:
    assert too_long(python_files(*APPS, "tests"), FILE_LINES, LONGER_FILES) == set()


def test_the_settings_stay_small() -> None:
    assert too_long([ROOT / "telehealth/settings.py"], SETTINGS_LINES, {}) == set()


def test_scripts_stay_small() -> None:
    own = [path for path in scripts() if path.is_relative_to(ROOT / "static")]
    assert too_long(own, SCRIPT_LINES, LONGER_SCRIPTS) == set()


def functions() -> Iterator[tuple[str, int]]:
    for path in python_files(*APPS, "tests"):
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name_of(path)}:{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_functions_stay_small() -> None:
    assert {
        f"{name}: {n} lines" for name, n in functions() if n > FUNCTION_LINES and name not in LONGER_FUNCTIONS
    } == set()


def test_an_exception_that_is_no_longer_needed_is_struck_from_the_list() -> None:
    long_files = {line.split(":")[0] for line in too_long(python_files(*APPS, "tests"), FILE_LINES, {})}
    long_scripts = {line.split(":")[0] for line in too_long(scripts(), SCRIPT_LINES, {})}
    long_functions = {name for name, lines in functions() if lines > FUNCTION_LINES}
    assert set(LONGER_FILES) <= long_files
    assert set(LONGER_SCRIPTS) <= long_scripts
    assert set(LONGER_FUNCTIONS) <= long_functions


def test_no_file_has_a_name_that_says_nothing() -> None:
    files = [*python_files(*APPS, "tests"), *scripts()]
    assert {name_of(path) for path in files if path.name in BANNED_FILES} == set()


def broad_handlers(path: Path) -> Iterator[str]:
    """Yield `file:function` of what catches everything and goes on."""
    for function in ast.walk(tree_of(path)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if not isinstance(node, ast.ExceptHandler):
                continue
            caught = ast.walk(node.type) if node.type else []
            names = {part.id for part in caught if isinstance(part, ast.Name)}
            is_passed_on = isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None
            if (node.type is None or names & {"Exception", "BaseException"}) and not is_passed_on:
                yield f"{name_of(path)}:{function.name}"


def test_no_error_is_swallowed_without_a_name() -> None:
    """Tidying up and passing on whatever came is fine."""
    found = {place for path in python_files(*APPS, "tests") for place in broad_handlers(path)}
    assert found == set(LAST_RESORTS)


MARKED_SAFE = {"templates/_field.html": "a field's help text is ours; Django writes password rules as a list"}
INLINE = {
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>", re.I),
    "an inline style sheet": re.compile(r"<style\b", re.I),
    "a style attribute": re.compile(r"<[^>{]*\sstyle\s*=", re.I),
    "an event handler": re.compile(r"<[^>]*\s(on[a-z]+|hx-on[\w:.-]*)\s*=", re.I),
    "a javascript: address": re.compile(r"javascript:", re.I),
    "markup that is marked safe": re.compile(r"\|\s*safe\b|{%\s*autoescape\s+off"),
}


@pytest.mark.parametrize("what", INLINE)
def test_templates_hold_nothing_that_the_content_policy_would_have_to_allow(what: str) -> None:
    wrong = {
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path in templates()
        for text in [path.read_text()]
        for match in INLINE[what].finditer(text)
        if not (what == "markup that is marked safe" and name_of(path) in MARKED_SAFE)
    }
    assert wrong == set()


IMPORT = re.compile(
    r"^[ \t]*(?:import\s*(?:[\w*{}\s,$]+?\sfrom\s*)?|export\s*(?:\*|\{[^}]*\})(?:\s*as\s+\w+)?\s*from\s*)"
    r"(?P<quote>['\"])[^'\"]+(?P=quote)(?P<end>[ \t]*;?)",
    re.M,
)


def test_imports_in_scripts_end_with_a_semicolon() -> None:
    """Django writes hashed names only into imports that end with one; the others would stay stale."""
    wrong = {
        f"{name_of(path)}:{text.count(chr(10), 0, match.start()) + 1}"
        for path in scripts()
        for text in [path.read_text()]
        for match in IMPORT.finditer(text)
        if not match["end"].endswith(";")
    }
    assert wrong == set()


def test_scripts_open_no_dialogs_and_write_no_markup() -> None:
    banned = re.compile(
        r"\b(alert|confirm|prompt)\(|\.innerHTML\b|\.outerHTML\b|insertAdjacentHTML|document\.write|\beval\("
    )
    own = [path for path in scripts() if path.is_relative_to(ROOT / "static")]
    assert {f"{name_of(path)}: {match[0]}" for path in own for match in banned.finditer(path.read_text())} == set()


def test_the_search_for_imports_sees_what_it_should() -> None:
    """The tests above pass for nothing if the patterns match nothing."""
    assert len(python_files(*APPS)) > 50 and len(scripts()) > 30 and len(templates()) > 20
    text = "\n".join(path.read_text() for path in scripts())
    statements = re.findall(r"^(?:import|export)\b[^;]*?(?:\bfrom\s*|\bimport\s*)['\"]", text, re.M)
    assert len(statements) > 100 and len(IMPORT.findall(text)) >= len(statements)
    for line in ("import a from './a.js'", "import './a.js'", 'import * as a from "./a.js"', "export * from './a.js'",
                 "import {\n  a,\n  b as c,\n} from './a.js'", "export { a } from './a.js'"):  # fmt: skip
        assert not IMPORT.search(line)["end"].endswith(";")
        assert IMPORT.search(line + ";")["end"] == ";"
    assert INLINE["an inline script"].search("<script>")
    assert INLINE["an inline style sheet"].search("<style>")
    assert INLINE["a style attribute"].search('<p class="a" style="color:red">')
    assert INLINE["an event handler"].search('<a href="#" onclick="x()">')
    assert not INLINE["an inline script"].search('<script type="module" src="/a.js"></script>')
