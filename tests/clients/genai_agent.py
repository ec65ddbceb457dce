#!/usr/bin/env python3
"""An agent of Google's own Python client, for `agents.py`: it writes files with a Python function.

    python3 tests/clients/genai_agent.py GATEWAY MODEL PROMPT

The client itself calls the function and sends its result, as it does for its users.
"""

import pathlib
import sys

from google import genai
from google.genai import types


def write_file(file_path: str, content: str) -> str:
    """Writes a file.

    Args:
        file_path: The absolute path.
        content: The whole content.
    """
    pathlib.Path(file_path).write_text(content, encoding="utf-8")
    return f"wrote {file_path}"


gateway, model, prompt = sys.argv[1:]
client = genai.Client(api_key="any-token", http_options=types.HttpOptions(base_url=gateway))
config = types.GenerateContentConfig(tools=[write_file])
print(client.models.generate_content(model=model, contents=prompt, config=config).text)
