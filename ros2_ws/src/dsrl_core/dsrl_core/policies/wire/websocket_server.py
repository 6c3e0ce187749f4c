"""A policy for openpi's clients, and for ours from machines without keys: one map, one reply map.

On connecting the server sends what it tells of its policy; then each message is an observation map
and each reply a map, errors included ({"error": {"kind", "message"}}): the connection stays. Bytes
are received beside the thread in which the policy runs, so that `/healthz`, and everybody else, is
answered while it thinks or while somebody sends slowly.
"""

from __future__ import annotations

import asyncio
import hmac
import http
import logging
import queue
import threading
import time
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request as HttpRequest
from websockets.http11 import Response

from dsrl_core.errors import DsrlError, InvalidFile
from dsrl_core.policies.backend import PolicyBackend
from dsrl_core.policies.serving import Answer, Request, Rhythm, Serving
from dsrl_core.policies.wire import openpi_messages
from dsrl_core.policies.wire.door import LOOPBACK
from dsrl_core.policies.wire.errors import MalformedMessage
from dsrl_core.policies.wire.messages import MESSAGE_SIZE_MAX_BYTES
from dsrl_core.policies.wire.metadata import metadata_of
from dsrl_core.policies.wire.openpi_requests import reply_of, request_of
from dsrl_core.policies.wire.requests import error_of

HEALTH: Final = "/healthz"
_CLIENTS_MAX: Final = 64
_SCHEMES: Final = ("Bearer", "Api-Key")
"""Of the header `Authorization`: everybody's, and openpi's."""
_LOG: Final = logging.getLogger(__name__)


@dataclass
class _Job:
    """A request on its way through the policy's thread."""

    client: int
    request: Request
    done: asyncio.Future[None]
    answer: Answer | None = None
    took_ms: float = 0.0


class WebsocketServer:
    """Serves one backend; call `serve_once` from a loop, always from the thread in which this was
    made."""

    def __init__(
        self,
        backend: PolicyBackend,
        host: str = "127.0.0.1",
        port: int = 8000,
        token: str = "",
        patience_s: float = 20.0,
    ) -> None:
        """Warms the policy up before anybody can connect.

        `token`: what a client must bring; `patience_s`: a client that has not finished its opening,
        or gives no sign of life for so long, is let go.

        Raises:
            InvalidFile: it would be open to other machines without a token, or the port is taken.
        """
        if host not in LOOPBACK and not token:
            raise InvalidFile(
                f"host '{host}' would be open to other machines; expected a token, or one of "
                f"{', '.join(LOOPBACK)}"
            )
        self._spec, self._serving = backend.spec, Serving(backend)
        told = metadata_of(backend.spec) | {"batched_noise": True, "handles": True}
        self._metadata = openpi_messages.pack(told)
        self._token, self._patience_s = token, patience_s
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._rhythm = Rhythm()
        self._drawn = np.random.default_rng()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        try:
            self._server = asyncio.run_coroutine_threadsafe(
                self._open(host.strip("[]"), port), self._loop
            ).result()
        except OSError as error:
            self._end()
            raise InvalidFile(f"nobody can be served at {host}:{port}: {error}") from error
        self.port = int(self._server.sockets[0].getsockname()[1])
        """Where it answers; of port 0 the one that was free."""

    def serve_once(self, timeout_s: float) -> bool:
        """Answer what has come, if anything comes within the time; whether anything came."""
        try:
            jobs = [self._jobs.get(timeout=timeout_s)]
        except queue.Empty:
            return False
        self._gather(jobs)
        began_s = time.monotonic()
        answers = self._serving.answer([job.request for job in jobs])
        ended_s = time.monotonic()
        self._rhythm.answered([job.client for job in jobs], began_s, ended_s)
        for job, answer in zip(jobs, answers, strict=True):
            job.answer, job.took_ms = answer, 1000.0 * (ended_s - began_s)
        self._loop.call_soon_threadsafe(_deliver, jobs)
        return True

    def close(self) -> None:
        """Stop answering; whoever is connected is told."""
        self._server.close()
        asyncio.run_coroutine_threadsafe(self._server.wait_closed(), self._loop).result()
        self._end()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _gather(self, jobs: list[_Job]) -> None:
        """Add what is there, and what is worth waiting for."""
        until_s = None
        while True:
            now_s = time.monotonic()
            wait_s = self._rhythm.wait_s({job.client for job in jobs}, now_s)
            until_s = now_s + wait_s if until_s is None else until_s
            left_s = min(wait_s, until_s - now_s)
            try:
                jobs.append(
                    self._jobs.get(timeout=left_s) if left_s > 0 else self._jobs.get_nowait()
                )
            except queue.Empty:
                return

    # In the thread that receives.

    async def _open(self, host: str, port: int) -> Server:
        return await serve(
            self._attend,
            host,
            port,
            process_request=self._let_in,
            compression=None,
            max_size=MESSAGE_SIZE_MAX_BYTES,
            max_queue=1,
            open_timeout=self._patience_s,
            ping_interval=self._patience_s,
            ping_timeout=self._patience_s,
            close_timeout=1.0,
        )

    def _let_in(self, connection: ServerConnection, request: HttpRequest) -> Response | None:
        """A refusal, or the answer to the question whether this server lives; else None."""
        if request.path == HEALTH:
            return connection.respond(http.HTTPStatus.OK, "OK\n")
        scheme, _, brought = request.headers.get("Authorization", "").partition(" ")
        if self._token and not (
            scheme in _SCHEMES and hmac.compare_digest(brought.encode(), self._token.encode())
        ):
            _LOG.warning("%s was refused: no token, or another", connection.remote_address)
            return connection.respond(
                http.HTTPStatus.UNAUTHORIZED, "expected Authorization: Bearer TOKEN\n"
            )
        if len(self._server.connections) >= _CLIENTS_MAX:
            _LOG.warning(
                "%s was refused: %d are connected", connection.remote_address, _CLIENTS_MAX
            )
            return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "too many clients\n")
        return None

    async def _attend(self, connection: ServerConnection) -> None:
        """Answer one client until it leaves."""
        before_ms: float | None = None
        try:
            await connection.send(self._metadata)
            async for data in connection:
                began_s = time.monotonic()
                reply = await self._answered(connection, data)
                if before_ms is not None:
                    reply.setdefault("server_timing", {})["prev_total_ms"] = before_ms
                await connection.send(openpi_messages.pack(reply))
                before_ms = 1000.0 * (time.monotonic() - began_s)
        except ConnectionClosed as error:
            _LOG.info("%s has left: %s", connection.remote_address, error)

    async def _answered(self, connection: ServerConnection, data: str | bytes) -> dict[str, Any]:
        try:
            if isinstance(data, str):
                raise MalformedMessage("a text; expected a msgpack message")
            obs = openpi_messages.unpack(data)
            request = request_of(obs, self._spec, self._drawn)
        except DsrlError as error:
            _LOG.warning("%s: a message was refused: %s", connection.remote_address, error)
            return dict(error_of(error).values)
        job = _Job(id(connection), request, self._loop.create_future())
        self._jobs.put(job)
        await job.done
        assert job.answer is not None
        reply = reply_of(job.answer, obs, job.took_ms)
        return reply | {"server_timing": {"infer_ms": job.took_ms}}


def _deliver(jobs: list[_Job]) -> None:
    for job in jobs:
        if not job.done.done():  # whoever asked may have left meanwhile
            job.done.set_result(None)
