"""A stand-in for S3 that speaks its protocol over HTTP: moto, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["BUCKET", "environment", "s3_server"]

BUCKET = "films-bucket"
KEY, SECRET = "AKIAEXAMPLEKEYNAME", "example-secret-of-a-key"

_SERVE = f"""
import logging, sys
import boto3
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel("ERROR")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
url = "http://%s:%d" % server.get_host_and_port()
client = boto3.client(
    "s3", endpoint_url=url, region_name="us-east-1",
    aws_access_key_id={KEY!r}, aws_secret_access_key={SECRET!r},
)
client.create_bucket(Bucket={BUCKET!r})
print("serves", url, flush=True)
sys.stdin.read()
"""


@contextmanager
def s3_server() -> Iterator[str]:
    """Serve an empty bucket; yield the address. It ends with its standard input."""
    command = [sys.executable, "-c", _SERVE]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as server:  # type: ignore[call-overload]
        try:
            assert server.stdout is not None
            for line in server.stdout:
                if line.startswith("serves "):
                    yield line.split()[1]
                    break
            else:
                raise RuntimeError("expected a stand-in for S3, got none")
        finally:
            server.kill()


def environment(address: str) -> dict[str, str]:
    """Return what leads a program that uses AWS to the server."""
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
