"""Metrics that Prometheus scrapes: their format, and what several processes have counted together."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from textwrap import dedent

import httpx
import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource

from eai_autotrace._testing.process import free_port
from eai_autotrace.export.prometheus.about import about_exporters
from eai_autotrace.export.prometheus.families import (
    COUNTER,
    GAUGE,
    HISTOGRAM,
    Distribution,
    Family,
    families_of,
    labels_of,
    merged,
    metric_name,
)
from eai_autotrace.export.prometheus.reader import PrometheusReader
from eai_autotrace.export.prometheus.shared import Snapshots
from eai_autotrace.export.prometheus.text import exposition

NAMES = {
    ("http.server.request.duration", "s", HISTOGRAM): "http_server_request_duration_seconds",
    ("http.server.active_requests", "{request}", GAUGE): "http_server_active_requests",
    ("process.memory.usage", "By", GAUGE): "process_memory_usage_bytes",
    ("orders", "1", COUNTER): "orders_total",
    ("orders.total", "", COUNTER): "orders_total",
    ("share", "1", GAUGE): "share_ratio",
    ("speed", "m/s", GAUGE): "speed_meters_per_second",
    ("requests", "{request}/s", GAUGE): "requests_per_second",
    ("2xx", "", COUNTER): "_2xx_total",
    ("latency_seconds", "s", HISTOGRAM): "latency_seconds",
    ("a-b c", "", GAUGE): "a_b_c",
}


@pytest.mark.parametrize("given", NAMES)
def test_names(given):
    """
    Names have Prometheus's letters, the unit's name, and `total` where they only count up.
    """
    assert metric_name(*given) == NAMES[given]


def test_labels():
    """
    Labels have Prometheus's letters, and of two attributes with one name both values are told.
    """
    assert labels_of({"http.route": "/a", "1": True, "a.b": 1, "a_b": 2}) == (
        ("a_b", "1;2"),
        ("http_route", "/a"),
        ("key_1", "true"),
    )


def _promtool(text):
    done = subprocess.run(
        ["promtool", "check", "metrics"], check=False, input=text, text=True, capture_output=True
    )
    # It also has opinions about names, which are warnings.
    return done.returncode, [line for line in done.stderr.splitlines() if "error" in line]


def test_the_text():
    """
    The text is what Prometheus's own tool takes, with every kind of value and whatever text is in a
    label.
    """
    resource = Resource({"service.name": "shop", "service.instance.id": "1", "process.pid": 1})
    provider = MeterProvider(
        [reader := PrometheusReader("127.0.0.1", 0, None)], resource, shutdown_on_exit=False
    )
    meter = provider.get_meter("test")
    meter.create_counter("orders", "{order}", 'All "orders"\nof a day').add(3, {"who": 'a"b\\c\nd'})
    meter.create_up_down_counter("open").add(-2)
    meter.create_gauge("heat", "Cel", "How hot").set(1.5)
    histogram = meter.create_histogram(
        "took", "s", "How long", explicit_bucket_boundaries_advisory=[0.5, 1]
    )
    for value in (0.1, 0.5, 0.7, 7):
        histogram.record(value, {"route": "/ä"})

    text = reader.page()

    assert text == dedent(
        """\
        # HELP heat_celsius How hot
        # TYPE heat_celsius gauge
        heat_celsius 1.5
        # TYPE open gauge
        open -2
        # HELP orders_total All "orders"\\nof a day
        # TYPE orders_total counter
        orders_total{who="a\\"b\\\\c\\nd"} 3
        # HELP target_info What is scraped.
        # TYPE target_info gauge
        target_info{service_name="shop"} 1
        # HELP took_seconds How long
        # TYPE took_seconds histogram
        took_seconds_bucket{route="/ä",le="0.5"} 2
        took_seconds_bucket{route="/ä",le="1"} 3
        took_seconds_bucket{route="/ä",le="+Inf"} 4
        took_seconds_sum{route="/ä"} 8.3
        took_seconds_count{route="/ä"} 4
        """
    )
    assert _promtool(text)[1] == []


@pytest.mark.parametrize(
    ("value", "text"),
    [(math.nan, "NaN"), (math.inf, "+Inf"), (-math.inf, "-Inf"), (1e300, "1e+300")],
)
def test_numbers_of_a_kind(value, text):
    """
    What is no number, or has no end, is written as Prometheus reads it.
    """
    assert exposition(_counted("g", value, GAUGE)).splitlines()[-1] == f"g {text}"


def test_labels_cannot_fill_the_memory():
    """
    Of one family 2 000 series are kept.
    """
    provider = MeterProvider(
        [reader := PrometheusReader("127.0.0.1", 0, None)], shutdown_on_exit=False
    )
    counter = provider.get_meter("test").create_counter("c")
    for number in range(2500):
        counter.add(1, {"id": number})

    assert reader.page().count("c_total{") == 2000


def _counted(name, value, kind=COUNTER, **labels):
    return {name: Family(name, kind, "", series={tuple(sorted(labels.items())): value})}


def test_several_processes():
    """
    Counters, sums and histograms are added; of other gauges the largest counts.
    """
    one = {
        **_counted("c", 1, a="x"),
        **_counted("g", 3, GAUGE),
        **_counted("h", Distribution((1,), (1, 2), 5.0), HISTOGRAM),
    }
    two = {
        **_counted("c", 2, a="y"),
        **_counted("g", 2, GAUGE),
        **_counted("h", Distribution((1,), (1, 0), 0.5), HISTOGRAM),
    }
    for part in (one, two):
        part["g"].adds = False

    found = merged([one, two, _counted("c", 4, a="x")])

    assert found["c"].series == {(("a", "x"),): 5, (("a", "y"),): 2}
    assert found["g"].series == {(): 3}
    assert found["h"].series == {(): Distribution((1,), (2, 2), 5.5)}


CHILD = """
import sys
from pathlib import Path
from eai_autotrace.export.prometheus.families import Family
from eai_autotrace.export.prometheus.shared import Snapshots
Snapshots("x", Path(sys.argv[1])).write({
    "c": Family("c", "counter", "", series={(): int(sys.argv[2])}),
    "g": Family("g", "gauge", "", series={(): 1}),
})
print("written", flush=True)
sys.stdin.read()
"""


def _child(folder, value):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, folder, str(value)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    assert child.stdout.readline() == "written\n"
    return child


def test_what_ended_processes_have_counted(tmp_path):
    """
    A process that has ended, or was killed, goes on to count, once; its gauges do not. Whatever else
    stands in a file counts for nothing.
    """
    snapshots = Snapshots("x", tmp_path)
    (folder,) = tmp_path.iterdir()
    lives, ends = _child(tmp_path, 1), _child(tmp_path, 10)

    assert snapshots.others()["c"].series == {(): 11}
    os.kill(ends.pid, signal.SIGKILL)
    ends.communicate()
    for _ in range(3):
        found = snapshots.others()
        assert (found["c"].series, found["g"].series) == ({(): 11}, {(): 1})
    (folder / "123-5.json").write_text("{]")
    (folder / "124-5.json").write_text('[["c", "counter"]]')
    assert snapshots.others()["c"].series == {(): 11}
    lives.communicate("")
    assert snapshots.others()["c"].series == {(): 11}
    assert folder.stat().st_mode & 0o077 == 0


def test_a_reader_that_ends_in_the_middle(tmp_path):
    """
    One that has told of ended processes, and has not removed their files yet, counts none twice.
    """
    snapshots = Snapshots("x", tmp_path)
    (folder,) = tmp_path.iterdir()
    child = _child(tmp_path, 10)
    (path,) = folder.glob("*.json")
    told = path.read_text()
    child.communicate("")
    assert snapshots.others()["c"].series == {(): 10}
    path.write_text(told)

    ended = json.loads((folder / "ended.json").read_text())

    assert ended["folded"] == [path.name]
    assert snapshots.others()["c"].series == {(): 10}


class Counted:
    """A pipeline, as far as it is asked."""

    def counts(self):
        return {"otlp": {"exported": 5, "queue_full": 2}}

    def states(self):
        return {"otlp": False}


def test_what_became_of_spans():
    """
    The guide's names tell how many spans began, were taken and were lost, and whether a back end is up;
    of several processes the one that is down counts.
    """
    down = about_exporters([("traces", Counted())], {"sampled": 7, "dropped": 1})
    up = about_exporters([("traces", Counted())], {"sampled": 1})
    up["exporter_up"].series = dict.fromkeys(up["exporter_up"].series, 1)

    text = exposition(merged([up, down]))

    assert [line for line in text.splitlines() if line[0] != "#"] == [
        'exporter_up{exporter="otlp",signal="traces"} 0',
        'spans_created_total{decision="dropped"} 1',
        'spans_created_total{decision="sampled"} 8',
        'spans_exported_total{exporter="otlp"} 10',
        'trace_errors_total{exporter="otlp",reason="queue_full",signal="traces"} 4',
    ]


SERVICE = """
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/works")
    async def works():
        return "done"
"""
REQUESTS = "http_server_request_duration_seconds_count{"


def _scraped(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as response:
        text = response.read().decode()
    return text, {
        line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
        for line in text.splitlines()
        if not line.startswith("#")
    }


def _requests(port):
    try:
        _, found = _scraped(port)
    except OSError:
        return 0
    return sum(value for name, value in found.items() if name.startswith(REQUESTS))


def _eventually(expected, give):
    until = time.monotonic() + 20
    while (found := give()) != expected and time.monotonic() < until:
        time.sleep(0.3)
    return found


SERVERS = {
    "uvicorn": ("-m", "uvicorn", "service:app", "--workers", "4", "--port"),
    "gunicorn": (
        *("-m", "gunicorn", "service:app", "-k", "uvicorn.workers.UvicornWorker", "-w", "2"),
        *("--max-requests", "50", "-b"),
    ),
}


@pytest.mark.parametrize("server", SERVERS)
def test_all_workers_of_a_service(run_instrumented, tmp_path, server):
    """
    One address tells what all workers have counted: as many requests as were sent, also across
    restarts of workers, and never fewer than before. A real Prometheus takes it.
    """
    (tmp_path / "service.py").write_text(dedent(SERVICE))
    port, scraped = free_port(), free_port()
    place = str(port) if server == "uvicorn" else f"127.0.0.1:{port}"
    program = run_instrumented(
        sys.executable,
        *SERVERS[server],
        place,
        cwd=tmp_path,
        env={
            "PROMETHEUS_ENABLED": "true",
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(scraped),
            "OTEL_SERVICE_NAME": f"app-{port}",
        },
    )
    program.wait_for_port(port)
    prometheus = _prometheus(tmp_path, scraped)
    try:
        sent, before = 0, 0.0
        for _ in range(300):
            # A worker that ends closes what it has not answered: only answers count.
            try:
                assert httpx.get(f"http://127.0.0.1:{port}/works").json() == "done"
            except httpx.TransportError:
                continue
            sent += 1
            if not sent % 50:
                now = _requests(scraped)
                assert now >= before
                before = now

        assert _eventually(sent, lambda: _requests(scraped)) == sent
        text, _ = _scraped(scraped)
        assert _promtool(text)[1] == []
        assert (
            _eventually(
                sent, lambda: _scraped(scraped)[1].get('spans_exported_total{exporter="otlp"}')
            )
            == sent
        )
        query = "sum(http_server_request_duration_seconds_count)"
        assert _eventually(str(sent), lambda: prometheus(query)) == str(sent)
        assert prometheus("up") == "1"
    finally:
        prometheus("")
        program.stop()
    assert "Traceback" not in program.stderr


def _prometheus(folder, port):
    """A real Prometheus that scrapes a port; gives a function that asks it, and ends it for no query."""
    own = free_port()
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s}}\nscrape_configs:\n"
        f"  - job_name: app\n    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
    )
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def ask(query):
        if not query:
            process.terminate()
            return process.wait(10)
        try:
            answer = httpx.get(f"http://127.0.0.1:{own}/api/v1/query", params={"query": query})
            (result,) = answer.json()["data"]["result"]
        except (httpx.TransportError, ValueError, KeyError):
            return None
        return result["value"][1]

    return ask


def test_a_port_that_somebody_else_has(run_python):
    """
    The program runs, whoever has the port.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_python(
            "print('ran')",
            wrapped=True,
            OTEL_METRICS_EXPORTER="prometheus",
            OTEL_TRACES_EXPORTER="none",
            OTEL_LOGS_EXPORTER="none",
            OTEL_SERVICE_NAME="app",
            OTEL_EXPORTER_PROMETHEUS_HOST="127.0.0.1",
            OTEL_EXPORTER_PROMETHEUS_PORT=str(taken.getsockname()[1]),
        )

    assert (done.returncode, done.stdout, done.stderr) == (0, "ran\n", "")
    assert families_of(None) == {}
