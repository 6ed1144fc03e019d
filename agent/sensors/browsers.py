"""Which extensions users have in their browsers, from the profiles' own files.

Chromium: `Extensions/<id>/<version>/manifest.json` and the settings in `Secure Preferences`.
Firefox: `extensions.json`. Users write all of it: every read is bounded and follows no link.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from agent.sensors.context import Row, SensorContext, SensorFunction
from agent.sensors.homes import homes
from agent.sensors.jsonfiles import first_text, json_at, members, number_in, texts_in
from agent.sensors.reading import names_in
from agent.sensors.values import boolean_text, instant_text_of_seconds

_CHROMIUMS: Final = {
    ".config/chromium": "Chromium",
    ".config/google-chrome": "Chrome",
    ".config/google-chrome-beta": "Chrome Beta",
    ".config/google-chrome-unstable": "Chrome Dev",
    ".config/microsoft-edge": "Edge",
    ".config/BraveSoftware/Brave-Browser": "Brave",
    ".config/vivaldi": "Vivaldi",
    ".config/opera": "Opera",
    "snap/chromium/common/chromium": "Chromium (snap)",
    ".var/app/org.chromium.Chromium/config/chromium": "Chromium (flatpak)",
    ".var/app/com.google.Chrome/config/google-chrome": "Chrome (flatpak)",
}
_FIREFOXES: Final = {
    ".mozilla/firefox": "Firefox",
    ".mozilla/firefox-esr": "Firefox ESR",
    ".config/mozilla/firefox": "Firefox",
    "snap/firefox/common/.mozilla/firefox": "Firefox (snap)",
    ".var/app/org.mozilla.firefox/.mozilla/firefox": "Firefox (flatpak)",
}
_SMALL_BYTES: Final = 1024 * 1024
_MOST_EXTENSIONS: Final = 2000
_MESSAGE: Final = "__MSG_"
# extensions/common/manifest.h, ManifestLocation.
_LOCATIONS: Final = {
    1: "store or file",
    2: "system file",
    3: "registry",
    4: "developer's folder",
    5: "with the browser",
    6: "system download",
    7: "policy",
    8: "command line",
    9: "policy",
    10: "with the browser",
}
_FIREFOX_PLACES: Final = {
    "app-profile": "store or file",
    "app-builtin": "with the browser",
    "app-system-defaults": "with the browser",
    "app-system-addons": "with the browser",
    "app-global": "system file",
    "app-system-local": "system file",
    "app-system-share": "system file",
    "app-temporary": "developer's folder",
}
# Chromium counts microseconds from 1601-01-01.
_FROM_1601: Final = 11_644_473_600


class Extension(msgspec.Struct, frozen=True, kw_only=True):
    """One extension. `installed_at` is in seconds since the epoch, 0 where it is not known."""

    name: str
    id: str
    version: str
    enabled: bool
    source: str
    installed_at: float
    permissions: list[str]
    path: str


def extensions(context: SensorContext, _parameters: Mapping[str, str]) -> Iterator[Row]:
    """Give every extension of every profile."""
    for home in homes(context.root):
        yield from _of_user(context.root, home.below, home.user)


def _of_user(root: Path, home: str, user: str) -> Iterator[Row]:
    for places, read in ((_CHROMIUMS, _chromium), (_FIREFOXES, _firefox)):
        for place, browser in places.items():
            folder = root / home / place
            for profile in names_in(folder):
                if not (folder / profile).is_dir() or (folder / profile).is_symlink():
                    continue
                for extension in read(root, folder / profile):
                    yield (
                        user,
                        browser,
                        profile,
                        extension.name,
                        extension.id,
                        extension.version,
                        boolean_text(extension.enabled),
                        extension.source,
                        instant_text_of_seconds(extension.installed_at),
                        ", ".join(extension.permissions),
                        extension.path,
                    )


def _chromium(root: Path, profile: Path) -> Iterator[Extension]:
    settings: dict[str, Any] = {}
    for name in ("Preferences", "Secure Preferences"):
        settings |= members(json_at(profile / name, follow=False), "extensions", "settings")
    folder = profile / "Extensions"
    on_disk = {
        name: f"{name}/{versions[-1]}"
        for name in names_in(folder)
        if (versions := [one for one in names_in(folder / name) if one != "Temp"])
    }
    for number, extension_id in enumerate(sorted(settings.keys() | on_disk.keys())):
        if number >= _MOST_EXTENSIONS:
            return
        setting = members(settings, extension_id)
        place = on_disk.get(extension_id) or first_text(setting, "path")
        path = folder / place if not place.startswith("/") else root / place[1:]
        manifest = members(setting, "manifest") or json_at(
            path / "manifest.json", most=_SMALL_BYTES, follow=False
        )
        if not first_text(manifest, "name"):
            # Uninstalled: only the memory of it is left. No browser loads one without a name.
            continue
        yield _of_manifest(manifest, setting, extension_id, path, root)


def _of_manifest(
    manifest: Mapping[str, Any],
    setting: Mapping[str, Any],
    extension_id: str,
    path: Path,
    root: Path,
) -> Extension:
    installed = number_in(setting, "first_install_time") or number_in(setting, "install_time")
    hosts = texts_in(manifest.get("host_permissions"))
    source = _LOCATIONS.get(int(number_in(setting, "location")), "")
    return Extension(
        name=_translated(first_text(manifest, "name"), manifest, path),
        id=extension_id,
        version=first_text(manifest, "version"),
        enabled=_is_enabled(setting),
        source="web store" if setting.get("from_webstore") is True else source,
        installed_at=installed / 1e6 - _FROM_1601 if installed else 0.0,
        permissions=texts_in(manifest.get("permissions")) + hosts,
        path=f"/{path.relative_to(root)}",
    )


def _is_enabled(setting: Mapping[str, Any]) -> bool:
    # Newer profiles only list why an extension is off.
    reasons = setting.get("disable_reasons")
    if isinstance(reasons, list | int) and not isinstance(reasons, bool):
        return not reasons
    return number_in(setting, "state") == 1 or "state" not in setting


def _translated(name: str, manifest: Mapping[str, Any], path: Path) -> str:
    """Look a name such as `__MSG_appName__` up in the extension's own messages."""
    if not name.startswith(_MESSAGE):
        return name
    locale = first_text(manifest, "default_locale")
    if not locale.replace("_", "").isalnum():
        return name
    messages = json_at(
        path / "_locales" / locale / "messages.json", most=_SMALL_BYTES, follow=False
    )
    wanted = name.removeprefix(_MESSAGE).removesuffix("__").lower()
    for key, message in messages.items():
        if key.lower() == wanted and isinstance(message, dict):
            return first_text(message, "message") or name
    return name


def _firefox(root: Path, profile: Path) -> Iterator[Extension]:
    listed = json_at(profile / "extensions.json", follow=False).get("addons")
    for addon in (listed if isinstance(listed, list) else [])[:_MOST_EXTENSIONS]:
        if not isinstance(addon, dict) or addon.get("type") not in ("extension", None):
            continue
        asked = members(addon, "userPermissions")
        place = first_text(addon, "location")
        yield Extension(
            name=first_text(members(addon, "defaultLocale"), "name"),
            id=first_text(addon, "id"),
            version=first_text(addon, "version"),
            enabled=addon.get("active") is True,
            source=_FIREFOX_PLACES.get(place, place),
            installed_at=number_in(addon, "installDate") / 1000,
            permissions=texts_in(asked.get("permissions")) + texts_in(asked.get("origins")),
            path=first_text(addon, "path") or f"/{profile.relative_to(root)}/extensions.json",
        )


SENSORS: Final[dict[str, SensorFunction]] = {"browsers.extensions": extensions}
