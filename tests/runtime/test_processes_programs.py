"""Worker processes of whole programs: what of `__main__` they import, and how they end with it."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCRIPT = """
from dataclasses import dataclass
from actors import ActorSystem

print("imported", flush=True)

@dataclass(frozen=True)
class Picture:
    size: int

def enlarge(picture):
    return Picture(2 * picture.size)

def main():
    with ActorSystem("shop") as system:
        picture = system.run_in_process(enlarge, Picture(2)).get(timeout=30)
        print(picture == Picture(4), type(picture).__module__)
"""

GUARD = """
if __name__ == "__main__":
    main()
"""


def start(*command, program=None, **options):
    if program is not None:
        command = (*command, "-c", textwrap.dedent(program))
    return subprocess.Popen(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def run(*command, **options):
    with start("-W", "error", *command, **options) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out.splitlines(), err


def until_gone(pid):
    """Wait until a process that is no child of this one has ended."""
    limit = time.monotonic() + 30
    while time.monotonic() < limit:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.01)
    return False


# -- __main__ --------------------------------------------------------------------------------------


def test_a_script_whose_function_is_wanted_is_imported_but_not_run_again(tmp_path):
    script = tmp_path / "script"  # without a suffix, as commands are
    script.write_text(SCRIPT + GUARD)
    assert run(str(script)) == (0, ["imported", "imported", "True __main__"], "")
    assert list(tmp_path.iterdir()) == [script]


def test_so_is_a_module_run_with_m_and_its_relative_imports_work(tmp_path):
    package = tmp_path / "gallery"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "names.py").write_text("NAME = 'gallery'\n")
    (package / "app.py").write_text("from .names import NAME\n" + SCRIPT + GUARD)
    (package / "__main__.py").write_text("from .names import NAME\n" + SCRIPT + GUARD)
    expected = (0, ["imported", "imported", "True __main__"], "")
    assert run("-m", "gallery.app", cwd=tmp_path) == expected
    assert run("-m", "gallery", cwd=tmp_path) == expected


def test_a_script_whose_function_is_of_a_module_is_not_imported_in_the_worker(tmp_path):
    (tmp_path / "pictures.py").write_text("def enlarge(size):\n    return 2 * size\n")
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
            from actors import ActorSystem
            from pictures import enlarge

            print("imported", flush=True)
            with ActorSystem("shop") as system:
                print(system.run_in_process(enlarge, 2).get(timeout=30), flush=True)
                system.run_in_process(print, "by a worker").get(timeout=30)
        """)
    )
    assert run("-W", "ignore::DeprecationWarning", str(script)) == (
        0,
        ["imported", "4", "by a worker"],
        "",
    )


def test_a_script_that_does_not_guard_its_program_gets_an_error_that_says_how(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "\nmain()\n")
    code, out, err = run(str(script))
    assert (code, out) == (1, ["imported", "imported"])
    assert 'belongs below `if __name__ == "__main__":`' in err


def test_so_does_one_that_leaves_when_it_is_imported(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT + "\nif __name__ == '__main__':\n    main()\nraise SystemExit(0)\n")
    code, _, err = run(str(script))
    assert code == 1
    assert "raised SystemExit(0) when a worker process imported it" in err


def test_a_program_without_a_file_has_functions_of_modules_only():
    code, out, err = run(program=SCRIPT + "    from math import factorial\nmain()\n")
    assert (code, out) == (1, ["imported"])
    assert "TypeError: __main__.enlarge is of a __main__ without a file" in err


# -- the end ---------------------------------------------------------------------------------------

WORKING = """
    import os, time, trio
    from actors import ActorSystem
    from tests.runtime import process_work as work

    async def main():
        async with ActorSystem("shop", max_processes=2) as system:
            busy = system.run_in_process(work.hang, {marker!r})
            idle = await system.run_in_process(work.pid)
            await trio.to_thread.run_sync(work.wait_for, {marker!r})
            print(idle, open({marker!r}).read(), flush=True)
            {then}
            await trio.sleep_forever()

    trio.run(main)
"""


def working(tmp_path, then="", **options):
    """Start a program with an idle worker and a busy one; return it and their pids."""
    program = WORKING.format(marker=str(tmp_path / "marker"), then=then)
    process = start(program=program, cwd=ROOT, **options)
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_the_process_that_they_belong_to_however_it_ends(tmp_path, number):
    process, workers = working(tmp_path)
    with process:
        process.send_signal(number)
        process.communicate(timeout=30)
    assert len(workers) == 2
    assert all(until_gone(pid) for pid in workers)


def test_ctrl_c_of_a_whole_group_is_the_parents_alone_to_act_on(tmp_path):
    process, workers = working(tmp_path, start_new_session=True)
    with process:
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode != 0
    assert err.count("Traceback") == 1
    assert all(until_gone(pid) for pid in workers)


def test_a_forked_child_keeps_no_worker_alive_and_has_workers_of_its_own(tmp_path):
    then = """pid = os.fork()
            if pid == 0:
                os.closerange(1, 3)
                os.read(0, 1)  # until the test ends
                os._exit(0)
            os._exit(0)"""
    process, workers = working(tmp_path, then)
    with process:
        process.wait(timeout=30)
        assert all(until_gone(pid) for pid in workers)


def test_a_system_in_a_forked_child_has_workers_of_its_own():
    program = """
        import os
        from actors import ActorDeadError, ActorSystem
        from tests.runtime.process_work import double

        with ActorSystem("shop") as system:
            print(system.run_in_process(double, 1).get(timeout=30), flush=True)
            pid = os.fork()
            if pid == 0:
                try:
                    system.run_in_process(double, 2)
                except ActorDeadError:
                    print("dead", flush=True)
                with ActorSystem("child") as own:
                    print(own.run_in_process(double, 3).get(timeout=30), flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
            print(system.run_in_process(double, 4).get(timeout=30), flush=True)
    """
    with start(program=program, cwd=ROOT) as process:
        out, err = process.communicate(timeout=60)
    assert (out.split(), err) == (["2", "dead", "6", "8"], "")
