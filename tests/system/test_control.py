"""Commands to a running graph: sources come and go, replicas come and go, and nobody else notices."""

import json
import shlex
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from framegraph.control.client import find_run
from framegraph.run_files.run_folder import RunFolder
from launcher import main
from tests.controlling import Remote, launcher, ticking_graph
from tests.drills.control import attach_and_detach, check_whole, churn, end, scale_up_and_down
from tests.launching import PROJECT, Launched, lines, seqs, wait_for


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("control")


@pytest.fixture(scope="module")
def run(place: Path) -> Iterator[Launched]:
    """One run for the quick tests: each attaches sources of its own."""
    with Launched(ticking_graph(place, a={"fps": 30}), folder=place) as launched:
        Remote(launched).wait_delivered("a", 3)
        yield launched


@pytest.fixture
def remote(run: Launched) -> Remote:
    return Remote(run)


def test_a_source_is_attached_and_detached_as_a_user_does(run: Launched, remote: Remote, place: Path) -> None:
    attached = launcher(
        run, "attach", "door", "tick://${WORD}@door", "--set", "live=false", WORD="hidden-word"
    )
    assert attached.returncode == 0, attached.stderr
    assert attached.stdout == "door is attached to work\nwrites out/door.jsonl\n"
    remote.wait_delivered("door", 5)
    commands = [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
    assert not any("hidden-word" in command for command in commands)
    assert "door.0" in launcher(run, "list").stdout

    detached = launcher(run, "detach", "door")
    assert detached.returncode == 0, detached.stderr
    assert detached.stdout.startswith("door is detached: ")
    records = lines(place / "out" / "door.jsonl")
    assert seqs(records) == list(range(len(records)))
    assert records[0]["uri"] == "tick://hidden-word@door"
    assert not list(remote.folder.glob("door.*")), "its sockets and its status page are gone"
    assert not list((remote.folder / "trace").glob("door.*")), "what it noted is gone"
    assert not (remote.folder / "pools" / "door").is_symlink()
    assert not list(Path("/dev/shm").glob(f"{remote.folder.name}-door"))
    assert not (place / "out" / "door.jsonl.progress").exists()
    assert "door" not in launcher(run, "list").stdout


def test_a_name_may_come_again_and_what_was_written_stays(remote: Remote, place: Path) -> None:
    for frames in (3, 5):
        remote.attach("again", frames=frames, live=False, fps=100)
        wait_for(lambda: all(row["name"] != "again" for row in remote.ask("list")["sources"]), "end of again")
    assert seqs(lines(place / "out" / "again.1.jsonl")) == [0, 1, 2]
    assert seqs(lines(place / "out" / "again.jsonl")) == [0, 1, 2, 3, 4]


def test_a_killed_attached_source_goes_on(run: Launched, remote: Remote, place: Path) -> None:
    remote.attach("killed", fps=30, live=False)
    remote.wait_delivered("killed", 3)
    run.child("killed.0").send_signal(signal.SIGKILL)
    remote.wait_delivered("killed", 10)
    ledger = remote.detach("killed")["ledger"]
    assert ledger["captured"] == ledger["delivered"]
    assert seqs(lines(place / "out" / "killed.jsonl")) == list(range(ledger["captured"]))


def test_replicas_come_and_go(run: Launched, remote: Remote) -> None:
    # As fast as it is taken: one replica alone would do for the other source.
    remote.attach("fast", fps=0, live=False)
    assert launcher(run, "scale", "work", "2").stdout == "work has 2 replicas (had 1)\n"
    wait_for(
        lambda: any(row["name"] == "work.1" and row["frames"] > 2 for row in remote.ask("list")["replicas"]),
        "packets for the new replica",
        run,
    )
    remote.scale("work", 1)
    assert [row["name"] for row in remote.ask("list")["replicas"]].count("work.1") == 0
    remote.detach("fast")


def test_a_property_is_set_while_it_runs(run: Launched) -> None:
    assert launcher(run, "set", "work.timeout=90s").stdout == "work.timeout is now 90s\n"
    assert "use: scale work 2" in launcher(run, "set", "work.replicas=2").stderr


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["attach", "a", "tick://"], "attach a: there is a stage of this name in the graph"),
        (["attach", "b", "nonsense:1"], "nonsense:1 is no camera; give tick://"),
        (["attach", "b", "broken:1"], "attach b: b.0: broken:1 does not tick; mend it"),
        (
            ["attach", "b", "tick://", "--to", "wrk"],
            "attach b: there is no stage 'wrk'; did you mean 'work'?",
        ),
        (
            ["attach", "b", "rtsp://me:sesame42@host/x"],
            "can be read by every user of this machine (ps); put it into a variable or a file: 'http://user:${PASSWORD}@",
        ),
        (["attach", "b", "rtsp://me:${NOT_THERE}@host/x"], "the environment has no NOT_THERE; set it"),
        (["detach", "b"], "detach b: there is no source 'b'"),
        (["detach", "work"], "detach work: 'work' is a worker; only sources can be detached"),
        (["detach", "a"], "detach a: no other source is left, so the run would end"),
        (["scale", "results", "2"], "'results' is a sink, which is one process"),
        (["set", "work"], "expected STAGE.PROPERTY=VALUE"),
        (["list", "--run", "none"], "--run none: no graph runs under this id; running are:\n  20"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_sentence(
    run: Launched,
    remote: Remote,
    words: list[str],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(run.temporary))
    assert main(words) == 2
    said = capsys.readouterr().err
    assert problem in said
    assert "sesame42" not in said
    assert [row["name"] for row in remote.ask("list")["sources"]] == ["a"]


def test_junk_on_the_control_socket_is_refused(remote: Remote) -> None:
    assert "there is no command 'detech'; did you mean 'detach'?" in remote.refused("detech")
    assert "field 'name' must be str" in remote.refused("attach", name=3, properties={}, to=[])
    assert "'to' must be a list of stages" in remote.refused("attach", name="b", properties={}, to=[3])
    assert "field 'replicas' must be int" in remote.refused("scale", stage="work", replicas="two")


def test_stop_ends_the_run_with_its_files_complete(run: Launched, remote: Remote, place: Path) -> None:
    """The last of the quick tests: no source noticed what went on."""
    stopped = launcher(run, "stop")
    assert stopped.returncode == 0, stopped.stderr
    assert run.wait() == 0, run.stderr
    ledger = json.loads((place / "out" / "ledger.json").read_text())
    assert ledger["balanced"]
    assert set(ledger["sources"]) == {"a", "door", "again", "killed", "fast"}
    assert ledger["sources"]["again"]["captured"] == 8
    assert check_whole(place, ledger, "a") <= 6, "only what was out when a source's process was killed"
    assert "no graph runs under this id" in launcher(run, "list").stderr


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A temporary folder of its own, where no other run is; its name is short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="t", dir="/tmp") as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        yield


