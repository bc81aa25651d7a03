"""WHEP in front of the streaming plugin of Janus, which always makes the offer.

janus_shim.py PORT JANUS_PORT
    POST /whep with an empty body: 201 with Janus' offer; PATCH /whep/HANDLE with the answer; DELETE /whep/HANDLE
"""

import asyncio
import itertools
import json
import sys

from aiohttp import ClientSession, web

PLUGIN = "janus.plugin.streaming"
STREAM = 1
LIMIT_S = 10
KEEP_ALIVE_S = 20


class Janus:
    """One session over Janus' WebSocket, with a handle for each viewer."""

    def __init__(self, socket):
        self.socket = socket
        self.session = None
        self.transactions = itertools.count(1)
        self.answers = {}
        self.offers = {}

    async def read(self):
        async for message in self.socket:
            said = json.loads(message.data)
            if said["janus"] in ("success", "error"):
                waiting, value = self.answers.pop(said.get("transaction"), None), said
            elif said["janus"] == "event" and "jsep" in said:
                waiting, value = self.offers.pop(said["sender"], None), said["jsep"]["sdp"]
            else:
                continue
            if waiting and not waiting.done():
                waiting.set_result(value)

    async def tell(self, what, **more):
        if self.session:
            more["session_id"] = self.session
        more.setdefault("transaction", str(next(self.transactions)))
        await self.socket.send_json({"janus": what, **more})

    async def ask(self, what, **more):
        transaction = str(next(self.transactions))
        self.answers[transaction] = answer = asyncio.get_running_loop().create_future()
        await self.tell(what, transaction=transaction, **more)
        return await asyncio.wait_for(answer, LIMIT_S)

    async def keep_alive(self):
        while True:
            await asyncio.sleep(KEEP_ALIVE_S)
            await self.tell("keepalive")

    async def post(self, _request):
        handle = (await self.ask("attach", plugin=PLUGIN))["data"]["id"]
        self.offers[handle] = offer = asyncio.get_running_loop().create_future()
        await self.tell("message", handle_id=handle, body={"request": "watch", "id": STREAM})
        text = await asyncio.wait_for(offer, LIMIT_S)
        headers = {"Location": f"/whep/{handle}"}
        return web.Response(status=201, text=text, content_type="application/sdp", headers=headers)

    async def patch(self, request):
        answer = {"type": "answer", "sdp": await request.text()}
        handle = int(request.match_info["handle"])
        await self.tell("message", handle_id=handle, body={"request": "start"}, jsep=answer)
        return web.Response(status=204)

    async def delete(self, request):
        await self.tell("detach", handle_id=int(request.match_info["handle"]))
        return web.Response(text="")


async def main():
    port, janus_port = map(int, sys.argv[1:3])
    async with ClientSession() as client:
        url = f"http://127.0.0.1:{janus_port}"
        janus = Janus(await client.ws_connect(url, protocols=("janus-protocol",)))
        tasks = [asyncio.create_task(janus.read())]
        janus.session = (await janus.ask("create"))["data"]["id"]
        tasks.append(asyncio.create_task(janus.keep_alive()))
        app = web.Application()
        app.router.add_post("/whep", janus.post)
        app.router.add_patch("/whep/{handle}", janus.patch)
        app.router.add_delete("/whep/{handle}", janus.delete)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.gather(*tasks)


asyncio.run(main())
