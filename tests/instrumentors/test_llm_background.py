"""Responses that are made in the background: which of their requests has their tokens."""

from __future__ import annotations

from importlib.util import find_spec

import openai
import pytest

from eai_autotrace._testing.llm import Reply, events
from eai_autotrace._testing.llm_replies import RESPONSE_USAGE, encode, named, response

ASK = {"model": "gpt-5"}
TOKENS = "gen_ai.client.token.usage"


@pytest.fixture
def client(llm_server):
    with openai.OpenAI(base_url=llm_server.openai_url, api_key="k", max_retries=0) as made:
        yield made


def _state(status, **more):
    known = {**response(ASK, status), "background": True, **more}
    return Reply(encode(known))


@pytest.fixture
def used(spans, metrics):
    """The tokens that spans have, and the sum of those that the metrics count."""

    def used():
        found = [span["attributes"].get("gen_ai.usage.output_tokens") for span in spans()]
        points = [point for point in metrics() if point["name"] == TOKENS]
        return found, sum(point["sum"] for point in points)

    return used


if find_spec("openai.resources.responses") is not None:

    def test_a_response_in_the_background(instrument, client, llm_server, used):
        """
        The tokens of a response made in the background are counted once: when it is first found ended
        (case C8).
        """
        states = ("queued", "in_progress", "completed", "completed")
        llm_server.replies.extend(map(_state, states))
        instrument("openai")

        client.responses.create(**ASK, input="x", extra_body={"background": True})
        for _ in range(3):
            client.responses.retrieve("resp_1")

        assert used() == ([None, None, 7, None], 11 + 7)

    @pytest.mark.parametrize("status", ["incomplete", "failed", "cancelled"])
    def test_a_response_that_did_not_complete(instrument, client, llm_server, used, status):
        """
        One that ends otherwise has used tokens, too (case C8).
        """
        ended = _state(status, usage=RESPONSE_USAGE)
        llm_server.replies.extend([_state("queued"), ended, ended])
        instrument("openai")

        client.responses.create(**ASK, input="x", extra_body={"background": True})
        client.responses.retrieve("resp_1")
        client.responses.retrieve("resp_1")

        assert used() == ([None, 7, None], 11 + 7)

    def test_a_stream_of_one(instrument, client, llm_server, used):
        """
        One that is streamed to its end is counted by the stream, not again when it is asked for
        (case C8).
        """
        whole = {**response(ASK), "background": True}
        begun = {**response(ASK, "in_progress"), "background": True}
        llm_server.replies.append(
            events(
                named({"type": "response.created", "sequence_number": 0, "response": begun}),
                named({"type": "response.completed", "sequence_number": 1, "response": whole}),
            )
        )
        llm_server.replies.append(_state("completed"))
        instrument("openai")

        list(
            client.responses.create(**ASK, input="x", stream=True, extra_body={"background": True})
        )
        client.responses.retrieve("resp_1")

        assert used() == ([7, None], 11 + 7)

    def test_a_stored_response(instrument, client, used):
        """
        One that was not made in the background was counted when it was made (case C8).
        """
        instrument("openai")

        client.responses.create(**ASK, input="x")
        client.responses.retrieve("resp_1")

        assert used() == ([7, None], 11 + 7)

    def test_what_it_cost(instrument, client, llm_server, spans):
        """
        So is its cost (case C8).
        """
        llm_server.replies.extend(map(_state, ("queued", "completed", "completed")))
        instrument("openai", llm_cost=True)

        client.responses.create(**ASK, input="x", extra_body={"background": True})
        client.responses.retrieve("resp_1")
        client.responses.retrieve("resp_1")

        costs = [span["attributes"].get("gen_ai.usage.cost.amount") for span in spans()]
        assert costs == [None, 7.925e-05, None]
