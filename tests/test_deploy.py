"""What deploy/ has: dashboards and rules on metrics that there are, and files that fit together."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from textwrap import dedent
from typing import NamedTuple

import httpx
import pytest
import yaml

from eai_autotrace._testing.llm import LlmServer, Reply
from eai_autotrace._testing.process import (
    HOST,
    Program,
    clean_environment,
    free_port,
    launch_instrumented,
)
from eai_autotrace._testing.receiver import OtlpReceiver

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
RULES = [DEPLOY / "prometheus" / f"{name}.rules.yml" for name in ("recording", "alerts")]
DASHBOARDS = {
    path.stem: json.loads(path.read_text())
    for path in sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
}
YAMLS = sorted(path for end in ("yml", "yaml") for path in DEPLOY.rglob(f"*.{end}"))

# Queries that have no value here, and why.
WITHOUT_VALUE = {
    "RedactionFails": "the privacy filter does not fail",
    "SamplingFarFromTarget": "all traces are kept",
    "ServiceNotScraped": "the program is scraped",
    "job:eai_privacy_errors:increase10m": "the privacy filter does not fail",
    "RequestsSlow": "no request takes two seconds",
    "LlmCallsSlow": "no call takes a minute",
}

SERVICE = """
    import os
    from contextlib import asynccontextmanager

    import aio_pika
    import asyncpg
    import httpx
    import openai
    from fastapi import FastAPI, HTTPException

    QUESTION = {"model": "gpt-4o", "messages": [{"role": "user", "content": "?"}]}
    to = {}


    @asynccontextmanager
    async def lifespan(_):
        async with (
            asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=1, max_size=2) as database,
            await aio_pika.connect_robust(os.environ["AMQP_URL"]) as connection,
            httpx.AsyncClient(base_url=os.environ["OWN_URL"]) as client,
        ):
            channel = await connection.channel()
            events = await channel.declare_exchange("deploy", auto_delete=True)
            queue = await channel.declare_queue("deploy", exclusive=True)
            await queue.bind(events, "made")

            async def work(message):
                async with message.process():
                    await database.execute("SELECT 1")
                    if message.body:
                        raise ValueError

            await queue.consume(work)
            model = openai.AsyncOpenAI(base_url=os.environ["MODEL_URL"], api_key="k")
            to.update(database=database, events=events, client=client, model=model)
            yield


    app = FastAPI(lifespan=lifespan)


    @app.get("/works")
    async def works():
        await to["database"].fetch("SELECT 1")
        for path in ("/mcp/tools", "/fails"):
            await to["client"].get(path)
        for body in (b"wrong", b""):
            await to["events"].publish(aio_pika.Message(body), "made")
        ask = to["model"].chat.completions.create
        await ask(**QUESTION)
        async for _ in await ask(**QUESTION, stream=True, stream_options={"include_usage": True}):
            pass


    @app.get("/refused")
    async def refused():
        try:
            await to["model"].with_options(max_retries=1).chat.completions.create(**QUESTION)
        except openai.APIError:
            return


    @app.get("/mcp/tools")
    async def tools():
        return []


    @app.get("/fails")
    async def fails():
        raise HTTPException(500)
