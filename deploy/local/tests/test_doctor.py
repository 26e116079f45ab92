"""Each thing that can be missing is found, with its remedy in one line."""

import socket
from pathlib import Path

import pytest
from lofte_local import doctor
from lofte_local.doctor import Finding


def script(folder: Path, text: str) -> str:
    path = folder / "command"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def assert_missing(finding: Finding, *words: str) -> None:
    assert finding.state == "missing"
    assert "\n" not in finding.remedy
    for word in words:
        assert word in f"{finding.found} {finding.remedy}"


def test_this_machine_lacks_nothing(tmp_path: Path) -> None:
    findings = doctor.diagnose(tmp_path, 18_000, ours=lambda port: True)
    assert [finding for finding in findings if finding.state == "missing"] == []


def test_python_is_too_old() -> None:
    assert_missing(doctor.python((3, 10)), "3.10", "3.11")
    assert doctor.python((3, 11)).state == "ok"


def test_java_is_missing() -> None:
    assert_missing(doctor.java(None), "apt-get install", "--kafka")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ('openjdk version "17.0.15" 2025-04-15', "ok"),
        ('openjdk version "21" 2023-09-19', "ok"),
        ('java version "1.8.0_292"', "missing"),
        ('openjdk version "11.0.2" 2019-01-15', "missing"),
        ("The operation couldn’t be completed. Unable to locate a Java Runtime.", "missing"),
        ("", "missing"),
    ],
)
def test_java_tells_its_version(tmp_path: Path, said: str, state: str) -> None:
    assert doctor.java(script(tmp_path, f"cat >&2 <<'E'\n{said}\nE")).state == state


def test_maven_is_needed_only_until_the_jars_are_here(tmp_path: Path) -> None:
    assert_missing(doctor.maven(None, tmp_path), "apt-get install maven")
    assert doctor.maven("/usr/bin/mvn", tmp_path).state == "ok"


def test_avx_is_read_from_the_processor(tmp_path: Path) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text("model name\t: x\nflags\t\t: fpu sse2 avx avx2\n")
    assert doctor.avx(cpuinfo).state == "ok"
    cpuinfo.write_text("model name\t: x\nflags\t\t: fpu sse2 avx2ish\n")
    assert_missing(doctor.avx(cpuinfo), "--mongo")
    assert_missing(doctor.avx(tmp_path / "none"), "--mongo")


def test_a_shared_library_is_missing() -> None:
    assert_missing(
        doctor.library("libcurl4", "libnobodyhasthis.so.4", "libcurl4"), "apt-get install libcurl4"
    )


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert_missing(doctor.free_ports([port]), str(port), "--base-port")
    assert doctor.free_ports([]).state == "ok"


def test_a_path_with_spaces_is_well_and_one_with_a_colon_is_not() -> None:
    assert doctor.path(Path("/home/anna/my clone")).state == "ok"
    assert_missing(doctor.path(Path("/home/a:b")), "colon")


def test_a_disk_of_a_folder_that_is_still_to_be_made_is_measured(tmp_path: Path) -> None:
    assert doctor.disk(tmp_path / "not" / "yet").state == "ok"


def test_little_memory_is_a_warning(tmp_path: Path) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal: 8000000 kB\nMemAvailable:     900000 kB\n")
    finding = doctor.memory(meminfo)
    assert finding.state == "warning"
    assert "0.9 GiB" in finding.found
