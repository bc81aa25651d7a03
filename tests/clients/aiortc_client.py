"""aiortc as a viewer: a second opinion on the SDP, the transport and the bitstream, from another stack.

    python aiortc_client.py http://127.0.0.1:8080 [--ws|--whep] [--frames 250] [--token T] [--size 1280x720]
    PINHOLE=target/release/pinhole python aiortc_client.py      starts a server of its own

Signals over /ws/{session_id} and then over /whep, or over the one that is named, decodes consecutive pictures with libavcodec, and prints one JSON
line. Exit code 1 with a sentence when pictures are missing, do not change, or did not decode cleanly.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from urllib.parse import urljoin

import aiohttp
import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.h264 import H264Decoder
from aiortc.sdp import candidate_from_sdp

START_MAX_S = 20
CONNECT_MAX_S = 15
PICTURE_MAX_S = 5
# The test picture's stamp: see tests/clients/lib/stamp.mjs.
ORIGIN, CELL, COLUMNS, BYTES, MARKER = 16, 16, 16, 12, 0b10110010


class Finding(Exception):
    """What is not as it should be, as a sentence."""


class Complaints(logging.Handler):
    """Collects what the decoder complains about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.texts = []
        self.decoders = 0

    def emit(self, record):
        self.texts.append(f"{record.name}: {record.getMessage()}")


def listen_for_complaints():
    """Both the libraries underneath (libav.*) and aiortc itself speak through `logging`.

    What libavcodec's own threads say does not reach Python, so the decoder gets none.
    """
    complaints = Complaints()
    av.logging.set_level(av.logging.WARNING)
    for name in ("libav", "aiortc"):
        logging.getLogger(name).addHandler(complaints)
    make_decoder = H264Decoder.__init__

    def make_unthreaded_decoder(self):
        make_decoder(self)
        self.codec.thread_count = 1
        complaints.decoders += 1

    H264Decoder.__init__ = make_unthreaded_decoder
    return complaints


