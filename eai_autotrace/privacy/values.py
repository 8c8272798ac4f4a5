"""What becomes of an attribute's value: one treatment for each name, found once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from eai_autotrace.privacy.allowed import is_harmless
from eai_autotrace.privacy.nested import DROPPED, Nested, is_nested
from eai_autotrace.privacy.policy import COMMAND, CONTENT, NOT_ALLOWED, OWN_KEY, PATH, SQL, STRICT
from eai_autotrace.secrets.actions import DROP, REPLACE, REPLACED
from eai_autotrace.secrets.checks import is_random
from eai_autotrace.secrets.text import LONGEST_PLAIN
from eai_autotrace.secrets.words import KEY
from eai_autotrace.semconv import sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from eai_autotrace.privacy.policy import Policy

    Found = Callable[..., None]
    Treat = Callable[[Any, Found], Any]

_QUERIES: Final = frozenset({"db.query.text", "db.statement"})
_PATHS: Final = frozenset({"url.path", "url.full", "http.url", "http.target", "url.original"})
_COMMANDS: Final = frozenset({"process.command_args", "process.command_line", "process.command"})
# Messages, prompts and answers, as OpenTelemetry's conventions, old and new, OpenInference,
# OpenLLMetry and the Vercel AI SDK name them.
_CONTENT: Final = re.compile(
    r"gen_ai\.(?:(?:input|output)\.messages|system_instructions|tool\.(?:definitions|call\.(?:arguments|result))"
    r"|prompt|completion|content|event\.content|retrieval\.(?:documents|query\.text)|evaluation\.explanation)"
    r"|llm\.(?:prompts|completions|input_messages|output_messages|prompt_template|request\.functions|tools)"
    r"|(?:input|output)\.value\Z|traceloop\.entity\.(?:input|output)|ai\.(?:prompt|response\.(?:text|object|toolCalls))"
    r"|tool\.(?:parameters|output)|embedding\.(?:text|vector)|(?:retrieval|reranker)\..{0,40}document",
)
_SQL_WORDS: Final = frozenset(
    """
    SELECT INSERT UPDATE DELETE WITH CREATE ALTER DROP BEGIN COMMIT ROLLBACK SAVEPOINT
    RELEASE COPY TRUNCATE MERGE REPLACE CALL EXECUTE PREPARE DEALLOCATE DECLARE FETCH CLOSE
    EXPLAIN ANALYZE SET SHOW LOCK GRANT REVOKE VACUUM LISTEN NOTIFY UNLISTEN START VALUES
    TABLE DO CONNECT CURSOR
    """.split()  # noqa: SIM905
)
__all__ = ["DROPPED", "LARGE", "Treatments"]

LARGE: Final = 10**12
"""Numbers below have too few digits for a card's."""

# The last word of a text, if it may be the beginning of a secret.
_TAIL: Final = 512
_LAST: Final = re.compile(r"""(?=[^\s,;&"']{0,511}[\d@.])[^\s,;&"']{6,512}\Z""")
_SEGMENTS: Final = re.compile(r"[^/?#]+")
_SHORTEST_RANDOM: Final = 20
_LONGEST_COMMAND: Final = 8192
_LONGEST_WORD: Final = 20


