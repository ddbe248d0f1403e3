#!/usr/bin/env python3
"""Takes the pictures of the console's pages: light, dark, phone width, Chinese.

    docs/screenshots.py target/debug/dyepack docs/screenshots

Starts the demo on a free port, and chromedriver (Debian: chromium, chromium-driver). Needs Python 3; with Pillow the files are small. Chinese needs a font (Debian: fonts-wqy-microhei).
"""
import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request

try:
    from PIL import Image  # makes the files small
except ImportError:
    Image = None

program, folder = sys.argv[1], sys.argv[2]
os.makedirs(folder, exist_ok=True)


def call(url, body=None):
    request = urllib.request.Request(url, None if body is None else json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["value"]


def first(stream, pattern):
    for line in stream:
        if found := re.search(pattern, line):
            return found.group(1)
    raise SystemExit(f"{pattern} was not said")


with tempfile.TemporaryDirectory() as place:
    data = os.path.join(place, "data")
    demo = subprocess.Popen([program, "demo", "--listen", "127.0.0.1:0", "--data", data], stdout=subprocess.PIPE, text=True)
    driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
    try:
        link = first(demo.stdout, r"(http://\S+/welcome/\S+)")
        base = link.split("/welcome/")[0]
        for name, role in (("ann@example-bank.example", ["member", "--organization", "example-bank"]), ("bob", ["analyst"])):
            subprocess.run([program, "user", "invite", name, "--role", *role, "--data", data], check=True, capture_output=True)
        port = first(driver.stdout, r"successfully on port (\d+)")
        for look, language, scheme, width in [
            ("light", "en", "light", 1360), ("dark", "en", "dark", 1360), ("phone", "en", "light", 390), ("chinese", "zh-CN", "light", 1360),
        ]:
            args = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
                    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", f"--user-data-dir={place}/{look}",
                    f"--accept-lang={language}"]
            options = {"args": args, "prefs": {"intl.accept_languages": language}}
            made = call(f"http://127.0.0.1:{port}/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options}}})
            session = f"http://127.0.0.1:{port}/session/{made['sessionId']}"

            def tell(command, **params):
                return call(f"{session}/goog/cdp/execute", {"cmd": command, "params": params})

            tell("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
            tell("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
            call(f"{session}/url", {"url": base + "/login"})
            pages = [("login", "/login")]
            call(f"{session}/url", {"url": link})
            case = call(f"{session}/execute/sync", {"script": "return document.querySelector('[data-row] .id').innerText", "args": []})
            entries = call(f"{session}/execute/sync", {"script": "return [...document.querySelectorAll('.side nav a')].map((a) => a.getAttribute('href'))", "args": []})
            pages += [(entry.strip("/"), entry) for entry in entries] + [("case", f"/cases/{case}")]
            for name, path in pages:
                call(f"{session}/url", {"url": base + path})
                size = tell("Page.getLayoutMetrics")["cssContentSize"]
                clip = {"x": 0, "y": 0, "width": width, "height": min(size["height"], 1800), "scale": 1}
                shot = tell("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
                path = os.path.join(folder, f"{name}-{look}.png")
                with open(path, "wb") as picture:
                    picture.write(base64.b64decode(shot["data"]))
                if Image:
                    Image.open(path).convert("RGB").quantize(96).save(path, optimize=True)
            urllib.request.urlopen(urllib.request.Request(session, method="DELETE"), timeout=60)
    finally:
        demo.terminate()
        driver.terminate()