"""


class Query(NamedTuple):
    """A query: where it stands, by what name, and what it is."""

    place: str
    name: str
    text: str


def _panels(dashboard):
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def _rules():
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


def _substituted(text):
    """A query with the values that Grafana would put in, where everything is chosen."""
    for name, value in (("job", ".*"), ("provider", ".*"), ("interval", "1m")):
        text = text.replace(f"${name}", value)
    return text


def _queries():
    for name, dashboard in DASHBOARDS.items():
        for panel in _panels(dashboard):
            for target in panel["targets"]:
                text = _substituted(target["expr"])
                yield Query(name, f"{panel['title']} {target['refId']}", text)
    for rule in _rules():
        yield Query("rules", rule.get("record") or rule["alert"], rule["expr"])


QUERIES = tuple(_queries())
RECORDED = {rule["record"] for rule in _rules() if "record" in rule}
# What stands between metrics' names: texts, ranges, labels in braces or after a word, and words.
NO_NAMES = (
    r'"(?:[^"\\]|\\.)*"',
    r"\{[^}]*\}",
    r"\[[^\]]*\]",
    r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)",
    r"\b(?:or|and|unless|offset\s+\w+)\b",
    r"\b[a-z_0-9]+\s*(?=\()",
)


def _metrics(query):
    """The names of the metrics that a query asks for."""
    for pattern in NO_NAMES:
        query = re.sub(pattern, " ", query)
    return set(re.findall(r"(?<![\w.])[a-zA-Z_:][\w:]*", query))


class Prometheus:
    """A real Prometheus, asked by HTTP."""

    def __init__(self, port):
        self.client = httpx.Client(base_url=f"http://{HOST}:{port}/api/v1/")

    def get(self, path, **parameters):
        """The data of an answer, or the text of its error."""
        try:
            answer = self.client.get(path, params=parameters).json()
        except (httpx.TransportError, ValueError) as error:
            return str(error)
        return answer["data"] if answer["status"] == "success" else answer["error"]

    def value(self, query):
        """The sum of a query's values, 0 without any."""
        data = self.get("query", query=query)
        return sum(float(s["value"][1]) for s in data["result"]) if isinstance(data, dict) else 0

    def wrong(self, query):
        """What is wrong with a query: an error, or no value that is a number."""
        data = self.get("query", query=query)
        if isinstance(data, str):
            return data
        values = [float(sample["value"][1]) for sample in data["result"]]
        return "" if any(not math.isnan(value) for value in values) else "no value"


def _until(done, seconds=20):
    until = time.monotonic() + seconds
    while not (found := done()) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def _service(enter, folder, port, scraped, environment):
    """The program, ready."""
    (folder / "service.py").write_text(dedent(SERVICE))
    program = enter(
        launch_instrumented(
            ["uvicorn", "service:app", "--port", str(port)],
            environment={
                **environment,
                "OWN_URL": f"http://{HOST}:{port}",
                "OTEL_SERVICE_NAME": f"deploy-{port}",
                "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_TRACES_EXPORTER": "otlp,jaeger",
                "OTEL_EAI_SAMPLING_ADAPTIVE": "true",
                "OTEL_EAI_SAMPLING_TARGET_TPS": "100",
                "OTEL_EAI_SAMPLING_KEEP": "errors",
                "OTEL_EAI_LLM_COST": "true",
                "PROMETHEUS_ENABLED": "true",
                "OTEL_EXPORTER_PROMETHEUS_PORT": str(scraped),
            },
            folder=folder,
        )
    )
    program.wait_for_port(port)


def _prometheus(enter, folder, scraped):
    """A Prometheus with the rules of deploy/ that scrapes a port, as often as it can."""
    port = free_port()
    settings = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(path) for path in RULES],
        "scrape_configs": [
            {"job_name": "orders", "static_configs": [{"targets": [f"{HOST}:{scraped}"]}]}
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={HOST}:{port}",
    ]
    enter(Program(command, environment=clean_environment(), folder=folder)).wait_for_port(port)
    return Prometheus(port)


def _requests(port, model, prometheus):
    """Everything that the program does, until it has been counted and scraped."""
    last = ("sum(messaging_process_duration_seconds_count)", "sum(trace_errors_total)")
    before = [prometheus.value(query) for query in last]
    model.replies.extend([Reply(b"{}", 500)] * 2)
    for path in ("/refused", "/works?token=s", "/health", *["/fails"] * 50):
        httpx.get(f"http://{HOST}:{port}{path}", timeout=20)

    def is_counted():
        processed, lost = (prometheus.value(query) for query in last)
        return processed == before[0] + 2 and lost > before[1]

    assert _until(is_counted)


@pytest.fixture(scope="module")
def prometheus(postgres_dsn, amqp_url, tmp_path_factory):
    """A Prometheus that has scraped a program before, between and after its requests."""
    folder, port, scraped = tmp_path_factory.mktemp("deploy"), free_port(), free_port()
    with ExitStack() as stack:
        enter = stack.enter_context
        model, refusing, receiver = enter(LlmServer()), enter(LlmServer()), enter(OtlpReceiver())
        environment = {
            "DATABASE_URL": postgres_dsn,
            "AMQP_URL": amqp_url,
            "MODEL_URL": model.openai_url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.http_endpoint,
            "OTEL_EXPORTER_JAEGER_ENDPOINT": f"{refusing.url}/api/traces",
        }
        _service(enter, folder, port, scraped, environment)
        found = _prometheus(enter, folder, scraped)
        stack.callback(found.client.close)
        for _ in range(2):
            _requests(port, model, found)
        yield found


