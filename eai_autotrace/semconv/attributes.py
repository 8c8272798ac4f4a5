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
HTTP_RESPONSE_BODY_SIZE: Final = "http.response.body.size"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_ROUTE: Final = "http.route"
URL_PATH: Final = "url.path"
URL_QUERY: Final = "url.query"
URL_SCHEME: Final = "url.scheme"
USER_AGENT_ORIGINAL: Final = "user_agent.original"

# Databases
DB_NAMESPACE: Final = "db.namespace"
DB_OPERATION_BATCH_SIZE: Final = "db.operation.batch.size"
DB_QUERY_SUMMARY: Final = "db.query.summary"
DB_QUERY_TEXT: Final = "db.query.text"
DB_RESPONSE_STATUS_CODE: Final = "db.response.status_code"
DB_SYSTEM_NAME: Final = "db.system.name"

# Messaging
MESSAGING_DESTINATION_NAME: Final = "messaging.destination.name"
MESSAGING_MESSAGE_BODY_SIZE: Final = "messaging.message.body.size"
MESSAGING_MESSAGE_CONVERSATION_ID: Final = "messaging.message.conversation_id"
MESSAGING_MESSAGE_ID: Final = "messaging.message.id"
MESSAGING_OPERATION_NAME: Final = "messaging.operation.name"
MESSAGING_OPERATION_TYPE: Final = "messaging.operation.type"
MESSAGING_RABBITMQ_DELIVERY_TAG: Final = "messaging.rabbitmq.message.delivery_tag"
MESSAGING_RABBITMQ_ROUTING_KEY: Final = "messaging.rabbitmq.destination.routing_key"
MESSAGING_SYSTEM: Final = "messaging.system"

# Ours: how an operation ended that neither completed nor failed: cancelled, closed, abandoned.
EAI_OUTCOME: Final = "eai.outcome"

# Ours, of HTTP: seconds from a request's arrival to the first byte of a streamed response; and what
# was wrong with a request that did not validate: where, and the kind of fault, never a value.
EAI_TIME_TO_FIRST_BYTE: Final = "eai.http.response.time_to_first_byte"
EAI_VALIDATION_ERRORS: Final = "eai.http.request.validation_errors"

# Ours, of WebSockets, for which there is no convention.
EAI_WEBSOCKET_CLOSE_CODE: Final = "eai.websocket.close_code"
EAI_WEBSOCKET_RECEIVED: Final = "eai.websocket.messages.received"
EAI_WEBSOCKET_SENT: Final = "eai.websocket.messages.sent"
