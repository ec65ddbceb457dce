#!/usr/bin/env python3
"""Streams one answer through aibal-tui and prints which provider gave it.

    python3 -m pip install openai
    aibal-tui demo --headless &             # or your own gateway
    python3 examples/python/chat.py "Why is the sky blue?"

AIBAL_BASE_URL is the gateway (default http://127.0.0.1:8080/v1), AIBAL_TOKEN a client token where
the gateway asks for one.
"""

import os
import sys

from openai import APIStatusError, OpenAI

client = OpenAI(
    base_url=os.environ.get("AIBAL_BASE_URL", "http://127.0.0.1:8080/v1"),
    # Any text will do while the gateway listens on loopback without tokens.
    api_key=os.environ.get("AIBAL_TOKEN", "anything"),
    # The gateway retries and fails over by itself.
    max_retries=0,
)

# Constraints of this request, all optional. The gateway never relaxes them: when no target fits,
# it answers 503 and names the reason for each target.
constraints = {
    "x-aibal-max-latency": "20000",         # milliseconds
    "x-aibal-max-cost": "0.0001",           # USD per token
    # "x-aibal-preferred-provider": "openai",
    # "x-aibal-timeout-ms": "60000",
}


def main() -> int:
    prompt = " ".join(sys.argv[1:]) or "Say hello in three languages."
    try:
        # with_raw_response also gives the response headers.
        raw = client.chat.completions.with_raw_response.create(
            model="auto",                   # or a model id, provider/model, or a route of yours
            messages=[{"role": "user", "content": prompt}],
            max_tokens=300,
            stream=True,
            extra_headers=constraints,
        )
    except APIStatusError as error:
        print(f"{error.status_code}: {error.message}", file=sys.stderr)
        return 1
    for chunk in raw.parse():
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
    provider, model = raw.headers["x-aibal-provider"], raw.headers["x-aibal-model"]
    attempts, decision = raw.headers["x-aibal-attempts"], raw.headers["x-aibal-decision"]
    print(f"\n\n{provider}/{model} answered in attempt {attempts}, decision {decision}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
