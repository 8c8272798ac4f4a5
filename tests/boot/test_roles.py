"""What a process is there for, by its command line; a wrong guess costs memory, never a span."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from eai_autotrace.boot.roles import is_helper_command

# These versions start no thread at the end of a process, so that ours are there from the beginning.
THREADS = 4 if (3, 12) <= sys.version_info[:3] < (3, 12, 3) else 1

COMMANDS = {
    True: [
        # as the standard library and joblib write them
        'python -c "from multiprocessing.resource_tracker import main;main(5)"',
        'python -s -E -c "from multiprocessing.resource_tracker import main;main(5)"',
        'python -X dev -Wd -c "from multiprocessing.resource_tracker import main;main(5)"',
        'python -Xdev -W error -bb -c "from multiprocessing.semaphore_tracker import main;main(5)"',
        'python -c "from joblib.externals.loky.backend.resource_tracker import main; main(5, 0)"',
        "python /usr/bin/uvicorn app:app --reload",
        "python /usr/bin/uvicorn app:app --workers 2",
        "python /usr/bin/uvicorn --workers=4 app:app",
        "python /usr/bin/uvicorn app:app --workers 1 --workers 2",
        "python -m uvicorn app:app --reload --reload-dir src",
        "python -u -Wignore -m uvicorn app:app --workers 2",
        "python /usr/bin/fastapi dev",
        "python /usr/bin/fastapi dev main.py --port 80",
        "python /usr/bin/fastapi run main.py --workers 4",
        "python /usr/bin/fastapi run --reload",
        "python -m pip install uvicorn",
        "python /usr/bin/pip3.11 list",
        "python /usr/bin/opentelemetry-instrument uvicorn app:app",
    ],
    False: [
        'python -c "from multiprocessing.forkserver import main; main(3, 4, [], **{})"',
        'python -X utf8 -c "from multiprocessing.forkserver import main; main(3, 4, [])"',
        "python /usr/bin/gunicorn app:app",
        "python /usr/bin/gunicorn -c settings.py --preload",
        "python -m gunicorn app:app -k uvicorn_worker.UvicornWorker",
        "python /usr/bin/granian --interface asgi app:app",
        "python",
        "python -",
        "python -i",
        "python main.py --reload",
        "python main.py uvicorn --workers 2",
        "python -m main --workers 2",
        "python -B -O -m main",
        'python -c "import multiprocessing.resource_tracker"',
        'python -c "from main import main; main()"',
        "python -m resource_tracker",
        "python resource_tracker.py",
        "python --check-hash-based-pycs always main.py",
        'python -c "from multiprocessing.spawn import spawn_main; spawn_main()" --multiprocessing-fork',
        "python /usr/bin/uvicorn app:app",
        "python /usr/bin/uvicorn app:app --workers 1",
        "python /usr/bin/uvicorn app:app --workers 2 --workers 1",
        "python /usr/bin/uvicorn app:app --workers",
        "python /usr/bin/uvicorn app:app --workers many",
        "python /usr/bin/uvicorn app:app --reload-dir src",
        "python /usr/bin/uvicorn app:app -- --reload",
        "python /usr/bin/fastapi run",
        "python /usr/bin/fastapi dev --no-reload",
        "python /usr/bin/fastapi run --reload --no-reload",
        "python /usr/bin/hypercorn app:app -w 2",
        "python gunicorn.conf.py",
    ],
}


@pytest.mark.parametrize(
    ("command", "helps"), [(command, helps) for helps in COMMANDS for command in COMMANDS[helps]]
)
def test_the_command_line_tells(command, helps):
    """
    Only what is written for certain is a helper; everything else is set up.
    """
    assert is_helper_command(shlex.split(command)) is helps


def test_an_embedded_interpreter_has_no_command_line():
    """
    Where there is none, the process is set up.
    """
    assert is_helper_command([]) is False


# What each process has of ours: its threads, its provider, and whether it has imported the SDK.
TELL = """
import sys, threading
from opentelemetry import trace
provider = type(trace.get_tracer_provider())
print(threading.active_count(), provider.__module__.split(".")[0])
print("opentelemetry.sdk.trace" in sys.modules)
"""


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("main.py", [], [f"{THREADS} eai_autotrace", "True"]),
        ("gunicorn", ["app:app"], [f"{THREADS} eai_autotrace", "True"]),
        ("uvicorn", ["app:app", "--reload"], ["1 opentelemetry", "False"]),
    ],
)
@pytest.mark.parametrize("how", ["script", "python"])
def test_the_wrapper_leaves_the_command_line(
    run_instrumented, tmp_path, name, arguments, told, how
):
    """
    ``opentelemetry-instrument`` ends as the program's own process, as it was called.

    A helper has no provider, and does not even import the SDK.
    """
    script = tmp_path / name
    script.write_text(f"#!{sys.executable}\n{TELL}")
    script.chmod(0o755)
    command = [str(script)] if how == "script" else ["python", str(script)]

    program = run_instrumented(*command, *arguments)

    assert (program.wait(), program.stdout.splitlines()) == (0, told)


WITH_TRACKER = """
import time
import multiprocessing.resource_tracker as tracker
tracker.ensure_running()
print(tracker._resource_tracker._pid, flush=True)
time.sleep(60)
"""


def test_the_resource_tracker_has_one_thread(run_instrumented):
    """
    The resource tracker of multiprocessing, started by a traced program, has no thread of ours.
    """
    program = run_instrumented("python", "-c", WITH_TRACKER)
    pid = program.wait_for_line("")

    threads = list(Path(f"/proc/{pid}/task").iterdir())

    assert len(threads) == 1
