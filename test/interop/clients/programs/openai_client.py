# BASE_URL MODEL KEY: a streamed chat.
import sys

from openai import APIError, OpenAI

_, base_url, model, key = sys.argv
try:
    chat = OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0)
    for chunk in chat.chat.completions.create(model=model, stream=True, messages=[{"role": "user", "content": "Hello"}]):
        for choice in chunk.choices:
            print(choice.delta.content or "", end="", flush=True)
    print("\ndone", flush=True)
except APIError as error:
    print(f"{type(error).__name__}: {error}", flush=True)
