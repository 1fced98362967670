# BASE_URL MODEL KEY: a streamed message.
import sys

from anthropic import Anthropic, APIError

_, base_url, model, key = sys.argv
try:
    client = Anthropic(base_url=base_url, api_key=key, max_retries=0)
    with client.messages.stream(model=model, max_tokens=100, messages=[{"role": "user", "content": "Hello"}]) as stream:
        for text in stream.text_stream:
            print(text, end="", flush=True)
    print("\ndone", flush=True)
except APIError as error:
    print(f"{type(error).__name__}: {error}", flush=True)
