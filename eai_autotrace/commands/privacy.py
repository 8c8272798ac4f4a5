"""``eai-autotrace privacy``: what is kept out of telemetry, and whether all of it is."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace, _SubParsersAction
    from collections.abc import Iterator

    from eai_autotrace.commands.rehearsal import Finding, Rehearsal


_WRONG_USE: Final = 2


def add_to(commands: _SubParsersAction[ArgumentParser]) -> None:
    """Add the command to those there are."""
    text = (
        "Tells what is kept out of spans, log records and metrics, with the settings as they are."
    )
    parser = commands.add_parser("privacy", help="what is kept out of telemetry", description=text)
    parser.set_defaults(run=_help, parser=parser)
    parts = parser.add_subparsers(title="commands", metavar="COMMAND")

    text = "Tells what would be sent of an attribute, and why."
    explain = parts.add_parser("explain", help="what becomes of one attribute", description=text)
    explain.add_argument("key", metavar="KEY", help="its name, such as http.request.header.cookie")
    explain.add_argument("value", metavar="VALUE", help="its value; - to read it from stdin")
    explain.add_argument("--json", action="store_true", help="print JSON")
    explain.set_defaults(run=_explain)

    text = (
        "Puts made-up secrets on every surface of spans, log records, metrics and the resource, and "
        "looks for them in the bytes that would be sent. Nothing is sent. The exit code is 1 if one "
        "is found."
    )
    test = parts.add_parser("test", help="look for leaks with made-up secrets", description=text)
    test.add_argument("--json", action="store_true", help="print JSON")
    test.set_defaults(run=_test)


def _help(arguments: Namespace) -> int:
    arguments.parser.print_help(sys.stderr)
    return _WRONG_USE


def _explain(arguments: Namespace) -> int:
    from eai_autotrace.config.process import configuration  # noqa: PLC0415 - when it runs

    config = configuration()
    from eai_autotrace.commands.explain import explain  # noqa: PLC0415 - after the settings

    value = sys.stdin.read().rstrip("\n") if arguments.value == "-" else arguments.value
    told = explain(arguments.key, value, config)
    if arguments.json:
        _print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    for name, text in told.items():
        _print(f"{name:<10}{text if isinstance(text, str) else ', '.join(text) or 'none'}")
    return 0


def _test(arguments: Namespace) -> int:
    from eai_autotrace.config.process import configuration  # noqa: PLC0415 - when it runs

    config = configuration()
    # After the settings: what the SDK says of wrong ones when it is imported is silent then.
    from eai_autotrace.commands.rehearsal import rehearse  # noqa: PLC0415

    done = rehearse(config)
    if arguments.json:
        _print(json.dumps(_told(done), indent=2))
    else:
        for line in _table(done):
            _print(line)
    return 1 if done.missing or any(one.result == "leak" for one in done.findings) else 0


def _told(done: Rehearsal) -> dict[str, Any]:
    return {
        "privacy": done.mode,
        "policy": done.policy,
        "not_made": done.missing,
        "leaks": sum(one.result == "leak" for one in done.findings),
        "canaries": [one._asdict() for one in done.findings],
    }


def _table(done: Rehearsal) -> Iterator[str]:
    """A line for each surface, and what follows from them."""
    surfaces = list(dict.fromkeys(one.surface for one in done.findings))
    width = max(map(len, surfaces), default=0)
    yield f"privacy {done.mode}, policy {done.policy}"
    yield ""
    yield f"{'surface':<{width}}  canaries  result"
    for surface in surfaces:
        here = [one for one in done.findings if one.surface == surface]
        leaks, off = _detectors(here, "leak"), _detectors(here, "off")
        said = f"LEAK: {leaks}" if leaks else "ok"
        yield f"{surface:<{width}}  {len(here):>8}  {said}{f'; off: {off}' if off else ''}"
    count = sum(one.result == "leak" for one in done.findings)
    yield ""
    yield f"{len(done.findings)} canaries on {len(surfaces)} surfaces, {count or 'none'} leaked"
    for signal in done.missing:
        yield f"no {signal} were made, so nothing is known of them: is OTEL_SDK_DISABLED set?"


def _detectors(findings: list[Finding], result: str) -> str:
    """The detectors of those with a result."""
    found = [one.detector for one in findings if one.result == result]
    return "all" if len(found) == len(findings) > 1 else ", ".join(dict.fromkeys(found))


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