@pytest.mark.usefixtures("temporary")
def test_of_several_running_graphs_one_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """Run folders with their locks held, as launchers hold them; nobody has to answer."""
    folders = [RunFolder(8) for _ in range(2)]
    try:
        for folder in folders:
            folder.describe("gate")
        assert main(["list"]) == 2
        said = capsys.readouterr().err
        assert "2 graphs are running; name one with --run ID:" in said
        assert all(f"  {folder.run}  gate in " in said for folder in folders)
        assert find_run(folders[1].run).folder == folders[1].path
    finally:
        for folder in folders:
            folder.remove()
    assert main(["list"]) == 2
    assert "no graph is running" in capsys.readouterr().err


@pytest.mark.slow
def test_the_commands_of_the_document_work_in_their_order(tmp_path: Path) -> None:
    text = (PROJECT / "docs" / "control.md").read_text(encoding="utf-8")
    block = text.partition("```sh\n")[2].partition("```")[0]
    commands = [shlex.split(line, comments=True)[2:] for line in block.splitlines()]
    graph = ticking_graph(tmp_path, a={"fps": 20})
    graph.write_text(graph.read_text().replace("work", "detect"))
    with Launched(graph, folder=tmp_path) as run:
        Remote(run).wait_delivered("a", 25)  # a second and more: samples are written by then
        for words in commands:
            done = launcher(run, *words, CAM_PASSWORD="sesame42")
            assert done.returncode == 0, (words, done.stderr)
        assert run.wait() == 0
        assert "sesame42" not in run.stdout + run.stderr + (tmp_path / "out" / "ledger.json").read_text()
    ledger = json.loads((tmp_path / "out" / "ledger.json").read_text())
    assert ledger["balanced"]
    assert set(ledger["sources"]) == {"a", "door", "yard"}


@pytest.mark.slow
def test_detaching_does_not_wait_for_a_stage_that_takes_its_time(tmp_path: Path) -> None:
    graph = ticking_graph(tmp_path, a={"fps": 20}, work={"sleep_ms": 4000})
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        remote.attach("b", fps=50, live=False, drain=0.5)
        wait_for(lambda: remote.source("b")["ledger"]["captured"] > 4, "frames of b", run)
        ledger = remote.detach("b")["ledger"]
        assert ledger["dropped"]["flushed"] > 0
        assert ledger["captured"] == ledger["delivered"] + ledger["dropped"]["flushed"]
        records = lines(tmp_path / "out" / "b.jsonl")
        assert {record["status"] for record in records} <= {"ok", "flushed"}
        remote.ask("stop")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param("opens_once", "there is memory for one model only", id="says why"),
        pytest.param(
            "loads_once", "work.1 ended 6 times in a row without answering a packet", id="is killed"
        ),
    ],
)
def test_a_replica_that_cannot_start_leaves_the_graph_as_it_was(
    tmp_path: Path, fault: str, reason: str
) -> None:
    graph = ticking_graph(tmp_path, a={"fps": 20}, work={fault: str(tmp_path / "loaded")})
    with Launched(graph, folder=tmp_path) as run:
        remote = Remote(run)
        remote.wait_delivered("a", 1)
        refused = remote.refused("scale", stage="work", replicas=2)
        assert reason in refused
        assert "there are 1 as before" in refused
        remote.wait_delivered("a", 3)
        end(run, remote, tmp_path)


@pytest.mark.slow
def test_nothing_is_left_of_sources_that_came_and_went(tmp_path: Path) -> None:
    warm, last, again = attach_and_detach(tmp_path, 15)
    assert again == 0
    for what in ("processes", "descriptors", "mappings", "files", "shm"):
        assert last[what] == warm[what], (what, warm, last)


@pytest.mark.slow
@pytest.mark.parametrize("kill", [False, True])
def test_scaling_under_load_loses_nothing(tmp_path: Path, kill: bool) -> None:
    _frames, again = scale_up_and_down(tmp_path, 5, kill=kill)
    assert kill or again == 0


@pytest.mark.slow
def test_kills_while_the_graph_changes_lose_nothing(tmp_path: Path) -> None:
    churn(tmp_path, 5)
