"""aiortc as a viewer in a host of the NAT lab. It signals over its own standard input and output, one JSON object a line.

    python viewer.py [--ice-server stun:192.0.2.1] [--ice-server turn:192.0.2.1?transport=tcp,lab,lab] [--ca cert.pem] [--relay-only]

Out:  {"event": "offer", "sdp"}                    at once
      {"event": "connected", "ms", "pair"}         ms from the answer; pair: local and remote {type, address, port, transport}
      {"event": "first_frame", "ms"}
      {"event": "frames", "total", "since_ms", "longest_gap_ms", "pair"}    every 250 ms once frames came
      {"event": "state", "ice", "connection"}      each time one changes
      {"event": "marked"}
In:   {"answer": sdp}   {"candidate": line}
      {"mark": true}    the longest gap is counted from here on
      {"again": true}   closes the connection and offers a new one
      {"end": true}, or the end of the input
"""

import argparse
import asyncio
import json
import os
import sys
import time

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp

REPORT_EVERY_S = 0.25


def say(event, **fields):
    print(json.dumps({"event": event} | fields), flush=True)


def ms_since(moment):
    return round((time.monotonic() - moment) * 1000, 1)


class Viewing:
    """One connection, from its offer to its end."""

    def __init__(self, configuration):
        self.connection = RTCPeerConnection(configuration)
        self.connection.addTransceiver("video", direction="recvonly")
        self.connection.on("iceconnectionstatechange", self.on_state)
        self.connection.on("connectionstatechange", self.on_state)
        self.connection.on("track", self.on_track)
        self.tasks = []
        self.answered = None
        self.connected = False
        self.frames, self.last_frame, self.longest_gap_ms = 0, None, 0.0

    async def offer(self):
        await self.connection.setLocalDescription(await self.connection.createOffer())
        say("offer", sdp=self.connection.localDescription.sdp)

    async def accept(self, sdp):
        self.answered = time.monotonic()
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def add_candidate(self, line):
        candidate = candidate_from_sdp(line.removeprefix("candidate:"))
        candidate.sdpMLineIndex = 0
        await self.connection.addIceCandidate(candidate)

    async def close(self):
        for task in self.tasks:
            task.cancel()
        await self.connection.close()

    def mark(self):
        self.longest_gap_ms = 0.0
        say("marked")

    def on_state(self):
        ice = self.connection.iceConnectionState
        if ice == "completed" and not self.connected:
            self.connected = True
            say("connected", ms=ms_since(self.answered), pair=self.pair())
        say("state", ice=ice, connection=self.connection.connectionState)

    def on_track(self, track):
        self.tasks.append(asyncio.ensure_future(self.receive(track)))
        self.tasks.append(asyncio.ensure_future(self.report()))

    async def receive(self, track):
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            now = time.monotonic()
            if self.frames == 0:
                say("first_frame", ms=ms_since(self.answered))
            else:
                self.longest_gap_ms = max(self.longest_gap_ms, (now - self.last_frame) * 1000)
            self.frames, self.last_frame = self.frames + 1, now

    async def report(self):
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            if self.frames == 0:
                continue
            # A gap that still lasts counts too.
            since = ms_since(self.last_frame)
            gap = round(max(self.longest_gap_ms, since), 1)
            say("frames", total=self.frames, since_ms=since, longest_gap_ms=gap, pair=self.pair())

    def pair(self):
        """The nominated pair, of which aiortc tells nothing: aioice holds it."""
        receiver = self.connection.getTransceivers()[0].receiver
        nominated = receiver.transport.transport._connection._nominated.get(1)
        if nominated is None:
            return None
        return {"local": described(nominated.local_candidate), "remote": described(nominated.remote_candidate)}


def described(candidate):
    return {
        "type": candidate.type,
        "address": candidate.host,
        "port": candidate.port,
        "transport": candidate.transport.lower(),
    }


def configuration_of(arguments):
    servers = []
    for text in arguments.ice_server:
        url, *secret = text.split(",")
        servers.append(RTCIceServer(url, *secret))
    policy = RTCIceTransportPolicy.RELAY if arguments.relay_only else RTCIceTransportPolicy.ALL
    # Without a list aiortc would ask a server of the real Internet.
    return RTCConfiguration(iceServers=servers, iceTransportPolicy=policy)


async def lines_of_input():
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def watch(arguments):
    configuration = configuration_of(arguments)
    viewing = Viewing(configuration)
    await viewing.offer()
    async for command in lines_of_input():
        if "answer" in command:
            await viewing.accept(command["answer"])
        elif "candidate" in command:
            await viewing.add_candidate(command["candidate"])
        elif "mark" in command:
            viewing.mark()
        elif "again" in command:
            await viewing.close()
            viewing = Viewing(configuration)
            await viewing.offer()
        elif "end" in command:
            break
    await viewing.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ice-server", action="append", default=[], metavar="URL[,USER,CREDENTIAL]")
    parser.add_argument("--ca", help="certificate (PEM) that a TURN server over TLS is checked against")
    parser.add_argument("--relay-only", action="store_true")
    arguments = parser.parse_args()
    if arguments.ca:
        os.environ["SSL_CERT_FILE"] = arguments.ca
    asyncio.run(watch(arguments))


if __name__ == "__main__":
    main()
