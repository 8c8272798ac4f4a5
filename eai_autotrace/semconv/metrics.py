"""
Every metric this package emits, once.

Names, units and buckets: OpenTelemetry semantic conventions 1.44.0. A test compares this module
with the conventions' registry.
"""

from __future__ import annotations

from typing import Final, NamedTuple

# Seconds: HTTP and messaging; databases.
_REQUESTS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_QUERIES: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_ROWS: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000)
_INFERENCES: Final = tuple(0.01 * 2**power for power in range(14))

# Tokens.
_TOKENS: Final = tuple(4**power for power in range(14))

# Bytes. The convention names none; OpenTelemetry's default ends at 10 kB.
_BYTES: Final = (0, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000)

HISTOGRAM: Final = "histogram"
COUNTER: Final = "counter"
UP_DOWN_COUNTER: Final = "updowncounter"
GAUGE: Final = "gauge"


class Metric(NamedTuple):
    """
    One metric of the conventions.

    Attributes:
        name: Its name.
        unit: Its unit, in UCUM.
        description: What it measures.
        instrument: The kind of instrument, as the registry writes it.
        buckets: A histogram's boundaries; none for OpenTelemetry's default.
    """

    name: str
    unit: str
    description: str
    instrument: str = HISTOGRAM
    buckets: tuple[float, ...] = ()


