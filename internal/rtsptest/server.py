"""An RTSP server on 127.0.0.1: server.py ORDERS, as JSON (see rtsptest.go). It prints the port that it listens on."""
import base64
import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402

orders = json.loads(sys.argv[1])
Gst.init(None)
server = GstRtspServer.RTSPServer.new()
server.set_address("127.0.0.1")
server.set_service(orders["port"])
factory = GstRtspServer.RTSPMediaFactory.new()
factory.set_launch(orders["launch"])
# Each client gets its own pipeline: if two clients start to play shared media at once, GStreamer's server (1.22) may
# abort in gst_rtsp_media_get_rates.
factory.set_shared(False)
if orders["user"] or orders["certificate"]:
    auth = GstRtspServer.RTSPAuth.new()
    token = GstRtspServer.RTSPToken.new()
    token.set_string("media.factory.role", "viewer")
    if orders["certificate"]:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(orders["certificate"]))
    if orders["user"]:
        login = orders["user"] + ":" + orders["password"]
        auth.add_basic(base64.b64encode(login.encode()).decode(), token)
    else:
        auth.set_default_token(token)
    server.set_auth(auth)
    factory.add_role_from_structure(Gst.Structure.new_from_string(
        "viewer, media.factory.access=(boolean)true, media.factory.construct=(boolean)true"))
server.get_mount_points().add_factory("/test", factory)
if server.attach(None) == 0:
    sys.exit("port %s is taken" % orders["port"])
print(server.get_bound_port(), flush=True)
loop = GLib.MainLoop()
GLib.io_add_watch(0, GLib.PRIORITY_DEFAULT, GLib.IOCondition.HUP, lambda *_: loop.quit())
loop.run()
