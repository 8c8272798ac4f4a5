"""Nothing leaks: secrets in every place of a service's telemetry, looked for in all that leaves it."""

from __future__ import annotations

import json
import sys
import threading
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import httpx
import pytest

from eai_autotrace._testing.llm import LlmServer, Reply
from eai_autotrace._testing.llm_replies import chat
from eai_autotrace._testing.process import free_port
from eai_autotrace.privacy.canaries import KINDS, Canary, canary, found

PROGRAM = Path(__file__).parent / "programs" / "leaky.py"
SERVER = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS"
# All that records more than by default.
MORE = {
    f"{SERVER}_SERVER_REQUEST": ".*",
    f"{SERVER}_SERVER_RESPONSE": ".*",
    f"{SERVER}_CLIENT_REQUEST": ".*",
    f"{SERVER}_CLIENT_RESPONSE": ".*",
    "OTEL_EAI_EXCEPTION_MESSAGES": "true",
    "OTEL_SEMCONV_EXCEPTION_SIGNAL_OPT_IN": "logs/dup",
    "OTEL_EAI_DB_QUERY_PARAMETERS": "full",
    "OTEL_EAI_DB_CONSTRAINT_NAMES": "true",
    "OTEL_EAI_DB_CONNECT_SPANS": "true",
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_AND_EVENT",
    "OTEL_EAI_LLM_BAGGAGE": "gen_ai.conversation.id,note",
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
    "OTEL_PYTHON_LOG_CODE_ATTRIBUTES": "true",
    "OTEL_METRICS_EXEMPLAR_FILTER": "always_on",
    "OTEL_METRIC_EXPORT_INTERVAL": "500",
    "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS": "process",
    "OTEL_TRACES_EXPORTER": "otlp,console,jaeger,zipkin,logging,file",
    "OTEL_METRICS_EXPORTER": "otlp,prometheus,file",
    "OTEL_LOGS_EXPORTER": "otlp,file",
    "DEBUG_TRACING": "true",
}
KEPT_LATER = {
    "TRACE_SAMPLE_RATIO": "0",
    "OTEL_EAI_SAMPLING_KEEP": "errors",
    "OTEL_EAI_SAMPLING_KEEP_MAX_TPS": "1000",
}


