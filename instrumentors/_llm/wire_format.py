"""
The base of all vendors' wire formats.

A `Format` reads requests, responses and stream events, as decoded JSON, into an `LlmResponse`. A
value of another type than the vendor documents is left out, and so are the sentinels that SDKs use
for arguments that were not given.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from eai_autotrace.semconv.genai import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Attributes = dict[str, Any]
    Parameters = Mapping[str, tuple[str, Callable[[Any], Any]]]


class LlmResponse:
    """
    A response, as far as it was read.

    Attributes:
        id: The response's id.
        model: The model that answered.
        finish_reasons: Why each of the choices ended, by its index.
        usage: The tokens used.
        tier: The service tier that served the request.
        fingerprint: The configuration of the provider that served the request.
        attributes: Further attributes of the span.
        error_type: ``error.type`` of an error in the response.
        is_complete: Whether a stream said that it has come to its end.
        has_token: Whether a stream has brought content or reasoning.
        job: The id of a response that was made in the background, once that has ended.
        cost: What the provider says the call cost, in US dollars.
        counts: Tokens by the vendor's names, where events of a stream add to them.
        parts: The content put together so far, if it is recorded.
        is_kept: Whether content is recorded.
    """

    # Defaults of the class, so that making one costs little.
    id: str | None = None
    model: str | None = None
    tier: str | None = None
    fingerprint: str | None = None
    error_type: str | None = None
    job: str | None = None
    is_complete = False
    has_token = False
    cost: float | None = None

    def __init__(self, *, keeps_content: bool = False) -> None:
        self.finish_reasons: dict[int, str] = {}
        self.usage = Usage()
        self.attributes: Attributes = {}
        self.counts: dict[str, int] = {}
        self.parts: dict[str, Any] = {}
        self.keeps_content = keeps_content


class Format:
    """
    The wire format of one kind of route.

    Attributes:
        parameters: The keys of requests that are recorded, each with its attribute and its reader.
        markers: Bytes that an event contains if it tells more than content.
        text_marks: The bytes before the text of an event that tells nothing else.
        is_bulky: Whether responses are large, and only their ends are read.
        response_tier: The attribute for the service tier that served.
    """

    parameters: ClassVar[Parameters] = {}
    markers: ClassVar[tuple[bytes, ...]] = ()
    text_marks: ClassVar[tuple[bytes, ...]] = ()
    is_bulky: ClassVar[bool] = False
    response_tier: ClassVar[str | None] = None

    def request(self, body: Mapping[str, Any]) -> Attributes:
        """Attributes of a request, without its content. None of them is ``None``."""
        found: Attributes = {}
        # Most requests have few parameters.
        for name, value in body.items():
            known = self.parameters.get(name)
            if known is not None:
                attribute, read = known
                told = read(value)
                if told is not None:
                    found[attribute] = told
        return found

    def response(self, answer: LlmResponse, body: Mapping[str, Any]) -> None:
        """Read a whole response."""

    def event(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:
        """Read one event of a stream."""

    def fold(self, answer: LlmResponse, name: str, data: Mapping[str, Any]) -> None:
        """Add an event's content to ``answer.parts``."""

    def prompt(self, body: Mapping[str, Any]) -> Prompt:  # noqa: ARG002 - others do
        """The content of a request."""
        return Prompt()

    def output(self, parts: Mapping[str, Any]) -> list[Any]:  # noqa: ARG002 - others do
        """The messages in a whole response, as the conventions have them."""
        return []


class Prompt:
    """
    The content of a request, as the conventions have it.

    Attributes:
        instructions: The parts of system instructions that are apart from the messages.
        messages: The messages.
        tools: The tools that the model may call.
    """

    __slots__ = ("instructions", "messages", "tools")

    def __init__(
        self,
        messages: list[Any] | None = None,
        instructions: list[Any] | None = None,
        tools: list[Any] | None = None,
    ) -> None:
        self.messages = messages or []
        self.instructions = instructions or []
        self.tools = tools or []


def text(value: Any) -> str | None:
    """A text that is not empty."""
    return value if isinstance(value, str) and value else None


def whole(value: Any) -> int | None:
    """A whole number."""
    if type(value) is int or value is None:  # nearly always
        return value
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def real(value: Any) -> float | None:
    """A number."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object; an empty one where it is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """A JSON array; an empty one where it is none."""
    if isinstance(value, list):
        return value
    return list(value) if isinstance(value, tuple) else []


def texts(value: Any) -> tuple[str, ...] | None:
    """One text or several."""
    found = (value,) if isinstance(value, str) else sequence(value)
    return tuple(one for one in found if isinstance(one, str)) or None


def not_one(value: Any) -> int | None:
    """The number of choices; the conventions leave out a single one."""
    choices = whole(value)
    return None if choices == 1 else choices


def error_code(error: Any) -> str:
    """
    ``error.type`` for an error in a response: the vendor's code.

    Other texts, such as messages, are left out: they have unbounded values.
    """
    for value in (mapping(error).get("code"), mapping(error).get("type")):
        if isinstance(value, (str, int)) and 0 < len(str(value)) <= 60:  # noqa: PLR2004 - as names go
            code = str(value)
            if code.replace("_", "").replace("-", "").replace(".", "").isalnum():
                return code
    return "_OTHER"


def in_order(reasons: Mapping[int, str]) -> tuple[str, ...]:
    """The finish reasons, by the number of the choice."""
    return tuple(reasons.values() if len(reasons) == 1 else (reasons[i] for i in sorted(reasons)))
