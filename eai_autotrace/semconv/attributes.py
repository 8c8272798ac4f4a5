"""
Every attribute name this package emits, once.

Names, types and stability: OpenTelemetry semantic conventions 1.44.0, and ``eai.*`` for what they
lack. A test compares this module with the conventions' registry.
"""

from __future__ import annotations

from typing import Final

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"

# Common
ERROR_TYPE: Final = "error.type"
CODE_FILE_PATH: Final = "code.file.path"
CODE_FUNCTION_NAME: Final = "code.function.name"
CODE_LINE_NUMBER: Final = "code.line.number"
EXCEPTION_MESSAGE: Final = "exception.message"
EXCEPTION_STACKTRACE: Final = "exception.stacktrace"
EXCEPTION_TYPE: Final = "exception.type"
NETWORK_PEER_ADDRESS: Final = "network.peer.address"
NETWORK_PEER_PORT: Final = "network.peer.port"
NETWORK_PROTOCOL_NAME: Final = "network.protocol.name"
NETWORK_PROTOCOL_VERSION: Final = "network.protocol.version"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"

# HTTP
CLIENT_ADDRESS: Final = "client.address"
HTTP_REQUEST_BODY_SIZE: Final = "http.request.body.size"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_REQUEST_METHOD_ORIGINAL: Final = "http.request.method_original"
HTTP_REQUEST_RESEND_COUNT: Final = "http.request.resend_count"
HTTP_RESPONSE_BODY_SIZE: Final = "http.response.body.size"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_FULL: Final = "url.full"
URL_PATH: Final = "url.path"
URL_QUERY: Final = "url.query"
URL_SCHEME: Final = "url.scheme"
USER_AGENT_ORIGINAL: Final = "user_agent.original"

# Databases
DB_CLIENT_CONNECTION_POOL_NAME: Final = "db.client.connection.pool.name"
DB_CLIENT_CONNECTION_STATE: Final = "db.client.connection.state"
DB_COLLECTION_NAME: Final = "db.collection.name"
DB_NAMESPACE: Final = "db.namespace"
DB_OPERATION_BATCH_SIZE: Final = "db.operation.batch.size"
DB_OPERATION_NAME: Final = "db.operation.name"
DB_QUERY_PARAMETER: Final = "db.query.parameter"
DB_QUERY_SUMMARY: Final = "db.query.summary"
DB_QUERY_TEXT: Final = "db.query.text"
DB_RESPONSE_RETURNED_ROWS: Final = "db.response.returned_rows"
DB_RESPONSE_STATUS_CODE: Final = "db.response.status_code"
DB_SYSTEM_NAME: Final = "db.system.name"

# Messaging
MESSAGING_DESTINATION_ANONYMOUS: Final = "messaging.destination.anonymous"
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_DESTINATION_TEMPORARY: Final = "messaging.destination.temporary"
MESSAGING_MESSAGE_BODY_SIZE: Final = "messaging.message.body.size"
MESSAGING_MESSAGE_CONVERSATION_ID: Final = "messaging.message.conversation_id"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_RABBITMQ_DELIVERY_TAG: Final = "messaging.rabbitmq.message.delivery_tag"
MESSAGING_RABBITMQ_ROUTING_KEY: Final = "messaging.rabbitmq.destination.routing_key"
MESSAGING_SYSTEM: Final = "messaging.system"
RPC_METHOD: Final = "rpc.method"
RPC_SYSTEM_NAME: Final = "rpc.system.name"

# Generative AI: 1.41.1, and what the conventions' own repository has added since
GEN_AI_CONVERSATION_ID: Final = "gen_ai.conversation.id"
GEN_AI_EMBEDDINGS_DIMENSION_COUNT: Final = "gen_ai.embeddings.dimension.count"
GEN_AI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GEN_AI_OPERATION_NAME: Final = "gen_ai.operation.name"
GEN_AI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GEN_AI_OUTPUT_TYPE: Final = "gen_ai.output.type"
GEN_AI_PROMPT_NAME: Final = "gen_ai.prompt.name"
GEN_AI_PROMPT_VERSION: Final = "gen_ai.prompt.version"
GEN_AI_PROVIDER_NAME: Final = "gen_ai.provider.name"
GEN_AI_REQUEST_CHOICE_COUNT: Final = "gen_ai.request.choice.count"
GEN_AI_REQUEST_ENCODING_FORMATS: Final = "gen_ai.request.encoding_formats"
GEN_AI_REQUEST_FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
GEN_AI_REQUEST_MAX_TOKENS: Final = "gen_ai.request.max_tokens"
GEN_AI_REQUEST_MODEL: Final = "gen_ai.request.model"
GEN_AI_REQUEST_PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
GEN_AI_REQUEST_PREVIOUS_RESPONSE_ID: Final = "gen_ai.request.previous_response.id"
GEN_AI_REQUEST_REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
GEN_AI_REQUEST_SEED: Final = "gen_ai.request.seed"
GEN_AI_REQUEST_STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
GEN_AI_REQUEST_STREAM: Final = "gen_ai.request.stream"
GEN_AI_REQUEST_TEMPERATURE: Final = "gen_ai.request.temperature"
GEN_AI_REQUEST_TOP_K: Final = "gen_ai.request.top_k"
GEN_AI_REQUEST_TOP_P: Final = "gen_ai.request.top_p"
GEN_AI_RESPONSE_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GEN_AI_RESPONSE_ID: Final = "gen_ai.response.id"
GEN_AI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
GEN_AI_SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
GEN_AI_TOKEN_MODALITY: Final = "gen_ai.token.modality"  # noqa: S105 - no password
GEN_AI_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - no password
GEN_AI_TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
GEN_AI_USAGE_AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
GEN_AI_USAGE_CACHE_CREATION_INPUT_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
GEN_AI_USAGE_COST_AMOUNT: Final = "gen_ai.usage.cost.amount"
GEN_AI_USAGE_COST_CURRENCY: Final = "gen_ai.usage.cost.currency"
GEN_AI_USAGE_COST_SOURCE: Final = "gen_ai.usage.cost.source"
GEN_AI_USAGE_IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
GEN_AI_USAGE_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GEN_AI_USAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GEN_AI_USAGE_TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
GEN_AI_USAGE_TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"
OPENAI_API_TYPE: Final = "openai.api.type"
OPENAI_REQUEST_SERVICE_TIER: Final = "openai.request.service_tier"
OPENAI_RESPONSE_SERVICE_TIER: Final = "openai.response.service_tier"
OPENAI_RESPONSE_SYSTEM_FINGERPRINT: Final = "openai.response.system_fingerprint"

