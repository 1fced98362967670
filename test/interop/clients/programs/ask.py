# What the Python clients share: METHOD URL [--header 'Name: value']... [--file FILE] [--chunked] [--times N], and how an answer is printed.
import argparse
import sys


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("method")
    parser.add_argument("url")
    parser.add_argument("--header", action="append", default=[])
    parser.add_argument("--file")
    parser.add_argument("--chunked", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    asked = parser.parse_args()
    asked.headers = dict(line.split(": ", 1) for line in asked.header)
    return asked


def chunks(path):
    with open(path, "rb") as file:
        while chunk := file.read(65536):
            yield chunk


def body(asked):
    """An open file is sent with its length, a generator in chunks."""
    if asked.file is None:
        return None
    return chunks(asked.file) if asked.chunked else open(asked.file, "rb")


def show(status, content_type, parts, version="HTTP/1.1"):
    out = sys.stdout.buffer
    out.write(f"{version} {status}\r\ncontent-type: {content_type}\r\n\r\n".encode())
    for part in parts:
        out.write(part)
        out.flush()
    out.flush()