def test_every_query_has_a_value(prometheus):
    """
    Each query of each dashboard and rule is evaluated, and gives numbers, but those listed with a
    reason.
    """

    def wrong():
        return {query: said for query in QUERIES if (said := prometheus.wrong(query.text))}

    _until(lambda: {query.name for query in wrong()} <= WITHOUT_VALUE.keys())
    found = wrong()

    assert {q: said for q, said in found.items() if q.name not in WITHOUT_VALUE} == {}
    assert {q.name: said for q, said in found.items()} == dict.fromkeys(WITHOUT_VALUE, "no value")


def test_every_metric_exists(prometheus):
    """
    Each metric that a query names was scraped, or is made by a rule.
    """
    exist = set(prometheus.get("label/__name__/values"))
    asked = {(query.name, name) for query in QUERIES for name in _metrics(query.text)}

    assert {name for _, name in asked} >= {"exporter_up", "llm_requests_total", "up"}
    assert {(where, n) for where, n in asked if n not in exist | RECORDED} == set()


def test_every_label_exists(prometheus):
    """
    Each label that a query groups by or chooses by was scraped, and each that a legend shows is in its
    query.
    """
    exist = set(prometheus.get("labels"))
    for query in QUERIES:
        groups = re.findall(r"\b(?:by|on) \(([^)]*)\)", query.text)
        chosen = re.findall(r"[{,]\s*(\w+)\s*(?:=|!=|=~|!~)\s*\"", query.text)
        grouped = {label for group in groups for label in re.findall(r"\w+", group)}
        assert {*grouped, *chosen} - exist - {"le"} == set(), query
    for dashboard in DASHBOARDS.values():
        for panel in _panels(dashboard):
            for target in panel["targets"]:
                used = [r["expr"] for r in _rules() if r.get("record", "-") in target["expr"]]
                shown = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
                told = " ".join([target["expr"], *used])
                assert [label for label in shown if label not in told] == [], panel["title"]


def test_prometheus_evaluates_every_rule(prometheus):
    """
    Prometheus itself has evaluated all rules, none with an error.
    """

    def evaluated():
        groups = prometheus.get("rules")["groups"]
        return {r["name"]: r["health"] for group in groups for r in group["rules"]}

    _until(lambda: set(evaluated().values()) == {"ok"})

    names = {rule.get("record") or rule["alert"] for rule in _rules()}
    assert evaluated() == dict.fromkeys(names, "ok")


def test_every_variable_has_values(prometheus):
    """
    What can be chosen above a dashboard is found: services and providers.
    """
    found = {}
    for dashboard in DASHBOARDS.values():
        for variable in dashboard["templating"]["list"]:
            if variable["type"] == "query":
                text = _substituted(variable["query"]["query"])
                series, label = re.fullmatch(r"label_values\((.*), (\w+)\)", text).groups()
                values = prometheus.get(f"label/{label}/values", **{"match[]": series})
                found[variable["name"]] = values

    assert found == {"job": ["orders"], "provider": ["openai"]}


def _promtool(*arguments, cwd=DEPLOY / "prometheus"):
    done = subprocess.run(
        ["promtool", *arguments], check=False, cwd=cwd, text=True, capture_output=True
    )
    return done.returncode, done.stdout + done.stderr


def test_rules_are_rules():
    """
    Prometheus's own tool takes the configuration and the rules, and the rules do what their tests say.
    """
    for command in (
        ("check", "config", "prometheus.yml"),
        ("check", "rules", *(str(path) for path in RULES)),
        ("test", "rules", "tests.yml"),
    ):
        code, said = _promtool(*command)
        assert code == 0, said


def _pod(name, address, **annotations):
    """A pod's two ports, as Prometheus discovers them."""
    labels = {"pod_name": name, "namespace": "shop", "pod_ip": address, **annotations}
    return {
        "targets": [f"{address}:{port}" for port in (8000, 9464)],
        "labels": {f"__meta_kubernetes_{key}": value for key, value in labels.items()},
    }