class BackEnd(ThreadingHTTPServer):
    """Takes what is posted to Jaeger and to Zipkin."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Post)
        self.bodies = {"jaeger": [], "zipkin": []}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def settings(self):
        url = f"http://127.0.0.1:{self.server_port}"
        return {"JAEGER_ENDPOINT": f"{url}/api/traces", "ZIPKIN_ENDPOINT": f"{url}/api/v2/spans"}


class _Post(BaseHTTPRequestHandler):
    server: Any

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies["jaeger" if self.path == "/api/traces" else "zipkin"].append(body)
        self.send_response(202)
        self.end_headers()

    def log_message(self, *_):
        pass


class Answering(LlmServer):
    """A server of models that answers, or fails, with the words that it is told."""

    def reply_to(self, asked):
        """The reply of the next request."""
        if answer := asked.headers.get("x-answer"):
            made = chat({"model": "gpt-5"})
            made["choices"][0]["message"]["content"] = unquote(answer)
            return Reply(json.dumps(made).encode(), headers={"x-said": answer})
        if error := asked.headers.get("x-error"):
            said = {"error": {"message": unquote(error), "type": "invalid", "code": "x"}}
            return Reply(json.dumps(said).encode(), 400, headers={"x-said": error})
        return super().reply_to(asked)


class Client:
    """Sends the requests, with canaries in what HTTP has room for."""

    def __init__(self, port):
        self._url = f"http://127.0.0.1:{port}"
        self.placed = set()

    def _at(self, surface, kind):
        self.placed.add(made := canary(surface, kind))
        return made

    def order(self, kind):
        """One request with canaries of a kind."""
        header = self._at("request header", kind).text
        by_name = {
            name: self._at(f"request {name}", kind).secret
            for name in ("authorization", "cookie", "x-api-key", "x-auth-token")
        }
        basic = b64encode(f"svc:{self._at('request basic', kind).secret}".encode()).decode()
        self.placed.add(Canary("request basic", kind, "key", basic, basic))
        headers = {
            "x-kind": kind,
            "traceparent": f"00-{'ab' * 16}-{'cd' * 8}-01",
            "tracestate": f"x={self._at('tracestate', kind).secret}",
            "x-note": "" if "\n" in header else header,
            "authorization": f"Bearer {by_name.pop('authorization')}",
            "cookie": f"theme=dark; sid={by_name.pop('cookie')}",
            "proxy-authorization": f"Basic {basic}",
            "baggage": f"note={quote(self._at('request baggage', kind).text, safe='')}",
            **by_name,
        }
        path = quote(self._at("request path", kind).text.replace("\n", " "), safe="")
        query = {
            "note": self._at("request query", kind).text,
            **{
                name: self._at(f"request {name}=", kind).secret
                for name in ("token", "sig", "email")
            },
        }
        text = "&".join(f"{name}={quote(value, safe='')}" for name, value in query.items())
        url, body = f"{self._url}/orders/{path}?{text}", self._at("request body", kind).text
        return httpx.post(url, content=body, headers=headers, timeout=30).status_code

    def where(self):
        """All canaries that were put somewhere."""
        placed = httpx.get(f"{self._url}/placed").json()
        return self.placed | {Canary(*one) for one in placed}


@pytest.fixture(scope="session")
def answering():
    with Answering() as server:
        yield server


@pytest.fixture
def back_end():
    server = BackEnd()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def searched(
    run_instrumented, otlp_receiver, postgres_dsn, amqp_url, answering, back_end, tmp_path
):
    """Runs the service; gives what was put in, and what has come out of it, by the way it left."""

    def run(mode, protocol="http/protobuf", **settings):
        port, scraped = free_port(), free_port()
        environ = {
            **MORE,
            **settings,
            "OTEL_EAI_PRIVACY": mode,
            "LLM_URL": answering.url,
            "POSTGRES_DSN": postgres_dsn,
            "AMQP_URL": amqp_url,
            "PORT": str(port),
            "OTEL_EXPORTER_PROMETHEUS_PORT": str(scraped),
            "OTEL_EAI_FILE_PATH": str(tmp_path / "{signal}.jsonl"),
            **back_end.settings,
        }
        command = (sys.executable, str(PROGRAM))
        program = run_instrumented(*command, env=environ, protocol=protocol)
        program.wait_for_port(port)
        client = Client(port)
        assert {client.order(kind) for kind in KINDS} == {500}
        placed = client.where()
        page = httpx.get(f"http://127.0.0.1:{scraped}/metrics").content
        assert program.stop() in {0, -15}
        received = otlp_receiver._messages.items()
        out = {name: [one.SerializeToString() for one in sent] for name, sent in received}
        out |= {**back_end.bodies, "prometheus": [page]}
        out |= {path.name: [path.read_bytes()] for path in tmp_path.glob("*.jsonl")}
        # The program's own log goes to the exporter alone: this is our log, the console's traces, and
        # the spans that are logged.
        out["stderr"] = [program.stderr.encode()]
        assert len(out) == 10
        assert all(out.values())
        return placed, {
            (way, one.surface, one.kind)
            for way, data in out.items()
            for one in found(placed, data)
            if one.detector not in BY_FORM.get(one.surface, ())
        }

    return run


# What nothing can tell by its form: names that are texts with a name inside, and a caller's value
# that is a part of a secret, without what is around it.
BY_FORM = {
    "tracestate": ("authorization", "key", "pem", "userinfo"),
    "log, key": ("key",),
    "span attribute, key": ("key",),
}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("mode", ["standard", "strict"])
def test_nothing_leaks(searched, mode, protocol):
    """
    No canary is in what leaves, nor in what is printed.
    """
    settings = KEPT_LATER if protocol == "grpc" else {"OTEL_TRACES_SAMPLER": "always_on"}

    _, leaks = searched(mode, protocol, **settings)

    assert sorted(leaks) == []


# What we never record, or never as it is, whatever is asked for.
NEVER = {
    "LLM key",
    "LLM user",
    "SQL comment",
    "SQL dollar quotes",
    "SQL notification",
    "SQL number",
    "SQL parameters",
    "SQL string",
    "SQL that fails",
    "baggage",
    "client API key",
    "client authorization",
    "client userinfo",
    "embeddings input",
    "message header",
    "message header by name",
    "request authorization",
    "request basic",
    "request body",
    "request cookie",
    "request sig=",
    "request x-api-key",
    "request x-auth-token",
}


def test_the_search_finds_what_leaks(searched):
    """
    Without privacy every surface shows in what leaves, but those that are never recorded.
    """
    placed, leaks = searched("off", OTEL_TRACES_SAMPLER="always_on")

    assert {one.surface for one in placed} - {surface for _, surface, _ in leaks} == NEVER
    ways = {"traces", "metrics", "logs", "stderr", "jaeger", "zipkin", "prometheus"}
    assert {way for way, _, _ in leaks} == ways | {
        f"{name}.jsonl" for name in ("traces", "metrics", "logs")
    }