class Treatments:
    """
    Finds and applies treatments.

    Args:
        policy: The rules.

    Attributes:
        is_plain: Whether a text stays as it is, wherever it is; of few it is known.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._scanner = policy.scanner
        self._limits = policy.limits
        self.is_plain: Callable[[str], bool] = self._scanner.is_plain
        if min(self._limits, default=LONGEST_PLAIN + 1) <= LONGEST_PLAIN:
            # A plain text may be the beginning of a secret that was cut.
            self.is_plain = _never

    def of(self, key: str) -> Treat:
        """The treatment of an attribute: of most it is `any`."""
        policy = self._policy
        if policy.allows(key):
            return _kept
        if self._scanner.has_secret(key):
            # Such as an address that something is counted by: no value can be told under it.
            return _dropped(KEY)
        rule = policy.of_key(key)
        is_content = _CONTENT.match(key) is not None and policy.content != "redact"
        if is_content and (rule is None or rule[0] != OWN_KEY):
            return _kept if policy.content == "keep" else _dropped(CONTENT)
        if rule is not None:
            detector, action, replace = rule
            return lambda value, found: _by_name(value, found, detector, action, replace)
        if policy.mode == STRICT and not is_harmless(key):
            return _dropped(NOT_ALLOWED)
        return self._by_kind(key)

    def _by_kind(self, key: str) -> Treat:
        is_on = self._policy.is_on
        if key in _QUERIES and is_on(SQL):
            return self._query
        if key in _PATHS and is_on(PATH):
            return self.path
        return self._command if key in _COMMANDS else self.any

    def any(self, value: Any, found: Found) -> Any:
        """A value of any kind, with its secrets replaced; the same object if it has none."""
        kind = type(value)
        if kind is str:
            return self.text(value, found)
        if kind is bool or value is None or (kind is float and -LARGE < value < LARGE):
            return value
        if is_nested(value):
            as_any = (self.any, self.path, self._query)
            return Nested(self.of, as_any, found).redacted(value)
        return self._other(value, found)

    def _other(self, value: Any, found: Found) -> Any:
        """A number, bytes, or an object of another kind, looked at as a text."""
        if isinstance(value, int) and abs(value) < LARGE:
            return value
        is_bytes = isinstance(value, (bytes, bytearray, memoryview))
        text = bytes(value).decode("latin-1") if is_bytes else str(value)
        if isinstance(value, float):
            text = f"{value:.0f}"
        if self.text(text, found) == text:
            return value
        return REPLACED.encode() if is_bytes else REPLACED

    def text(self, text: str, found: Found) -> str:
        """A text with its secrets replaced."""
        if len(text) not in self._limits:
            return self._scanner.scan(text, found)
        begin = next(_LAST.finditer(text[-_TAIL:]), None)
        cut = text if begin is None else text[: len(text) - len(begin[0])]
        made = self._scanner.scan(cut, found)
        return text if made is text else made if cut is text else f"{made}{REPLACED}"

    def _query(self, value: Any, found: Found) -> Any:
        """An SQL text without literals; of another language only the command."""
        if not isinstance(value, str) or value == REPLACED:
            return self.any(value, found)
        word = next(iter(value.split(None, 1)), "")
        if word.strip("(").upper() in _SQL_WORDS:
            made = sql.read(value).text
        else:
            shown = word if word.isalpha() and len(word) <= _LONGEST_WORD else ""
            made = shown if shown == value.strip() else f"{shown} ?".strip()
        if made == value.strip():
            return value
        found(SQL)
        return made

    def path(self, value: Any, found: Found) -> Any:
        """A path or a URL; parts of it that look like secrets are replaced."""
        made = self.any(value, found)
        if not isinstance(made, str) or ("%" not in made and len(made) < _SHORTEST_RANDOM):
            return made

        def part(match: re.Match[str]) -> str:
            text = match[0]
            is_secret = is_random(text) or ("%" in text and self._scanner.hides_any(unquote(text)))
            if not is_secret:
                return text
            found(PATH)
            return self._policy.replace[PATH](text)

        path, mark, rest = made.partition("?")
        new = _SEGMENTS.sub(part, path) + mark + rest
        return made if new == made else new

    def _command(self, value: Any, found: Found) -> Any:
        """A command's arguments: what follows the name of a secret is one, too."""
        if isinstance(value, str):
            if len(value) > _LONGEST_COMMAND:
                return self.text(value, found)
            made = " ".join(self._arguments(value.split(" "), found))
            return value if made == value else made
        if isinstance(value, Sequence) and all(isinstance(one, str) for one in value):
            made_of = tuple(self._arguments(value[:_LONGEST_COMMAND], found))
            return value if made_of == tuple(value) else made_of
        return self.any(value, found)

    def _arguments(self, arguments: Sequence[str], found: Found) -> list[str]:
        made: list[str] = []
        is_secret = False
        for argument in arguments:
            if is_secret and not argument.startswith("-"):
                found(COMMAND)
                made.append(REPLACED)
            else:
                made.append(self.text(argument, found))
            is_secret = argument.startswith("-") and self._policy.of_key(argument) is not None
        return made


def _never(_text: str) -> bool:
    return False


def _kept(value: Any, _found: Found) -> Any:
    return value


def _by_name(value: Any, found: Found, detector: str, action: str, replace: Any) -> Any:
    """What becomes of a value whose name says that it is a secret."""
    is_nothing = isinstance(value, str) and value in {"", REPLACED}
    if is_nothing or isinstance(value, bool) or value is None:
        return value
    found(detector, action)
    if action == DROP:
        return DROPPED
    if action == REPLACE and not isinstance(value, (list, tuple)):
        return REPLACED
    if isinstance(value, (list, tuple)):
        made = [REPLACED if action == REPLACE else replace(str(one)) for one in value]
        return tuple(made) if isinstance(value, tuple) else made
    return replace(value if isinstance(value, str) else str(value))


def _dropped(detector: str) -> Treat:
    def treat(_value: Any, found: Found) -> Any:
        found(detector, DROP)
        return DROPPED

    return treat
