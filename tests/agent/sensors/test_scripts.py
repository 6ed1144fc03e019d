"""Users' own sensors: what they are given, what becomes of what they print, and how they end."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from uuid import uuid4

import pytest

from protocol.questions import ROWS_AT_MOST
from tests.agent.gateway import eventually
from tests.agent.sensors.asking import NAME, Asking, processes_with, question, scripted

pytestmark = pytest.mark.slow


class TestScript:
    async def test_prints_rows(self, asking: Asking) -> None:
        call = scripted("echo 'a|b'; echo; echo 'c|d'", columns=2)

        answered = await asking.ask(call)

        assert answered.outcome == "answered"
        assert answered.rows == [["a", "b"], ["c", "d"]]

    async def test_may_be_python(self, asking: Asking) -> None:
        text = "import sys\nprint(sys.flags.isolated, len(sys.argv))"

        answered = await asking.ask(scripted(text, language="python"))

        assert answered.rows == [["1 1"]]

    @pytest.mark.parametrize(
        ("language", "reason"), [("powershell", "Windows only"), ("cobol", "does not run")]
    )
    async def test_of_another_language_is_refused(
        self, asking: Asking, language: str, reason: str
    ) -> None:
        assert reason in await asking.failure(scripted("x", language=language))

    async def test_gets_parameters_as_data(self, asking: Asking) -> None:
        hostile = "$(id); `id` '\"\n| rm"
        text = 'printf "%s|%s" "$1" "$VEDETTE_SEARCH_FOR" | tr "\\n" " "'

        answered = await asking.ask(
            scripted(text, columns=1, separator="", parameters={"search for": hostile})
        )

        shown = hostile.replace("\n", " ")
        assert answered.rows == [[f"{shown}|{shown}"]]

    async def test_begins_in_an_empty_folder_that_goes_away(self, asking: Asking) -> None:
        answered = await asking.ask(scripted("pwd; touch left-behind; ls -A"))

        folder, left = answered.rows
        assert left == ["left-behind"]
        assert "vedette-sensor-" in folder[0]
        assert not await asyncio.to_thread(_exists, folder[0])

    async def test_inherits_nothing(self, asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_OF_THE_AGENT", "1")

        environment = await asking.ask(scripted("env", separator=""))
        descriptors = await asking.ask(
            scripted("import os\nprint(os.listdir('/proc/self/fd'))", language="python")
        )

        names = {row[0].partition("=")[0] for row in environment.rows}
        assert names == {"PATH", "LC_ALL", "TZ", "HOME", "TMPDIR", "PWD"}
        # Its own three, and the folder that it lists.
        assert descriptors.rows == [["['0', '1', '2', '3']"]]

    async def test_columns_are_filled_and_joined(self, asking: Asking) -> None:
        answered = await asking.ask(scripted("echo one; echo '1|2|3|4'", columns=3))

        assert answered.rows == [["one", "", ""], ["1", "2", "3|4"]]

    async def test_binary_output_is_shown_escaped(self, asking: Asking) -> None:
        answered = await asking.ask(scripted("printf '\\000\\377\\303\\244\\033[0m'"))

        assert answered.rows == [["\\x00\\xffä\x1b[0m"]]

    async def test_a_long_value_is_cut_with_a_mark(self, asking: Asking) -> None:
        answered = await asking.ask(scripted("head -c 100000 /dev/zero | tr '\\0' x"))

        (value,) = answered.rows[0]
        assert value.endswith("x… (cut)")
        assert len(value.encode()) <= 32 * 1024

    async def test_more_distinct_lines_than_an_answer_holds_are_counted(
        self, asking: Asking
    ) -> None:
        exact = await asking.parts(question(scripted("seq 10000")))
        above = await asking.parts(question(scripted("seq 10017")))

        assert sum(len(part.rows) for part in exact) == ROWS_AT_MOST
        assert exact[0].cut == 0
        assert sum(len(part.rows) for part in above) == ROWS_AT_MOST
        assert above[0].cut == 17

    async def test_tells_its_last_word_when_it_fails(self, asking: Asking) -> None:
        reason = await asking.failure(scripted("echo first >&2; echo 'no such thing.' >&2; exit 3"))

        assert reason == "The script ended with 3: no such thing."

    async def test_that_crashes_is_told(self, asking: Asking) -> None:
        assert "SIGSEGV" in await asking.failure(scripted("kill -SEGV $$"))

    async def test_with_a_nul_in_a_parameter_is_refused(self, asking: Asking) -> None:
        reason = await asking.failure(scripted("true", parameters={"a": "x\0y"}))

        assert "could not be started" in reason


class TestFault:
    async def test_never_ending_is_killed_with_what_it_forked(self, asking: Asking) -> None:
        word = f"vedette-{uuid4()}"
        text = f"""
import os, subprocess, sys, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            words = [sys.executable, "-c", "import time; time.sleep(600)", "{word}"]
            os.execv(sys.executable, words)
        os._exit(0)
time.sleep(600)
"""
        began = time.monotonic()

        reason = await asking.failure(scripted(text, language="python", timeout=1.5))

        assert reason == "The sensor did not end within 1.5 s."
        assert time.monotonic() - began < 10
        assert processes_with(word) == []

    async def test_daemon_left_behind_does_not_keep_the_answer(self, asking: Asking) -> None:
        word = f"vedette-{uuid4()}"

        answered = await asking.ask(scripted(f"echo x; setsid sh -c 'sleep 600; : {word}' &"))

        assert answered.rows == [["x"]]
        assert processes_with(word) == []

    async def test_printing_without_end_is_stopped_at_the_limit(self, asking: Asking) -> None:
        began = time.monotonic()

        reason = await asking.failure(
            scripted("head -c 1073741824 /dev/zero", output_limit=1 << 20)
        )

        assert reason == "The script printed more than 1048576 bytes."
        assert time.monotonic() - began < 10

    async def test_eating_memory_is_refused_it(self, asking: Asking) -> None:
        text = "x = []\nwhile True: x.append(bytearray(1 << 24))"

        reason = await asking.failure(scripted(text, language="python"))

        assert "MemoryError" in reason

    async def test_in_one_sensor_leaves_the_others(self, asking: Asking) -> None:
        answered = await asking.ask(NAME, scripted("exit 1", columns=2))

        assert answered.outcome == "answered"
        assert answered.rows[0][1:] == ["", ""]
        assert [failed.name for failed in answered.failures] == ["Mine"]


class TestSeveral:
    async def test_quick_ones_do_not_wait_for_slow_ones(self, asking: Asking) -> None:
        word = f"vedette-{uuid4()}"
        slow = [scripted("sleep 600", parameters={"word": word}) for _ in range(5)]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(asking.ask(call)) for call in slow]
            await eventually(lambda: len(processes_with(word)) >= 3)

            answered = await asyncio.wait_for(asking.ask(NAME), 10)

            for task in tasks:
                task.cancel()
        assert answered.outcome == "answered"
        assert processes_with(word) == []


def _exists(path: str) -> bool:
    return bool(path) and Path(path).exists()
