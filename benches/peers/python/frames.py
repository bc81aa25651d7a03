"""What the Python servers send: the access units of an Annex B file with one slice a frame, or frames of two sizes."""

import argparse
import time

# An SPS of 1280x720 and a PPS.
SETS = bytes.fromhex("000000016742c01fda014016e806d0a1350000000168ce3c80")


def arguments():
    """The words that every server takes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--file", required=True)
    parser.add_argument("--fps", type=float, default=30)
    parser.add_argument("--http", required=True)
    parser.add_argument("--stamp", action="store_true")
    return parser.parse_args()


def load(path):
    """The frames of a file, or of `synthetic:SMALL,LARGE,EVERY`: one keyframe of LARGE bytes in EVERY frames."""
    if path.startswith("synthetic:"):
        small, large, every = map(int, path.removeprefix("synthetic:").split(","))
        return [_slice(SETS + b"\0\0\0\1\x65", large)] + [_slice(b"\0\0\0\1\x41", small)] * (every - 1)
    with open(path, "rb") as file:
        return _access_units(file.read())


def stamped(frame):
    """The frame behind an SEI with the time in hexadecimal."""
    return b"\0\0\0\1\x06\x05\x20PEERS-S3-LATENCY" + b"%016x" % time.time_ns() + b"\x80" + frame


def _access_units(data):
    units, begin, at = [], 0, data.find(b"\0\0\1")
    while at >= 0:
        following = data.find(b"\0\0\1", at + 3)
        if data[at + 3] & 31 in (1, 5):
            end = len(data) if following < 0 else following - (data[following - 1] == 0)
            units.append(data[begin:end])
            begin = end
        at = following
    return units


def _slice(head, size):
    """A NAL unit without a start code in it."""
    out, state = bytearray(head), 0x9E3779B9
    while len(out) < size:
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        out.append((state & 0xFF) | 1)
    return bytes(out)