def crc8(data):
    """CRC-8 with polynomial 0x07, start 0."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def read_stamp(luma, stride):
    """The frame number that the test picture carries, or None for other pictures."""
    data = bytearray(BYTES)
    for bit in range(BYTES * 8):
        left = ORIGIN + bit % COLUMNS * CELL + CELL // 4
        top = ORIGIN + bit // COLUMNS * CELL + CELL // 4
        rows = (luma[y * stride + left : y * stride + left + CELL // 2] for y in range(top, top + CELL // 2))
        if sum(map(sum, rows)) > 128 * (CELL // 2) ** 2:
            data[bit // 8] |= 0x80 >> bit % 8
    if data[0] != MARKER or crc8(data[1:11]) != data[11]:
        return None
    return int.from_bytes(data[1:5], "big")


class Pictures:
    """What is kept of each decoded picture."""

    def __init__(self):
        self.times, self.digests, self.sizes, self.numbers, self.levels = [], [], set(), [], []

    def add(self, frame):
        plane = frame.planes[0]
        luma = bytes(plane)
        self.times.append(frame.pts)
        self.sizes.add(f"{frame.width}x{frame.height}")
        # Every 61st pixel is enough to see change, and costs nothing.
        sample = luma[::61]
        self.digests.append(hash(sample))
        self.levels.append(len(set(sample)))
        if frame.width >= 288 and frame.height >= 128:
            self.numbers.append(read_stamp(luma, plane.line_size))

    def judge(self, measured, size):
        """Fills `measured`; raises a `Finding` for the first thing that is wrong."""
        steps = [b - a for a, b in zip(self.times, self.times[1:])]
        usual = sorted(steps)[len(steps) // 2]
        changed = sum(a != b for a, b in zip(self.digests, self.digests[1:]))
        stamped = [n for n in self.numbers if n is not None]
        gaps = sum(b - a != 1 for a, b in zip(stamped, stamped[1:]))
        measured |= {
            "frames": len(self.times),
            "sizes": sorted(self.sizes),
            "usual_step": usual,
            "longest_step": max(steps),
            "changed": changed,
            "levels_min": min(self.levels),
            "stamps": len(stamped),
            "stamp_gaps": gaps,
        }
        if min(steps) <= 0 or max(steps) > 1.5 * usual:
            raise Finding(f"pictures are missing: RTP times step by {min(steps)} to {max(steps)}, usually {usual}")
        if len(self.sizes) != 1 or (size and self.sizes != {size}):
            raise Finding(f"the pictures are {sorted(self.sizes)}, not {size or 'of one size'}")
        if changed < 0.9 * len(steps):
            raise Finding(f"only {changed} of {len(steps)} pictures differ from the one before")
        if min(self.levels) < 20:
            raise Finding(f"a picture is flat: {min(self.levels)} levels of grey")
        if stamped and (len(stamped) < len(self.times) or gaps):
            raise Finding(f"{len(stamped)} of {len(self.times)} stamps were read, with {gaps} gaps in their numbers")


async def receive(connection, count, measured):
    """Connects the pieces, and decodes `count` pictures. The caller signals meanwhile."""
    track = await asyncio.wait_for(connection.track, CONNECT_MAX_S)
    pictures = Pictures()
    started = time.monotonic()
    for index in range(count):
        patience = CONNECT_MAX_S if index == 0 else PICTURE_MAX_S
        pictures.add(await asyncio.wait_for(track.recv(), patience))
        if index == 0:
            measured["first_picture_ms"] = round((time.monotonic() - started) * 1000)
            started = time.monotonic()
    measured["fps"] = round((count - 1) / (time.monotonic() - started), 2)
    return pictures


def new_connection():
    """A connection that only receives video; `track` is a future of the track."""
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    connection.track = asyncio.get_running_loop().create_future()
    connection.on("track", connection.track.set_result)
    connection.addTransceiver("video", direction="recvonly")
    return connection


async def offer_of(connection):
    await connection.setLocalDescription(await connection.createOffer())
    return connection.localDescription.sdp


async def accept(connection, sdp):
    await connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))


async def watch_ws(http, args, measured):
    """Signals over the WebSocket; its later candidates are taken while pictures come."""
    connection = new_connection()
    session_id, user_id = uuid.uuid4().hex, uuid.uuid4().hex
    query = {"token": args.token} if args.token else {}
    async with http.ws_connect(urljoin(args.url, f"/ws/{session_id}"), params=query) as channel:
        offer = {"type": "webrtc_offer", "session_id": session_id, "user_id": user_id}
        await channel.send_json(offer | {"sdp": await offer_of(connection)})
        answered = asyncio.get_running_loop().create_future()

        async def listen():
            async for message in channel:
                body = json.loads(message.data)
                if body["type"] == "webrtc_answer":
                    await accept(connection, body["sdp"])
                    answered.set_result(None)
                elif body["type"] == "webrtc_ice_candidate":
                    await connection.addIceCandidate(parse_candidate(body["candidate"]))
                elif body["type"] == "error" and not answered.done():
                    answered.set_exception(Finding(f"the server says: {body['message']}"))

        listening = asyncio.create_task(listen())
        try:
            await asyncio.wait_for(answered, CONNECT_MAX_S)
            return await receive(connection, args.frames, measured)
        finally:
            listening.cancel()
            await connection.close()


def parse_candidate(body):
    candidate = candidate_from_sdp(body["candidate"].removeprefix("candidate:"))
    candidate.sdpMid, candidate.sdpMLineIndex = body.get("sdpMid"), body.get("sdpMLineIndex")
    return candidate


async def watch_whep(http, args, measured):
    """Signals over WHEP, and deletes the session afterwards."""
    connection = new_connection()
    endpoint = urljoin(args.url, "/whep")
    headers = {"authorization": f"Bearer {args.token}"} if args.token else {}
    post = headers | {"content-type": "application/sdp"}
    async with http.post(endpoint, data=await offer_of(connection), headers=post) as response:
        body = await response.text()
        if response.status != 201:
            raise Finding(f"the server answered {response.status}: {body}")
        resource = urljoin(endpoint, response.headers["location"])
    try:
        await accept(connection, body)
        return await receive(connection, args.frames, measured)
    finally:
        async with http.delete(resource, headers=headers) as response:
            measured["delete_status"] = response.status
        await connection.close()


WAYS = {"ws": watch_ws, "whep": watch_whep}


@contextlib.contextmanager
def server_of_our_own():
    """Starts the program that PINHOLE names on a free port, and yields its address."""
    program = os.environ.get("PINHOLE")
    if not program:
        raise SystemExit("name the address of a server, or its program in PINHOLE")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [program, "serve", "--listen", address, "--udp-bind", "127.0.0.1", "--log", "warn"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(START_MAX_S * 20):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}/healthz"):
                    break
                time.sleep(0.05)
            yield f"http://{address}"
        finally:
            server.kill()


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?", help="default: a server of our own, the program in PINHOLE")
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--ws", dest="ways", action="store_const", const=["ws"])
    way.add_argument("--whep", dest="ways", action="store_const", const=["whep"])
    parser.add_argument("--token")
    parser.add_argument("--frames", type=int, default=250)
    parser.add_argument("--size", help="expected size, as 1280x720")
    parser.add_argument("--expect-fps", type=float, default=0)
    parser.set_defaults(ways=["ws", "whep"])
    return parser.parse_args()


async def watch(way, args, measured, complaints):
    """One way of signalling, judged."""
    async with aiohttp.ClientSession() as http:
        # Slow machines decode slowly, but never at less than five pictures a second.
        limit = CONNECT_MAX_S * 2 + args.frames / 5
        pictures = await asyncio.wait_for(WAYS[way](http, args, measured), limit)
    if complaints.texts:
        raise Finding(f"the decoder complained {len(complaints.texts)} times, first: {complaints.texts[0]}")
    if complaints.decoders == 0:
        raise Finding("pictures came, but not in H.264")
    complaints.decoders = 0
    pictures.judge(measured, args.size)
    if measured["fps"] < args.expect_fps:
        raise Finding(f"{measured['fps']} pictures a second came, not {args.expect_fps}")


def watch_all(args, measured):
    """Every way asked for; returns what is wrong, or None."""
    complaints = listen_for_complaints()
    for way in args.ways:
        measured[way] = {}
        try:
            asyncio.run(watch(way, args, measured[way], complaints))
        except Finding as finding:
            return f"{way}: {finding}"
        except TimeoutError:
            return f"{way}: nothing came in time; the decoder says: {complaints.texts[:3]}"
        except Exception as error:  # One line for the caller, whatever happened.
            return f"{way}: {type(error).__name__}: {error}"
    return None


def main():
    args = parse_arguments()
    measured = {}
    with contextlib.ExitStack() as stack:
        args.url = args.url or stack.enter_context(server_of_our_own())
        failure = watch_all(args, measured)
    print(json.dumps({"ok": failure is None, "failure": failure} | measured))
    if failure:
        print(failure, file=sys.stderr)
    sys.exit(1 if failure else 0)


if __name__ == "__main__":
    main()
