"""aiortc, loopback only: a track that hands encoded frames to each viewer, so that nothing is encoded here.

aiortc_server.py --file FILE --fps 60 --http 127.0.0.1:PORT [--stamp]
"""

import asyncio
import fractions
import itertools
import time

import aioice.ice
import av
from aiohttp import web
from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCRtpSender, RTCSessionDescription

import frames

CLOCK = fractions.Fraction(1, 90000)

tracks = set()
viewers = {}
numbers = itertools.count(1)


class Frames(MediaStreamTrack):
    """One viewer's frames."""

    kind = "video"

    def __init__(self):
        super().__init__()
        self.waiting = asyncio.Queue()
        tracks.add(self)

    async def recv(self):
        return await self.waiting.get()


async def send(units, fps, is_stamped):
    begin = time.monotonic()
    for index in itertools.count():
        await asyncio.sleep(max(0, begin + index / fps - time.monotonic()))
        unit = units[index % len(units)]
        if is_stamped:
            unit = frames.stamped(unit)
        for track in list(tracks):
            packet = av.Packet(unit)
            packet.pts = packet.dts = int(index * 90000 / fps)
            packet.time_base = CLOCK
            track.waiting.put_nowait(packet)


async def accept(request):
    viewer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    number = str(next(numbers))
    viewers[number] = viewer
    viewer.addTrack(Frames())
    await viewer.setRemoteDescription(RTCSessionDescription(sdp=await request.text(), type="offer"))
    codecs = RTCRtpSender.getCapabilities("video").codecs
    wanted = [codec for codec in codecs if codec.mimeType.lower() in ("video/h264", "video/rtx")]
    for transceiver in viewer.getTransceivers():
        transceiver.setCodecPreferences(wanted)
    await viewer.setLocalDescription(await viewer.createAnswer())
    headers = {"Location": "/whep/" + number}
    text = viewer.localDescription.sdp
    return web.Response(status=201, text=text, content_type="application/sdp", headers=headers)


async def forget(request):
    viewer = viewers.pop(request.match_info["number"], None)
    if viewer:
        for sender in viewer.getSenders():
            tracks.discard(sender.track)
        await viewer.close()
    return web.Response(text="")


async def main():
    wish = frames.arguments()
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: ["127.0.0.1"]
    app = web.Application()
    app.router.add_post("/whep", accept)
    app.router.add_delete("/whep/{number}", forget)
    runner = web.AppRunner(app)
    await runner.setup()
    host, port = wish.http.split(":")
    await web.TCPSite(runner, host, int(port)).start()
    await send(frames.load(wish.file), wish.fps, wish.stamp)


asyncio.run(main())
