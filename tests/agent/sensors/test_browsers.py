"""Browser extensions, from a real Chromium's profile and from files as Firefox has them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.agent.sensors.comparing import PATIENCE, program, rows_of, write

ID = "abcdefghijklmnopabcdefghijklmnop"
MANIFEST = {
    "manifest_version": 3,
    "name": "__MSG_appName__",
    "default_locale": "en",
    "version": "1.2.3",
    "permissions": ["cookies", "tabs"],
    "host_permissions": ["<all_urls>"],
}
MESSAGES = {"appname": {"message": "Steals cookies"}}
SETTINGS = {
    "extensions": {
        "settings": {
            ID: {
                "state": 1,
                "location": 1,
                "from_webstore": True,
                "first_install_time": "13359031200000000",
            },
            "gone": {"state": 0, "path": "gone/1_0"},
        }
    }
}
ADDONS = {
    "addons": [
        {
            "id": "x@y",
            "type": "extension",
            "version": "9",
            "active": False,
            "location": "app-profile",
            "installDate": 1714557600000,
            "defaultLocale": {"name": "Old add-on"},
            "userPermissions": {"permissions": ["tabs"], "origins": ["*://*/*"]},
            "path": "/home/alice/.mozilla/firefox/p/extensions/x@y.xpi",
        },
        {"type": "theme", "id": "t"},
        None,
    ]
}
PASSWD = "alice:x:1000:1000::/home/alice:/bin/sh\n"


class TestBrowserExtensions:
    def test_of_chromium_are_read(self, tmp_path: Path) -> None:
        profile = "home/alice/.config/google-chrome/Default"
        folder = f"{profile}/Extensions/{ID}/1.2.3_0"
        root = write(
            tmp_path,
            {
                "etc/passwd": PASSWD,
                f"{profile}/Secure Preferences": json.dumps(SETTINGS),
                f"{folder}/manifest.json": b"\xef\xbb\xbf" + json.dumps(MANIFEST).encode(),
                f"{folder}/_locales/en/messages.json": json.dumps(MESSAGES),
            },
        )

        (row,) = rows_of("browsers.extensions", root)

        assert row == {
            "User": "alice",
            "Browser": "Chrome",
            "Profile": "Default",
            "Name": "Steals cookies",
            "Extension ID": ID,
            "Version": "1.2.3",
            "Enabled": "True",
            "Source": "web store",
            "Installed": "2024-05-01 10:00:00.000+00:00",
            "Permissions": "cookies, tabs, <all_urls>",
            "Path": f"/{folder}",
        }

    def test_of_firefox_are_read(self, tmp_path: Path) -> None:
        file = "home/alice/.mozilla/firefox/p.default/extensions.json"
        write(tmp_path, {"etc/passwd": PASSWD, file: json.dumps(ADDONS)})

        (row,) = rows_of("browsers.extensions", tmp_path)

        assert (row["Browser"], row["Name"], row["Enabled"]) == ("Firefox", "Old add-on", "False")
        assert row["Installed"] == "2024-05-01 10:00:00.000+00:00"
        assert row["Permissions"] == "tabs, *://*/*"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "[]",
            '{"extensions": {"settings": {"a": 1, "b": {"path": "a\\u0000b"}}}}',
            "[" * 99999,
        ],
    )
    def test_survive_any_profile(self, tmp_path: Path, text: str) -> None:
        profile = "home/alice/.config/chromium/Default"
        folder = f"{profile}/Extensions/{ID}/1"
        write(
            tmp_path,
            {
                "etc/passwd": PASSWD,
                f"{profile}/Preferences": text,
                f"{folder}/manifest.json": text,
                "home/alice/.mozilla/firefox/p/extensions.json": text,
            },
        )
        os.mkfifo(tmp_path / profile / "Secure Preferences")
        (tmp_path / "home/alice/.config/chromium/Linked").symlink_to("/")

        assert rows_of("browsers.extensions", tmp_path) == []

    @pytest.mark.slow
    @pytest.mark.browser
    def test_of_a_real_chromium_are_read(self, tmp_path: Path) -> None:
        extension = write(
            tmp_path / "extension",
            {"manifest.json": '{"manifest_version": 3, "name": "Probe", "version": "4.5"}'},
        )
        root = write(tmp_path / "root", {"etc/passwd": PASSWD})

        use_chromium(root / "home/alice/.config/chromium", extension)
        # The profile names the extension's folder from / on.
        there = root / extension.relative_to("/")
        there.parent.mkdir(parents=True)
        there.symlink_to(extension)

        rows = {row["Name"]: row for row in rows_of("browsers.extensions", root)}
        assert (rows["Probe"]["Version"], rows["Probe"]["Source"]) == ("4.5", "command line")
        assert rows["Probe"]["Profile"] == "Default"


def use_chromium(profiles: Path, extension: Path) -> None:
    """Start Chromium with an extension, and close it as its user would."""
    running = subprocess.Popen(
        [
            program("chromium"),
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-features=DisableLoadExtensionCommandLineSwitch",
            f"--user-data-dir={profiles}",
            f"--load-extension={extension}",
            "--remote-debugging-port=0",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = profiles / "DevToolsActivePort"
        deadline = time.monotonic() + PATIENCE
        while not port.exists() or port.read_text().count("\n") == 0:
            assert time.monotonic() < deadline, "Chromium did not start"
            time.sleep(0.1)
        number, path = port.read_text().split("\n")
        with connect(f"ws://127.0.0.1:{number}{path}") as browser:
            browser.send(json.dumps({"id": 1, "method": "Browser.close"}))
            running.wait(PATIENCE)
    finally:
        running.kill()
        running.wait()
