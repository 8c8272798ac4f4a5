from __future__ import annotations

import importlib
import logging

import wrapt

from eai_autotrace.instrumentation import Call, Operation


def _describe(*_, **__):
    return Operation(name="called")


def _target(path, describe=_describe):
    return lambda module: Call(module, path, describe)


def _names(spans):
    return [span["name"] for span in spans()]


def test_nothing_is_imported(instrument, library_name, spans):
    """
    Instrumenting imports no library; what the application imports later is patched then.
    """
    import sys

    instrument(_target("Client.get"))

    assert library_name not in sys.modules
    importlib.import_module(library_name).Client().get("a")
    assert _names(spans) == ["called"]


def test_what_existed_before_is_covered(instrument, library, spans):
    """
    Classes imported by name, objects, bound methods' classes and subclasses from before are traced.
    """
    client, child, known_class = library.Client(), library.Child(), library.Client

    instrument(_target("Client.get"))
    for call in (client.get, child.get, known_class().get, library.Client.get.__get__(client)):
        call("a")

    assert _names(spans) == ["called"] * 4


def test_uninstrumenting_restores_every_object(instrument, library, spans):
    """
    After uninstrument() each attribute is the object it was, whatever kind it is of.
    """
    paths = ["get", "fetch", "items", "stream", "static", "named"]
    before = [vars(library.Client)[path] for path in paths] + [library.plain]

    instrumentor = instrument(*(_target(f"Client.{path}") for path in paths), _target("plain"))
    patched = [vars(library.Client)[path] for path in paths] + [library.plain]
    instrumentor.uninstrument()
    after = [vars(library.Client)[path] for path in paths] + [library.plain]

    assert all(old is not new for old, new in zip(before, patched, strict=True))
    assert [(type(a), getattr(a, "__func__", a)) for a in after] == [
        (type(b), getattr(b, "__func__", b)) for b in before
    ]


def test_twice_is_once(instrument, library, spans):
    """
    Instrumenting again changes nothing, and instrumenting after uninstrumenting works.
    """
    logging.getLogger("opentelemetry.instrumentation.instrumentor").setLevel(logging.ERROR)
    instrumentor = instrument(_target("Client.get"))
    instrumentor.instrument()
    library.Client().get("a")
    instrumentor.uninstrument()
    instrumentor.uninstrument()
    library.Client().get("a")
    instrumentor.instrument()

    library.Client().get("a")

    assert _names(spans) == ["called"] * 2


def test_modules_that_come_after_uninstrumenting_stay(instrument, library_name, spans):
    """
    A library that is imported after uninstrument() is not patched.
    """
    instrument(_target("Client.get")).uninstrument()

    importlib.import_module(library_name).Client().get("a")

    assert spans() == []


def test_missing_targets_are_left_out_one_by_one(instrument, library, spans):
    """
    What the installed version lacks is known, and everything else is traced.
    """
    missing = ["Client.gone", "Gone.get", "gone", "Child.get", "Client.__doc__"]

    instrumentor = instrument(*(_target(path) for path in missing), _target("Client.get"))
    library.Child().get("a")

    assert [target.path for target in instrumentor.missing] == missing
    assert _names(spans) == ["called"]


def test_a_failing_patch_spares_the_users_import(instrument, library_name, spans, lenient):
    """
    A target that cannot be patched costs its own spans; the import of the library succeeds.
    """

    class Broken(Call):
        def wrapper(self, patch, tracing):
            raise ZeroDivisionError

    instrument(lambda module: Broken(module, "Client.get", _describe), _target("plain"))

    library = importlib.import_module(library_name)

    assert (library.Client().get("a"), library.plain("b")) == ("a", "b")
    assert _names(spans) == ["called"]


def test_two_patches_of_one_function_come_off_in_any_order(instrument, library, spans):
    """
    Patches of the same function are independent of each other.
    """
    original = vars(library.Client)["get"]
    first = instrument(_target("Client.get"))
    second = instrument(_target("Client.get", lambda *_, **__: Operation(name="second")))
    library.Client().get("a")

    first.uninstrument()
    library.Client().get("a")
    second.uninstrument()

    assert _names(spans) == ["second", "called", "second"]
    assert vars(library.Client)["get"] is original


def test_someone_elses_wrapper_is_left_in_place(instrument, library, spans):
    """
    Uninstrumenting below another project's wrapper keeps that one, and ours falls silent.
    """
    calls = []

    def other(wrapped, _instance, args, kwargs):
        calls.append("other")
        return wrapped(*args, **kwargs)

    instrumentor = instrument(_target("Client.get"))
    wrapt.wrap_function_wrapper(library, "Client.get", other)
    instrumentor.uninstrument()

    assert (library.Client().get("a"), calls, spans()) == ("a", ["other"], [])


def test_in_code_use_takes_a_tracer_provider(library_name, library, spans):
    """
    instrument(tracer_provider=...) sends the spans there, as OpenTelemetry's instrumentors do.
    """
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    from eai_autotrace.instrumentation import Instrumentor

    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    class Toy(Instrumentor):
        library = "pytest >= 1"
        targets = (Call(library_name, "Client.get", _describe),)

    Toy().instrument(tracer_provider=provider)
    library.Client().get("a")
    Toy().uninstrument()

    (span,) = exporter.get_finished_spans()
    scope = span.instrumentation_scope
    assert (span.name, scope.schema_url, spans()) == (
        "called",
        "https://opentelemetry.io/schemas/1.44.0",
        [],
    )
