"""The resource of a forked process."""

from __future__ import annotations

import os
from typing import Any, Final
from uuid import uuid4

from opentelemetry.sdk import resources as sdk

_INSTANCE: Final = "service.instance.id"
_PROCESS: Final = {"process.pid": os.getpid, "process.parent_pid": getattr(os, "getppid", None)}


# By the process that they were made in; one has its parents' too.
_made: dict[int, str] = {}


class _Instance(sdk.ResourceDetector):
    """What newer releases of the SDK have: an id for each process."""

    def detect(self) -> sdk.Resource:
        return sdk.Resource({_INSTANCE: _made.setdefault(os.getpid(), str(uuid4()))})


def instance_detector() -> sdk.ResourceDetector:
    """Finds ``service.instance.id``."""
    kind: Any = getattr(sdk, "ServiceInstanceIdResourceDetector", _Instance)
    made: sdk.ResourceDetector = kind()
    return made


def _is_made(instance: Any) -> bool:
    """Whether an id is one that a detector has made, and not the user's."""
    return instance in {getattr(sdk, "_service_instance_id", ""), *_made.values()} - {"", None}


class ForkedResource(sdk.Resource):
    """
    A resource with the process's own attributes, which are found when they are first asked for.

    The SDK finds them in its fork hook: on a thread pool, whose lock the fork may hold. And it
    replaces a ``service.instance.id`` that the user has set.

    Args:
        inherited: The resource of the process that this one was forked from.
    """

    def __init__(self, inherited: sdk.Resource) -> None:
        self._inherited: sdk.Resource = inherited
        self._is_made: bool
        if isinstance(inherited, ForkedResource) and inherited._found is None:
            self._inherited, self._is_made = inherited._inherited, inherited._is_made
        else:
            self._is_made = _is_made(inherited.attributes.get(_INSTANCE))
        self._schema_url = inherited.schema_url
        self._found: Any = None

    @property
    def attributes(self) -> Any:
        """The attributes; whoever of two threads comes second, sees the same ones."""
        if self._found is None:
            self._found = sdk.Resource(self._of_this_process())
        return self._found.attributes

    @property
    def _attributes(self) -> Any:  # type: ignore[override]
        return self.attributes

    def _of_this_process(self) -> dict[str, Any]:
        attributes = dict(self._inherited.attributes)
        if self._is_made:  # by a detector, which keeps it for the process
            attributes |= instance_detector().detect().attributes
        for name, find in _PROCESS.items():
            if name in attributes and find is not None:
                attributes[name] = find()
        return attributes
