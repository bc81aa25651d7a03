"""GStreamer's webrtcbin: frames to one payloader, a tee, and a webrtcbin for each viewer.

gstreamer_server.py --file FILE --fps 60 --http 127.0.0.1:PORT [--stamp]

With the system's Python. libnice offers no loopback address, so it runs in a network namespace with another one.
"""

import http.server
import itertools
import threading
import time

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstWebRTC", "1.0")
gi.require_version("GstSdp", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC

import frames

# The payloader takes whole frames as they are; a parser would want real slices.
PIPELINE = """
appsrc name=source is-live=true do-timestamp=false format=time caps=video/x-h264,stream-format=byte-stream,alignment=au
! rtph264pay pt=96 mtu=1200 aggregate-mode=zero-latency config-interval=0
! capssetter join=true caps="application/x-rtp,media=video,encoding-name=H264,payload=96,packetization-mode=(string)1,profile-level-id=(string)42e01f"
! tee name=tee allow-not-linked=true
"""
MAX_BUNDLE = 3
# webrtcbin answers only once it has seen what the tee sends: at the next frame.
CAPS_TRIES, CAPS_PAUSE_S = 100, 0.005
GATHERING_S = 5


class Viewers:
    """The pipeline, and the branch of each viewer."""

    def __init__(self):
        self.pipeline = Gst.parse_launch(PIPELINE)
        self.source = self.pipeline.get_by_name("source")
        self.tee = self.pipeline.get_by_name("tee")
        self.branches = {}
        self.numbers = itertools.count(1)
        self.pipeline.set_state(Gst.State.PLAYING)

    def join(self, offer):
        number = next(self.numbers)
        viewer = Gst.ElementFactory.make("webrtcbin", f"viewer{number}")
        viewer.set_property("bundle-policy", MAX_BUNDLE)
        queue = Gst.ElementFactory.make("queue", f"queue{number}")
        gathered = threading.Event()

        def on_gathering(element, _):
            if element.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
                gathered.set()

        viewer.connect("notify::ice-gathering-state", on_gathering)
        self.pipeline.add(queue)
        self.pipeline.add(viewer)
        sink = viewer.request_pad_simple("sink_%u")
        queue.get_static_pad("src").link(sink)
        queue.sync_state_with_parent()
        viewer.sync_state_with_parent()
        source = self.tee.request_pad_simple("src_%u")
        source.link(queue.get_static_pad("sink"))
        _, message = GstSdp.SDPMessage.new_from_text(offer)
        kind = GstWebRTC.WebRTCSDPType.OFFER
        self._ask(viewer, "set-remote-description", GstWebRTC.WebRTCSessionDescription.new(kind, message))
        for _ in range(CAPS_TRIES):
            if sink.get_current_caps():
                break
            time.sleep(CAPS_PAUSE_S)
        # The answer belongs to the reply, and that to the promise: both are kept while it is used.
        promise = self._ask(viewer, "create-answer", None)
        reply = promise.get_reply()
        answer = reply.get_value("answer")
        self._ask(viewer, "set-local-description", answer)
        gathered.wait(GATHERING_S)
        self.branches[number] = (queue, viewer, source)
        return number, viewer.get_property("local-description").sdp.as_text()

    def forget(self, number):
        if number not in self.branches:
            return
        queue, viewer, source = self.branches.pop(number)

        def remove():
            for element in (viewer, queue):
                element.set_state(Gst.State.NULL)
                self.pipeline.remove(element)
            return False

        def on_idle(pad, _):
            pad.unlink(queue.get_static_pad("sink"))
            self.tee.release_request_pad(pad)
            GLib.idle_add(remove)
            return Gst.PadProbeReturn.REMOVE

        source.add_probe(Gst.PadProbeType.IDLE, on_idle)

    @staticmethod
    def _ask(viewer, signal, argument):
        promise = Gst.Promise.new()
        viewer.emit(signal, argument, promise)
        promise.wait()
        return promise


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    viewers = None

    def log_message(self, *_):
        pass

    def do_POST(self):
        offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
        number, answer = self.viewers.join(offer)
        self.answer(201, answer.encode(), f"/whep/{number}")

    def do_DELETE(self):
        self.viewers.forget(int(self.path.rsplit("/", 1)[1]))
        self.answer(200, b"", self.path)

    def answer(self, status, body, location):
        self.send_response(status)
        self.send_header("Content-Type", "application/sdp")
        self.send_header("Location", location)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True


def send(viewers, units, fps, is_stamped):
    begin = time.monotonic()
    for index in itertools.count():
        time.sleep(max(0, begin + index / fps - time.monotonic()))
        unit = units[index % len(units)]
        if is_stamped:
            unit = frames.stamped(unit)
        buffer = Gst.Buffer.new_wrapped(unit)
        buffer.pts = buffer.dts = int(index * 1e9 / fps)
        viewers.source.emit("push-buffer", buffer)


def main():
    wish = frames.arguments()
    Gst.init(None)
    Handler.viewers = viewers = Viewers()
    threading.Thread(target=GLib.MainLoop().run, daemon=True).start()
    host, port = wish.http.split(":")
    server = http.server.ThreadingHTTPServer((host, int(port)), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    send(viewers, frames.load(wish.file), wish.fps, wish.stamp)


main()