def test_pods_are_found(tmp_path):
    """
    Of pods that ask for it one port is scraped, the named one, and the service is the job. Debian's
    Prometheus knows no Kubernetes, so the pods are told to it.
    """
    annotated = {
        "pod_annotation_prometheus_io_scrape": "true",
        "pod_annotation_prometheus_io_port": "9464",
        "pod_annotation_prometheus_io_path": "/metrics",
        "pod_label_app_kubernetes_io_name": "orders",
    }
    settings = yaml.safe_load((DEPLOY / "kubernetes" / "prometheus.yml").read_text())
    (job,) = settings["scrape_configs"]
    assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
    job["static_configs"] = [_pod("orders-1", "10.0.0.1", **annotated), _pod("other-1", "10.0.0.2")]
    paths = [DEPLOY / "kubernetes" / path for path in settings["rule_files"]]
    settings["rule_files"] = [str(path) for path in paths]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(settings))

    code, said = _promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    assert code == 0, said
    _, found = _promtool(
        "check", "service-discovery", "--timeout=1s", "prometheus.yml", "pods", cwd=tmp_path
    )

    kept = {
        tuple(target["labels"].get(key) for key in ("__address__", "job", "namespace", "instance"))
        for target in json.loads(found)
        if target.get("labels")
    }
    assert kept == {("10.0.0.1:9464", "orders", "shop", "orders-1")}


def test_every_alert_is_tested():
    """
    For each alert there is a test in which it is raised.
    """
    tests = yaml.safe_load((DEPLOY / "prometheus" / "tests.yml").read_text())["tests"]
    raised = {
        case["alertname"]
        for test in tests
        for case in test.get("alert_rule_test", ())
        if case["exp_alerts"]
    }

    assert raised == {rule["alert"] for rule in _rules() if "alert" in rule}


def test_the_dashboards():
    """
    There are three, of the present schema, each found by the name of its file.
    """
    titles = {name: board["title"] for name, board in DASHBOARDS.items()}

    assert titles == {
        "agent-collaboration": "Agent Collaboration",
        "llm-tracing": "LLM Tracing",
        "trace-overview": "Trace Overview",
    }
    assert {name: board["uid"] for name, board in DASHBOARDS.items()} == {n: n for n in DASHBOARDS}
    assert {board["schemaVersion"] for board in DASHBOARDS.values()} == {42}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_can_be_read(name):
    """
    A panel has a title, a description, a unit, the chosen data source, and a number of its own.
    """
    panels = DASHBOARDS[name]["panels"]

    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in _panels(DASHBOARDS[name]):
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert {source["uid"] for source in sources} == {"${datasource}"}


