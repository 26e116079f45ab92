"""What a stack is, is settled at its first start."""

from pathlib import Path

import pytest
from lofte_local.errors import LocalError
from lofte_local.ports import free_base_port, is_free, stack_ports
from lofte_local.settings import SERVICES, StackSettings, default_folder, kept, settle


def test_a_folder_without_a_stack(tmp_path: Path) -> None:
    assert kept(tmp_path) is None
    assert settle(tmp_path) == StackSettings(name="lofte", base_port=8100)


def test_settings_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    settings = StackSettings(
        name="lofte", base_port=9000, replicas=2, mongo="mongodb://u:secret@db/", clock="c", anchor="a"
    )
    settings.keep(tmp_path / "new")
    assert kept(tmp_path / "new") == settings
    assert (tmp_path / "new" / "stack.json").stat().st_mode & 0o777 == 0o600


def test_on_given_servers_each_stack_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = {settle(tmp_path, kafka="broker:9092").name for _ in range(3)}
    assert len(names) == 3
    assert "lofte" not in names


def test_a_later_start_remembers(tmp_path: Path) -> None:
    settle(tmp_path, base_port=9000, kafka="broker:9092", replicas=2).keep(tmp_path)
    again = settle(tmp_path)
    assert again == kept(tmp_path)
    assert settle(tmp_path, replicas=1).replicas == 1


@pytest.mark.parametrize(
    "wanted",
    [
        {"base_port": 9100},
        {"kafka": "other:9092"},
        {"mongo": "mongodb://x:pw@other/"},
        {"clock": "2026-03-02T07:30+01:00x600"},
    ],
)
def test_a_later_start_with_other_servers_is_refused(tmp_path: Path, wanted: dict[str, str]) -> None:
    settle(tmp_path, base_port=9000, kafka="broker:9092").keep(tmp_path)
    with pytest.raises(LocalError, match="another") as caught:
        settle(tmp_path, **wanted)  # type: ignore[arg-type]
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "wanted", [{"base_port": 80}, {"base_port": 70_000}, {"replicas": 3}, {"replicas": 0}]
)
def test_impossible_wishes_are_refused(tmp_path: Path, wanted: dict[str, int]) -> None:
    with pytest.raises(LocalError):
        settle(tmp_path, **wanted)  # type: ignore[arg-type]


def test_a_damaged_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(LocalError, match="--data-dir"):
        kept(tmp_path)


def test_each_base_port_has_its_folder() -> None:
    assert default_folder(None) == default_folder(8100)
    assert default_folder(9100) != default_folder(8100)


def test_the_ports_of_a_stack_are_as_documented() -> None:
    assert sorted(stack_ports(8100, len(SERVICES), 2)) == [
        *range(8100, 8106),
        *range(8111, 8116),
        *(8150, 8151, 8152),
    ]
    assert stack_ports(8100, len(SERVICES), 1, own_kafka=False, own_mongo=False) == list(range(8100, 8106))


def test_a_free_base_port_has_all_its_ports_free() -> None:
    assert all(is_free(port) for port in stack_ports(free_base_port(len(SERVICES), 2), len(SERVICES), 2))