# Ours: how an operation ended that neither completed nor failed: cancelled, closed, abandoned.
EAI_OUTCOME: Final = "eai.outcome"

# Ours, of privacy: how many values of a span were changed; the policy and a short text that is the same
# for the same one; what found a secret, what was done, and in which signal.
EAI_PRIVACY_ACTION: Final = "eai.privacy.action"
EAI_PRIVACY_DETECTOR: Final = "eai.privacy.detector"
EAI_PRIVACY_POLICY: Final = "eai.privacy.policy"
EAI_PRIVACY_POLICY_HASH: Final = "eai.privacy.policy.hash"
EAI_PRIVACY_SIGNAL: Final = "eai.privacy.signal"
EAI_REDACTED: Final = "eai.redacted"

# Ours, of sampling, on the first span of a trace that was not sampled and is kept after all: why it
# is kept, and whether parts of it are missing. And of decisions: what became of a trace, the rule that
# decided, the route.
EAI_SAMPLING_DECISION: Final = "eai.sampling.decision"
EAI_SAMPLING_KEPT: Final = "eai.sampling.kept"
EAI_SAMPLING_PARTIAL: Final = "eai.sampling.partial"
EAI_SAMPLING_ROUTE: Final = "eai.sampling.route"
EAI_SAMPLING_RULE: Final = "eai.sampling.rule"

# Ours, of HTTP: seconds from a request's arrival to the first byte of a streamed response; and what
# was wrong with a request that did not validate: where, and the kind of fault, never a value.
EAI_TIME_TO_FIRST_BYTE: Final = "eai.http.response.time_to_first_byte"
EAI_VALIDATION_ERRORS: Final = "eai.http.request.validation_errors"

# Ours, of WebSockets, for which there is no convention.
EAI_WEBSOCKET_CLOSE_CODE: Final = "eai.websocket.close_code"
EAI_WEBSOCKET_RECEIVED: Final = "eai.websocket.messages.received"
EAI_WEBSOCKET_SENT: Final = "eai.websocket.messages.sent"

# Ours, of databases: rows that a command wrote; calls that fetched rows of a cursor; seconds spent
# waiting for a connection of a pool, on the first query after it; the constraint that was violated;
# the channel of a notification.
EAI_DB_AFFECTED_ROWS: Final = "eai.db.response.affected_rows"
EAI_DB_CONSTRAINT: Final = "eai.db.response.constraint"
EAI_DB_CURSOR_BATCHES: Final = "eai.db.cursor.batches"
EAI_DB_NOTIFICATION_CHANNEL: Final = "eai.db.notification.channel"
EAI_DB_POOL_WAIT_TIME: Final = "eai.db.pool.wait_time"

# Ours, of messaging: what became of a published message (confirmed, unconfirmed, returned, nacked,
# timed_out, closed or failed) and of a handled one (ack, nack, reject, requeue, automatic or none);
# whether it was delivered before, how often by a quorum queue, and how often it was dead-lettered.
EAI_MESSAGING_DEATH_COUNT: Final = "eai.messaging.message.death_count"
EAI_MESSAGING_DELIVERY_COUNT: Final = "eai.messaging.message.delivery_count"
EAI_MESSAGING_PUBLISH_OUTCOME: Final = "eai.messaging.publish.outcome"
EAI_MESSAGING_REDELIVERED: Final = "eai.messaging.message.redelivered"
EAI_MESSAGING_SETTLEMENT: Final = "eai.messaging.settlement"

# Ours, of generative AI: the provider's id of a request and what it says of the limits of its rate
# (a template: ``limit`` or ``remaining`` of ``requests``, ``tokens``, ...); seconds to the first
# content or reasoning; the tier that served, where it is not OpenAI's; the state of a batch.
EAI_GEN_AI_BATCH_STATUS: Final = "eai.gen_ai.batch.status"
EAI_GEN_AI_RATE_LIMIT: Final = "eai.gen_ai.rate_limit"
EAI_GEN_AI_REQUEST_ID: Final = "eai.gen_ai.request_id"
EAI_GEN_AI_SERVICE_TIER: Final = "eai.gen_ai.response.service_tier"
EAI_GEN_AI_TIME_TO_FIRST_TOKEN: Final = "eai.gen_ai.response.time_to_first_token"  # noqa: S105 - no password