@pytest.mark.parametrize("name", DASHBOARDS)
def test_panels_do_not_overlap(name):
    """
    Each panel has a place of its own, within 24 columns.
    """
    places = {panel["id"]: panel["gridPos"] for panel in DASHBOARDS[name]["panels"]}
    cells = {
        number: {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        for number, place in places.items()
    }

    assert max(place["x"] + place["w"] for place in places.values()) == 24
    assert [pair for pair in combinations(cells, 2) if cells[pair[0]] & cells[pair[1]]] == []


@pytest.mark.parametrize("name", DASHBOARDS)
def test_variables(name):
    """
    A query uses the variables that its dashboard has, and each of them is used.
    """
    dashboard = DASHBOARDS[name]
    own = {variable["name"] for variable in dashboard["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(dashboard["panels"])))

    assert used - {"__all"} == own


@pytest.mark.parametrize("path", YAMLS, ids=lambda path: path.relative_to(DEPLOY).as_posix())
def test_yaml(path):
    """
    Each YAML file can be read, and no mapping in it says the same thing twice.
    """

    class Strict(yaml.SafeLoader):
        pass

    def mapping(loader, node):
        keys = [key.value for key, _ in node.value if key.value != "<<"]
        assert len(keys) == len(set(keys)), keys
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    Strict.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)

    assert list(yaml.load_all(path.read_text(), Strict))


COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
VOLUMES = [
    (name, *volume.split(":")[:2])
    for name, service in COMPOSE.items()
    for volume in service.get("volumes", ())
]


def _inside(name, path):
    """The file of ours that a container has at a path."""
    for service, source, target in VOLUMES:
        if service == name and (path == target or path.startswith(f"{target}/")):
            return DEPLOY / source / path.removeprefix(target).lstrip("/")
    raise AssertionError(f"{name} has no {path}")


def test_what_containers_read_is_there():
    """
    Each path that is mounted exists, and so does each file that a command or a setting names.
    """
    for name, source, _ in VOLUMES:
        assert (DEPLOY / source).exists(), (name, source)
    for name, service in COMPOSE.items():
        for argument in service.get("command", ()):
            if argument.startswith("--config"):
                assert _inside(name, argument.partition("=")[2]).is_file()
    home = COMPOSE["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert _inside("grafana", home).is_file()
    provider = yaml.safe_load(
        (DEPLOY / "grafana/provisioning/dashboards/dashboards.yaml").read_text()
    )["providers"][0]
    assert list(_inside("grafana", provider["options"]["path"]).glob("*.json"))
    for path in yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["rule_files"]:
        assert _inside("prometheus", f"/etc/prometheus/{path}").is_file()


def _settings(path):
    return yaml.safe_load((DEPLOY / path).read_text())


def test_services_are_called_by_their_names():
    """
    Each host that a file of the composition names is a service of it.
    """
    sources = _settings("grafana/provisioning/datasources/datasources.yaml")["datasources"]
    hosts = {httpx.URL(source["url"]).host for source in sources}
    for job in _settings("prometheus/prometheus.yml")["scrape_configs"]:
        for config in job.get("static_configs", ()):
            hosts |= {target.partition(":")[0] for target in config["targets"]}
        for config in job.get("dns_sd_configs", ()):
            hosts |= set(config["names"])
    exporters = _settings("collector/collector.yaml")["exporters"]
    hosts |= {exporter["endpoint"].partition(":")[0] for exporter in exporters.values()}
    balanced = _settings("collector/balancer.yaml")["exporters"]["load_balancing"]
    hosts.add(balanced["resolver"]["dns"]["hostname"])
    hosts |= {name for service in COMPOSE.values() for name in service.get("depends_on", ())}

    assert hosts - COMPOSE.keys() == set()


@pytest.mark.parametrize("name", ["collector", "balancer"])
def test_collectors_use_what_they_declare(name):
    """
    A part of the Collector that is declared is in a pipeline, and the other way round.
    """
    settings = _settings(f"collector/{name}.yaml")

    for kind in ("receivers", "processors", "exporters"):
        pipelines = settings["service"]["pipelines"].values()
        assert {part for pipeline in pipelines for part in pipeline[kind]} == settings[kind].keys()
    assert set(settings["service"]["extensions"]) == settings["extensions"].keys()


def test_versions_are_fixed():
    """
    Each image that is not built here has a version.
    """
    images = {name: service["image"] for name, service in COMPOSE.items()}
    files = (DEPLOY / "Dockerfile", DEPLOY / "kubernetes" / "Dockerfile")
    bases = re.findall(r"^FROM (\S+)", "\n".join(path.read_text() for path in files), re.MULTILINE)

    pulled = [image for image in images.values() if image != COMPOSE["orders"]["image"]]
    assert [image for image in [*pulled, *bases] if not re.search(r":v?\d[\w.-]*$", image)] == []


def test_the_image_of_the_example():
    """
    The Dockerfile is where the composition looks for it, copies what there is, and wraps the command.
    """
    build = COMPOSE["orders"]["build"]
    context = (DEPLOY / build["context"]).resolve()
    text = (context / build["dockerfile"]).read_text()
    copied = [
        path for line in re.findall(r"^COPY (.+)", text, re.MULTILINE) for path in line.split()[:-1]
    ]

    assert context == ROOT
    assert [p for p in copied if "*" not in p and not (context / p).exists()] == []
    assert 'ENTRYPOINT ["opentelemetry-instrument"]' in text


def _instructions(text):
    """A Dockerfile's instructions, without comments and the versions of its bases."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [re.sub(r"^(FROM [^:\s]+):\S+", r"\1", line) for line in lines]


def test_the_image_for_the_operator():
    """
    It is built as the how-to says, and the resource names it so.
    """
    how_to = (ROOT / "docs" / "how-to" / "kubernetes-operator.md").read_text()
    (told,) = re.findall(r"```dockerfile\n(.*?)```", how_to, re.DOTALL)
    resource = _settings("kubernetes/instrumentation.yaml")

    assert _instructions((DEPLOY / "kubernetes/Dockerfile").read_text()) == _instructions(told)
    for fact in ("apiVersion", "kind"):
        assert f"{fact}: {resource[fact]}" in how_to
    assert f"image: {resource['spec']['python']['image']}" in how_to


def _deployment():
    documents = yaml.safe_load_all((DEPLOY / "kubernetes/deployment.yaml").read_text())
    return {document["kind"]: document for document in documents}


def test_the_deployment_fits_together():
    """
    The secret's key is where the filter looks for it, the scraped port is the one that is served, and
    variables stand above those that use them.
    """
    found = _deployment()
    pod = found["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    values = {variable["name"]: variable.get("value", "") for variable in container["env"]}
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    secrets = {
        mounts[volume["name"]]: volume["secret"]["secretName"]
        for volume in pod["spec"]["volumes"]
        if "secret" in volume
    }
    folder, _, key = values["OTEL_EAI_PRIVACY_HASH_KEY_FILE"].rpartition("/")
    port = pod["metadata"]["annotations"]["prometheus.io/port"]
    names = list(values)
    used = re.findall(r"\$\((\w+)\)", values["OTEL_RESOURCE_ATTRIBUTES"])

    assert secrets[folder] == found["Secret"]["metadata"]["name"]
    assert key in found["Secret"]["stringData"]
    assert port == values["OTEL_EXPORTER_PROMETHEUS_PORT"]
    assert int(port) in [served["containerPort"] for served in container["ports"]]
    assert max(map(names.index, used)) < names.index("OTEL_RESOURCE_ATTRIBUTES")
    labels = pod["metadata"]["labels"]
    assert found["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert found["Service"]["spec"]["selector"] == labels


def _composed():
    """The example's variables in the composition."""
    return dict(COMPOSE["orders"]["environment"])


def _deployed():
    """The example's variables in Kubernetes, as it fills them in."""
    (container,) = _deployment()["Deployment"]["spec"]["template"]["spec"]["containers"]
    found = {}
    for variable in container["env"]:
        path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        value = variable.get("value", f"the {path}")
        found[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda name: found[name[1]], value)
    return found


TOLD = {
    "composed": {"deployment.environment.name": "compose", "service.name": "orders"},
    "deployed": {
        "k8s.container.name": "orders",
        "k8s.namespace.name": "the metadata.namespace",
        "k8s.node.name": "the spec.nodeName",
        "k8s.pod.name": "the metadata.name",
        "service.instance.id": "the metadata.namespace.the metadata.name.orders",
        "service.name": "the metadata.labels['app.kubernetes.io/name']",
    },
}


@pytest.mark.parametrize("name", TOLD)
def test_the_example_with_these_settings(
    run_instrumented, otlp_receiver, postgres_dsn, amqp_url, tmp_path, name
):
    """
    With the variables that it has there, and other addresses, the example sends spans that tell where
    it runs, and is scraped.
    """
    port, scraped = free_port(), free_port()
    (tmp_path / "hash-key").write_text("k")
    settings = {"composed": _composed, "deployed": _deployed}[name]() | {
        "DATABASE_URL": postgres_dsn,
        "AMQP_URL": amqp_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp_receiver.http_endpoint,
        "OTEL_EXPORTER_PROMETHEUS_PORT": str(scraped),
    }
    if "OTEL_EAI_PRIVACY_HASH_KEY_FILE" in settings:
        settings["OTEL_EAI_PRIVACY_HASH_KEY_FILE"] = str(tmp_path / "hash-key")
    program = run_instrumented(
        *("uvicorn", "app:app", "--port", str(port)), env=settings, cwd=ROOT / "examples" / "orders"
    )
    program.wait_for_port(port)

    httpx.get(f"http://{HOST}:{port}/orders/1", timeout=20)

    spans = otlp_receiver.wait_for(lambda spans: [s for s in spans if s.name.startswith("GET")])
    assert spans[0].resource.items() >= TOLD[name].items()
    program.wait_for_port(scraped)
    assert "spans_created_total{" in httpx.get(f"http://{HOST}:{scraped}/metrics").text
    assert not [line for line in program.stderr.splitlines() if not line.startswith("INFO: ")]


def test_settings_are_settings():
    """
    Each variable of ours that a file sets or names stands in the reference.
    """
    known = (ROOT / "docs" / "reference" / "configuration.md").read_text()
    files = [*YAMLS, DEPLOY / "Dockerfile", DEPLOY / "README.md"]
    pattern = r"\b(?:OTEL_|PROMETHEUS_E)[A-Z0-9_]*[A-Z0-9]\b"
    named = {name for path in files for name in re.findall(pattern, path.read_text())}

    assert "OTEL_SERVICE_NAME" in named
    assert {name for name in named if f"`{name}`" not in known} == set()