HTTP_SERVER_REQUEST_DURATION: Final = Metric(
    "http.server.request.duration", "s", "Duration of HTTP server requests.", buckets=_REQUESTS
)
HTTP_SERVER_ACTIVE_REQUESTS: Final = Metric(
    "http.server.active_requests",
    "{request}",
    "Number of active HTTP server requests.",
    UP_DOWN_COUNTER,
)
HTTP_SERVER_REQUEST_BODY_SIZE: Final = Metric(
    "http.server.request.body.size", "By", "Size of HTTP server request bodies.", buckets=_BYTES
)
HTTP_SERVER_RESPONSE_BODY_SIZE: Final = Metric(
    "http.server.response.body.size", "By", "Size of HTTP server response bodies.", buckets=_BYTES
)
HTTP_CLIENT_REQUEST_DURATION: Final = Metric(
    "http.client.request.duration", "s", "Duration of HTTP client requests.", buckets=_REQUESTS
)
EAI_WEBSOCKET_CONNECTION_DURATION: Final = Metric(
    "eai.websocket.connection.duration",
    "s",
    "Duration of WebSocket connections.",
    buckets=(0.1, 1, 10, 60, 300, 900, 3600, 14400, 86400),
)
EAI_WEBSOCKET_CONNECTIONS: Final = Metric(
    "eai.websocket.connections",
    "{connection}",
    "Number of open WebSocket connections.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_OPERATION_DURATION: Final = Metric(
    "db.client.operation.duration",
    "s",
    "Duration of database client operations.",
    buckets=_QUERIES,
)
DB_CLIENT_RESPONSE_RETURNED_ROWS: Final = Metric(
    "db.client.response.returned_rows",
    "{row}",
    "The actual number of records returned by the database operation.",
    buckets=_ROWS,
)
DB_CLIENT_CONNECTION_COUNT: Final = Metric(
    "db.client.connection.count",
    "{connection}",
    "The number of connections that are currently in state described by the `state` attribute.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_CONNECTION_IDLE_MAX: Final = Metric(
    "db.client.connection.idle.max",
    "{connection}",
    "The maximum number of idle open connections allowed.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_CONNECTION_IDLE_MIN: Final = Metric(
    "db.client.connection.idle.min",
    "{connection}",
    "The minimum number of idle open connections allowed.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_CONNECTION_MAX: Final = Metric(
    "db.client.connection.max",
    "{connection}",
    "The maximum number of open connections allowed.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_CONNECTION_PENDING_REQUESTS: Final = Metric(
    "db.client.connection.pending_requests",
    "{request}",
    "The number of current pending requests for an open connection.",
    UP_DOWN_COUNTER,
)
DB_CLIENT_CONNECTION_TIMEOUTS: Final = Metric(
    "db.client.connection.timeouts",
    "{timeout}",
    "The number of connection timeouts that have occurred trying to obtain a connection from the "
    "pool.",
    COUNTER,
)
DB_CLIENT_CONNECTION_CREATE_TIME: Final = Metric(
    "db.client.connection.create_time",
    "s",
    "The time it took to create a new connection.",
    buckets=_QUERIES,
)
DB_CLIENT_CONNECTION_WAIT_TIME: Final = Metric(
    "db.client.connection.wait_time",
    "s",
    "The time it took to obtain an open connection from the pool.",
    buckets=_QUERIES,
)
DB_CLIENT_CONNECTION_USE_TIME: Final = Metric(
    "db.client.connection.use_time",
    "s",
    "The time between borrowing a connection and returning it to the pool.",
    buckets=_QUERIES,
)
MESSAGING_CLIENT_OPERATION_DURATION: Final = Metric(
    "messaging.client.operation.duration",
    "s",
    "Duration of messaging operation initiated by a producer or consumer client.",
    buckets=_REQUESTS,
)
MESSAGING_PROCESS_DURATION: Final = Metric(
    "messaging.process.duration", "s", "Duration of processing operation.", buckets=_REQUESTS
)
MESSAGING_CLIENT_SENT_MESSAGES: Final = Metric(
    "messaging.client.sent.messages",
    "{message}",
    "Number of messages producer attempted to send to the broker.",
    COUNTER,
)
MESSAGING_CLIENT_CONSUMED_MESSAGES: Final = Metric(
    "messaging.client.consumed.messages",
    "{message}",
    "Number of messages that were delivered to the application.",
    COUNTER,
)
EAI_MESSAGING_CLIENT_CONNECTIONS: Final = Metric(
    "eai.messaging.client.connections",
    "{connection}",
    "Number of connections opened, and of attempts that failed.",
    COUNTER,
)
EAI_MESSAGING_CLIENT_RECONNECTIONS: Final = Metric(
    "eai.messaging.client.reconnections",
    "{reconnection}",
    "Number of lost connections that were replaced.",
    COUNTER,
)
EAI_MESSAGING_CLIENT_CHANNELS: Final = Metric(
    "eai.messaging.client.channels",
    "{channel}",
    "Number of channels opened, and of attempts that failed.",
    COUNTER,
)
RPC_CLIENT_CALL_DURATION: Final = Metric(
    "rpc.client.call.duration", "s", "Duration of outbound RPC calls.", buckets=_REQUESTS
)
GEN_AI_CLIENT_OPERATION_DURATION: Final = Metric(
    "gen_ai.client.operation.duration", "s", "GenAI operation duration.", buckets=_INFERENCES
)
GEN_AI_CLIENT_OPERATION_TIME_TO_FIRST_CHUNK: Final = Metric(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "Time to receive the first chunk of a streamed response.",
    buckets=_INFERENCES,
)
GEN_AI_CLIENT_OPERATION_TIME_PER_OUTPUT_CHUNK: Final = Metric(
    "gen_ai.client.operation.time_per_output_chunk",
    "s",
    "Time from one chunk of a streamed response to the next.",
    buckets=_INFERENCES,
)
GEN_AI_CLIENT_TOKEN_USAGE: Final = Metric(
    "gen_ai.client.token.usage",
    "{token}",
    "Number of input and output tokens used.",
    buckets=_TOKENS,
)
GEN_AI_CLIENT_INFERENCE_DURATION: Final = Metric(
    "gen_ai.client.inference.duration", "s", "Duration of inferences.", buckets=_INFERENCES
)
GEN_AI_CLIENT_INFERENCE_TIME_TO_FIRST_CHUNK: Final = Metric(
    "gen_ai.client.inference.time_to_first_chunk",
    "s",
    "Time to receive the first chunk of a streamed response.",
    buckets=_INFERENCES,
)
GEN_AI_CLIENT_INFERENCE_TIME_PER_OUTPUT_CHUNK: Final = Metric(
    "gen_ai.client.inference.time_per_output_chunk",
    "s",
    "Time from one chunk of a streamed response to the next.",
    buckets=_INFERENCES,
)
GEN_AI_CLIENT_INFERENCE_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.operation.input_tokens",
    "{token}",
    "Input tokens of an inference.",
    buckets=_TOKENS,
)
GEN_AI_CLIENT_INFERENCE_OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.operation.output_tokens",
    "{token}",
    "Output tokens of an inference.",
    buckets=_TOKENS,
)
GEN_AI_CLIENT_USAGE_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.input_tokens", "{token}", "Input tokens used.", COUNTER
)
GEN_AI_CLIENT_USAGE_OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.output_tokens", "{token}", "Output tokens used.", COUNTER
)
GEN_AI_CLIENT_USAGE_CACHE_READ_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.cache_read.input_tokens",
    "{token}",
    "Input tokens read from the provider's cache.",
    COUNTER,
)
GEN_AI_CLIENT_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.cache_write.input_tokens",
    "{token}",
    "Input tokens written to the provider's cache.",
    COUNTER,
)
GEN_AI_CLIENT_USAGE_REASONING_OUTPUT_TOKENS: Final = Metric(
    "gen_ai.client.inference.usage.reasoning.output_tokens",
    "{token}",
    "Output tokens used for reasoning.",
    COUNTER,
)
EAI_GEN_AI_CLIENT_RETRIES: Final = Metric(
    "eai.gen_ai.client.retries",
    "{retry}",
    "Attempts after the first one, of GenAI operations.",
    COUNTER,
)
EAI_GEN_AI_CLIENT_COST: Final = Metric(
    "eai.gen_ai.client.cost", "{USD}", "Cost of GenAI operations, as far as it is known.", COUNTER
)

EAI_SAMPLING_DECISIONS: Final = Metric(
    "eai.sampling.decisions", "{trace}", "Number of traces by what was decided of them.", COUNTER
)
EAI_SAMPLING_PROBABILITY: Final = Metric(
    "eai.sampling.probability", "1", "Share of traces that is kept now.", GAUGE
)
EAI_SAMPLING_HELD_SPANS: Final = Metric(
    "eai.sampling.held_spans",
    "{span}",
    "Number of spans held until it is known whether their trace is kept.",
    UP_DOWN_COUNTER,
)
EAI_PRIVACY_REDACTIONS: Final = Metric(
    "eai.privacy.redactions", "{value}", "Number of values that were kept out.", COUNTER
)
