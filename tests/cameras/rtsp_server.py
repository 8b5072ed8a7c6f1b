#!/usr/bin/python3
"""A real RTSP camera for tests: GStreamer's server with real H.264. Run by the system's Python, which has gi.

Prints `port N` once it listens, and ends with whoever started it. requirements/debian.txt names what it needs.
"""

import argparse
import ctypes
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - after its versions

REALM = "test camera"


def pipeline(options: argparse.Namespace) -> str:
    """The camera's inside: a moving test picture or a film, as H.264."""
    if options.film:
        pictures = f"filesrc location={options.film} ! decodebin ! videoconvert ! videorate ! videoscale"
    else:
        pictures = f"videotestsrc is-live=true pattern={options.pattern}"
    size_w, size_h = options.size.split("x")
    raw = f"video/x-raw,format=I420,width={size_w},height={size_h},framerate={options.fps}/1"
    coder = f"x264enc tune=zerolatency speed-preset=ultrafast key-int-max={options.gop} bitrate=800"
    return f"( {pictures} ! {raw} ! {coder} ! rtph264pay name=pay0 pt=96 config-interval=1 )"


def guard(options: argparse.Namespace) -> GstRtspServer.RTSPAuth:
    """Let only the one user in; with TLS, if there is a certificate for it."""
    guards = GstRtspServer.RTSPAuth()
    guards.set_realm(REALM)
    if options.tls:
        guards.set_tls_certificate(Gio.TlsCertificate.new_from_file(options.tls))
    token = GstRtspServer.RTSPToken()
    token.set_string(GstRtspServer.RTSP_TOKEN_MEDIA_FACTORY_ROLE, "user")
    if options.auth == "digest":
        guards.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
        guards.add_digest(options.user, options.password, token)
    else:
        guards.set_supported_methods(GstRtsp.RTSPAuthMethod.BASIC)
        guards.add_basic(GstRtspServer.RTSPAuth.make_basic(options.user, options.password), token)
    return guards


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", default="0", help="0: the kernel chooses")
    parser.add_argument("--path", default="/stream")
    parser.add_argument("--film", default="", help="instead of the test picture")
    parser.add_argument("--pattern", default="ball")
    parser.add_argument("--size", default="320x240")
    parser.add_argument("--fps", default="10")
    parser.add_argument("--gop", default="10", help="frames from key frame to key frame")
    parser.add_argument("--auth", choices=("none", "basic", "digest"), default="none")
    parser.add_argument(
        "--tls", default="", help="a file with certificate and key; goes with basic or digest"
    )
    parser.add_argument("--user", default="user")
    parser.add_argument("--password", default=os.environ.get("RTSP_SERVER_PASSWORD", ""))
    options = parser.parse_args()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(options.port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(pipeline(options))
    factory.set_shared(True)
    if options.auth != "none":
        server.set_auth(guard(options))
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("user", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_ACCESS, True)
        permissions.add_permission_for_role("user", GstRtspServer.RTSP_PERM_MEDIA_FACTORY_CONSTRUCT, True)
        factory.set_permissions(permissions)
    server.get_mount_points().add_factory(options.path, factory)
    if not server.attach(None):
        print(f"port {options.port} is taken", flush=True)
        return 1
    print(f"port {server.get_bound_port()}", flush=True)
    GLib.MainLoop().run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
