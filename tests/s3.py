"""A server that speaks S3, for the tests: moto's, in a process of its own; and a line to it that breaks."""

from __future__ import annotations

import atexit
import contextlib
import functools
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
import urllib.request
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.conditions import until
from tests.ports import free_port

_numbers = itertools.count()


class Server:
    """A server on the loopback interface."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until(self._answers, what="the S3 server to answer")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self, key: str = "anybody", secret: str = "secret") -> dict[str, str]:
        """What programs are told of it: the same as for any other S3."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str = "s3") -> Any:
        """The administrator's client."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import boto3

            given = {"aws_access_key_id": "admin", "aws_secret_access_key": "admin"}
            return boto3.client(service, endpoint_url=self.url, region_name="us-east-1", **given)

    def bucket(self) -> str:
        """A new bucket."""
        name = f"bucket-{next(_numbers)}"
        self.client().create_bucket(Bucket=name)
        return name

    def objects(self, bucket: str) -> dict[str, int]:
        """What is in a bucket: sizes by key."""
        listed = self.client().list_objects_v2(Bucket=bucket).get("Contents", [])
        return {one["Key"]: one["Size"] for one in listed}

    def unfinished(self, bucket: str) -> list[str]:
        """Uploads that were begun and neither completed nor aborted."""
        return [one["Key"] for one in self.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

    @contextmanager
    def only(self, bucket: str, *actions: str) -> Iterator[dict[str, str]]:
        """While this is open, the server asks who one is; the environment of one who may do only that."""
        iam, name = self.client("iam"), f"somebody-{next(_numbers)}"
        iam.create_user(UserName=name)
        made = iam.create_access_key(UserName=name)["AccessKey"]
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        allowed = {"Effect": "Allow", "Action": actions, "Resource": resources}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=policy)
        self._tell("reset-auth", "0")
        try:
            yield self.environment(key=made["AccessKeyId"], secret=made["SecretAccessKey"])
        finally:
            self._tell("reset-auth", "Infinity")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _tell(self, what: str, value: str) -> None:
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(f"{self.url}/moto-api/{what}", value.encode(), headers)
        urllib.request.urlopen(request).close()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
            return True
        return False


class BreakingLine:
    """A way to the server that breaks in the middle of what is sent.

    Args:
        port: of the server.
        after: bytes that a connection carries to it before it breaks.
        times: connections that break; those after them hold.
    """

    def __init__(self, port: int, after: int, times: int) -> None:
        self._port = port
        self._after = after
        self._left = times
        self.broken = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # which ends `accept`

    def _accept(self) -> None:
        with self._listener, contextlib.suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                threading.Thread(target=self._connect, args=(here,), daemon=True).start()

    def _connect(self, here: socket.socket) -> None:
        with here, socket.create_connection(("127.0.0.1", self._port)) as there:
            back = threading.Thread(target=self._carry, args=(there, here, False), daemon=True)
            back.start()
            self._carry(here, there, True)
            back.join()

    def _carry(self, source: socket.socket, target: socket.socket, is_there: bool) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while data := source.recv(64 * 1024):
                carried += len(data)
                if is_there and carried > self._after and self._left > 0:
                    self._left -= 1
                    self.broken += 1
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@functools.cache
def server() -> Server:
    """The server of this session of tests."""
    made = Server()
    atexit.register(made.stop)
    return made
