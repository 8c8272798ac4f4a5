"""The command ``eai-autotrace``, as a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import eai_autotrace
from eai_autotrace._testing.process import clean_environment
from eai_autotrace.privacy.canaries import KINDS, canaries, canary

CARD = canary("a test", "card").secret


@pytest.fixture
def command():
    """Runs the command; gives the exit code, and what it has printed."""

    def command(*arguments, stdin="", **environ):
        done = subprocess.run(
            [sys.executable, "-m", "eai_autotrace.cli", *arguments],
            capture_output=True,
            check=False,
            env=clean_environment(**environ),
            input=stdin,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    return command


def test_version_and_help(command):
    """
    It says its version, and what it can do; without a command that is an error.
    """
    assert command("--version") == (0, f"eai-autotrace {eai_autotrace.__version__}\n", "")
    assert [command("--help")[0], command()[0], command("privacy")[0]] == [0, 2, 2]
    assert "privacy" in command("--help")[1]


def test_nothing_heavy_is_imported_for_help(command):
    """
    OpenTelemetry is imported when a command needs it.
    """
    code = (
        "import sys\nfrom eai_autotrace.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
        "\nprint([name for name in sys.modules if name.startswith(('opentelemetry', 'yaml'))])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]"


EXPLAINED = {
    "by name": (("user.email", "x"), {}, ("***", ["personal_key"], ["replace"])),
    "by form": (("note", f"card {CARD} x"), {}, ("card *** x", ["card"], ["replace"])),
    "clean": (("note", "x y"), {}, ("the value as it is", [], [])),
    "off": (("note", CARD), {"OTEL_EAI_PRIVACY": "off"}, ("the value as it is", [], [])),
    "own": (
        ("shop.note", "x y"),
        {"OTEL_EAI_PRIVACY_KEYS": "shop.*=drop"},
        ("nothing", ["own_key"], ["drop"]),
    ),
    "strict": (
        ("note", "x y"),
        {"OTEL_EAI_PRIVACY": "strict"},
        ("nothing", ["not_allowed"], ["drop"]),
    ),
}


@pytest.mark.parametrize("name", EXPLAINED)
def test_explain(command, name):
    """
    It tells what would be sent, what has found it and what was done; no secret is repeated.
    """
    arguments, environ, expected = EXPLAINED[name]

    code, out, said = command("privacy", "explain", *arguments, "--json", **environ)

    told = json.loads(out)
    assert (code, said) == (0, "")
    assert (told["sent"], told["detector"], told["action"]) == expected
    assert len(told["why"]) == 1
    assert CARD not in out


@pytest.mark.parametrize("kind", KINDS)
def test_explain_shows_no_secret(command, kind):
    """
    A value may be read from stdin, where no history of the shell keeps it; it is not shown.
    """
    (one,) = canaries("a test", [kind])

    code, out, said = command("privacy", "explain", "note", "-", stdin=f"{one.text}\n")

    assert (code, said) == (0, "")
    assert one.detector in out
    assert one.secret not in out


def test_explain_for_people(command):
    """
    A line for each answer.
    """
    assert command("privacy", "explain", "db.password", "x")[1].splitlines()[:-1] == [
        "key       db.password",
        "sent      ***",
        "detector  key",
        "action    replace",
        "why       a name says that it is a secret",
    ]


@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_nothing_leaks(command, mode):
    """
    With the settings as they are no made-up secret is in the bytes that would be sent.
    """
    code, out, said = command("privacy", "test", OTEL_EAI_PRIVACY=mode)

    assert (code, said) == (0, "")
    lines = out.splitlines()
    assert lines[0].startswith(f"privacy {mode}, policy ")
    assert lines[-1].endswith("surfaces, none leaked")
    assert {line.split()[-1] for line in lines[3:-2]} == {"ok"}


def test_what_leaks_is_found(command):
    """
    Without privacy every canary is found on its surface; the exit code says so.
    """
    code, out, _ = command("privacy", "test", "--json", OTEL_EAI_PRIVACY="off")

    told = json.loads(out)
    assert (code, told["leaks"]) == (1, len(told["canaries"]))
    assert [one for one in told["canaries"] if one["result"] != "leak"] == []
    assert {signal for one in told["canaries"] for signal in one["signals"]} == {
        "traces",
        "metrics",
        "logs",
    }


@pytest.mark.parametrize(
    ("environ", "code", "results"),
    [
        ({"OTEL_EAI_PRIVACY_DISABLE": "phone"}, 0, {"phone": "off", "email": "ok"}),
        ({"OTEL_EAI_PRIVACY_ALLOW": "canary.note"}, 1, {"phone": "leak", "email": "leak"}),
        ({"OTEL_EAI_PRIVACY_ACTIONS": "phone=hash"}, 0, {"phone": "ok", "email": "ok"}),
    ],
)
def test_it_tests_the_settings(command, environ, code, results):
    """
    What a setting lets through is told; a detector that is switched off is no leak.
    """
    found = command("privacy", "test", "--json", **environ)

    canaries = json.loads(found[1])["canaries"]
    here = {one["kind"]: one["result"] for one in canaries if one["surface"] == "span attribute"}
    assert (found[0], {kind: here[kind] for kind in results}) == (code, results)


def test_what_is_not_made_is_not_called_safe(command):
    """
    Where nothing was looked at, the test fails and says so.
    """
    code, out, _ = command("privacy", "test", OTEL_SDK_DISABLED="true")

    assert (code, out.count("nothing is known")) == (1, 3)


def test_no_wrong_setting_is_repeated(command):
    """
    What OpenTelemetry says of wrong settings, with their values, is not printed.
    """
    environ = {"OTEL_RESOURCE_ATTRIBUTES": f"a=1,{CARD}", "OTEL_EXPORTER_OTLP_HEADERS": f"x {CARD}"}

    code, out, said = command("privacy", "test", **environ)

    assert (code, CARD in out + said) == (0, False)
