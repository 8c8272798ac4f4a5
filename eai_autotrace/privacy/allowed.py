"""Names of attributes that carry no data of a person: what strict mode lets through."""

from __future__ import annotations

import re
from typing import Final

# Of OpenTelemetry's semantic conventions 1.44.0: what a library, a service, a place or a kind is called,
# and numbers. Nothing that a request, a message or a row brings along.
_NAMES: Final = re.compile(
    r"(?:cloud|container|deployment|faas|host|k8s|os|service|telemetry)\.(?!.*(?:command|args|annotation|label)).*"
    r"|process\.(?:pid|parent_pid|runtime\.\w+|executable\.name|owner)|process\.(?!command|args)\w+"
    r"|http\.(?:request\.(?:method|body\.size|size|resend_count)|response\.(?:status_code|body\.size|size)|route)"
    r"|(?:server|network)\.(?:address|port|transport|type|protocol\.\w+|local\.port)|network\.peer\.port"
    r"|url\.(?:scheme|template)|error\.type|exception\.(?:type|escaped)|code\.[\w.]+|thread\.(?:id|name)"
    r"|db\.(?:system(?:\.name)?|namespace|collection\.name|operation\.(?:name|batch\.size)|query\.summary"
    r"|response\.(?:status_code|returned_rows)|client\.connection\.[\w.]+|stored_procedure\.name)"
    r"|messaging\.(?:system|operation\.\w+|destination\.(?:name|template|temporary|anonymous|partition\.id)"
    r"|consumer\.group\.name|batch\.message_count|message\.(?:body|envelope)\.size|rabbitmq\.[\w.]+)"
    r"|gen_ai\.(?:operation\.name|provider\.name|system|request\.(?!stop_sequences)[\w.]+|response\.(?:model|finish_reasons)"
    r"|usage\.[\w.]+|token\.type|output\.type|tool\.(?:name|type)|agent\.name|data_source\.id|server\.[\w.]+)"
    r"|openai\.(?:api\.type|request\.service_tier|response\.service_tier)"
    r"|rpc\.(?:system|service|method|grpc\.status_code)|otel\.[\w.]+|event\.name|log\.(?:level|iostream)"
    r"|eai\.(?!db\.response\.constraint|db\.notification\.channel|http\.request\.validation_errors).*"
)


def is_harmless(key: str) -> bool:
    """Whether the values of an attribute carry no data of a person."""
    return _NAMES.fullmatch(key) is not None
